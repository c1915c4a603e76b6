"""Memorization and influence: what it changes for an answer that an example was trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Difference", "influence_by_subsets", "memorization_by_subsets"]


@dataclass(frozen=True)
class Difference:
    """Share of correct answers of the models trained with an example, less that of the models trained without it.

    Attributes:
        value: float64, in [-1, 1]; NaN where no model is inside, or none outside.
        error: float64; its standard error, sqrt(v_in / n_in + v_out / n_out) of the sample variances; NaN with fewer
            than two models inside or outside.
        inside: int64, (N,); n_in, models trained with each example.
        outside: int64, (N,); n_out, those trained without it.
    """

    value: np.ndarray
    error: np.ndarray
    inside: np.ndarray
    outside: np.ndarray


def memorization_by_subsets(inside: np.ndarray, correct: np.ndarray) -> Difference:
    """How much likelier an example's given label is predicted by models that were trained on it.

    Args:
        inside: bool, (R, N); whether model r was trained on example i.
        correct: bool, (R, N); whether it predicts the example's given label.

    Returns:
        Of shape (N,).

    Raises:
        ValueError: shapes disagree.

    Source:
        Feldman and Zhang, NeurIPS 2020, section 2 and algorithm 1, https://arxiv.org/abs/2008.03703.
    """
    member, right = _models(inside, correct)
    if member.shape != right.shape:
        raise ValueError(f"correct must have the shape of inside, {member.shape}, got {right.shape}.")
    with_it = (member * right).sum(0)
    return _difference(member, with_it, right.sum(0) - with_it)


def influence_by_subsets(inside: np.ndarray, correct: np.ndarray) -> Difference:
    """How much likelier each test example is answered correctly by models that were trained on each training example.

    Args:
        inside: bool, (R, N); whether model r was trained on example i.
        correct: bool, (R, M); whether it answers test example j correctly.

    Returns:
        `value` and `error` of shape (N, M).

    Raises:
        ValueError: they are not of the same models.

    Source:
        Feldman and Zhang, NeurIPS 2020, section 2 and algorithm 1, https://arxiv.org/abs/2008.03703.
    """
    member, right = _models(inside, correct)
    with_it = member.T @ right
    return _difference(member, with_it, right.sum(0) - with_it)


def _models(inside: np.ndarray, correct: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    member, right = (np.asarray(values, dtype=np.float64) for values in (inside, correct))
    if member.ndim != 2 or right.ndim != 2 or len(member) != len(right):
        raise ValueError(f"inside and correct must have one row per model, got {member.shape} and {right.shape}.")
    return member, right


def _difference(member: np.ndarray, with_it: np.ndarray, without: np.ndarray) -> Difference:
    """Out of the counts of correct answers with and without each example, (N,) or (N, M)."""
    inside = member.sum(0)
    columns = (-1, *[1] * (with_it.ndim - 1))
    n_in, n_out = inside.reshape(columns), (len(member) - inside).reshape(columns)
    with np.errstate(divide="ignore", invalid="ignore"):
        share_in, share_out = with_it / n_in, without / n_out
        # the sample variance of zeros and ones over their number
        spread_in, spread_out = share_in * (1 - share_in) / (n_in - 1), share_out * (1 - share_out) / (n_out - 1)
    few = (n_in < 2) | (n_out < 2)
    error = np.sqrt(np.where(few, np.nan, spread_in + spread_out))
    return Difference(share_in - share_out, error, inside.astype(int), (len(member) - inside).astype(int))
