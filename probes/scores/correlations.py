"""How far two scores order the examples alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["rank_correlation", "rank_correlations"]


def rank_correlation(one: ArrayLike, other: ArrayLike) -> float:
    """Spearman's rank correlation: Pearson's correlation of the ranks, tied values sharing their mean rank.

    Args:
        one, other: float, (N,); pairs with a NaN are left out, infinities rank at the ends.

    Returns:
        In [-1, 1]; NaN where fewer than two pairs are left, or all of one side are tied.

    Raises:
        ValueError: lengths differ.

    Source:
        Spearman, The Proof and Measurement of Association between Two Things, 1904.

    Example:
        >>> rank_correlation([1, 2, 3, float("nan")], [30, 20, 10, 40])
        -1.0
    """
    one, other = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if one.ndim != 1 or one.shape != other.shape:
        raise ValueError(f"both scores must have shape (N,), got {one.shape} and {other.shape}.")
    known = ~(np.isnan(one) | np.isnan(other))
    return _correlation(_centred_ranks(one[known]), _centred_ranks(other[known]))


def rank_correlations(rows: ArrayLike, columns: ArrayLike) -> np.ndarray:
    """The rank correlation of every row with every column; pairs with a NaN are left out, pair by pair.

    Args:
        rows: float, (R, N); a score each.
        columns: float, (C, N).

    Returns:
        float64, (R, C); NaN where undefined.

    Raises:
        ValueError: shapes do not fit.
    """
    rows, columns = np.asarray(rows, dtype=np.float64), np.asarray(columns, dtype=np.float64)
    if rows.ndim != 2 or columns.ndim != 2 or rows.shape[1] != columns.shape[1]:
        raise ValueError(f"rows and columns must have shapes (R, N) and (C, N), got {rows.shape} and {columns.shape}.")
    whole_rows, whole_columns = (_ranks_of_whole(scores) for scores in (rows, columns))
    found = np.full((len(rows), len(columns)), np.nan)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            ranks, others = whole_rows[i], whole_columns[j]
            if ranks is None or others is None:
                found[i, j] = rank_correlation(row, column)
            else:  # nothing is missing: ranked once, not pair by pair
                found[i, j] = _correlation(ranks, others)
    return found


def _ranks_of_whole(scores: np.ndarray) -> list[np.ndarray | None]:
    return [None if np.isnan(score).any() else _centred_ranks(score) for score in scores]


def _centred_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks less their mean; tied values share the mean of their ranks."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(values)) - (len(values) + 1) / 2


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    scale = np.sqrt((one @ one) * (other @ other))
    return float(np.clip(one @ other / scale, -1, 1)) if scale > 0 else float("nan")
