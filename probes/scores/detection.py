"""How well a score ranks noisy examples above clean ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["auroc", "average_precision", "ranking_values"]


def auroc(score: ArrayLike, positive: ArrayLike) -> float | None:
    """Probability that a positive example scores above a negative one, ties counting half.

    Args:
        score: float, (N,); high is suspicious; NaN is left out, infinities rank at the ends.
        positive: bool, or 0 and 1, (N,).

    Returns:
        In [0, 1]; None where either group is empty.

    Raises:
        ValueError: lengths differ, or `positive` holds something else.
    """
    from scipy.stats import rankdata

    score, positive = _known(score, positive)
    count = int(positive.sum())
    rest = len(positive) - count
    if count == 0 or rest == 0:
        return None
    return float((rankdata(score)[positive].sum() - count * (count + 1) / 2) / (count * rest))


def average_precision(score: ArrayLike, positive: ArrayLike) -> float | None:
    """Area under the precision-recall curve, as a step function.

    Args:
        score: float, (N,); high is suspicious; NaN is left out.
        positive: bool, or 0 and 1, (N,).

    Returns:
        In [0, 1]; None where either group is empty.

    Raises:
        ValueError: lengths differ, or `positive` holds something else.
    """
    from sklearn.metrics import average_precision_score

    score, positive = _known(score, positive)
    if positive.all() or not positive.any():
        return None
    return float(average_precision_score(positive, score))


def ranking_values(
    name: str, values: np.ndarray, direction: str, *, never_learned: np.ndarray, last_epoch: int
) -> np.ndarray:
    """A score made ready for ranking: high is suspicious, and what never happened ranks last.

    Args:
        name: of the score.
        values: float, (N,); NaN where missing.
        direction: `high` or `low`.
        never_learned: int8, (N,); 1, 0, or -1 where the example was never visited.
        last_epoch: E. A missing learning epoch ranks as E + 1, the events of a never-learned example as E.

    Returns:
        float64, (N,); NaN for examples that were never visited.
    """
    values = np.asarray(values, dtype=np.float64)
    if name in ("first_learned_epoch", "learned_epoch"):
        values = np.where(np.isnan(values) & (never_learned >= 0), last_epoch + 1, values)
    elif name == "forgetting_events":
        values = np.where(never_learned == 1, last_epoch, values)
    return values if direction == "high" else -values


def _known(score: ArrayLike, positive: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Scores as float64 and positives as bool, without the examples whose score is NaN."""
    values, flags = np.asarray(score, dtype=np.float64), np.asarray(positive)
    if values.ndim != 1 or flags.shape != values.shape:
        raise ValueError(f"score and positive must both have shape (N,), got {values.shape} and {flags.shape}.")
    if flags.dtype != bool and not np.isin(flags, (0, 1)).all():
        raise ValueError(f"positive must be True or False (or 1 or 0), got {flags[~np.isin(flags, (0, 1))][0]}.")
    known = ~np.isnan(values)
    return values[known], flags[known].astype(bool)
