"""How unequally a quantity is shared out."""

from __future__ import annotations

import numpy as np

__all__ = ["gini"]


def gini(values: np.ndarray) -> np.ndarray:
    """Gini coefficient along the last axis: sum_i (2i - n - 1) v_i / (n sum_i v_i), v ascending, i from 1.

    0 where all are equal (all zero too), (n - 1) / n where one has everything.

    Args:
        values: (..., n); not negative; NaN makes the coefficient NaN.

    Returns:
        float64, (...,); in [0, (n - 1) / n].

    Raises:
        ValueError: no values, or negative ones.

    Source:
        Used on loss sensitivities by Arpit et al., ICML 2017, section 3.3, https://arxiv.org/abs/1706.05394.

    Example:
        >>> float(gini([0, 0, 0, 5]))
        0.75
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64), axis=-1)
    count = ordered.shape[-1] if ordered.ndim else 0
    if count == 0:
        raise ValueError("values must hold at least one value, got none.")
    if (ordered < 0).any():
        raise ValueError(f"values must not be negative, got {ordered.min():g}.")
    weights = 2 * np.arange(1, count + 1) - count - 1
    total = ordered.sum(axis=-1)
    return np.where(total == 0, 0.0, (ordered * weights).sum(axis=-1) / (count * np.where(total == 0, 1.0, total)))
