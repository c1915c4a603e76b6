"""The Ignite handler: what it records equals what a plain loop records, through every turn of `Engine.run`."""

import importlib
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Sampler, TensorDataset

from probes import ExampleTracker, open_run, with_index
from probes.errors import MissingDependencyError

pytest.importorskip("ignite")
from ignite.engine import Engine, Events, create_supervised_evaluator, create_supervised_trainer
from ignite.handlers import Checkpoint, DiskSaver
from ignite.metrics import Accuracy

from probes.integrations.ignite import TrackExamples

N, CLASSES, BATCH = 30, 3, 4
STEPS = -(-N // BATCH)
INPUTS = torch.randn(N, 5, generator=torch.Generator().manual_seed(0))
TARGETS = torch.arange(N) % CLASSES
SIGNALS = ("loss", "margin", "entropy", "el2n", "prediction", "visits", "confidence", "correct")


def assert_same(found, expected):
    """Every score and every trajectory of two trackers or runs, bit by bit."""
    pd.testing.assert_frame_equal(found.scores(), expected.scores(), check_exact=True)
    for signal in SIGNALS:
        np.testing.assert_array_equal(found.trajectory(signal), expected.trajectory(signal), strict=True)


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


def replay_engine(tracker, stream):
    """A trainer whose logits are those that the stream has for the batch; its data are the stream's indices."""

    def step(engine, index):
        expected, logits, targets = stream[engine.state.epoch - 1][(engine.state.iteration - 1) % len(stream[0])]
        assert index == expected.tolist()
        return {"logits": torch.from_numpy(logits), "targets": torch.from_numpy(targets), "index": index}

    engine = Engine(step)
    TrackExamples(tracker).attach(engine)
    return engine


class StreamOrder:
    """The stream's batches of indices, from batch `start` of epoch `epoch`."""

    def __init__(self, stream, epoch=0, start=0):
        self.stream, self.epoch, self.start = stream, epoch, start

    def __len__(self):
        return len(self.stream[0])

    def __iter__(self):
        batches = self.stream[self.epoch][self.start :]
        self.epoch, self.start = self.epoch + 1, 0
        return (index.tolist() for index, *_ in batches)


@pytest.mark.parametrize("folder", [None, "run"])
def test_replay_of_a_recorded_stream_gives_the_columns_of_a_plain_tracker(folder, tmp_path):
    stream = recorded_stream()
    tracker = ExampleTracker(N, run=folder and tmp_path / folder)
    replay_engine(tracker, stream).run(StreamOrder(stream), max_epochs=len(stream))

    assert_same(tracker, replay_plainly(stream))
    if folder:
        saved = open_run(tmp_path / folder)
        assert (saved.status, saved.summary()["epochs"], saved.num_examples) == ("complete", 4, N)


# Live training


class Shuffled(Sampler):
    """Another order in each pass."""

    def __init__(self, passes=0):
        self.passes = passes

    def __iter__(self):
        self.passes += 1
        return iter(torch.randperm(N, generator=torch.Generator().manual_seed(self.passes - 1)).tolist())

    def __len__(self):
        return N


def loader(dataset=None, passes=0):
    return DataLoader(dataset or TensorDataset(INPUTS, TARGETS), batch_size=BATCH, sampler=Shuffled(passes))


def network():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, CLASSES))
    return model, torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)


def plain_loop(epochs=3, accumulate=1, autocast=False):
    """The same training, written by hand."""
    model, optimizer = network()
    tracker = ExampleTracker(N)
    step = 0
    for epoch in range(epochs):
        for index in torch.randperm(N, generator=torch.Generator().manual_seed(epoch)).split(BATCH):
            if step % accumulate == 0:
                optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                logits = model(INPUTS[index])
                loss = functional.cross_entropy(logits, TARGETS[index])
            (loss / accumulate).backward()
            step += 1
            if step % accumulate == 0:
                optimizer.step()
            tracker.update(index, logits, TARGETS[index])
        tracker.end_epoch()
    return tracker


def supervised(output_transform=lambda x, y, y_pred, loss: {"logits": y_pred, "targets": y}, **options):
    model, optimizer = network()
    return create_supervised_trainer(
        model, optimizer, nn.CrossEntropyLoss(), output_transform=output_transform, **options
    )


def own_step(model, optimizer, autocast=False):
    """A training step as users write it; its batches end with the index."""

    def step(engine, batch):
        x, y, index = batch
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            logits = model(x)
            loss = functional.cross_entropy(logits, y)
        loss.backward()
        optimizer.step()
        return {"loss": loss.item(), "logits": logits, "targets": y, "index": index}

    return step


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_supervised_trainer_on_a_watched_loader_records_what_a_loop_written_by_hand_does(accumulate):
    tracker = ExampleTracker(N)
    engine = supervised(gradient_accumulation_steps=accumulate)
    TrackExamples(tracker).attach(engine)
    engine.run(tracker.watch(loader()), max_epochs=3)

    assert_same(tracker, plain_loop(accumulate=accumulate))


@pytest.mark.parametrize("autocast", [False, True])
def test_a_training_step_of_ones_own_is_recorded_in_any_precision(autocast):
    tracker = ExampleTracker(N)
    engine = Engine(own_step(*network(), autocast=autocast))
    TrackExamples(tracker).attach(engine)
    engine.run(loader(with_index(TensorDataset(INPUTS, TARGETS))), max_epochs=3)

    assert_same(tracker, plain_loop(autocast=autocast))


def test_a_pair_as_metrics_take_it_will_do():
    tracker = ExampleTracker(N)
    engine = supervised(lambda x, y, y_pred, loss: (y_pred, y))
    Accuracy().attach(engine, "accuracy")
    TrackExamples(tracker).attach(engine)
    engine.run(tracker.watch(loader()), max_epochs=3)

    assert_same(tracker, plain_loop())
    assert tracker.trajectory("correct")[-1].mean() == engine.state.metrics["accuracy"]


def test_output_transform_finds_the_parts():
    tracker = ExampleTracker(N)
    engine = supervised(lambda x, y, y_pred, loss: (loss, y_pred, y))
    TrackExamples(tracker, lambda output: output[1:]).attach(engine)
    engine.run(tracker.watch(loader()), max_epochs=3)

    assert_same(tracker, plain_loop())


def test_validation_is_not_recorded():
    tracker = ExampleTracker(N)
    engine = supervised()
    evaluator = create_supervised_evaluator(nn.Linear(5, CLASSES))
    TrackExamples(tracker).attach(engine)
    watched = tracker.watch(loader())
    every = Events.EPOCH_COMPLETED | Events.ITERATION_COMPLETED(every=3)
    engine.add_event_handler(every, lambda: evaluator.run(DataLoader(TensorDataset(INPUTS, TARGETS))))
    engine.run(watched, max_epochs=3)

    assert_same(tracker, plain_loop())


def test_an_epoch_is_the_engines_where_it_differs_from_the_loaders():
    tracker = ExampleTracker(N)
    engine = Engine(own_step(*network()))
    TrackExamples(tracker).attach(engine)
    engine.run(loader(with_index(TensorDataset(INPUTS, TARGETS))), max_epochs=3, epoch_length=5)

    # The loader's batches are 7 of 4 and one of 2: five of 4; two of 4, one of 2, two of 4; five of 4.
    assert tracker.trajectory("visits").clip(0).sum(axis=1).tolist() == [20, 18, 20]


@pytest.mark.parametrize("announced", [True, False])
def test_an_epoch_cut_short_stays_apart_from_the_next(announced):
    tracker = ExampleTracker(N)
    engine = Engine(own_step(*network()))
    TrackExamples(tracker).attach(engine)
    engine.add_event_handler(
        Events.ITERATION_COMPLETED(once=3), lambda: engine.terminate_epoch(skip_epoch_completed=not announced)
    )
    engine.run(loader(with_index(TensorDataset(INPUTS, TARGETS))), max_epochs=2)

    assert tracker.trajectory("visits").clip(0).sum(axis=1).tolist() == [3 * BATCH, N]


# Checkpoints


@pytest.mark.parametrize("attached", ["before the checkpoint", "after the checkpoint"])
@pytest.mark.parametrize("folder", [None, "run"])
def test_resuming_from_a_checkpoint_gives_the_scores_of_an_uninterrupted_run(attached, folder, tmp_path):
    """Also where the checkpoint was made before the handler ended the epoch."""

    def session(epochs, saved=None):
        model, optimizer = network()
        tracker = ExampleTracker(N, run=folder and tmp_path / folder, if_exists="resume")
        engine = Engine(own_step(model, optimizer))
        parts = {"model": model, "optimizer": optimizer, "trainer": engine, "tracker": tracker}
        if attached == "before the checkpoint":
            TrackExamples(tracker).attach(engine)
        disk = DiskSaver(tmp_path / "saved", create_dir=True, require_empty=False)
        engine.add_event_handler(Events.EPOCH_COMPLETED(once=2), Checkpoint(parts, disk))
        if attached == "after the checkpoint":
            TrackExamples(tracker).attach(engine)
        if saved:
            Checkpoint.load_objects(parts, torch.load(saved, weights_only=True))
        engine.run(loader(with_index(TensorDataset(INPUTS, TARGETS)), passes=2 if saved else 0), max_epochs=epochs)
        return tracker

    session(epochs=3)
    (saved,) = (tmp_path / "saved").iterdir()
    found = session(epochs=4, saved=saved)

    assert_same(found, plain_loop(epochs=4))
    if folder:
        assert_same(open_run(tmp_path / folder), plain_loop(epochs=4))


def test_resuming_in_the_middle_of_an_epoch_goes_on_with_it(tmp_path):
    """With data that go on as well: the rest of the epoch joins what the checkpoint has of it."""
    stream = recorded_stream()
    first = ExampleTracker(N, run=tmp_path / "run")
    engine = replay_engine(first, stream)
    saved = {}
    engine.add_event_handler(
        Events.ITERATION_COMPLETED(once=len(stream[0]) + 3),
        lambda: saved.update(engine=engine.state_dict(), tracker=first.state_dict()),
    )
    engine.run(StreamOrder(stream), max_epochs=2)

    found = ExampleTracker(N, run=tmp_path / "run", if_exists="resume")
    engine = replay_engine(found, stream)
    engine.load_state_dict({**saved["engine"], "max_epochs": len(stream)})
    found.load_state_dict(saved["tracker"])
    engine.run(StreamOrder(stream, epoch=1, start=3))

    assert_same(found, replay_plainly(stream))


# When something goes wrong, or ends early


@pytest.mark.parametrize(("error", "status"), [(RuntimeError("boom"), "failed"), (KeyboardInterrupt(), "interrupted")])
@pytest.mark.parametrize("where", ["in a step", "in a handler"])
def test_an_exception_is_raised_and_leaves_a_readable_run(error, status, where, tmp_path):
    model, optimizer = network()
    train = own_step(model, optimizer)

    def raise_in_epoch_three(engine):
        if engine.state.epoch == 3:
            raise error

    def step(engine, batch):
        if where == "in a step":
            raise_in_epoch_three(engine)
        return train(engine, batch)

    engine = Engine(step)
    TrackExamples(ExampleTracker(N, run=tmp_path / "run")).attach(engine)
    if where == "in a handler":
        engine.add_event_handler(Events.EPOCH_STARTED, raise_in_epoch_three)
    with pytest.raises(type(error)):
        engine.run(loader(with_index(TensorDataset(INPUTS, TARGETS))), max_epochs=4)

    run = open_run(tmp_path / "run")
    assert run.status == status
    assert_same(run, plain_loop(epochs=2))


def test_two_trackers_on_one_engine_both_close_on_an_exception(tmp_path):
    def step(engine, batch):
        raise RuntimeError("boom")

    engine = Engine(step)
    for name in ("one", "two"):
        TrackExamples(ExampleTracker(N, run=tmp_path / name)).attach(engine)
    with pytest.raises(RuntimeError, match="boom"):
        engine.run([0], max_epochs=1)

    assert [open_run(tmp_path / name).status for name in ("one", "two")] == ["failed", "failed"]


@pytest.mark.parametrize("first", [True, False])
def test_an_exception_that_a_handler_of_ones_own_lets_pass_ends_nothing(first):
    """Ignite goes on with the next epoch then, and so does the tracker."""
    model, optimizer = network()
    train = own_step(model, optimizer)

    def step(engine, batch):
        output = train(engine, batch)
        if engine.state.iteration == 3:
            raise RuntimeError("out of memory")
        return output

    tracker = ExampleTracker(N)
    engine = Engine(step)
    if first:
        engine.add_event_handler(Events.EXCEPTION_RAISED, lambda error: None)
    TrackExamples(tracker).attach(engine)
    if not first:
        engine.add_event_handler(Events.EXCEPTION_RAISED, lambda error: None)
    engine.run(loader(with_index(TensorDataset(INPUTS, TARGETS))), max_epochs=2)

    assert tracker.trajectory("visits").clip(0).sum(axis=1).tolist()[0] == 2 * BATCH
    assert len(tracker.trajectory("visits")) == 2


@pytest.mark.parametrize("skip_completed", [True, False])
def test_a_terminated_run_is_complete_and_its_last_epoch_closed(skip_completed, tmp_path):
    """As early stopping ends it."""
    engine = Engine(own_step(*network()))
    TrackExamples(ExampleTracker(N, run=tmp_path / "run")).attach(engine)
    engine.add_event_handler(
        Events.ITERATION_COMPLETED(once=STEPS + 2), lambda: engine.terminate(skip_completed=skip_completed)
    )
    engine.run(loader(with_index(TensorDataset(INPUTS, TARGETS))), max_epochs=4)

    run = open_run(tmp_path / "run")
    assert run.status == "complete"
    assert run.trajectory("visits").clip(0).sum(axis=1).tolist() == [N, 2 * BATCH]


@pytest.mark.parametrize(
    ("output", "found"),
    [
        (lambda x, y, y_pred, loss: loss.item(), "output is float"),
        (lambda x, y, y_pred, loss: {"y_pred": y_pred, "y": y}, "output is a dict with y_pred, y"),
        (lambda x, y, y_pred, loss: (y_pred, y, loss), "output is tuple"),
    ],
)
def test_says_how_to_have_logits_and_targets(output, found):
    tracker = ExampleTracker(N)
    engine = supervised(output)
    TrackExamples(tracker).attach(engine)

    with pytest.raises(TypeError, match=rf'{found}\. .*output_transform=.*"logits": y_pred') as caught:
        engine.run(tracker.watch(loader()), max_epochs=1)
    assert "\n" not in str(caught.value)


def test_says_how_to_have_the_index():
    engine = supervised()
    TrackExamples(ExampleTracker(N)).attach(engine)

    with pytest.raises(ValueError, match="index is missing.*watched loader.*with_index"):
        engine.run(loader(), max_epochs=1)


def test_refuses_what_it_cannot_follow():
    with pytest.raises(TypeError, match="tracker must be an ExampleTracker, got int"):
        TrackExamples(30)
    with pytest.raises(TypeError, match="takes an ignite Engine, got Linear"):
        TrackExamples(ExampleTracker(N)).attach(nn.Linear(1, 1))


def test_names_the_extra_where_ignite_is_missing(monkeypatch):
    monkeypatch.delitem(sys.modules, "probes.integrations.ignite")
    for name in ("ignite", "ignite.engine"):
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(MissingDependencyError, match=r"pip install 'memorization-probes\[ignite\]'"):
        importlib.import_module("probes.integrations.ignite")
