"""The nearest examples in the networks' feature space."""

from __future__ import annotations

import numpy as np

__all__ = ["nearest"]

_BLOCK = 2**25  # similarities held at once


def nearest(features: np.ndarray, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The `count` most similar other examples of each query, the nearest first.

    Args:
        features: float32, (N, D).
        queries: int, (Q,); positions.
        count: at most N - 1 are found.

    Returns:
        int64 (Q, count) positions and float32 (Q, count) cosine similarities.
    """
    examples = len(features)
    count = min(count, examples - 1)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    unit = features / np.where(lengths > 0, lengths, 1)
    places = np.empty((len(queries), count), dtype=np.int64)
    similarities = np.empty((len(queries), count), dtype=np.float32)
    step = max(1, _BLOCK // examples)
    for start in range(0, len(queries), step):
        rows = queries[start : start + step]
        values = unit[rows] @ unit.T
        values[np.arange(len(rows)), rows] = -np.inf
        found = np.argpartition(-values, count - 1, axis=1)[:, :count] if count < examples else np.argsort(-values)
        near = np.take_along_axis(values, found, axis=1)
        order = np.lexsort((found, -near), axis=1)
        places[start : start + step] = np.take_along_axis(found, order, axis=1)
        similarities[start : start + step] = np.take_along_axis(near, order, axis=1)
    return places, similarities
