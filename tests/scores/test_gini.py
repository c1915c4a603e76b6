import numpy as np
import pytest

from probes.scores.gini import gini


def test_equal_values_have_none():
    assert gini(np.full(7, 3.0)) == pytest.approx(0)
    assert gini(np.zeros(4)) == 0


def test_one_that_has_everything_makes_it_n_minus_1_over_n():
    assert gini([0, 0, 9, 0, 0]) == pytest.approx(4 / 5)


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_mean_absolute_difference(seed):
    """G is half the mean absolute difference of all pairs over the mean: the slow, obvious reference."""
    values = np.random.default_rng(seed).exponential(size=(2, 11))

    expected = [np.abs(row[:, None] - row).mean() / (2 * row.mean()) for row in values]
    np.testing.assert_allclose(gini(values), expected)


def test_negative_values_and_none_at_all_are_refused():
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        gini([1, -1])
    with pytest.raises(ValueError, match="at least one value"):
        gini([])
