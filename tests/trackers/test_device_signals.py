"""Signals in torch operations: those of numpy, wherever the logits lie."""

import numpy as np
import pytest
import torch

from probes.signals import signals
from probes.trackers.device_signals import device_signals

INF, NAN = np.inf, np.nan


def both(logits, targets):
    """(4, B) floats and (B,) predictions, of numpy and of torch."""
    of_numpy = signals(np.array(logits), np.array(targets))
    floats, prediction = device_signals(torch.tensor(logits), torch.tensor(targets))
    return np.stack(of_numpy[:4]), of_numpy.prediction, floats.numpy(), prediction.numpy()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("classes", [2, 10, 1000])
@pytest.mark.parametrize("scale", [0.1, 5.0, 60.0])
def test_agrees_with_numpy(dtype, classes, scale):
    rng = np.random.default_rng(classes)
    logits = (rng.normal(size=(64, classes)) * scale).astype(dtype)

    expected, classes_expected, found, classes_found = both(logits, rng.integers(0, classes, 64))

    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert np.array_equal(found[1], expected[1])  # margins
    assert np.array_equal(classes_found, classes_expected)
    assert (found.dtype, classes_found.dtype) == (np.float32, np.int32)


def test_unusable_rows_and_masked_classes_are_those_of_numpy():
    logits = np.array(
        [
            [NAN, 0.0, 1.0],
            [0.0, 1.0, NAN],
            [INF, 0.0, 0.0],
            [0.0, INF, 0.0],
            [-INF, 0.0, 1.0],  # at the target
            [2.0, -INF, 1.0],  # a masked class
            [2.0, -INF, -INF],
            [-INF, -INF, -INF],
            [1.0, 1.0, 1.0],  # a tie: the first
            [0.0, 3.0, 3.0],
        ],
        dtype=np.float32,
    )

    expected, classes_expected, found, classes_found = both(logits, np.zeros(10, dtype=np.int64))

    assert classes_found.tolist() == classes_expected.tolist() == [-1, -1, -1, -1, -1, 0, 0, -1, 0, 1]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found[1, 6] == INF  # its margin: no other class is left


def test_is_accurate_where_the_given_class_is_almost_certain():
    """With two other classes at distance d: q = exp(-d) each, loss 2q, el2n sqrt(6) q, entropy 2q (1 + d)."""
    distance = np.array([12.0, 20.0, 40.0])
    logits = torch.zeros(3, 3)
    logits[:, 1] = torch.tensor(distance)
    q = np.exp(-distance)

    (loss, margin, entropy, el2n), _ = device_signals(logits, torch.ones(3, dtype=torch.int64))

    np.testing.assert_allclose(loss, 2 * q, rtol=2e-5)
    np.testing.assert_allclose(el2n, np.sqrt(6) * q, rtol=2e-5)
    np.testing.assert_allclose(entropy, 2 * q * (1 + distance), rtol=2e-5)
    assert margin.tolist() == distance.tolist()


def test_double_precision_is_used_where_it_comes():
    """The difference 1e-9 of two logits is nothing in float32."""
    logits = torch.tensor([[100.0, 100.0 + 1e-9]], dtype=torch.float64)

    floats, prediction = device_signals(logits, torch.tensor([1]))

    assert floats[1].item() == pytest.approx(1e-9, rel=1e-4)
    assert prediction.tolist() == [1]
