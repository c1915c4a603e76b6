"""Visited epochs: how many, and means and last values over them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["as_trajectories", "last_visited", "mean_over_visits", "total_visits"]


def as_trajectories(values: ArrayLike) -> np.ndarray:
    """The values as an array (E, N).

    Raises:
        ValueError: they have another number of dimensions.

    Example:
        >>> as_trajectories([[1, 0], [0, 1]]).shape
        (2, 2)
    """
    array = np.asarray(values)
    if array.ndim != 2:
        raise ValueError(f"a trajectory must have shape (epochs, examples), got {array.shape}.")
    return array


def mean_over_visits(values: np.ndarray) -> np.ndarray:
    """Mean over the epochs at which an example was visited, in double precision.

    Args:
        values: float, (E, N); NaN where not visited.

    Returns:
        float64, (N,); NaN where never visited.
    """
    values = as_trajectories(values)
    visited = ~np.isnan(values)
    count = visited.sum(axis=0)
    total = np.sum(values, axis=0, dtype=np.float64, where=visited)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)


def last_visited(visited: np.ndarray) -> np.ndarray:
    """Row of each example's last visited epoch.

    Args:
        visited: bool, (E, N).

    Returns:
        int64, (N,); -1 where never visited.
    """
    epochs = len(visited)
    if epochs == 0:
        return np.full(visited.shape[1], -1)
    return np.where(visited.any(axis=0), epochs - 1 - np.argmax(visited[::-1], axis=0), -1)


def total_visits(visits: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Times an example's logits were seen; unusable (non-finite) ones count.

    Args:
        visits: int, (E, N); visits in each epoch, -1 where none.
        loss: float, (E, N); NaN where no visit was usable.

    Returns:
        int64, (N,); -1 where no visit at any epoch was usable.
    """
    total = np.sum(visits, axis=0, dtype=np.int64, where=visits > 0)
    return np.where((~np.isnan(loss)).any(axis=0), total, -1)
