"""Estimators of information, against closed forms, hand-worked cases and their bounds."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from probes.studies.information import (
    bin_index,
    binned_information,
    cluster_ratio,
    entropy_bits,
    kde_bounds,
    kde_label_information,
    saturated,
    tanh_unit_information,
)
from probes.studies.twelve_bits import icosahedron, twelve_bits


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20).filter(any))
def test_entropy_is_scipys(counts):
    assert entropy_bits(np.array(counts)) == pytest.approx(stats.entropy(counts, base=2), abs=1e-9)


def test_binned_information_of_a_case_by_hand():
    """Four inputs, cells a a b c, labels 0 0 1 1: H(T) = 1.5 bits; given y = 0 none, given y = 1 one bit."""
    bins = np.array([[0, 1], [0, 1], [2, 1], [2, 3]])

    assert binned_information(bins, np.array([0, 0, 1, 1])) == pytest.approx((1.5, 1.0))


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 200), st.integers(1, 4), st.integers(1, 40), st.integers(0, 1000))
def test_binned_information_stays_within_its_bounds(count, units, bins, seed):
    rng = np.random.default_rng(seed)
    index = bin_index(np.tanh(rng.standard_normal((count, units))), -1, 1, bins)
    labels = rng.integers(0, 2, count)
    i_x, i_y = binned_information(index, labels)

    by_unit = sum(entropy_bits(np.bincount(index[:, unit])) for unit in range(units))
    assert -1e-9 <= i_x <= min(math.log2(count), by_unit) + 1e-9
    assert -1e-9 <= i_y <= min(entropy_bits(np.bincount(labels)), i_x) + 1e-9


def test_bins_are_equal_and_their_ends_belong_to_them():
    values = np.array([[-1.0], [-0.51], [-0.5], [0.0], [0.99], [1.0], [7.0], [-7.0]])

    assert bin_index(values, -1, 1, 4).ravel().tolist() == [0, 0, 1, 2, 3, 3, 3, 0]
    constant = bin_index(np.ones((3, 2)), 1, 1, 10)
    assert constant.tolist() == [[0, 0]] * 3
    assert binned_information(constant, np.array([0, 1, 0])) == (0, 0)  # a constant layer says nothing


@pytest.mark.parametrize("weight", [0.5, 2.0, 5.0, 50.0])
def test_the_minimal_model_agrees_with_its_closed_form(weight):
    """One unit tanh(w x), x normal: the estimator on many inputs against Saxe et al.'s p_i."""
    x = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)[:, None]
    index = bin_index(np.tanh(weight * x), -1, 1, 30)

    assert binned_information(index, np.zeros(len(x), dtype=int))[0] == pytest.approx(
        tanh_unit_information(weight), abs=2e-3
    )


def test_the_minimal_model_rises_then_falls_to_one_bit():
    values = [tanh_unit_information(weight) for weight in (0.05, 1.0, 10.0, 1000.0)]

    assert values[0] < values[1] > values[2] > values[3]
    assert values[3] == pytest.approx(1, abs=0.03)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 60), st.integers(1, 4), st.floats(1e-3, 1), st.integers(0, 1000))
def test_kernel_bounds_are_in_order(count, units, variance, seed):
    lower, upper = kde_bounds(np.random.default_rng(seed).standard_normal((count, units)), variance)

    assert -1e-9 <= lower <= upper + 1e-9 <= math.log2(count) + 2e-9


def test_kernel_estimates_of_cases_that_are_known():
    alike, apart = np.ones((8, 3)), 100.0 * np.arange(8)[:, None]
    two = np.repeat([[0.0], [100.0]], 4, axis=0)

    assert kde_bounds(alike, 0.1) == pytest.approx((0, 0))
    assert kde_bounds(apart, 0.1) == pytest.approx((3, 3))
    assert kde_bounds(two, 0.1) == pytest.approx((1, 1))
    assert kde_label_information(two, np.repeat([0, 1], 4), 0.1) == pytest.approx(1)
    assert kde_label_information(two, np.tile([0, 1], 4), 0.1) == pytest.approx(0)


def test_kernel_bounds_are_their_formulas():
    hidden, s2 = np.random.default_rng(0).standard_normal((6, 2)), 0.3
    distances = ((hidden[:, None] - hidden[None]) ** 2).sum(-1)

    for bound, factor in zip(kde_bounds(hidden, s2), (8, 2), strict=True):
        nats = -np.mean([math.log(np.mean(np.exp(-row / (factor * s2)))) for row in distances])
        assert bound == pytest.approx(nats / math.log(2))


def test_the_cluster_ratio_by_hand():
    """Classes at 0 and 10, their examples one away from the mean."""
    hidden, labels = np.array([[-1.0], [1.0], [9.0], [11.0]]), np.array([0, 0, 1, 1])

    assert cluster_ratio(hidden, labels) == pytest.approx(0.1)
    assert math.isnan(cluster_ratio(np.ones((4, 1)), labels))


def test_saturated_units():
    assert saturated(np.array([[0.95, -0.99], [0.5, 0.0]])) == 0.5


def test_the_task_is_what_the_reference_says():
    x, y = twelve_bits()

    assert len(np.unique(x, axis=0)) == len(x) == 4096
    assert y.mean() == pytest.approx(0.497, abs=5e-4)
    points = icosahedron()
    assert np.linalg.norm(points, axis=1) == pytest.approx(np.ones(12))
    assert np.unique(np.round(points @ points.T, 6)).tolist() == pytest.approx([-1, -(5**-0.5), 5**-0.5, 1], abs=1e-5)
    opposite = [int(np.argmin(points @ point)) for point in points]  # a rotation's worth: swap every pair of poles
    place = {tuple(row): label for row, label in zip(x.tolist(), y.tolist(), strict=True)}
    assert all(place[tuple(row[opposite])] == label for row, label in zip(x[::37], y[::37], strict=True))
