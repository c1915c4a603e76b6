"""What `update` takes, and the line it says about what it does not take."""

import numpy as np
import pytest
import torch

from probes.trackers.batches import check_batch

LOGITS = np.array([[0.5, 1.0, -1.0], [2.0, 0.0, 0.0]], dtype=np.float32)


def check(index=(0, 1), logits=LOGITS, targets=(1, 0), num_examples=5, **more):
    return check_batch(index, logits, targets, num_examples=num_examples, **more)


class Exporter:
    """An array of some other library: only the exchange protocol."""

    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **settings):
        return self._array.__dlpack__(**settings)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


class Convertible:
    def __init__(self, array):
        self._array = array

    def __array__(self, dtype=None, copy=None):
        return self._array


@pytest.mark.parametrize(
    "wrap",
    [
        np.asarray,
        torch.as_tensor,
        lambda a: torch.as_tensor(a).double() if a.dtype.kind == "f" else torch.as_tensor(a).int(),
        lambda a: torch.as_tensor(a, dtype=torch.float32).requires_grad_() if a.dtype.kind == "f" else a,
        lambda a: a.tolist() if a.ndim == 1 else a,
        Exporter,
        Convertible,
    ],
)
def test_takes_arrays_of_any_kind(wrap):
    batch = check(wrap(np.array([3, 1])), wrap(LOGITS), wrap(np.array([1, 0])))

    assert batch.index.tolist() == [3, 1]
    assert np.allclose(batch.logits, LOGITS)
    assert batch.targets.tolist() == [1, 0]


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_widened(dtype, grad):
    batch = check(logits=torch.tensor(LOGITS).to(dtype).requires_grad_(grad))

    assert batch.logits.dtype == np.float32
    assert batch.logits.tolist() == torch.tensor(LOGITS).to(dtype).float().tolist()
    assert check(logits=LOGITS.astype(np.float16)).logits.dtype == np.float32


def test_double_precision_stays():
    assert check(logits=torch.tensor(LOGITS).double()).logits.dtype == np.float64


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32, np.int64, np.uint64])
def test_integers_of_any_size(dtype):
    batch = check(np.array([3, 1], dtype=dtype), targets=np.array([1, 0], dtype=dtype))

    assert (batch.index.tolist(), batch.targets.tolist()) == ([3, 1], [1, 0])


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
@pytest.mark.parametrize("targets", [[1, 0], [1.0, 0.0], [True, False], [[1.0], [0.0]]])
def test_one_logit_stands_for_two_classes(shape, targets):
    if np.ndim(targets) == 2 and shape == (2,):
        pytest.skip("targets of shape (B, 1) go with logits of that shape")
    batch = check(logits=np.array([3.0, -2.0]).reshape(shape), targets=np.array(targets))

    assert batch.logits.tolist() == [[0.0, 3.0], [0.0, -2.0]]
    assert batch.targets.tolist() == [1, 0]


def test_a_batch_of_one():
    batch = check(torch.tensor(2), LOGITS[:1], torch.tensor(1))

    assert (batch.index.tolist(), batch.targets.tolist()) == ([2], [1])
    assert batch.logits.tolist() == LOGITS[:1].tolist()


def test_one_example_outside_a_batch():
    """As `CrossEntropyLoss` takes it: logits (K,) and a target ()."""
    batch = check(torch.tensor(2), LOGITS[0], torch.tensor(1))

    assert batch.logits.tolist() == LOGITS[:1].tolist()
    assert check(2, np.array([3.0]), 1).logits.tolist() == [[0.0, 3.0]]


def test_rows_with_the_ignored_target_are_skipped():
    batch = check(targets=[-100, 0], ignore_index=-100)

    assert (batch.index.tolist(), batch.targets.tolist()) == ([1], [0])


def test_binary_floats_may_be_ignored():
    batch = check(logits=[1.0, 2.0], targets=[-1.0, 1.0], ignore_index=-1)

    assert (batch.index.tolist(), batch.targets.tolist()) == ([1], [1])


def test_ids_stand_for_positions():
    positions = {"a": 0, "b": 1, 7: 2}

    assert check(["b", "a"], positions=positions).index.tolist() == [1, 0]
    with pytest.raises(IndexError, match="index holds 'c', which is not among"):
        check(["c", "a"], positions=positions)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"index": [0, 5]}, IndexError, r"index must lie in \[0, 5\), got 5. Pass dataset positions"),
        ({"index": [0, -1]}, IndexError, r"index must lie in \[0, 5\), got -1"),
        ({"index": [0.0, 1.0]}, TypeError, "index must hold integers.*float64"),
        ({"index": None}, ValueError, "index is missing.*with_index"),
        ({"index": np.array([2**63, 0], dtype=np.uint64)}, IndexError, "index must lie in"),
        ({"index": [[0, 1]]}, ValueError, r"index must have shape \(B,\), got \(1, 2\)"),
        (
            {"index": [0], "watched": True},
            ValueError,
            "drew 1 examples, but logits has 2 rows and targets 2.*Pass the in",
        ),
        ({"targets": [0, -1]}, ValueError, r"targets must lie in \[0, 3\), got -1"),
        (
            {"targets": np.zeros((2, 4), dtype=int)},
            ValueError,
            r"got \(2, 4\).*flatten sequences.*an index for each row",
        ),
        ({"targets": np.zeros((2, 8, 8), dtype=int)}, ValueError, r"got \(2, 8, 8\).*flatten sequences to one row"),
        ({"logits": np.zeros((2, 3, 8, 8))}, ValueError, r"got \(2, 3, 8, 8\). Tasks with an answer per pixel"),
        (
            {"logits": np.zeros((2, 1)), "targets": [0.7, 31.0]},
            ValueError,
            "got 0.7. Soft and regression targets are not",
        ),
        ({"targets": [0.7, 31.0]}, TypeError, "got float64. Soft and regression targets are not supported"),
        ({"logits": "scores"}, TypeError, "logits must be floats"),
        ({"index": [0]}, ValueError, "one entry per example, got 1, 2 and 2"),
        ({"targets": [0, 3]}, ValueError, r"targets must lie in \[0, 3\), got 3"),
        ({"targets": [0, -100]}, ValueError, "got -100. Say ignore_index"),
        ({"targets": [0.0, 1.0]}, TypeError, "integer classes, got float64"),
        ({"targets": [[0, 1, 0], [1, 0, 0]]}, ValueError, r"shape \(B,\).*\(2, 3\).*[Ss]oft targets are not supported"),
        ({"targets": None}, TypeError, "needs targets"),
        ({"logits": None}, TypeError, "needs logits"),
        ({"logits": np.zeros((2, 4, 3))}, ValueError, r"got \(2, 4, 3\). Flatten sequences.*reshape\(-1, K\)"),
        ({"logits": np.zeros((2, 3), dtype=int)}, TypeError, "logits must be floats"),
        ({"logits": [[1.0, 2.0], [1.0]]}, TypeError, "logits must be an array of numbers"),
        ({"logits": [1.0, 2.0], "targets": [0.0, 0.3]}, ValueError, "exactly 0 or 1, got 0.3"),
        ({"num_classes": 10}, ValueError, "must have 10 classes as in earlier batches, got 3"),
    ],
)
def test_says_in_one_line_what_is_wrong(changes, error, message):
    with pytest.raises(error, match=message) as caught:
        check(**changes)

    assert "\n" not in str(caught.value)


def test_a_model_output_that_holds_logits_is_named():
    class Output(dict):
        logits = np.zeros((2, 3), np.float32)

    with pytest.raises(TypeError, match=r"got Output of mixed entries. Pass its \.logits\.$"):
        check_batch([0, 1], Output(), [0, 1], num_examples=2)
