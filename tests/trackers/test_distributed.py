"""Several ranks, one run: what torchrun's processes record together is what one process would have recorded."""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from probes import ExampleTracker, open_run
from probes.errors import ProbeError, ProbeWarning
from probes.trackers.distributed import Rank, current_rank, launched_rank

ROOT = Path(__file__).parents[2]
N, EPOCHS = 23, 3  # odd: a sampler of two ranks pads
SIGNALS = ("loss", "margin", "entropy", "el2n", "prediction", "visits")

STREAM = f"""
import numpy as np, torch
N, EPOCHS = {N}, {EPOCHS}
LOGITS = torch.from_numpy(np.random.default_rng(0).normal(size=(EPOCHS, N, 4))).float()
LOGITS[1, 7] = float("nan")
LABELS = torch.arange(N) % 4
"""

TOGETHER = (
    STREAM
    + """
import json, time
import pandas as pd
import torch.distributed as dist
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset
from probes import ExampleTracker, with_index
from probes.data import ExampleSet

dist.init_process_group("gloo")
RANK = dist.get_rank()
found = {}
data = TensorDataset(LABELS, torch.arange(N))
sampler = DistributedSampler(data, shuffle=True, seed=1)
loader = DataLoader(data, batch_size=4, sampler=sampler, num_workers=RANK)


def record(tracker, epoch, batches):
    sampler.set_epoch(epoch)
    for targets, index in batches:
        tracker.update(logits=LOGITS[epoch][index], targets=targets)


# The sampler's part of a recorded stream, padded, in a tracker that follows the loader
tracker = ExampleTracker(N, run="replay", classes=list("abcd"))
batches = tracker.watch(loader)
for epoch in range(EPOCHS):
    record(tracker, epoch, batches)
refused = []
for name in ("replay", "script.py"):
    try:
        ExampleTracker(N, run=name)
    except Exception as error:
        refused.append([type(error).__name__, str(error)])
found["refused"] = refused
tracker.close()
dist.barrier()
found["given"] = tracker.scores()["given_label"].tolist()

# The same, stopped after two epochs and resumed
with ExampleTracker(N, run="resumed") as first:
    for epoch in range(2):
        record(first, epoch, first.watch(loader))
dist.barrier()
with ExampleTracker(N, run="resumed", if_exists="resume") as second:
    found["known_on_resuming"] = int((second.scores()["given_label"] >= 0).sum())
    record(second, 2, second.watch(loader))

# A rank that has nothing to see in an epoch
with ExampleTracker(N, run="idle") as idle:
    for epoch in (1, 2):
        here = torch.arange(3) + 3 * RANK if epoch == 1 or RANK == 0 else torch.arange(0)
        idle.update(here, LOGITS[0][here], LABELS[here])
        idle.end_epoch()


# A rank that closes while rank 0 has an epoch to finish; what it shows then
late = ExampleTracker(4, run="late")
for epoch in range(3):
    if RANK == 0 and epoch == 2:
        time.sleep(1)
    late.update([2 * RANK, 2 * RANK + 1], LOGITS[0][:2], LABELS[:2])
    late.end_epoch()
late.close()
found["late"] = late.trajectory("visits").tolist()


class Counting:
    name = "counting"

    def measure(self, model, examples, context):
        return pd.DataFrame({"epoch": [context.epoch], "split": ["train"], "example": [0], "value": [RANK]})


# Memory only, and a probe
with ExampleTracker(N) as alone, ExampleTracker(N, run="probed") as probed:
    alone.update([RANK], LOGITS[0][:1], LABELS[:1])
    alone.end_epoch()
    found["seen_alone"] = int((alone.trajectory("visits") > 0).sum())
    probed.update([RANK], LOGITS[0][:1], LABELS[:1])
    probed.end_epoch()
    found["probed"] = probed.record(Counting(), torch.nn.Linear(1, 1), ExampleSet([[0.0]], [0]))["value"].tolist()


# A model trained by both, in float64, on the batches of the one process
from live import train

losses = train(RANK, 2, "live")
np.save(f"losses-{RANK}.npy", losses)
with open(f"found-{RANK}.json", "w") as file:
    json.dump(found, file)
dist.destroy_process_group()
"""
)

LIVE = """
import numpy as np, torch
from torch import nn
from probes import ExampleTracker

M = 48


def train(rank, world_size, run):
    '''Three epochs over global batches of 8, of which each rank takes its part; the losses, float64 (3, M).'''
    rng = np.random.default_rng(3)
    inputs, labels = torch.from_numpy(rng.normal(size=(M, 5))), torch.from_numpy(rng.integers(0, 3, M))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 3)).double()
    if world_size > 1:
        model = nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = np.full((3, M), np.nan)
    with ExampleTracker(M, run=run) as tracker:
        for epoch in range(3):
            for batch in torch.from_numpy(np.random.default_rng(epoch).permutation(M)).split(8):
                index = batch[rank::world_size]
                logits = model(inputs[index])
                loss = nn.functional.cross_entropy(logits, labels[index], reduction="none")
                optimizer.zero_grad()
                loss.mean().backward()
                optimizer.step()
                losses[epoch, index] = loss.detach().numpy()
                tracker.update(index, logits, labels[index])
            tracker.end_epoch()
    return losses
"""


def torchrun(folder, script, ranks=2):
    """Run a script in several ranks; returns what it printed, errors included."""
    (folder / "script.py").write_text(textwrap.dedent(script))
    (folder / "live.py").write_text(LIVE)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "script.py"], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    import json

    folder = tmp_path_factory.mktemp("together")
    code, said = torchrun(folder, TOGETHER)
    assert code == 0, said
    assert all("Warning" not in line or "waiting for" in line for line in said.splitlines())  # on a busy machine
    return folder, [json.loads((folder / f"found-{rank}.json").read_text()) for rank in (0, 1)]


@pytest.fixture(scope="module")
def by_one_process():
    names = {}
    exec(STREAM, names)
    tracker = ExampleTracker(N)
    for logits in names["LOGITS"]:
        tracker.update(np.arange(N), logits, names["LABELS"])
        tracker.end_epoch()
    return tracker


@pytest.mark.parametrize("name", ["replay", "resumed"])
def test_a_padded_sampler_in_two_ranks_gives_the_columns_of_one_process(together, by_one_process, name):
    run = open_run(together[0] / name)

    for signal in SIGNALS:
        np.testing.assert_array_equal(run.trajectory(signal), by_one_process.trajectory(signal), err_msg=signal)
    assert run.scores().equals(by_one_process.scores())
    assert run.meta["nonfinite_visits"] == 1
    assert (run.status, run.meta["world_size"]) == ("complete", 2)


def test_closing_leaves_no_files_of_single_ranks(together):
    files = {file.relative_to(together[0] / "replay").as_posix() for file in (together[0] / "replay").rglob("*.*")}

    merged = {f"trajectories/epoch-{epoch:05d}.parquet" for epoch in (1, 2, 3)}
    assert files == {".lock", "run.json", "examples.parquet", *merged}


def test_a_folder_that_is_taken_is_refused_in_every_rank(together):
    for found in together[1]:
        (run, run_says), (file, file_says) = found["refused"]
        assert (run, file) == ("RunExistsError", "RunExistsError")
        assert "replay already holds a run" in run_says
        assert "script.py is a file" in file_says


def test_every_rank_reads_what_all_have_closed_with_the_labels_of_all(together):
    for found in together[1]:
        assert found["given"] == [example % 4 for example in range(N)]
        assert found["known_on_resuming"] == N


def test_a_rank_that_has_closed_shows_the_epochs_that_rank_0_was_still_in(together):
    assert [found["late"] for found in together[1]] == [[[1, 1, 1, 1]] * 3] * 2


def test_a_rank_that_saw_nothing_in_an_epoch_does_not_hold_it_up(together):
    visits = open_run(together[0] / "idle").trajectory("visits")

    assert (visits > 0).sum(axis=1).tolist() == [6, 3]


def test_in_memory_each_rank_keeps_what_it_saw(together):
    assert [found["seen_alone"] for found in together[1]] == [1, 1]


def test_rank_0_keeps_what_a_probe_measured(together):
    assert [found["probed"] for found in together[1]] == [[0], [1]]
    assert open_run(together[0] / "probed").probe("counting")["value"].tolist() == [0]


def test_a_model_trained_by_two_ranks_is_recorded_as_one_trained_alone(together, tmp_path):
    names = {}
    exec(LIVE, names)
    alone = names["train"](0, 1, tmp_path / "alone")
    ranks = [np.load(together[0] / f"losses-{rank}.npy") for rank in (0, 1)]
    both = np.where(np.isnan(ranks[0]), ranks[1], ranks[0])
    run, one = open_run(together[0] / "live"), open_run(tmp_path / "alone")

    np.testing.assert_allclose(both, alone, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(run.trajectory("prediction"), one.trajectory("prediction"))
    np.testing.assert_allclose(run.trajectory("loss"), both, rtol=2e-7)
    assert (np.diff(both.mean(axis=1)) < 0).all()  # it does learn


def test_a_process_that_torchrun_started_has_to_join_the_others_first(monkeypatch, tmp_path):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")

    with pytest.raises(ProbeError, match=r"one of 2 processes .* call torch.distributed.init_process_group before"):
        ExampleTracker(3, run=tmp_path / "run")

    assert not (tmp_path / "run").exists()
    ExampleTracker(3).close()  # memory is each process's own
    assert launched_rank() == Rank(1, 2)


@pytest.mark.parametrize("world_size", ["1", "", "many"])
def test_a_process_that_is_alone_needs_no_group(monkeypatch, tmp_path, world_size):
    monkeypatch.setenv("WORLD_SIZE", world_size)

    ExampleTracker(3, run=tmp_path / "run").close()

    assert launched_rank() is None
    assert current_rank() is None


@pytest.mark.parametrize(("count", "world_size"), [(10, 3), (2, 3), (0, 2), (64, 2)])
def test_shares_follow_one_another_and_differ_by_one_at_most(count, world_size):
    parts = [list(range(count))[Rank(rank, world_size).share(count)] for rank in range(world_size)]

    assert [thing for part in parts for thing in part] == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.slow
def test_a_killed_rank_is_named_and_the_run_goes_on_in_another_number_of_ranks(tmp_path):
    body = """
        import torch.distributed as dist
        from probes import ExampleTracker

        dist.init_process_group("gloo")
        rank, world_size = dist.get_rank(), dist.get_world_size()
        tracker = ExampleTracker(N, run="run", if_exists="resume")
        for epoch in range(EPOCHS):
            if KILL and (rank, epoch) == (1, 2):
                os.kill(os.getpid(), signal.SIGKILL)
            here = torch.arange(rank, N, world_size)
            tracker.update(here, LOGITS[epoch][here], LABELS[here])
            tracker.end_epoch()
        tracker.close()
        dist.destroy_process_group()
        """
    start = STREAM + "import os, signal\nKILL = {}\n" + textwrap.dedent(body)
    code, _ = torchrun(tmp_path, start.replace("{}", "True"))
    assert code != 0

    with pytest.warns(ProbeWarning, match="missing rank 1 in epoch 3"):
        run = open_run(tmp_path / "run")
    assert (run.status, run.closed_epochs) == ("interrupted", [1, 2])
    assert (run.trajectory("visits") == 1).all()

    code, said = torchrun(tmp_path, start.replace("{}", "False"), ranks=3)
    assert code == 0, said
    run = open_run(tmp_path / "run")
    assert (run.status, run.meta["world_size"], run.closed_epochs) == ("complete", 3, [1, 2, 3, 4, 5])
    assert (run.trajectory("visits") == 1).all()


@pytest.mark.slow
def test_a_tracker_in_one_rank_only_is_told_so_instead_of_waiting_for_ever(tmp_path):
    code, said = torchrun(
        tmp_path,
        """
        import datetime, time
        import torch.distributed as dist
        import probes.trackers.distributed as distributed
        from probes import ExampleTracker

        distributed._AGREE = datetime.timedelta(seconds=2)
        dist.init_process_group("gloo")
        if dist.get_rank() == 0:
            ExampleTracker(3, run="run")
        time.sleep(30)
        """,
    )

    assert code != 0
    assert "every rank has to make its ExampleTracker" in said
    assert open_run(tmp_path / "run").status == "failed"
