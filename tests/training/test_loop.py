"""The training loop: against a plain one, the same for equal seeds whatever is recorded, and safe when it stops."""

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from probes import open_run
from probes.data import corrupt_labels, load_dataset
from probes.errors import RunExistsError
from probes.models import build_model
from probes.training import TrainConfig, train
from probes.training.loop import epoch_order

SMALL = {"noise": 0.4, "epochs": 3, "width": 32, "probe": ("none",), "checkpoint_epochs": ()}


def final_weights(run):
    return load_file(run.path / "checkpoints" / "last" / "model.safetensors")


def parquet(run):
    """Every Parquet file of a run, by its path inside."""
    return {file.relative_to(run.path): pd.read_parquet(file) for file in sorted(run.path.rglob("*.parquet"))}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return train(TrainConfig(**SMALL), tmp_path_factory.mktemp("loop") / "small")


def test_ends_with_the_weights_of_a_plain_loop(small):
    data = load_dataset("digits")
    given = torch.from_numpy(corrupt_labels(data.train.true_labels.numpy(), "uniform_all", 0.4, 10, 0).given_labels)
    model = build_model("mlp", input_shape=(1, 8, 8), num_classes=10, width=32, depth=2, seed=0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for epoch in (1, 2, 3):
        order = torch.from_numpy(np.random.default_rng([0, epoch]).permutation(1400))
        for batch in order.split(64):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(data.train.inputs[batch]), given[batch]).backward()
            optimizer.step()

    saved = final_weights(small)

    for name, weight in model.state_dict().items():
        torch.testing.assert_close(saved[name], weight, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        {"measure": "online"},
        {"measure": "both"},
        {"probe": ()},
        {"probe": (), "probe_epochs": (0, 1, 2, 3), "measure": "both"},
        {"checkpoint_epochs": (0, 1, 2, 3)},
    ],
    ids=str,
)
def test_what_is_recorded_never_changes_the_weights(small, tmp_path, changes):
    other = final_weights(train(TrainConfig(**{**SMALL, **changes}), tmp_path / "run"))

    assert all(torch.equal(other[name], weight) for name, weight in final_weights(small).items())


def test_equal_seeds_give_identical_tables(tmp_path):
    config = TrainConfig(**{**SMALL, "probe": (), "measure": "both"})
    first, second = (parquet(train(config, tmp_path / name)) for name in ("first", "second"))

    assert len(first) == 2 + 4 + 3 + 4  # examples and thumbnails, sweeps, online, attributions
    assert first.keys() == second.keys()
    for name, frame in first.items():
        pd.testing.assert_frame_equal(frame, second[name], check_exact=True)


def test_another_order_gives_other_weights(small, tmp_path):
    other = train(TrainConfig(**SMALL, order_seed=1), tmp_path / "run")

    assert other.examples.equals(small.examples)
    assert not torch.equal(final_weights(other)["output.weight"], final_weights(small)["output.weight"])


def test_the_order_of_an_epoch_depends_on_seed_and_epoch_alone():
    assert torch.equal(epoch_order(1, 2, 50), epoch_order(1, 2, 50))
    assert not torch.equal(epoch_order(1, 2, 50), epoch_order(1, 3, 50))
    assert not torch.equal(epoch_order(1, 2, 50), epoch_order(2, 2, 50))
    assert epoch_order(1, 2, 50).sort().values.tolist() == list(range(50))


def test_random_states_and_threads_outside_are_left_alone(tmp_path):
    before = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state(), torch.get_num_threads()  # noqa: NPY002

    train(TrainConfig(**{**SMALL, "probe": (), "threads": 2}), tmp_path / "run")

    assert random.getstate() == before[0]
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[2])
    assert torch.get_num_threads() == before[3]


def test_a_caller_hears_of_every_epoch(tmp_path):
    heard = []
    run = train(TrainConfig(**SMALL), tmp_path / "run", on_epoch=heard.append)

    table = run.epochs.set_index(["epoch", "group"])["accuracy"]

    assert [(progress.epoch, progress.epochs) for progress in heard] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert heard[0].eta_s is None
    assert heard[3].eta_s == 0
    assert {progress.folder for progress in heard} == {run.path}
    for progress in heard:
        assert progress.clean_accuracy == pytest.approx(table[progress.epoch, "train/clean"])
        assert progress.noisy_accuracy == pytest.approx(table[progress.epoch, "train/noisy"])
        assert progress.validation_accuracy == pytest.approx(table[progress.epoch, "validation"])
        assert progress.test_accuracy == pytest.approx(table[progress.epoch, "test"])


@pytest.mark.parametrize(
    ("noise", "kind", "share"),
    [(0.0, "uniform_all", (0, 0)), (1.0, "uniform_all", (0.85, 0.95)), (1.0, "uniform_other", (1, 1))],
)
def test_a_group_may_be_empty(tmp_path, noise, kind, share):
    heard = []
    config = TrainConfig(**{**SMALL, "noise": noise, "noise_kind": kind, "epochs": 1, "probe": ()})
    run = train(config, tmp_path / "run", on_epoch=heard.append)

    assert share[0] <= run.summary()["num_noisy"] / 1400 <= share[1]
    assert (heard[-1].noisy_accuracy is None) == (noise == 0)
    assert (heard[-1].clean_accuracy is None) == (kind == "uniform_other")
    assert run.status == "complete"


def test_a_diverging_run_is_recorded_as_such(tmp_path):
    run = train(TrainConfig(**{**SMALL, "lr": 1e30, "probe": ()}), tmp_path / "run")

    assert run.status == "complete"
    assert run.summary()["nonfinite_visits"] == 3 * 1400
    assert np.isnan(run.trajectory("loss")).all()


@pytest.mark.parametrize(
    ("error", "status"), [(RuntimeError, "failed"), (KeyboardInterrupt, "interrupted"), (SystemExit, "interrupted")]
)
def test_a_run_that_stops_keeps_its_finished_epochs(tmp_path, small, error, status):
    def stop(progress):
        if progress.epoch == 2:
            raise error("enough")

    with pytest.raises(error, match="enough"):
        train(TrainConfig(**SMALL), tmp_path / "run", on_epoch=stop)
    run = open_run(tmp_path / "run")

    assert run.status == status
    assert run.num_epochs == 2
    assert np.array_equal(run.trajectory("loss"), small.trajectory("loss")[:2])
    assert set(run.epochs["epoch"]) == {0, 1, 2}


def test_an_existing_run_is_refused_unless_it_may_be_replaced(tmp_path):
    config = TrainConfig(**{**SMALL, "epochs": 1})
    train(config, tmp_path / "run")

    with pytest.raises(RunExistsError, match="already holds a run"):
        train(config, tmp_path / "run")
    assert train(config, tmp_path / "run", overwrite=True).status == "complete"


def test_without_a_folder_it_makes_a_fresh_one_under_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    run = train(TrainConfig(**{**SMALL, "epochs": 1}))

    assert run.path.parent == Path("runs")
    assert run.path.name.endswith("-digits-mlp-noise0.4")
