"""The construction of theorem 1, against its statement."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.studies.expressivity import construct, evaluate, realise


def test_a_case_by_hand():
    """One dimension, a = 1: points 0 and 2, biases -1 and 1, values 1 and 5."""
    direction, biases, weights = construct(np.array([[2.0], [0.0]]), np.array([5.0, 1.0]), seed=0)
    scale = direction[0]

    points = np.sort(np.array([2.0, 0.0]) * scale)
    assert biases == pytest.approx([points[0] - 1, points.mean()])
    assert evaluate((direction, biases, weights), np.array([[2.0], [0.0]])) == pytest.approx([5, 1])


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(1, 6), st.integers(0, 1000))
def test_any_labels_of_distinct_points_are_realised_with_2n_plus_d_weights(count, dimensions, seed):
    rng = np.random.default_rng(seed)
    inputs, targets = rng.standard_normal((count, dimensions)), rng.integers(0, 10, count).astype(float)
    network = construct(inputs, targets, seed)

    assert sum(part.size for part in network) == 2 * count + dimensions
    gap = np.diff(np.sort(inputs @ network[0])).min(initial=1.0)
    assert np.abs(evaluate(network, inputs) - targets).max() < 1e-10 * max(1.0, 1 / gap)


def test_points_that_are_alike_are_refused():
    with pytest.raises(ValueError, match="alike"):
        construct(np.ones((2, 3)), np.array([0.0, 1.0]), seed=0)


def test_float32_is_not_enough():
    found = realise("gaussian", None, 0)

    assert (found["points"], found["weights"]) == (500, 1020)
    assert found["error"] < 1e-5 < 1e-3 < found["error_float32"]
