"""Signals against float64 torch and hand-worked values."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.signals import Signals, signals


def reference(logits, targets):
    """Every signal in float64 from torch's own log-softmax."""
    z = torch.as_tensor(np.asarray(logits, dtype=np.float64))
    y = torch.as_tensor(targets)
    log_p = z.log_softmax(1)
    p = log_p.exp()
    one_hot = torch.nn.functional.one_hot(y, z.shape[1])
    other = z.masked_fill(one_hot.bool(), -torch.inf).max(1).values
    return {
        "loss": -log_p.gather(1, y[:, None])[:, 0],
        "margin": z.gather(1, y[:, None])[:, 0] - other,
        "entropy": torch.special.entr(p).sum(1),
        "el2n": (p - one_hot).norm(dim=1),
        "prediction": z.argmax(1),
    }


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([2, 3, 10, 100]), st.sampled_from([0.1, 1.0, 10.0, 60.0]))
def test_agrees_with_float64_torch(seed, classes, scale):
    rng = np.random.default_rng(seed)
    logits = (rng.normal(size=(16, classes)) * scale).astype(np.float32)
    targets = rng.integers(0, classes, 16)

    found = signals(logits, targets)

    for name, expected in reference(logits, targets).items():
        assert np.allclose(getattr(found, name), expected.numpy(), rtol=1e-5, atol=1e-6), name


def test_keeps_relative_accuracy_where_the_given_label_is_nearly_certain():
    """1 - p of 1e-9 is far below float32's resolution at 1; loss and EL2N still resolve it."""
    logits = np.array([[20.7, 0.0, 0.0]], dtype=np.float32)

    found = signals(logits, np.array([0]))

    expected = reference(logits, [0])
    assert found.loss[0] == pytest.approx(expected["loss"].item(), rel=1e-5)
    rest = 2 * np.exp(-20.7)
    assert found.loss[0] == pytest.approx(rest, rel=1e-5)
    assert found.el2n[0] == pytest.approx(np.sqrt(rest**2 + 2 * (rest / 2) ** 2), rel=1e-5)


def test_el2n_has_its_textbook_values():
    uniform = signals(np.zeros((1, 10), dtype=np.float32), np.array([3]))
    opposite = signals(np.array([[500.0, 0.0]], dtype=np.float32), np.array([1]))

    assert uniform.el2n[0] == pytest.approx(np.sqrt(1 - 1 / 10))
    assert opposite.el2n[0] == pytest.approx(np.sqrt(2))


@pytest.mark.parametrize(
    "row", [[np.nan, 0.0, 1.0], [np.inf, 0.0, 1.0], [0.0, -np.inf, 1.0], [0.0, 1.0, np.inf], [-np.inf] * 3]
)
def test_an_unusable_row_is_missing_and_leaves_the_others_alone(row):
    good = [0.3, 1.7, -2.0]
    found = signals(np.array([row, good], dtype=np.float32), np.array([1, 1]))
    alone = signals(np.array([good], dtype=np.float32), np.array([1]))

    assert found.prediction.tolist() == [-1, 1]
    for name in ("loss", "margin", "entropy", "el2n"):
        assert np.isnan(getattr(found, name)[0])
        assert getattr(found, name)[1] == getattr(alone, name)[0]


def test_a_masked_class_is_valid():
    """-inf at another class leaves it out of the softmax."""
    masked = signals(np.array([[1.0, -np.inf, 0.5]], dtype=np.float32), np.array([0]))
    without = signals(np.array([[1.0, 0.5]], dtype=np.float32), np.array([0]))

    for name in ("loss", "margin", "entropy", "el2n"):
        assert getattr(masked, name)[0] == pytest.approx(getattr(without, name)[0], rel=1e-6)


@pytest.mark.parametrize("classes", [7, 700])
def test_a_masked_class_is_valid_among_many(classes):
    """Long rows take another path through the sums than short ones; the other rows stay as they are."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(5, classes)).astype(np.float32) * 5
    targets = np.full(5, 1)
    masked = logits.copy()
    masked[2, 3:] = -np.inf

    found, plain = signals(masked, targets), signals(logits, targets)

    alone = reference(logits[2:3, :3], targets[2:3])
    for name in ("loss", "margin", "entropy", "el2n"):
        assert getattr(found, name)[2] == pytest.approx(alone[name].item(), rel=1e-5, abs=1e-6), name
        assert np.array_equal(np.delete(getattr(found, name), 2), np.delete(getattr(plain, name), 2)), name


def test_a_batch_of_many_logits_gives_what_its_rows_give():
    """It is worked through in blocks; the last one is shorter."""
    rng = np.random.default_rng(0)
    logits = (rng.normal(size=(301, 1000)) * 3).astype(np.float32)
    logits[250, 5] = np.nan
    targets = rng.integers(0, 1000, 301)

    found = signals(logits, targets)

    parts = [signals(logits[rows], targets[rows]) for rows in np.array_split(np.arange(301), 43)]
    for name in Signals._fields:
        expected = np.concatenate([getattr(part, name) for part in parts])
        assert np.allclose(getattr(found, name), expected, rtol=1e-6, equal_nan=True), name
        assert getattr(found, name).dtype == expected.dtype == (np.int32 if name == "prediction" else np.float32)


def test_any_layout_in_memory():
    logits = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    targets = np.arange(6) % 4
    views = (np.asfortranarray(logits), np.repeat(logits, 2, axis=1)[:, ::2], logits[::-1][::-1])

    for view in views:
        for name, expected in zip(Signals._fields, signals(logits, targets), strict=True):
            assert np.array_equal(getattr(signals(view, targets), name), expected)


def test_an_empty_batch():
    assert [len(values) for values in signals(np.empty((0, 3), np.float32), np.empty(0, int))] == [0] * 5


def test_a_margin_of_thousands_is_exact():
    found = signals(np.array([[3000.0, 1.0, 2.0], [-5000.0, 0.0, -1.0]], dtype=np.float32), np.array([0, 0]))

    assert found.margin.tolist() == [2998.0, -5000.0]
    assert found.loss.tolist() == [0.0, pytest.approx(5000.3132)]


def test_leaves_its_arguments_alone():
    logits = np.array([[1.0, np.nan], [2.0, -1.0]], dtype=np.float32)
    before = logits.copy()

    signals(logits, np.array([0, 1]))

    assert np.array_equal(logits, before, equal_nan=True)


def test_what_an_earlier_call_returned_is_not_written_over():
    """Calls of one thread compute in the same memory."""
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(8, 5)), rng.integers(0, 5, 8)
    found = signals(logits, targets)
    before = [values.copy() for values in found]

    signals(rng.normal(size=(8, 5)), targets)

    for values, kept in zip(found, before, strict=True):
        np.testing.assert_array_equal(values, kept)


def test_threads_compute_apart():
    from concurrent.futures import ThreadPoolExecutor

    rng = np.random.default_rng(0)
    batches = [(rng.normal(size=(64, 200)), rng.integers(0, 200, 64)) for _ in range(40)]
    alone = [signals(*batch) for batch in batches]

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda batch: signals(*batch), batches))

    for one, other in zip(alone, together, strict=True):
        for values, expected in zip(other, one, strict=True):
            np.testing.assert_array_equal(values, expected)
