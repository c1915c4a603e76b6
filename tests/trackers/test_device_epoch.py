"""Logits on an accelerator: nothing waits for them, the columns are those of the host, and bad batches come to light.

There is no accelerator here. CPU tensors are passed off as one, so that values can be compared; torch's meta device is
one whose values nobody can read. How real devices behave is shown by the last test alone, where there is a CUDA device.
"""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, TensorDataset

from probes import ExampleTracker, open_run
from probes.errors import ConfigError, ProbeWarning
from probes.runs.trajectories import STORED
from probes.trackers import batches, device_batch, epoch_recorder, example_tracker, watching
from probes.trackers.batches import Batch
from probes.trackers.device_epoch import DeviceEpoch

N, CLASSES = 30, 4
NAN, INF = float("nan"), float("inf")


@pytest.fixture
def accelerator(monkeypatch):
    """Every torch tensor lies on an accelerator, numpy arrays and lists on the host."""
    for module in (batches, device_batch, epoch_recorder, example_tracker, watching):
        monkeypatch.setattr(module, "on_accelerator", lambda value: isinstance(value, torch.Tensor))


# No update waits for the device


class NoHostReads(TorchDispatchMode):
    """Fails on operations after which the host must wait for a device."""

    READS = ("item", "_local_scalar_dense", "equal", "is_nonzero", "nonzero", "masked_select", "unique", "repeat")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = func._schema.name.partition("::")[2]
        tensors = [part for part in args if isinstance(part, torch.Tensor)]
        devices = {part.device.type for part in tensors}
        if name.lstrip("_").startswith(tuple(read.lstrip("_") for read in self.READS)):
            raise AssertionError(f"{name} reads values")
        if name.startswith(("index", "_index_put")) and len(args) > 1 and isinstance(args[1], (list, tuple)):
            masks = (torch.bool, torch.uint8)
            assert not any(part is not None and part.dtype in masks for part in args[1]), f"{name} takes a mask"
        if name == "where":
            assert all(part.dim() for part in tensors), "a number in where() is copied to the device, and waited for"
        if name == "_to_copy":
            assert torch.device(kwargs.get("device") or "meta").type != "cpu", "copies to the host"
        elif name == "copy_":
            assert args[0].device.type != "cpu" or args[1].device.type == "cpu", "copies to the host"
        else:
            assert len(devices) < 2, f"{name} mixes devices"
        return func(*args, **kwargs)


@pytest.mark.parametrize(
    "read",
    [
        lambda t: t[0].item(),
        lambda t: bool(t.any()),
        lambda t: t.nonzero(),
        lambda t: t[t > 0],
        lambda t: t.unique(),
        lambda t: t.masked_select(t > 0),
        lambda t: torch.equal(t, t),
        lambda t: torch.where(t > 0, t, 0),
        lambda t: int(t.sum()),
        lambda t: t.repeat_interleave(t),
    ],
)
def test_the_guard_sees_reads(read):
    with pytest.raises(AssertionError), NoHostReads():
        read(torch.tensor([1, 0, 2]))


def every_kind_of_update(device):
    """The tracker's `ignore_index`, and what `update` is called with."""
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(6, CLASSES, generator=rng)
    odd = logits.clone()
    odd[0, 1], odd[1, 2], odd[2, 0], odd[3, 3] = NAN, INF, -INF, -INF
    targets, index = torch.tensor([0, 1, 2, 3, 0, 1]), torch.tensor([5, 6, 7, 8, 9, 10])
    binary = {"targets": torch.tensor([0.0, 1, 0, 1, 1, 0])}
    changes = {
        "plain": {},
        "float16": {"logits": logits.half()},
        "bfloat16": {"logits": logits.bfloat16()},
        "float64": {"logits": logits.double()},
        "with a graph": {"logits": logits.clone().requires_grad_() * 2},
        "repeated": {"index": torch.tensor([5, 5, 7, 7, 7, 10]), "targets": torch.tensor([0, 0, 1, 1, 1, 2])},
        "not finite": {"logits": odd},
        "ignored": {"targets": torch.tensor([0, -100, 2, -100, 0, 1]), "ignore_index": -100},
        "binary": {"logits": logits[:, 0], "targets": targets % 2},
        "binary floats": {"logits": logits[:, :1], **binary},
        "binary floats, some ignored": {"logits": logits[:, 0], **binary, "ignore_index": -100},
        "int32": {"index": index.int(), "targets": targets.int()},
        "a batch of one": {"index": index[:1], "logits": logits[:1], "targets": targets[:1]},
        "an empty batch": {"index": index[:0], "logits": logits[:0], "targets": targets[:0]},
        "index out of range": {"index": index + N},
        "target out of range": {"targets": targets - 1},
        "binary, but soft": {"logits": logits[:, 0], "targets": binary["targets"] * 0.9},
        "label changed": {"index": torch.tensor([5, 5, 7, 8, 9, 10])},
        "list of positions": {"index": index.tolist()},
        "array of positions": {"index": index.numpy()},
    }
    for name, change in changes.items():
        arguments = {"index": index, "logits": logits, "targets": targets, **change}
        ignore = arguments.pop("ignore_index", None)
        there = {k: v.to(device) if isinstance(v, torch.Tensor) else v for k, v in arguments.items()}
        yield pytest.param(ignore, there, id=name)


@pytest.mark.parametrize(("ignore_index", "arguments"), list(every_kind_of_update("cpu")))
def test_no_update_reads_a_value(accelerator, ignore_index, arguments):
    tracker = ExampleTracker(N, ignore_index=ignore_index)

    with NoHostReads():
        tracker.update(**arguments)
        tracker.update(**arguments)

    assert isinstance(tracker._buffer._buffer, DeviceEpoch) or not len(arguments["index"])


@pytest.mark.parametrize(("ignore_index", "arguments"), list(every_kind_of_update("meta")))
def test_no_update_needs_a_value(ignore_index, arguments):
    """On the meta device there are none."""
    tracker = ExampleTracker(N, ignore_index=ignore_index)

    with NoHostReads():
        tracker.update(**arguments)
        tracker.update(**arguments)

    assert tracker._buffer._buffer._visits.is_meta


def passes(tracker, step, leave_at=None):
    """Three passes of a watched loop, whose steps get the batch's number, logits with margin x + 1, and targets."""
    data = TensorDataset(torch.arange(N, dtype=torch.float32), torch.arange(N) % CLASSES)
    loader = tracker.watch(DataLoader(data, batch_size=10, shuffle=True))
    for _ in range(3):
        for number, (x, y) in enumerate(loader):
            step(number, torch.nn.functional.one_hot(y, CLASSES) * (x[:, None] + 1), y)
            if number == leave_at:
                break


@pytest.mark.parametrize("leave_at", [None, 1])
@pytest.mark.parametrize("skipping", [False, True])
@pytest.mark.parametrize("attached", [False, True])
def test_no_watched_loop_reads_a_value(monkeypatch, attached, skipping, leave_at):
    """Not even where batches are skipped, so that targets must show of which batch they are."""
    tracker = ExampleTracker(N)
    monkeypatch.setattr(tracker._buffer, "take", lambda: ({"example": np.array([])}, None))  # that may wait
    criterion = torch.nn.CrossEntropyLoss()
    if attached:
        tracker.attach(criterion)

    def step(number, logits, targets):
        logits, targets = logits.to("meta").requires_grad_(), targets.to("meta")
        if skipping and number == 0:
            return
        with NoHostReads():
            if attached:
                criterion(logits, targets)
            else:
                tracker.update(logits=logits, targets=targets)

    passes(tracker, step, leave_at)

    assert tracker._updates == 3 * ((leave_at or 2) + 1 - skipping)


# The columns are those of the host


def stream(seed, binary=False):
    """Epochs of batches (index, logits, targets) with repeats, gaps, ties and values that are not finite."""
    rng = np.random.default_rng(seed)
    given = rng.integers(0, 2 if binary else CLASSES, N)
    dtype = rng.choice([torch.float16, torch.bfloat16, torch.float32, torch.float64])
    for _ in range(3):
        epoch = []
        for _ in range(rng.integers(1, 6)):
            index = rng.integers(0, N, rng.integers(1, 12))
            logits = torch.tensor(rng.normal(size=(len(index), CLASSES)) * rng.choice([1, 20]))
            logits[torch.tensor(rng.random(logits.shape) < 0.05)] = rng.choice([NAN, INF, -INF])
            logits[::3, 1] = logits[::3, 0]
            targets = torch.tensor(given[index])
            targets[torch.tensor(rng.random(len(index)) < 0.2)] = -100
            if binary:
                logits, targets = logits[:, 0], targets.to(rng.choice([torch.float32, torch.int64]))
            epoch.append((torch.tensor(index), logits.to(dtype), targets))
        yield epoch


def play(tracker, epochs, index_as=lambda index: index):
    for epoch in epochs:
        for index, logits, targets in epoch:
            tracker.update(index_as(index), logits, targets)
        tracker.end_epoch()
    return tracker


def assert_same(found, expected):
    for signal in STORED:
        compare = np.array_equal if STORED[signal].kind == "i" else lambda a, b: np.allclose(a, b, 1e-5, 2e-6, True)
        assert compare(found.trajectory(signal), expected.trajectory(signal)), signal
    assert found.state_dict()["nonfinite_visits"] == expected.state_dict()["nonfinite_visits"]
    assert found.state_dict()["given_labels"].tolist() == expected.state_dict()["given_labels"].tolist()
    left, right = found.scores(), expected.scores()
    pd.testing.assert_frame_equal(left, right, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("seed", range(15))
def test_random_streams_give_the_columns_of_the_host(accelerator, seed, binary):
    index_as = [lambda index: index, torch.Tensor.numpy, torch.Tensor.tolist][seed % 3]

    found = play(ExampleTracker(N, ignore_index=-100), stream(seed, binary), index_as)
    expected = play(ExampleTracker(N, ignore_index=-100, device="cpu"), stream(seed, binary))

    assert isinstance(found._buffer._buffer, DeviceEpoch)
    assert not isinstance(expected._buffer._buffer, DeviceEpoch)
    assert_same(found, expected)


def test_the_last_of_repeated_visits_stands_and_visits_counts_them(accelerator):
    tracker = ExampleTracker(3)
    tracker.update(torch.tensor([0, 2, 0]), torch.tensor([[1.0, 0.0], [0.0, 7.0], [0.0, 3.0]]), torch.tensor([1, 1, 1]))
    tracker.update(torch.tensor([2, 0, 0]), torch.tensor([[0.0, 1.0], [5.0, 0.0], [0.0, 5.0]]), torch.tensor([1, 1, 1]))
    tracker.end_epoch()

    assert tracker.trajectory("margin")[0].tolist() == pytest.approx([5.0, NAN, 1.0], nan_ok=True)
    assert tracker.trajectory("visits").tolist() == [[4, -1, 2]]
    assert tracker.trajectory("prediction").tolist() == [[1, -1, 1]]


def test_a_run_on_disk_is_that_of_the_host(accelerator, tmp_path):
    for name, device in (("there", None), ("here", "cpu")):
        with ExampleTracker(N, run=tmp_path / name, ignore_index=-100, device=device) as tracker:
            play(tracker, stream(3))
    there, here = open_run(tmp_path / "there"), open_run(tmp_path / "here")

    assert there.summary()["nonfinite_visits"] == here.summary()["nonfinite_visits"] > 0
    pd.testing.assert_frame_equal(there.examples, here.examples)
    pd.testing.assert_frame_equal(there.scores(), here.scores(), rtol=1e-5, atol=1e-5)


def test_an_open_epoch_is_no_part_of_the_scores_and_goes_on(accelerator):
    tracker = ExampleTracker(2)
    tracker.update(torch.tensor([0]), torch.tensor([[1.0, 0.0]]), torch.tensor([1]))

    assert tracker.scores()["aum"].isna().all()
    assert tracker.scores()["given_label"].tolist() == [1, pd.NA]
    tracker.update(torch.tensor([1]), torch.tensor([[2.0, 0.0]]), torch.tensor([0]))
    tracker.end_epoch()
    assert tracker.scores()["aum"].tolist() == [-1.0, 2.0]


@pytest.mark.parametrize("after", [None, "cpu"])
@pytest.mark.parametrize("before", [None, "cpu"])
def test_a_saved_state_goes_on_wherever_it_came_from(accelerator, before, after, tmp_path):
    """In the middle of an epoch, through a file."""
    first, second, third = stream(1)
    tracker = play(ExampleTracker(N, ignore_index=-100, device=before), [first])
    for batch in second[:1]:
        tracker.update(*batch)
    torch.save(tracker.state_dict(), tmp_path / "state.pt")

    again = ExampleTracker(N, ignore_index=-100, device=after)
    again.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    play(again, [second[1:], third])

    assert_same(again, play(ExampleTracker(N, ignore_index=-100, device="cpu"), [first, second, third]))
    with pytest.raises(ValueError, match="example 3 label"):  # what was learned before the state still holds
        again.update(np.array([3]), np.zeros((1, CLASSES)), [(again._labels.given[3] + 1) % CLASSES])
        again.end_epoch()


def test_a_state_may_be_loaded_into_a_tracker_at_work(accelerator):
    first, second, third = stream(1)
    tracker = play(ExampleTracker(N, ignore_index=-100), [first])
    state = tracker.state_dict()
    play(tracker, [third])

    tracker.load_state_dict(state)
    play(tracker, [second])

    assert_same(tracker, play(ExampleTracker(N, ignore_index=-100, device="cpu"), [first, second]))


def test_a_resumed_run_goes_on(accelerator, tmp_path):
    first, second, third = stream(2)
    for epochs, if_exists in (([first], "error"), ([second, third], "resume")):
        with ExampleTracker(N, run=tmp_path / "run", ignore_index=-100, if_exists=if_exists) as tracker:
            play(tracker, epochs)
    whole = play(ExampleTracker(N, ignore_index=-100, device="cpu"), [first, second, third])

    assert np.array_equal(open_run(tmp_path / "run").trajectory("visits"), whole.trajectory("visits"))
    assert open_run(tmp_path / "run").summary()["nonfinite_visits"] == whole.state_dict()["nonfinite_visits"]


def test_ids_and_watched_loaders_work_as_on_the_host(accelerator):
    named = ExampleTracker(3, ids=[10, 20, 30])
    named.update(torch.tensor([30, 10]), torch.tensor([[1.0, 0.0]] * 2), torch.tensor([0, 0]))
    named.end_epoch()
    watched = ExampleTracker(N)
    passes(watched, lambda number, logits, y: watched.update(logits=logits.float(), targets=y))

    assert named.trajectory("visits").tolist() == [[1, -1, 1]]
    assert watched.trajectory("margin").tolist() == [list(range(1, N + 1))] * 3


# Where batches go


def test_the_first_logits_decide_where(accelerator):
    there, here = ExampleTracker(2), ExampleTracker(2)
    on_device, on_host = torch.tensor([[1.0, 0.0]]), np.array([[1.0, 0.0]])
    for tracker, first, second in ((there, on_device, on_host), (here, on_host, on_device)):
        tracker.update([0], first, [0])
        tracker.update([1], second, [0])
        tracker.end_epoch()

        assert tracker.trajectory("margin").tolist() == [[1.0, 1.0]]
    assert isinstance(there._buffer._buffer, DeviceEpoch)
    assert not isinstance(here._buffer._buffer, DeviceEpoch)


def test_the_host_may_be_asked_for(accelerator):
    tracker = ExampleTracker(2, device="cpu")

    with pytest.raises(IndexError, match="got 2"):
        tracker.update(torch.tensor([2]), torch.tensor([[1.0, 0.0]]), torch.tensor([0]))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is such a device here")
def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match="device 'cuda:0' cannot be used here: ") as caught:
        ExampleTracker(2, device="cuda:0")

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("device", [None, "cpu"])
def test_buffers_take_less_than_forty_bytes_per_example(accelerator, device):
    tracker = ExampleTracker(10_000, device=device)
    tracker.update(torch.tensor([0]), torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
    values = [v for v in vars(tracker._buffer._buffer).values() if isinstance(v, (torch.Tensor, np.ndarray))]
    values += [*getattr(tracker._buffer._buffer, "_floats", {}).values()] if device else []

    total = sum(value.nbytes for value in values) + tracker._labels.given.nbytes

    assert round(total / 10_000) == (32 if device else 36)


def test_no_graph_is_kept_and_memory_is_flat(accelerator):
    tracker = ExampleTracker(50)
    weight = torch.ones(1, 3, requires_grad=True)
    index, targets = torch.arange(8), torch.arange(8) % 3

    def updates(count):
        for _ in range(count):
            tracker.update(index, torch.randn(8, 1) * weight, targets)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = updates(100)
        after = updates(1000)
    finally:
        tracemalloc.stop()
    buffers = [value for value in vars(tracker._buffer._buffer).values() if isinstance(value, torch.Tensor)]

    assert after - before < 1000  # bytes: less than one for each update
    assert all(buffer.grad_fn is None and not buffer.requires_grad for buffer in buffers)


def test_a_first_batch_in_inference_mode_does_no_harm(accelerator):
    tracker = ExampleTracker(2)
    with torch.inference_mode():
        tracker.update(torch.tensor([0]), torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
    tracker.update(torch.tensor([1]), torch.tensor([[2.0, 0.0]]), torch.tensor([0]))
    tracker.end_epoch()

    assert tracker.trajectory("margin").tolist() == [[1.0, 2.0]]


# Bad batches


GOOD = ([0, 1], [[1.0, 0.0], [0.0, 2.0]], [0, 1])
BAD = {
    "index": (([2, 3], [[1.0, 0.0]] * 2, [0, 0]), IndexError, r"index must lie in \[0, 3\), got 3. Pass dataset"),
    "negative index": (([-1, 2], [[1.0, 0.0]] * 2, [0, 0]), IndexError, r"index must lie in \[0, 3\), got -1"),
    "target": (([2, 1], [[1.0, 0.0]] * 2, [0, 2]), ValueError, r"targets must lie in \[0, 2\), got 2\. F"),
    "negative target": (([2, 1], [[1.0, 0.0]] * 2, [0, -100]), ValueError, "got -100. Say ignore_index to skip"),
    "label": (([1, 2], [[1.0, 0.0]] * 2, [0, 0]), ValueError, "example 1 label 0, but earlier 1. An example keeps"),
    "label within": (([2, 2, 0], [[1.0, 0.0]] * 3, [1, 0, 0]), ValueError, "example 2 label 1, but earlier 0"),
    "soft": (([2, 1], [1.0, 2.0], [0.0, 0.3]), ValueError, "binary targets must be exactly 0 or 1, got 0.3. Soft"),
    "NaN": (([2, 1], [1.0, 2.0], [NAN, 1.0]), ValueError, "binary targets must be exactly 0 or 1, got nan"),
    "two things": (([2, 3], [[1.0, 0.0]] * 2, [2, 0]), IndexError, "got 3. Pass dataset"),
}


def tensors(batch):
    return [torch.tensor(values) for values in batch]


@pytest.mark.parametrize(("bad", "error", "message"), BAD.values(), ids=BAD)
def test_a_bad_batch_is_left_out_whole_and_named_when_the_epoch_ends(accelerator, bad, error, message):
    with pytest.raises(error) as on_the_host:
        tracker = ExampleTracker(3, device="cpu")
        tracker.update(*tensors(GOOD))
        tracker.update(*tensors(bad))
    tracker = ExampleTracker(3)
    for batch in (GOOD, bad, ([0], [[4.0, 0.0]], [0])):
        tracker.update(*tensors(batch))

    with pytest.raises(error, match=message) as caught:
        tracker.end_epoch()

    assert str(caught.value) == f"{on_the_host.value} Found in batch 2 of this epoch; that batch was left out."
    assert type(caught.value) is error
    assert tracker.trajectory("visits").tolist() == [[2, 1, -1]]
    assert tracker.trajectory("margin").tolist() == [[4.0, 2.0, pytest.approx(NAN, nan_ok=True)]]
    assert tracker.trajectory("prediction").tolist() == [[0, 1, -1]]
    assert tracker._labels.given.tolist() == [0, 1, -1]
    tracker.end_epoch()  # it has been said
    tracker.update(*tensors(GOOD))
    tracker.end_epoch()
    assert tracker.trajectory("visits").shape == (2, 3)


def test_the_first_of_several_is_named(accelerator):
    tracker = ExampleTracker(3)
    for index in (0, 7, 8, 1, 9):
        tracker.update(torch.tensor([index]), torch.tensor([[1.0, 0.0]]), torch.tensor([0]))

    with pytest.raises(
        IndexError, match=r"got 7\. .* in batch 2 of this epoch; that batch was left out, and so were 2"
    ):
        tracker.end_epoch()
    tracker.update(torch.tensor([5]), torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
    with pytest.raises(IndexError, match=r"got 5\. .* in batch 1 of this epoch; that batch was left out\.$"):
        tracker.end_epoch()
    assert tracker.trajectory("visits").tolist() == [[1, 1, -1]]  # an epoch of bad batches alone is none


def test_an_ignored_row_may_hold_anything(accelerator):
    tracker = ExampleTracker(3, ignore_index=-1)
    for index in ([0, 99], [-5, 0]):
        targets = [-1 if value else 1 for value in index]
        tracker.update(torch.tensor(index), torch.tensor([[1.0, 0.0]] * 2), torch.tensor(targets))
    tracker.update(torch.tensor([1, 2]), torch.zeros(2, 2), torch.tensor([-1, -1]))
    tracker.end_epoch()

    assert tracker.trajectory("visits").tolist() == [[2, -1, -1]]


def test_an_epoch_of_ignored_rows_counts_as_one(accelerator):
    tracker = ExampleTracker(3, ignore_index=-1)
    tracker.update(torch.tensor([1, 2]), torch.zeros(2, 2), torch.tensor([-1, -1]))
    tracker.end_epoch()

    assert tracker.trajectory("visits").tolist() == [[-1, -1, -1]]


def test_what_was_recorded_is_written_before_the_error(accelerator, tmp_path):
    with pytest.raises(IndexError, match="batch 2"), ExampleTracker(3, run=tmp_path / "run") as tracker:
        tracker.update(*tensors(GOOD))
        tracker.update(torch.tensor([9]), torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
    run = open_run(tmp_path / "run")

    assert (run.status, run.trajectory("visits").tolist()) == ("failed", [[1, 1, -1]])


def leave_with(error, tracker):
    with pytest.raises(error), tracker:
        raise error


def test_another_error_is_not_hidden_by_a_bad_batch(accelerator, tmp_path):
    tracker = ExampleTracker(3, run=tmp_path / "run")
    tracker.update(torch.tensor([9]), torch.tensor([[1.0, 0.0]]), torch.tensor([0]))

    with pytest.warns(ProbeWarning, match="got 9.*batch 1"):
        leave_with(KeyboardInterrupt, tracker)

    assert open_run(tmp_path / "run").status == "interrupted"


def test_a_loop_that_takes_batches_ahead_is_found_out(accelerator):
    """Each batch's logits come when the next one has been taken: its indices would be of other examples."""
    tracker = ExampleTracker(N)
    held = []

    def step(number, logits, targets):
        held.append((logits.float(), targets))
        if number:
            logits, targets = held.pop(0)
            tracker.update(logits=logits, targets=targets)

    with pytest.raises(ValueError, match=r"targets are not in the batch.*with_index.* Found in batch 1 of this epoch"):
        passes(tracker, step)
    assert tracker._labels.given.max() == -1


def test_a_loop_that_skips_batches_is_followed(accelerator):
    tracker = ExampleTracker(N)

    def step(number, logits, targets):
        if number != 1:
            tracker.update(logits=logits.float(), targets=targets)

    passes(tracker, step)

    visits = tracker.trajectory("visits")
    assert (visits == 1).sum(axis=1).tolist() == [N - 10] * 3
    assert np.array_equal(tracker.trajectory("margin")[visits == 1], np.nonzero(visits == 1)[1] + 1)


def test_after_a_break_targets_of_the_batch_itself_claim_it(accelerator):
    """Seen from the memory they share, which needs no value of theirs."""
    tracker = ExampleTracker(4)
    data = TensorDataset(torch.zeros(4), torch.zeros(4, dtype=torch.int64))
    _, targets = next(iter(tracker.watch(DataLoader(data, batch_size=4))))

    with NoHostReads():
        with pytest.raises(ValueError, match="index is missing"):
            tracker.update(logits=torch.zeros(4, 2), targets=targets.clone())
        tracker.update(logits=torch.zeros(4, 2), targets=targets)
    tracker.end_epoch()

    assert tracker.trajectory("visits").tolist() == [[1] * 4]


def test_the_host_takes_no_detour():
    """Neither module of the device is needed for logits on the CPU."""
    recorder = ExampleTracker(2)._buffer

    assert not recorder.place(torch.zeros(1, 2))
    assert isinstance(recorder.check([0], torch.zeros(1, 2), [0], num_classes=None, watched=False), Batch)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("binary", [False, True])
def test_on_a_real_device_nothing_waits(binary):
    expected = play(ExampleTracker(N, ignore_index=-100), stream(0, binary))
    tracker = ExampleTracker(N, ignore_index=-100)
    for epoch in stream(0, binary):
        there = [(index, logits.cuda(), targets.cuda()) for index, logits, targets in epoch]
        tracker.update(*there[0])
        torch.cuda.set_sync_debug_mode("error")
        try:
            for batch in there[1:]:
                tracker.update(*batch)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        tracker.end_epoch()

    assert_same(tracker, expected)
