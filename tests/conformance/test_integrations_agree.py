"""One recorded stream of logits through every integration: the columns are those of a plain tracker, bit by bit.

The stream holds, for each epoch, the logits of every example. Each integration walks through the examples in batches of
its own, once per epoch, and its model answers with what was recorded.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from probes import ExampleTracker, open_run, with_index

ROOT = Path(__file__).parents[2]
SIGNALS = ("loss", "margin", "entropy", "el2n", "prediction", "visits")
RECORDING = """
import numpy as np, torch
N, EPOCHS, CLASSES = 24, 4, 3
LABELS = np.arange(N) % CLASSES
STREAM = np.random.default_rng(0).normal(size=(EPOCHS, N, CLASSES)).cumsum(axis=0)
STREAM[:, 8:12] = STREAM[:, 8:12].round()  # ties
STREAM[:, 0] = -5 * np.eye(CLASSES)[LABELS[0]]  # never learned
STREAM[:, 1] = 5 * np.eye(CLASSES)[LABELS[1]]  # always right
STREAM[1, 2, (LABELS[2] + 1) % CLASSES] = -np.inf  # a masked class
STREAM = torch.from_numpy(STREAM).float()
"""
_recorded: dict = {}
exec(RECORDING, _recorded)  # two ranks read the same text
N, EPOCHS, LABELS, STREAM = (_recorded[name] for name in ("N", "EPOCHS", "LABELS", "STREAM"))
DATA = TensorDataset(torch.arange(N), torch.from_numpy(LABELS))


class Recorded(nn.Module):
    """Answers from the stream, by the rows it is asked for, at the epoch that the number of rows so far tells."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))  # for an optimizer to hold, and gradients to go to
        self.rows = 0

    def forward(self, row, labels=None):
        logits = STREAM[self.rows // N, row] + 0 * self.weight
        self.rows += len(row)
        return logits if labels is None else {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def optimizer_of(model):
    return torch.optim.SGD(model.parameters(), lr=0.1)


def through_numpy():
    tracker = ExampleTracker(N)
    for logits in STREAM.numpy():
        for index in np.array_split(np.random.default_rng(1).permutation(N), 5):
            tracker.update(index, logits[index], LABELS[index])
        tracker.end_epoch()
    return tracker


def through_watch_and_attach():
    model, criterion, tracker = Recorded(), nn.CrossEntropyLoss(label_smoothing=0.1), ExampleTracker(N)
    loader = tracker.watch(DataLoader(DATA, batch_size=5, shuffle=True, num_workers=1))
    tracker.attach(criterion)
    for _ in range(EPOCHS):
        for row, labels in loader:
            criterion(model(row), labels).backward()
    tracker.close()
    return tracker


def through_lightning():
    lightning = pytest.importorskip("lightning.pytorch")
    from probes.integrations.lightning import TrackExamples

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = Recorded()

        def training_step(self, batch, _):
            logits = self.model(batch[0])
            return {"loss": nn.functional.cross_entropy(logits, batch[1]), "logits": logits}

        def configure_optimizers(self):
            return optimizer_of(self)

    callback = TrackExamples()
    quiet = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary", "enable_checkpointing"), False)
    trainer = lightning.Trainer(max_epochs=EPOCHS, accelerator="cpu", callbacks=[callback], **quiet)
    trainer.fit(Module(), DataLoader(with_index(DATA), batch_size=5, shuffle=True))
    return callback.tracker


def through_hugging_face():
    transformers = pytest.importorskip("transformers")
    from probes.integrations.transformers import TrackedTrainer

    tracker = ExampleTracker(N)
    args = transformers.TrainingArguments(
        output_dir="out",
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=5,
        use_cpu=True,
        report_to="none",
        disable_tqdm=True,
        save_strategy="no",
        logging_strategy="no",
    )
    items = [{"row": row, "label": int(label)} for row, label in enumerate(LABELS)]
    TrackedTrainer(tracker=tracker, model=Recorded(), args=args, train_dataset=items).train()
    return tracker


def through_ignite():
    engine = pytest.importorskip("ignite.engine")
    from probes.integrations.ignite import TrackExamples

    model, tracker = Recorded(), ExampleTracker(N)

    def step(_, batch):
        row, labels, index = batch
        return {"logits": model(row), "targets": labels, "index": index}

    trainer = engine.Engine(step)
    TrackExamples(tracker).attach(trainer)
    trainer.run(DataLoader(with_index(DATA), batch_size=5, shuffle=True), max_epochs=EPOCHS)
    return tracker


def through_accelerate():
    accelerate = pytest.importorskip("accelerate")
    accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)
    accelerator, tracker, model = accelerate.Accelerator(cpu=True), ExampleTracker(N), Recorded()
    loader = DataLoader(with_index(DATA), batch_size=5, shuffle=True)
    model, optimizer, loader = accelerator.prepare(model, optimizer_of(model), loader)
    for _ in range(EPOCHS):
        for row, labels, index in loader:
            logits = model(row)
            accelerator.backward(nn.functional.cross_entropy(logits, labels))
            optimizer.step()
            optimizer.zero_grad()
            tracker.update(index, logits, labels)
        tracker.end_epoch()
    accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)
    return tracker


RANK = (
    RECORDING
    + """
import torch.distributed as dist
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset
from probes import ExampleTracker

dist.init_process_group("gloo")
data = TensorDataset(torch.arange(N), torch.from_numpy(LABELS))
sampler = DistributedSampler(data, shuffle=True)
with ExampleTracker(N, run="run") as tracker:
    loader = tracker.watch(DataLoader(data, batch_size=5, sampler=sampler))
    for epoch in range(EPOCHS):
        sampler.set_epoch(epoch)
        for row, labels in loader:
            tracker.update(logits=STREAM[epoch, row], targets=labels)
dist.destroy_process_group()
"""
)


def through_two_ranks():
    Path("rank.py").write_text(RANK)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "rank.py"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return open_run("run")


@pytest.fixture(scope="module")
def plain():
    """The stream in a plain tracker, all examples at once."""
    tracker = ExampleTracker(N)
    for logits in STREAM:
        tracker.update(range(N), logits, LABELS)
        tracker.end_epoch()
    return tracker


@pytest.mark.parametrize(
    "through",
    [
        through_numpy,
        through_watch_and_attach,
        through_lightning,
        through_hugging_face,
        through_ignite,
        through_accelerate,
        pytest.param(through_two_ranks, marks=pytest.mark.slow),
    ],
)
def test_the_stream_gives_the_columns_of_a_plain_tracker(through, plain, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = through()

    pd.testing.assert_frame_equal(found.scores(), plain.scores(), check_exact=True)
    for signal in SIGNALS:
        np.testing.assert_array_equal(found.trajectory(signal), plain.trajectory(signal), strict=True)
    assert found.scores()["visits"].tolist() == [EPOCHS] * N
