"""The Lightning callback: what it records equals what a plain loop records, through every turn of `Trainer.fit`."""

import importlib
import os
import subprocess
import sys
import types
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import ConcatDataset, DataLoader, Sampler, TensorDataset

from probes import ExampleTracker, ProbeError, open_run, with_index
from probes.errors import MissingDependencyError

L = pytest.importorskip("lightning.pytorch")
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint, OnExceptionCheckpoint  # noqa: E402

from probes.integrations.lightning import TrackExamples  # noqa: E402

ROOT = Path(__file__).parents[2]
N, CLASSES, BATCH = 30, 3, 4
INPUTS = torch.randn(N, 5, generator=torch.Generator().manual_seed(0))
TARGETS = torch.arange(N) % CLASSES
SIGNALS = ("loss", "margin", "entropy", "el2n", "prediction", "visits", "confidence", "correct")
pytestmark = [
    pytest.mark.filterwarnings("ignore::lightning.fabric.utilities.warnings.PossibleUserWarning"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*is deprecated"),
    pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`"),
    pytest.mark.filterwarnings("ignore:`training_step` returned `None`"),
]


def assert_same(found, expected):
    """Every score and every trajectory of two trackers or runs, bit by bit."""
    pd.testing.assert_frame_equal(found.scores(), expected.scores(), check_exact=True)
    for signal in SIGNALS:
        np.testing.assert_array_equal(found.trajectory(signal), expected.trajectory(signal), strict=True)


def trainer(*callbacks, epochs=3, folder=None, **options):
    """A quiet one; it writes no files but checkpoints in `folder`."""
    return L.Trainer(
        max_epochs=epochs,
        callbacks=list(callbacks),
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=any(isinstance(one, Checkpoint) for one in callbacks),
        default_root_dir=folder,
        **options,
    )


# A recorded stream: epochs of batches (index, logits, targets)


def recorded_stream(epochs=4, seed=0):
    """Random walks with ties, examples never seen, missing in an epoch or seen twice, and rows that are not finite."""
    random = np.random.default_rng(seed)
    walk = random.integers(-2, 3, (N, CLASSES)).astype(np.float32)
    stream = []
    for _ in range(epochs):
        walk = walk + random.integers(-1, 2, (N, CLASSES)).astype(np.float32)
        drawn = random.permutation(N - 2)[: N - 5]
        drawn = np.concatenate([drawn, drawn[:3]])
        logits = walk[drawn]
        logits[0, 0] = np.nan
        logits[1, (TARGETS[drawn[1]] + 1) % CLASSES] = -np.inf
        batches = [drawn[start : start + BATCH] for start in range(0, len(drawn), BATCH)]
        rows = np.split(logits, np.cumsum([len(batch) for batch in batches])[:-1])
        stream.append([(index, row, TARGETS.numpy()[index]) for index, row in zip(batches, rows, strict=True)])
    return stream


def replay_plainly(stream, **options):
    tracker = ExampleTracker(N, **options)
    for batches in stream:
        for index, logits, targets in batches:
            tracker.update(index, logits, targets)
        tracker.end_epoch()
    tracker.close()
    return tracker


class Replay(L.LightningModule):
    """Its logits are those that the stream has for the batch."""

    def __init__(self, stream):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.stream = stream

    def training_step(self, batch, batch_idx):
        _, _, index = batch
        expected, logits, _ = self.stream[self.current_epoch][batch_idx]
        assert index.tolist() == expected.tolist()
        return {"loss": self.weight * 1.0, "logits": torch.from_numpy(logits)}

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class StreamOrder:
    """A batch sampler that gives the stream's batches, from batch `start` of epoch `epoch`."""

    def __init__(self, stream, epoch=0, start=0):
        self.stream, self.epoch, self.start = stream, epoch, start

    def __len__(self):
        return len(self.stream[0])

    def __iter__(self):
        batches = self.stream[self.epoch][self.start :]
        self.epoch, self.start = self.epoch + 1, 0
        return (index.tolist() for index, *_ in batches)


def replay(stream, *callbacks, epoch=0, start=0, ckpt_path=None, folder=None, **options):
    """The stream through a Trainer; the closed tracker."""
    track = TrackExamples(**options)
    dataset = with_index(TensorDataset(INPUTS, TARGETS))
    loader = DataLoader(dataset, batch_sampler=StreamOrder(stream, epoch, start))
    fit = trainer(track, *callbacks, epochs=len(stream), folder=folder)
    fit.fit(Replay(stream), loader, ckpt_path=ckpt_path)
    return track.tracker


@pytest.mark.parametrize("folder", [None, "run"])
def test_replay_of_a_recorded_stream_gives_the_columns_of_a_plain_tracker(folder, tmp_path):
    stream = recorded_stream()
    found = replay(stream, run=folder and tmp_path / folder)

    assert_same(found, replay_plainly(stream))
    if folder:
        saved = open_run(tmp_path / folder)
        assert (saved.status, saved.summary()["epochs"], saved.num_examples) == ("complete", 4, N)
        assert saved.meta["nonfinite_visits"] == 4


# Live training


class Shuffled(Sampler):
    """An order that depends on the epoch alone."""

    epoch = 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __iter__(self):
        return iter(torch.randperm(N, generator=torch.Generator().manual_seed(self.epoch)).tolist())

    def __len__(self):
        return N


class Classifier(L.LightningModule):
    """What a user writes, plus the index and the logits; `outputs` says what training_step returns."""

    def __init__(self, outputs=lambda loss, logits, batch: {"loss": loss, "logits": logits}):
        super().__init__()
        torch.manual_seed(1)
        self.net = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, CLASSES))
        self.outputs = outputs

    def training_step(self, batch, batch_idx):
        logits = self.net(batch["x"] if isinstance(batch, dict) else batch[0])
        loss = functional.cross_entropy(logits, batch["label"] if isinstance(batch, dict) else batch[1])
        return self.outputs(loss, logits, batch)

    def validation_step(self, batch, batch_idx):
        logits = self.net(batch[0])
        self.log("val_loss", functional.cross_entropy(logits, batch[1]))
        return {"loss": logits.sum(), "logits": logits}

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.5, momentum=0.9)


def loader(dataset=None, **options):
    dataset = with_index(TensorDataset(INPUTS, TARGETS)) if dataset is None else dataset
    return DataLoader(dataset, batch_size=BATCH, sampler=Shuffled(), **options)


def plain_loop(epochs=3, accumulate=1, autocast=False):
    """The same training, written by hand."""
    model = Classifier().net
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    tracker = ExampleTracker(N)
    for epoch in range(epochs):
        batches = torch.randperm(N, generator=torch.Generator().manual_seed(epoch)).split(BATCH)
        for step, index in enumerate(batches, start=1):
            with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                logits = model(INPUTS[index])
                loss = functional.cross_entropy(logits, TARGETS[index])
            (loss / accumulate).backward()
            if step % accumulate == 0 or step == len(batches):
                optimizer.step()
                optimizer.zero_grad()
            tracker.update(index, logits, TARGETS[index])
        tracker.end_epoch()
    return tracker


@pytest.mark.parametrize(
    ("options", "same"),
    [
        ({}, {}),
        ({"accumulate_grad_batches": 3}, {"accumulate": 3}),
        ({"precision": "bf16-mixed"}, {"autocast": True}),
    ],
    ids=["plainly", "accumulating gradients", "in mixed precision"],
)
def test_training_records_what_a_loop_written_by_hand_does(options, same):
    track = TrackExamples()
    trainer(track, **options).fit(Classifier(), loader())

    assert_same(track.tracker, plain_loop(**same))


def test_validation_and_the_sanity_check_are_not_recorded():
    """Though its batches have an index and its steps return logits."""
    track = TrackExamples()
    trainer(track, val_check_interval=2).fit(Classifier(), loader(), loader())

    assert_same(track.tracker, plain_loop())


def test_batches_that_are_dicts_have_their_keys():
    rows = [{"x": INPUTS[i], "label": TARGETS[i]} for i in range(N)]
    track = TrackExamples()
    trainer(track).fit(Classifier(), loader(with_index(rows)))

    assert_same(track.tracker, plain_loop())


def test_what_training_step_returns_comes_before_the_batch():
    """Batches without an index at their end: (x, y, own index, weight)."""
    dataset = TensorDataset(INPUTS, TARGETS, torch.arange(N), torch.ones(N))

    def outputs(loss, logits, batch):
        return {"loss": loss, "logits": logits, "index": batch[2], "targets": batch[1]}

    track = TrackExamples()
    trainer(track).fit(Classifier(outputs), loader(dataset))

    assert_same(track.tracker, plain_loop())


def test_manual_optimization_is_recorded():
    class Manual(Classifier):
        automatic_optimization = False

        def training_step(self, batch, batch_idx):
            outputs = super().training_step(batch, batch_idx)
            optimizer = self.optimizers()
            optimizer.zero_grad()
            self.manual_backward(outputs["loss"])
            optimizer.step()
            return outputs

    track = TrackExamples()
    trainer(track).fit(Manual(), loader())

    assert_same(track.tracker, plain_loop())


def test_a_skipped_step_is_not_recorded():
    def outputs(loss, logits, batch):
        return None if 7 in batch[2] else {"loss": loss, "logits": logits}

    track = TrackExamples()
    trainer(track).fit(Classifier(outputs), loader())

    visits = track.tracker.trajectory("visits")
    assert visits[:, 7].tolist() == [-1, -1, -1]
    assert {int(count) for count in (visits == -1).sum(axis=1)} <= {BATCH, N % BATCH}


def test_no_logits_outlive_their_batch():
    alive = []

    class Watched(Classifier):
        def training_step(self, batch, batch_idx):
            outputs = super().training_step(batch, batch_idx)
            alive.append(weakref.ref(outputs["logits"]))
            return outputs

        def on_train_batch_start(self, batch, batch_idx):
            assert all(logits() is None for logits in alive)

    trainer(TrackExamples()).fit(Watched(), loader())

    assert len(alive) > 20


def test_the_tracker_knows_what_the_callback_was_told(tmp_path):
    images = np.zeros((N + 5, 4, 4), np.uint8)
    true_labels = [0] * (N + 5)
    ids = [f"item {i}" for i in range(N + 5)]

    def outputs(loss, logits, batch):
        return {"loss": loss, "logits": logits, "index": [ids[i] for i in batch[2]]}

    track = TrackExamples(
        tmp_path / "run",
        num_examples=N + 5,
        true_labels=true_labels,
        ids=ids,
        images=images,
        classes=["a", "b", "c"],
        ignore_index=2,
    )
    trainer(track, epochs=1).fit(Classifier(outputs), loader())

    run = open_run(tmp_path / "run")
    assert (run.num_examples, run.classes) == (N + 5, ["a", "b", "c"])
    assert run.examples["id"].tolist() == ids
    assert run.examples["true_label"].tolist() == true_labels
    assert len(run.images(range(N + 5))) == N + 5
    assert run.trajectory("visits")[0].tolist() == [-1 if i % CLASSES == 2 else 1 for i in range(N)] + [-1] * 5


# Checkpoints


def last_step(folder):
    """After the last step of the second epoch, before the epoch's end."""
    steps = -(-N // BATCH)
    return ModelCheckpoint(folder, "saved", every_n_train_steps=2 * steps, save_top_k=-1)


def at_validation(folder):
    return ModelCheckpoint(folder, "saved", monitor="step", mode="max", save_on_train_epoch_end=False)


def at_epoch_end(folder):
    return ModelCheckpoint(folder, "saved", save_on_train_epoch_end=True)


@pytest.mark.parametrize("saving", [at_epoch_end, at_validation, last_step])
@pytest.mark.parametrize("folder", [None, "run"])
def test_resuming_from_a_checkpoint_gives_the_scores_of_an_uninterrupted_run(saving, folder, tmp_path):
    """Where the checkpoint falls between an epoch's last step and its end, the run is one epoch ahead of it, too."""
    first, second = (TrackExamples(folder and tmp_path / folder, if_exists="resume") for _ in range(2))
    trainer(first, saving(tmp_path), epochs=2).fit(Classifier(), loader(), loader())
    checkpoint = tmp_path / "saved.ckpt"
    torch.load(checkpoint, weights_only=True)
    trainer(second, epochs=4).fit(Classifier(), loader(), loader(), ckpt_path=checkpoint, weights_only=True)

    assert_same(second.tracker, plain_loop(epochs=4))
    if folder:
        assert_same(open_run(tmp_path / folder), plain_loop(epochs=4))


def test_resuming_in_the_middle_of_an_epoch_goes_on_with_it(tmp_path):
    """With a loader that goes on as well: the rest of the epoch joins what the checkpoint has of it."""
    stream = recorded_stream()
    steps = len(stream[0])
    saving = ModelCheckpoint(tmp_path, "saved", every_n_train_steps=steps + 3, save_top_k=1)
    replay(stream[:2], saving, run=tmp_path / "run")

    found = replay(
        stream, run=tmp_path / "run", if_exists="resume", epoch=1, start=3, ckpt_path=tmp_path / "saved.ckpt"
    )

    assert_same(found, replay_plainly(stream))


def test_a_checkpoint_made_because_of_an_exception_has_the_epoch_open(tmp_path):
    stream = recorded_stream()

    class Fails(L.Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            if (trainer.current_epoch, batch_idx) == (1, 3):
                raise RuntimeError("out of memory")

    saving = OnExceptionCheckpoint(str(tmp_path), "saved")
    with pytest.raises(RuntimeError, match="out of memory"):
        replay(stream, Fails(), saving, run=tmp_path / "run")
    found = replay(
        stream, run=tmp_path / "run", if_exists="resume", epoch=1, start=3, ckpt_path=tmp_path / "saved.ckpt"
    )

    assert_same(found, replay_plainly(stream))


def test_testing_a_checkpoint_leaves_the_tracker_alone(tmp_path):
    class Tested(Classifier):
        def test_step(self, batch, batch_idx):
            self.net(batch[0])

    track = TrackExamples(tmp_path / "run")
    fit = trainer(track, at_epoch_end(tmp_path))
    fit.fit(Tested(), loader())
    fit.test(Tested(), loader(), ckpt_path=str(tmp_path / "saved.ckpt"), verbose=False)

    assert_same(track.tracker, plain_loop())


# Two processes

RANKS = """
import lightning.pytorch as L
import numpy as np
import torch
from lightning.pytorch.strategies import DDPStrategy
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from probes import with_index
from probes.integrations.lightning import TrackExamples

N = 31  # odd, so that the sampler pads
torch.manual_seed(0)
train_set = TensorDataset(torch.randn(N, 5), torch.arange(N) % 3)


class Classifier(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Linear(5, 3)
        self.seen = []

    def training_step(self, batch, batch_idx):
        x, y, index = batch
        logits = self.net(x)
        self.seen.append([np.full(len(y), self.current_epoch), index, y, logits.detach()])
        return {"loss": functional.cross_entropy(logits, y), "logits": logits}

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.5)


model, track = Classifier(), TrackExamples(run="run")
trainer = L.Trainer(
    max_epochs=3,
    callbacks=[track],
    accelerator="cpu",
    devices=2,
    strategy=DDPStrategy(process_group_backend="gloo"),
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
)
trainer.fit(model, DataLoader(with_index(train_set), batch_size=4, shuffle=True))
names = ("epoch", "index", "targets", "logits")
np.savez(f"rank{trainer.global_rank}.npz", **dict(zip(names, map(np.concatenate, zip(*model.seen)))))
if trainer.global_rank == 0:
    assert len(track.tracker.scores()) == N
"""


@pytest.mark.slow
def test_two_processes_write_one_run(tmp_path):
    """Equal to what each saw, put together by hand; of an example that the sampler pads with, rank 0's visit stands."""
    (tmp_path / "ranks.py").write_text(RANKS)
    path = os.pathsep.join([str(ROOT), str(ROOT / "cli"), str(ROOT / "reports")])
    env = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "ranks.py"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr

    expected = ExampleTracker(31)
    seen = [np.load(tmp_path / f"rank{rank}.npz") for rank in (1, 0)]
    for epoch in range(3):
        for rank in seen:
            of_epoch = rank["epoch"] == epoch
            expected.update(*(rank[name][of_epoch] for name in ("index", "logits", "targets")))
        expected.end_epoch()
    run = open_run(tmp_path / "run")
    assert (run.status, run.meta["world_size"]) == ("complete", 2)
    assert [path.name for path in sorted((tmp_path / "run/trajectories").iterdir())] == [
        f"epoch-0000{epoch}.parquet" for epoch in (1, 2, 3)
    ]
    for signal in ("loss", "margin", "entropy", "el2n", "prediction"):
        np.testing.assert_array_equal(run.trajectory(signal), expected.trajectory(signal))
    assert [len(rank["index"]) for rank in seen] == [3 * 16, 3 * 16]  # 31 examples and one to pad with


# When something goes wrong


@pytest.mark.parametrize(
    ("error", "leaves", "status"),
    [
        (RuntimeError("boom"), RuntimeError, "failed"),
        (KeyboardInterrupt(), SystemExit, "interrupted"),
    ],
)
def test_an_exception_leaves_a_readable_run(error, leaves, status, tmp_path):
    class Fails(L.Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            if trainer.current_epoch == 2:
                raise error

    with pytest.raises(leaves):
        trainer(TrackExamples(tmp_path / "run"), Fails()).fit(Classifier(), loader())

    run = open_run(tmp_path / "run")
    assert run.status == status
    assert_same(run, plain_loop(epochs=2))


def refusal(model, data, **options):
    with pytest.raises((TypeError, ValueError)) as caught:
        trainer(TrackExamples(**options)).fit(model, data)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_says_how_to_return_the_logits():
    found = refusal(Classifier(lambda loss, logits, batch: loss), loader())

    assert 'return {"loss": loss, "logits": logits}' in found


@pytest.mark.parametrize(
    "dataset",
    [
        TensorDataset(INPUTS, TARGETS),
        TensorDataset(INPUTS, TARGETS, torch.zeros(N, dtype=torch.int64)),
        ConcatDataset([with_index(TensorDataset(INPUTS[part], TARGETS[part])) for part in (slice(9), slice(9, None))]),
    ],
    ids=["no index", "a third tensor is no index", "parts with positions of their own"],
)
def test_says_how_to_have_the_index(dataset):
    assert "with_index(train_set)" in refusal(Classifier(), loader(dataset))


def test_says_how_to_have_the_targets():
    dataset = with_index(TensorDataset(INPUTS, TARGETS, torch.ones(N)))

    assert "under the key 'targets'" in refusal(Classifier(), loader(dataset))


def test_asks_for_the_number_of_examples_where_there_is_none():
    assert "TrackExamples(num_examples=...)" in refusal(Classifier(), [(INPUTS, TARGETS)])


def test_there_is_no_tracker_before_training():
    with pytest.raises(ProbeError, match="opens when Trainer.fit"):
        _ = TrackExamples().tracker


@pytest.fixture
def installed(monkeypatch):
    """Imports the integration anew, with only the given package to be had."""

    def call(*names):
        monkeypatch.delitem(sys.modules, "probes.integrations.lightning")
        for name in ("lightning", "lightning.pytorch", "pytorch_lightning"):
            monkeypatch.setitem(sys.modules, name, None)
        for name in names:
            package = types.ModuleType(name)
            package.Callback = type("Callback", (), {})
            monkeypatch.setitem(sys.modules, name, package)
        return importlib.import_module("probes.integrations.lightning").TrackExamples

    return call


def test_names_the_extra_where_lightning_is_missing(installed):
    with pytest.raises(MissingDependencyError, match=r"pip install 'memorization-probes\[lightning\]'"):
        installed()


def test_pytorch_lightning_alone_will_do(installed):
    assert issubclass(installed("pytorch_lightning"), sys.modules["pytorch_lightning"].Callback)
