"""`--log`: what `Run.epochs` says, told to others while the run goes on, and never at the run's cost."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from probes import open_run
from probes.errors import ConfigError, MissingDependencyError, ProbeWarning
from probes.training import TrainConfig, loggers, resume, resumed_config, train
from probes.training.group_metrics import group_metrics

ROOT = Path(__file__).parents[2]
CORRUPT = ("uniform_all=0.3", "gaussian=0.1")
SMALL = {"corrupt": CORRUPT, "epochs": 3, "width": 16, "subset": 300, "checkpoint_epochs": (), "probe": "none"}


def expected(run):
    """{(metric's name, epoch): value} of what the run's own table says."""
    rows = run.epochs.to_dict("records")
    return {
        (f"{row['group']}/{metric}", row["epoch"]): row[metric]
        for row in rows
        for metric in ("accuracy", "true_label_accuracy", "loss")
    }


def in_tensorboard(run):
    """The same of what TensorBoard shows."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run.path / "logs")).Reload()
    return [((tag, event.step), event.value) for tag in events.Tags()["scalars"] for event in events.Scalars(tag)]


def assert_told(told, run):
    """Every number of the table once, and no other."""
    wanted = expected(run)
    assert len(told) == len(wanted)
    assert dict(told).keys() == wanted.keys()
    for key, value in told:
        assert value == pytest.approx(wanted[key], rel=1e-6), key


@pytest.fixture(scope="module")
def unlogged(tmp_path_factory):
    return train(TrainConfig(**SMALL), tmp_path_factory.mktemp("unlogged") / "run")


def stopped_after(epoch, config, folder, error=KeyboardInterrupt):
    def stop(progress):
        if progress.epoch == epoch:
            raise error

    with pytest.raises(error):
        train(config, folder, on_epoch=stop)
    return open_run(folder)


def test_tensorboard_shows_what_the_table_says_of_every_group(tmp_path):
    run = train(TrainConfig(**SMALL, log="tensorboard"), tmp_path / "run")
    told = in_tensorboard(run)

    groups = {"train/all", "train/clean", "train/noisy", "train/uniform_all", "train/gaussian", "validation", "test"}
    assert {tag.rpartition("/")[0] for (tag, _), _ in told} == groups
    assert_told(told, run)


def test_a_log_changes_no_weight_and_no_trajectory(unlogged, tmp_path):
    run = train(TrainConfig(**SMALL, log=("tensorboard",)), tmp_path / "run")

    one, other = (load_file(some.path / "checkpoints/last/model.safetensors") for some in (unlogged, run))
    assert all(torch.equal(one[name], other[name]) for name in one)
    for signal in ("loss", "margin", "prediction"):
        assert np.array_equal(unlogged.trajectory(signal, initial=True), run.trajectory(signal, initial=True))


def test_a_resumed_run_goes_on_in_the_same_log_without_what_it_trains_again(tmp_path):
    """After a failure checkpoints/last stands at epoch 0, written every ten seconds, while two epochs are logged."""
    config = TrainConfig(**SMALL, log="tensorboard")
    part = stopped_after(2, config, tmp_path / "run", MemoryError)
    assert max(step for (_, step), _ in in_tensorboard(part)) == 2

    run = resume(part, resumed_config(part, {}))

    assert_told(in_tensorboard(run), run)


def test_a_log_may_begin_where_a_run_is_resumed(tmp_path):
    part = stopped_after(1, TrainConfig(**SMALL), tmp_path / "run")

    run = resume(part, resumed_config(part, {"log": ("tensorboard",)}))

    assert {step for (_, step), _ in in_tensorboard(run)} == {2, 3}


def test_overwriting_a_run_leaves_no_curve_of_the_old_one(tmp_path):
    train(TrainConfig(**{**SMALL, "epochs": 5}, log="tensorboard"), tmp_path / "run")

    run = train(TrainConfig(**SMALL, log="tensorboard"), tmp_path / "run", overwrite=True)

    assert len(list((run.path / "logs").iterdir())) == 1
    assert_told(in_tensorboard(run), run)


class Failing:
    """Takes epochs up to one."""

    def __init__(self, last):
        self.last, self.closed = last, None

    def log(self, epoch, metrics):
        if epoch > self.last:
            raise ConnectionError("nobody there\nand a long trace")

    def close(self, status):
        raise OSError("gone")


@pytest.mark.parametrize("last", [-1, 1, 99])
def test_a_logger_that_fails_is_left_out_with_one_warning_and_the_run_goes_on(last, unlogged, tmp_path, monkeypatch):
    monkeypatch.setitem(loggers._OPEN, "tensorboard", lambda folder, config, first: Failing(last))

    with pytest.warns(ProbeWarning, match="tensorboard failed and gets no more metrics; the run goes on: ") as warned:
        run = train(TrainConfig(**SMALL, log="tensorboard"), tmp_path / "run")

    assert len([warning for warning in warned if issubclass(warning.category, ProbeWarning)]) == 1
    assert (run.status, run.num_epochs) == ("complete", 3)
    assert np.array_equal(run.trajectory("loss"), unlogged.trajectory("loss"))


def test_a_logger_that_cannot_be_opened_does_not_stop_the_others(tmp_path, monkeypatch):
    def refuse(folder, config, first):
        raise RuntimeError("log in first")

    monkeypatch.setitem(loggers._OPEN, "wandb", refuse)
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace())

    with pytest.warns(ProbeWarning, match="wandb failed .*: log in first"):
        run = train(TrainConfig(**SMALL, log=("wandb", "tensorboard")), tmp_path / "run")

    assert_told(in_tensorboard(run), run)


def test_a_package_that_is_missing_is_said_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)  # as an import of what is not installed ends

    with pytest.raises(MissingDependencyError, match=r"wandb.*pip install 'memorization-probes\[tracking\]'") as error:
        train(TrainConfig(**SMALL, log="wandb"), tmp_path / "run")

    assert error.value.exit_code == 2
    assert not (tmp_path / "run").exists()


def test_an_unknown_logger_is_refused():
    with pytest.raises(ConfigError, match="unknown logger 'tensorbord'. Did you mean 'tensorboard'?"):
        TrainConfig(log="tensorbord")


def test_two_halves_of_an_epoch_add_up_to_the_whole(monkeypatch):
    """What ranks do: each knows the sums of what it visited."""
    rng = np.random.default_rng(0)
    given, truth = rng.integers(0, 3, (2, 40))
    columns = {
        "example": np.arange(40),
        "prediction": rng.integers(-1, 3, 40),
        "loss": rng.random(40, dtype=np.float32),
    }
    columns["loss"][columns["prediction"] < 0] = np.nan
    groups = {"train/all": np.ones(40, dtype=bool), "train/noisy": given != truth, "train/pair": np.zeros(40, bool)}
    whole = group_metrics(columns, groups, given, truth, several=False)

    sums = []
    monkeypatch.setattr("probes.training.group_metrics.add_up", lambda values: sums.append(values) or values)
    for half in (slice(15), slice(15, 40)):
        part = {name: values[half] for name, values in columns.items()}
        group_metrics(part, groups, given, truth, several=True)
    monkeypatch.setattr("probes.training.group_metrics.add_up", lambda _: np.add(*sums).tolist())
    together = group_metrics(part, groups, given, truth, several=True)

    assert [row["group"] for row in together] == ["train/all", "train/noisy"]  # nobody belongs to the third
    for one, other in zip(whole, together, strict=True):
        assert one == pytest.approx(other)


@pytest.mark.slow
def test_of_several_ranks_the_first_logs_what_all_have_seen(tmp_path):
    path = os.pathsep.join(str(ROOT / part) for part in ("", "cli", "reports"))
    launch = (
        "torch.distributed.run --standalone --nproc-per-node 2 -m -- probes_cli train --noise 0.4 --epochs 2 --width 16"
    )
    done = subprocess.run(
        [sys.executable, "-m", *launch.split(), "--log", "tensorboard", "--out", "run"],
        cwd=tmp_path,
        env={"PYTHONPATH": path, "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    run = open_run(tmp_path / "run")

    assert len(list((run.path / "logs").iterdir())) == 1
    assert_told(in_tensorboard(run), run)


class Service:
    """Stands for the packages wandb and mlflow: keeps what a run was told, by the run's id."""

    def __init__(self):
        self.runs, self.ended = {}, []

    @property
    def wandb(self):
        def init(*, id, resume, **rest):
            assert (resume == "allow") == (id is not None)
            name = id or f"id{len(self.runs)}"
            told = self.runs.setdefault(name, [])
            return SimpleNamespace(
                id=name,
                define_metric=lambda *names, **more: None,
                log=told.append,
                finish=lambda exit_code: self.ended.append(exit_code),
            )

        return SimpleNamespace(init=init, Settings=dict)

    @property
    def mlflow(self):
        service = self

        class Client:
            def get_experiment_by_name(self, name):
                return None

            def create_experiment(self, name):
                return "7"

            def create_run(self, experiment, run_name):
                name = f"id{len(service.runs)}"
                service.runs[name] = []
                return SimpleNamespace(info=SimpleNamespace(run_id=name))

            def update_run(self, run_id, status):
                assert run_id in service.runs

            def log_batch(self, run_id, metrics=(), params=()):
                if metrics:
                    row = {key: value for key, value, _, _ in metrics} | {"epoch": metrics[0][3]}
                    service.runs[run_id].append(row)

            def set_terminated(self, run_id, status):
                service.ended.append(status)

        entities = SimpleNamespace(Metric=lambda *values: values, Param=lambda *values: values)
        return SimpleNamespace(MlflowClient=Client, entities=entities)


@pytest.mark.parametrize(("name", "ends"), [("wandb", [1, 0]), ("mlflow", ["KILLED", "FINISHED"])])
def test_a_service_is_told_of_one_run_though_it_was_resumed(name, ends, tmp_path, monkeypatch):
    """Against stand-ins for the packages; the packages themselves are below, where they are installed."""
    service = Service()
    package = getattr(service, name)
    monkeypatch.setitem(sys.modules, name, package)
    monkeypatch.setitem(sys.modules, f"{name}.entities", getattr(package, "entities", None))
    part = stopped_after(1, TrainConfig(**SMALL, log=name), tmp_path / "run")

    run = resume(part, resumed_config(part, {}))

    assert (list(service.runs), service.ended) == (["id0"], ends)
    assert json.loads((run.path / "logs/ids.json").read_text()) == {name: "id0"}
    told = {row.pop("epoch"): row for row in service.runs["id0"]}  # an epoch trained again is told again
    assert_told([((tag, epoch), value) for epoch, row in told.items() for tag, value in row.items()], run)


def test_mlflow_itself_keeps_every_metric(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    part = stopped_after(1, TrainConfig(**SMALL, log="mlflow"), tmp_path / "run")

    with warnings.catch_warnings():
        warnings.simplefilter("error", ProbeWarning)
        run = resume(part, resumed_config(part, {}))

    (known,) = mlflow.search_runs(search_all_experiments=True, output_format="list")
    assert (known.info.run_name, known.info.status, known.data.params["width"]) == ("run", "FINISHED", "16")
    client = mlflow.MlflowClient()
    told = {
        (tag, point.step): point.value
        for tag in known.data.metrics
        for point in client.get_metric_history(known.info.run_id, tag)
    }
    assert_told(list(told.items()), run)


def test_wandb_itself_takes_every_epoch_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    part = stopped_after(1, TrainConfig(**SMALL, log="wandb"), tmp_path / "run")

    with warnings.catch_warnings():
        warnings.simplefilter("error", ProbeWarning)
        resume(part, resumed_config(part, {}))

    known = json.loads((tmp_path / "run/logs/ids.json").read_text())["wandb"]
    files = sorted((tmp_path / "run/logs/wandb").glob(f"offline-run-*-{known}/run-{known}.wandb"))
    assert files
    assert b"train/gaussian/true_label_accuracy" in b"".join(file.read_bytes() for file in files)
