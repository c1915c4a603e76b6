"""A batch's way to a device: the forms that `check_batch` takes, and the lines that it says."""

import numpy as np
import pytest
import torch

from probes.trackers import device_batch as module
from probes.trackers.batches import check_batch
from probes.trackers.device_batch import device_batch

CPU = torch.device("cpu")
LOGITS = torch.tensor([[0.5, 1.0, -1.0], [2.0, 0.0, 0.0]])


@pytest.fixture(autouse=True)
def tensors_lie_on_an_accelerator(monkeypatch):
    monkeypatch.setattr(module, "on_accelerator", lambda value: isinstance(value, torch.Tensor))


def check(index=(0, 1), logits=LOGITS, targets=(1, 0), **more):
    return device_batch(index, logits, targets, device=CPU, num_examples=5, **more)


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
def test_index_and_targets_may_lie_anywhere(kind):
    batch = check(kind([3, 1]), LOGITS, kind([1, 0]))

    assert [t.tolist() for t in (batch.index, batch.targets)] == [[3, 1], [1, 0]]
    assert batch.index.dtype == batch.targets.dtype == torch.int64


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_half_precision_is_widened_and_no_graph_kept(dtype, kept):
    logits = LOGITS.clone().to(dtype).requires_grad_()

    found = check(logits=logits * 1).logits

    assert (found.dtype, found.requires_grad) == (kept, False)
    assert found.tolist() == logits.detach().to(kept).tolist()


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
@pytest.mark.parametrize("targets", [[1, 0], [1.0, 0.0], [True, False], [[1.0], [0.0]]])
def test_one_logit_stands_for_two_classes(shape, targets):
    batch = check(logits=torch.tensor([3.0, -2.0]).reshape(shape), targets=torch.tensor(targets))

    assert batch.logits.tolist() == [[0.0, 3.0], [0.0, -2.0]]
    assert batch.targets.tolist() == [1, 0]


def test_a_batch_of_one_and_one_example_outside_a_batch():
    for logits in (LOGITS[:1], LOGITS[0]):
        batch = check(torch.tensor(2), logits, torch.tensor(1))

        assert (batch.index.tolist(), batch.targets.tolist()) == ([2], [1])
        assert batch.logits.tolist() == LOGITS[:1].tolist()


def test_logits_on_the_host_come_along():
    assert check(logits=LOGITS.numpy()).logits.tolist() == LOGITS.tolist()
    assert check(logits=LOGITS.numpy().astype(np.float16)).logits.dtype == torch.float32
    assert check(logits=LOGITS.tolist()).logits.dtype == torch.float64


def test_the_callers_arrays_may_change_afterwards():
    index, targets = np.array([0, 1]), np.array([1, 0])
    batch = check(index, LOGITS, targets)

    index[:], targets[:] = 4, 2

    assert (batch.index.tolist(), batch.targets.tolist()) == ([0, 1], [1, 0])


def test_ids_are_looked_up_on_the_host():
    assert check(["b", "a"], positions={"a": 0, "b": 1}).index.tolist() == [1, 0]
    assert check(torch.tensor([20, 10]), positions={10: 0, 20: 1}).index.tolist() == [1, 0]
    with pytest.raises(IndexError, match="index holds 'c', which is not among"):
        check(["c", "a"], positions={"a": 0, "b": 1})


def test_an_index_on_the_host_is_checked_at_once():
    with pytest.raises(IndexError, match=r"index must lie in \[0, 5\), got 5. Pass dataset positions"):
        check([0, 5])
    assert check(torch.tensor([0, 5])).index.tolist() == [0, 5]  # on the device: not yet
    assert check([0, 5], ignore_index=-100).index.tolist() == [0, 5]  # its row may be one to skip


@pytest.mark.parametrize(
    "changes",
    [
        {"logits": None},
        {"targets": None},
        {"index": None},
        {"index": torch.tensor([0.0, 1.0])},
        {"index": [0.0, 1.0]},
        {"index": torch.tensor([True, False])},
        {"index": torch.tensor([[0, 1]])},
        {"index": torch.tensor([0])},
        {"index": torch.tensor([0]), "watched": True},
        {"logits": torch.zeros(2, 3, dtype=torch.int64)},
        {"logits": torch.zeros(2, 3, dtype=torch.complex64)},
        {"logits": torch.zeros(2, 4, 3)},
        {"logits": torch.zeros(2, 3, 8, 8)},
        {"logits": torch.tensor(1.0)},
        {"logits": "scores"},
        {"targets": torch.zeros(2, 3, dtype=torch.int64)},
        {"targets": torch.tensor([0.0, 1.0])},
        {"targets": torch.tensor([0.0, 1.0], dtype=torch.float64)},
        {"targets": torch.tensor([0, 1]).to(torch.complex64)},
        {"targets": ["a", "b"]},
        {"num_classes": 10},
    ],
)
def test_says_of_a_form_what_the_host_says(changes):
    arguments = {"index": [0, 1], "logits": LOGITS, "targets": [1, 0], **changes}
    with pytest.raises((TypeError, ValueError)) as expected:
        check_batch(**arguments, num_examples=5)

    with pytest.raises((TypeError, ValueError)) as found:
        check(**arguments)

    assert (type(found.value), str(found.value)) == (type(expected.value), str(expected.value))
