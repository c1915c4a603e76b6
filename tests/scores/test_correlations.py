"""Rank correlations against scipy, with ties, missing values and nothing to correlate."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from probes.scores.correlations import rank_correlation, rank_correlations


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_scipy_where_values_are_tied(seed):
    random = np.random.default_rng(seed)
    one = random.integers(0, 6, 80).astype(float)
    other = one + random.integers(0, 9, 80)

    assert rank_correlation(one, other) == pytest.approx(spearmanr(one, other).statistic, abs=1e-12)


def test_tied_values_share_their_mean_rank():
    """Ranks 1.5 1.5 3 4 against 1 2 3 4: 1 - 0.5 / ..., worked by hand: 4.5 / sqrt(4.5 * 5)."""
    assert rank_correlation([7, 7, 8, 9], [1, 2, 3, 4]) == pytest.approx(4.5 / np.sqrt(4.5 * 5))


def test_missing_values_are_left_out_pair_by_pair():
    random = np.random.default_rng(0)
    rows, columns = random.normal(size=(3, 50)), random.normal(size=(2, 50)).round(1)
    rows[0, :10], columns[1, 5:20] = np.nan, np.nan

    found = rank_correlations(rows, columns)

    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            expected = spearmanr(row, column, nan_policy="omit").statistic
            assert found[i, j] == pytest.approx(expected, abs=1e-12), (i, j)


def test_an_infinity_ranks_at_its_end():
    assert rank_correlation([1.0, 2.0, np.inf], [1.0, 2.0, 3.0]) == 1.0


@pytest.mark.parametrize(
    ("one", "other"),
    [([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]), ([1.0, np.nan], [2.0, 3.0]), ([], []), ([np.nan, np.nan], [1.0, 2.0])],
    ids=["all tied", "one pair", "none", "all missing"],
)
def test_is_missing_where_nothing_can_be_correlated(one, other):
    assert np.isnan(rank_correlation(one, other))
    assert np.isnan(rank_correlations([one], [other])).all()


def test_refuses_scores_of_different_examples():
    with pytest.raises(ValueError, match=r"shape \(N,\), got \(2,\) and \(3,\)"):
        rank_correlation([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match=r"\(R, N\) and \(C, N\)"):
        rank_correlations(np.zeros((2, 3)), np.zeros((2, 4)))
