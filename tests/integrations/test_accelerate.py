"""accelerate's prepared loaders and models with a tracker, against a plain tracker that is told the same logits."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

accelerate = pytest.importorskip("accelerate")

import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402

from probes import ExampleTracker, open_run, with_index  # noqa: E402
from probes.errors import ProbeError  # noqa: E402
from probes.integrations.accelerate import keep_with_checkpoints  # noqa: E402

ROOT = Path(__file__).parents[2]
N, CLASSES, EPOCHS = 22, 3, 3
LABELS = np.random.default_rng(1).integers(0, CLASSES, N)
# A recorded stream (epochs, examples, classes): a random walk, with ties; 0 is never learned, 1 always.
STREAM = np.random.default_rng(2).normal(size=(EPOCHS, N, CLASSES)).cumsum(axis=0)
STREAM[:, 2:6] = STREAM[:, 2:6].round()
STREAM[:, 0] = -5.0 * np.eye(CLASSES)[LABELS[0]]
STREAM[:, 1] = 5.0 * np.eye(CLASSES)[LABELS[1]]
DATA = TensorDataset(torch.arange(N), torch.from_numpy(LABELS))


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    """accelerate keeps its settings in one place for the whole process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gc, "collect", lambda *_: 0)
    accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)
    accelerate.state.GradientState._reset_state()
    yield
    accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)
    accelerate.state.GradientState._reset_state()


class Replay(nn.Module):
    """Answers from the stream, by the row, at the epoch that it is set to."""

    def __init__(self, dtype=torch.float64):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros((), dtype=dtype))
        self.epoch = 0

    def forward(self, row):
        return torch.from_numpy(STREAM)[self.epoch, row].to(self.weight.dtype) + 0 * self.weight


def assert_same(tracker, plain):
    pd.testing.assert_frame_equal(tracker.scores(), plain.scores(), check_exact=True)
    for signal in ("loss", "margin", "entropy", "el2n", "prediction", "visits"):
        np.testing.assert_array_equal(tracker.trajectory(signal), plain.trajectory(signal))


@pytest.mark.parametrize(
    ("options", "loading"),
    [
        ({}, {}),
        ({"gradient_accumulation_steps": 3}, {"drop_last": True}),
        ({"mixed_precision": "bf16"}, {"num_workers": 2}),
    ],
)
def test_a_replayed_stream_gives_the_columns_of_a_plain_tracker(options, loading):
    accelerator = accelerate.Accelerator(cpu=True, **options)
    replay, plain, tracker = Replay(), ExampleTracker(N), ExampleTracker(N)
    loader = DataLoader(with_index(DATA), batch_size=4, shuffle=True, **loading)
    model, optimizer, loader = accelerator.prepare(replay, torch.optim.SGD(replay.parameters(), lr=0.1), loader)

    for epoch in range(EPOCHS):
        replay.epoch = epoch
        for row, y, index in loader:
            with accelerator.accumulate(model):
                logits = model(row)
                accelerator.backward(nn.functional.cross_entropy(logits, y))
                optimizer.step()
                optimizer.zero_grad()
            tracker.update(index, logits, y)
            plain.update(row.numpy(), STREAM[epoch, row.numpy()].astype(logits.detach().numpy().dtype), y)
        tracker.end_epoch()
        plain.end_epoch()

    assert_same(tracker, plain)
    assert (tracker.trajectory("visits") < 1).any() == ("drop_last" in loading)


# Checkpoints


def train(tracker, keep, *, save_at=None, load=None):
    """Three epochs of 6 steps each; saves after `save_at` of them, or goes on from there. Returns the scores."""
    accelerator = accelerate.Accelerator(cpu=True)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(N, 8), nn.Linear(8, CLASSES))
    loader = DataLoader(with_index(DATA), batch_size=4)
    model, optimizer, loader = accelerator.prepare(model, torch.optim.Adam(model.parameters(), lr=0.1), loader)
    keep(accelerator, tracker)
    done = 0
    if load is not None:
        accelerator.load_state("checkpoint")
        done = load
    for epoch in range(done // 6, EPOCHS):
        skipped = done % 6 if epoch == done // 6 else 0
        for row, y, index in accelerator.skip_first_batches(loader, skipped):
            logits = model(row)
            accelerator.backward(nn.functional.cross_entropy(logits, y))
            optimizer.step()
            optimizer.zero_grad()
            tracker.update(index, logits, y)
            done += 1
            if done % 6 == 0:
                tracker.end_epoch()
            if done == save_at:
                accelerator.save_state("checkpoint")
    tracker.close()
    return tracker.scores()


def registered(accelerator, tracker):
    accelerator.register_for_checkpointing(tracker)


@pytest.mark.parametrize("step", [8, 12], ids=["mid-epoch", "at an epoch's end"])
@pytest.mark.parametrize("keep", [keep_with_checkpoints, registered])
@pytest.mark.parametrize("run", [None, "run"])
def test_going_on_from_a_checkpoint_gives_the_very_same_scores(run, keep, step):
    whole = train(ExampleTracker(N, run=run), keep, save_at=step)
    accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)

    again = train(ExampleTracker(N, run=run, if_exists="resume"), keep, load=step)

    pd.testing.assert_frame_equal(again, whole, check_exact=True)
    assert (again["visits"] == EPOCHS).all()


def test_a_checkpoint_holds_the_state_in_a_file_that_cannot_run_code():
    train(ExampleTracker(N), keep_with_checkpoints, save_at=8)

    assert Path("checkpoint/example_tracker.safetensors").exists()
    assert not list(Path("checkpoint").glob("custom_checkpoint_*"))


def test_a_later_tracker_takes_the_place_of_an_earlier_one():
    accelerator, first, second = accelerate.Accelerator(cpu=True), ExampleTracker(2), ExampleTracker(3)
    keep_with_checkpoints(accelerator, first)
    keep_with_checkpoints(accelerator, second)
    second.update([2], [[1.0, 0.0]], [0])

    accelerator.save_state("checkpoint")
    second.end_epoch()
    accelerator.load_state("checkpoint")  # the epoch is open again
    second.update([1], [[1.0, 0.0]], [0])
    second.end_epoch()

    assert second.trajectory("visits").clip(0).tolist() == [[0, 1, 1]]


def test_a_checkpoint_made_without_the_tracker_is_refused():
    train(ExampleTracker(N), lambda accelerator, tracker: None, save_at=8)

    with pytest.raises(ProbeError, match="checkpoint holds no example_tracker.safetensors"):
        train(ExampleTracker(N), keep_with_checkpoints, load=8)


TWO = """
import shutil
import numpy as np, torch
from accelerate import Accelerator, DataLoaderConfiguration
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from probes import ExampleTracker, open_run, with_index
from probes.integrations.accelerate import keep_with_checkpoints

N, EPOCHS, STEPS = 23, 3, 3  # 3 steps of 2 x 4: one example is drawn twice
STREAM = torch.from_numpy(np.random.default_rng(0).normal(size=(EPOCHS, N, 4)))
accelerator = Accelerator(cpu=True, dataloader_config=DataLoaderConfiguration(use_seedable_sampler=True, data_seed=0))
weight = nn.Linear(4, 4, bias=False).double()
nn.init.eye_(weight.weight)
loader = DataLoader(with_index(TensorDataset(torch.arange(N), torch.arange(N) % 4)), batch_size=4, shuffle=True)
model, loader = accelerator.prepare(weight, loader)


def train(tracker, first=0):
    for done in range(first, EPOCHS * STEPS):
        epoch, step = divmod(done, STEPS)
        if step == 0 or done == first:
            rest = accelerator.skip_first_batches(loader, step) if step else loader
            rest.set_epoch(epoch)
            batches = iter(rest)
        row, y, index = next(batches)
        tracker.update(index, model(STREAM[epoch, row]), y)
        if step == STEPS - 1:
            tracker.end_epoch()
        if done == 3 and not first:
            accelerator.save_state("checkpoint")
    tracker.close()


tracker = ExampleTracker(N, run="run")
keep_with_checkpoints(accelerator, tracker)
train(tracker)
if accelerator.is_main_process:
    shutil.copytree("run", "again")
accelerator.wait_for_everyone()
tracker = ExampleTracker(N, run="again", if_exists="resume")
keep_with_checkpoints(accelerator, tracker)
accelerator.load_state("checkpoint")
train(tracker, 4)
accelerator.end_training()
"""


@pytest.mark.slow
def test_two_processes_record_what_one_would_and_go_on_from_a_checkpoint(tmp_path):
    (tmp_path / "script.py").write_text(TWO)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "script.py"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr

    plain = ExampleTracker(23)
    for logits in np.random.default_rng(0).normal(size=(3, 23, 4)):
        plain.update(np.arange(23), logits, np.arange(23) % 4)
        plain.end_epoch()

    for name in ("run", "again"):
        assert open_run(name).status == "complete"
        assert_same(open_run(name), plain)


def test_what_is_no_accelerator_is_refused():
    with pytest.raises(TypeError, match=r"must be an accelerate.Accelerator, got str"):
        keep_with_checkpoints("accelerator", ExampleTracker(N))
