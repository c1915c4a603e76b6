"""`probe train` in several ranks trains and records what it does in one."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from probes import open_run
from probes.data import ExampleSet
from probes.errors import ConfigError, ProbeError
from probes.runs.writer import RunWriter
from probes.trackers.distributed import Rank
from probes.training import TrainConfig, train
from probes.training.distributed import global_loss, process_group, shared_batches
from probes.training.optimization import configured_optimizer
from probes.training.recording import Recorder
from probes.training.setup import prepare

ROOT = Path(__file__).parents[2]
# Of 1,400 examples the second batch has one: a rank has none of it.
FIELDS = {"noise": 0.4, "epochs": 2, "width": 32, "batch_size": 1399, "lr": 0.5, "measure": "both"}
OPTIONS = [word for name, value in FIELDS.items() for word in (f"--{name.replace('_', '-')}", str(value))]


def torchrun(folder, *command, ranks=2):
    """What a command in several ranks answers, without what torchrun itself has to say of it."""
    path = os.pathsep.join(str(ROOT / part) for part in ("", "cli", "reports"))
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    environment = {"PYTHONPATH": path, "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    return subprocess.run([*launch, *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=200)


def weights(run):
    return load_file(run.path / "checkpoints/last/model.safetensors")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return train(TrainConfig(**FIELDS), tmp_path_factory.mktemp("alone") / "run")


@pytest.fixture(scope="module")
def launched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("launched")
    done = torchrun(folder, "-m", "probes_cli", "train", *OPTIONS, "--out", "run")
    assert done.returncode == 0, done.stderr
    return open_run(folder / "run"), done


@pytest.mark.parametrize("measure", ["sweep", "online"])
def test_two_ranks_record_what_one_process_does(launched, alone, measure):
    run = launched[0]

    for signal in ("prediction", "visits"):
        np.testing.assert_array_equal(
            run.trajectory(signal, measure=measure), alone.trajectory(signal, measure=measure)
        )
    np.testing.assert_allclose(
        run.trajectory("loss", measure=measure, initial=True),
        alone.trajectory("loss", measure=measure, initial=True),
        rtol=1e-4,
    )
    assert (run.trajectory("visits", measure=measure) == 1).all()


def test_two_ranks_end_with_the_weights_of_one_process(launched, alone):
    both, one = weights(launched[0]), weights(alone)

    assert both.keys() == one.keys()
    for name, weight in one.items():
        torch.testing.assert_close(both[name], weight, rtol=1e-4, atol=1e-6)


def test_the_run_folder_is_that_of_one_process(launched, alone):
    def files(run):
        return {file.relative_to(run.path).as_posix() for file in run.path.rglob("*")}

    run = launched[0]
    check = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=run.path, capture_output=True, text=True)

    assert files(run) == files(alone)
    assert check.returncode == 0, check.stderr
    assert (run.status, run.meta["world_size"], alone.meta["world_size"]) == ("complete", 2, 1)
    assert run.examples.equals(alone.examples)
    assert run.probe("attributions")["example"].tolist() == alone.probe("attributions")["example"].tolist()


def test_only_the_first_rank_speaks_and_of_all_examples(launched):
    run, done = launched
    accuracy = run.epochs.query("group == 'train/clean' and epoch == 2")["accuracy"].item()

    assert done.stdout == "run\n"
    assert done.stderr.count("Training MLP") == 1
    assert done.stderr.count("epoch 2 of 2") == 1
    assert f"epoch 2 of 2: clean {100 * accuracy:5.1f} %" in done.stderr


@pytest.mark.parametrize("world_size", [2, 3])
@pytest.mark.parametrize("count", [1, 2, 7, 8])
def test_averaged_over_the_ranks_the_gradient_is_that_of_the_whole_batch(world_size, count):
    torch.manual_seed(0)
    model = nn.Linear(4, 3).double()
    examples = ExampleSet(torch.randn(count, 4, dtype=torch.float64), torch.arange(count) % 3)
    nn.functional.cross_entropy(model(examples.inputs), examples.given_labels).backward()
    expected = model.weight.grad.clone()
    gradients, seen = [], []
    for number in range(world_size):
        rank = Rank(number, world_size)
        [((index, inputs, targets), whole)] = list(shared_batches(examples, 8, rank))
        model.zero_grad()
        global_loss(model(inputs), targets, whole, rank).backward()
        gradients.append(model.weight.grad.clone())
        seen += index.tolist()

    torch.testing.assert_close(torch.stack(gradients).mean(0), expected, rtol=1e-12, atol=1e-14)
    assert seen == list(range(count))


def test_alone_no_group_is_made():
    with process_group("cpu") as rank:
        assert rank is None
        assert not torch.distributed.is_initialized()


def test_processes_that_cannot_meet_are_told_how_to(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.delenv("MASTER_ADDR", raising=False)

    with pytest.raises(ConfigError, match="cannot meet: .*MASTER_ADDR.* Start them with torchrun, or unset WORLD_SIZE"):
        train(TrainConfig(epochs=1, device="cpu"))


def test_a_lost_rank_is_told_in_one_line(monkeypatch):
    monkeypatch.setattr("probes.training.distributed.current_rank", lambda: Rank(0, 2))

    with pytest.raises(ProbeError, match="another rank has ended"), process_group("cpu"):
        raise RuntimeError("[gloo/transport/tcp/pair.cc:561] Connection closed by peer")
    with pytest.raises(RuntimeError, match="size mismatch"), process_group("cpu"):
        raise RuntimeError("size mismatch")


@pytest.mark.slow
def test_a_folder_that_is_taken_is_refused_by_all_ranks_and_told_by_one(launched):
    folder = launched[0].path.parent
    before = (folder / "run/run.json").read_text()

    done = torchrun(folder, "-m", "probes_cli", "train", *OPTIONS, "--out", "run")

    assert done.stderr.count("Error: run already holds a run. Choose another --out, or add --overwrite") == 1
    assert done.stderr.count("Error: ") == 1 + done.stderr.count("ChildFailedError: ")  # torchrun's own
    assert re.search(r"rank +: 0 .*\n +exitcode  : 2 ", done.stderr)
    assert (folder / "run/run.json").read_text() == before


@pytest.mark.slow
def test_ranks_agree_on_a_fresh_folder_in_a_group_of_the_callers_own(tmp_path):
    (tmp_path / "script.py").write_text(
        """
import json
import torch.distributed as dist
from probes.errors import RunExistsError
from probes.training import TrainConfig, train

dist.init_process_group("gloo")
seen = []
config = TrainConfig(epochs=2, width=16, measure="online", probe="none")
run = train(config, on_epoch=lambda progress: seen.append(progress.epoch))
try:
    train(config, run.path)
except RunExistsError as error:
    refused = str(error)
with open(f"told-{dist.get_rank()}.json", "w") as file:
    json.dump([str(run.path), run.status, seen, refused], file)
dist.destroy_process_group()
"""
    )
    done = torchrun(tmp_path, "script.py")

    assert done.returncode == 0, done.stderr
    first, second = (json.loads((tmp_path / f"told-{rank}.json").read_text()) for rank in (0, 1))
    assert first[:2] == second[:2]
    assert first[1] == "complete"
    assert (first[2], second[2]) == ([0, 1, 2], [])
    assert "already holds a run" in first[3]
    assert first[3] == second[3]
    assert len(list((tmp_path / "runs").iterdir())) == 1
    assert (open_run(tmp_path / first[0]).trajectory("visits") == 1).all()


def test_a_rank_sweeps_its_share_and_leaves_the_rest_to_rank_0(tmp_path, monkeypatch):
    monkeypatch.setattr("probes.training.recording.add_up", lambda counts: counts)
    setup = prepare(TrainConfig(width=8, device="cpu"))
    first = RunWriter.create(tmp_path / "run", num_examples=1400, measure="sweep", world_size=2)
    second = RunWriter.join(tmp_path / "run", rank=1, launch_id=first.meta["launch_id"])
    recorder = Recorder(setup, configured_optimizer(setup.model, setup.config), second, Rank(1, 2))

    recorder.record_examples()
    recorder.record_epoch(0, 0)

    written = {file.name for file in (tmp_path / "run").rglob("*.*")}
    assert written == {".lock", "run.json", "epoch-00000-rank001.parquet"}
    shard = pq.read_table(tmp_path / "run/trajectories/epoch-00000-rank001.parquet")
    assert shard["example"].to_pylist() == list(range(700, 1400))
