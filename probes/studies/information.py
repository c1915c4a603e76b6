"""Estimators of the information that a layer holds, their closed form for one unit, and what they track instead."""

from __future__ import annotations

import math

import numpy as np

__all__ = [
    "bin_index",
    "binned_information",
    "cluster_ratio",
    "entropy_bits",
    "kde_bounds",
    "kde_label_information",
    "saturated",
    "tanh_unit_information",
]

SATURATED = 0.9


def entropy_bits(counts: np.ndarray) -> float:
    """Plug-in entropy of counts, in bits.

    Example:
        >>> entropy_bits(np.array([2, 2, 4]))
        1.5
    """
    shares = counts[counts > 0] / counts.sum()
    return abs(float((shares * np.log2(shares)).sum()))  # of one cell it is zero, without a sign


def bin_index(hidden: np.ndarray, low: float, high: float, bins: int) -> np.ndarray:
    """The bin of each value: `bins` equal intervals on [low, high]; values outside fall into the outer ones.

    Args:
        hidden: float, (N, D).
        low: lower end.
        high: upper end.
        bins: how many.

    Returns:
        int64, (N, D); in [0, bins).
    """
    width = (high - low) / bins
    if width <= 0:
        return np.zeros(hidden.shape, dtype=np.int64)
    return np.clip(np.floor((hidden - low) / width), 0, bins - 1).astype(np.int64)


def binned_information(bins: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """I(X;T) and I(T;Y) of a layer whose units are binned, in bits.

    T is the vector of bins. Of a deterministic network on N distinct, equally probable inputs I(X;T) = H(T), at most
    log2 N; I(T;Y) = H(T) - sum_y p(y) H(T | y), at most H(Y).

    Args:
        bins: int, (N, D); of `bin_index`.
        labels: int, (N,).

    Source:
        Shwartz-Ziv & Tishby 2017, section 3, https://arxiv.org/abs/1703.00810.
    """
    cell = np.zeros(len(bins), dtype=np.int64)
    for unit in bins.T:  # one unit after the other: sorting whole rows takes ten times as long
        _, cell = np.unique(cell * (unit.max() + 1) + unit, return_inverse=True)
    whole = entropy_bits(np.bincount(cell))
    given = sum(
        float((labels == label).mean()) * entropy_bits(np.bincount(cell[labels == label]))
        for label in np.unique(labels)
    )
    return whole, max(whole - given, 0.0)


def kde_bounds(hidden: np.ndarray, variance: float) -> tuple[float, float]:
    """Lower and upper bound on I(X; T + N(0, variance I)), in bits.

    Upper: -(1/N) sum_i ln (1/N) sum_j exp(-||h_i - h_j||^2 / (2 s2)); lower: the same with 8 s2 in place of 2 s2.

    Args:
        hidden: float, (N, D).
        variance: s2, of the noise that is added to make the information finite.

    Source:
        Saxe et al. 2018, appendix C, after Kolchinsky & Tracey 2017.
    """
    lower, upper = (_spread(hidden, factor * variance) for factor in (8, 2))
    return lower, upper


def kde_label_information(hidden: np.ndarray, labels: np.ndarray, variance: float) -> float:
    """I(T;Y) by the upper bounds: of all, less that of each class, in bits."""
    whole = _spread(hidden, 2 * variance)
    parts = ((labels == label) for label in np.unique(labels))
    return whole - sum(float(part.mean()) * _spread(hidden[part], 2 * variance) for part in parts)


def _spread(hidden: np.ndarray, scale: float) -> float:
    """-(1/N) sum_i log2 (1/N) sum_j exp(-||h_i - h_j||^2 / scale), 512 rows at a time."""
    points = np.asarray(hidden, dtype=np.float64)
    squares = (points**2).sum(1)
    total = 0.0
    for start in range(0, len(points), 512):
        block = points[start : start + 512]
        distances = np.maximum(squares[start : start + 512, None] + squares[None] - 2 * block @ points.T, 0)
        total -= float(np.log2(np.exp(-distances / scale).mean(1)).sum())
    return total / len(points)


def cluster_ratio(hidden: np.ndarray, labels: np.ndarray) -> float:
    """How far examples lie from the mean of their class, over how far the means of classes lie from one another.

    Root mean squares of Euclidean distances: small where classes are tight clusters. NaN where the means coincide.

    Args:
        hidden: float, (N, D).
        labels: int, (N,); at least two classes.
    """
    means = np.stack([hidden[labels == label].mean(0) for label in np.unique(labels)])
    own = means[np.searchsorted(np.unique(labels), labels)]
    within = math.sqrt(float(((hidden - own) ** 2).sum(1).mean()))
    pairs = [float(((a - b) ** 2).sum()) for place, a in enumerate(means) for b in means[:place]]
    between = math.sqrt(float(np.mean(pairs)))
    return within / between if between > 0 else math.nan


def saturated(hidden: np.ndarray) -> float:
    """Share of activations beyond 0.9 in size: of tanh units, those that are nearly constant."""
    return float((np.abs(hidden) > SATURATED).mean())


def tanh_unit_information(weight: float, bins: int = 30) -> float:
    """I(X;T) in bits of one unit tanh(w x), x standard normal, in equal bins on [-1, 1]: the closed form.

    It rises with w while the unit spreads over the bins, then falls to one bit as it saturates.

    Source:
        Saxe et al., ICLR 2018, section 2: the minimal model.
    """
    from scipy.stats import norm

    edges = np.linspace(-1, 1, bins + 1)
    with np.errstate(divide="ignore"):
        shares = np.diff(norm.cdf(np.arctanh(edges) / weight))
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum())
