"""Cutting examples into parts that hold each class alike."""

from __future__ import annotations

import numpy as np

__all__ = ["stratified_folds"]


def stratified_folds(labels: np.ndarray, folds: int, seed: list[int]) -> np.ndarray:
    """Deal out the examples of each class in turn, whatever its size.

    Args:
        labels: int, (N,).
        folds: how many; at most N.
        seed: equal seeds deal alike.

    Returns:
        int64, (N,); the fold of each example. Sizes differ by at most one, in every class and in all.
    """
    random = np.random.default_rng(seed)
    shuffled = random.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    fold = np.empty(len(labels), dtype=np.int64)
    fold[by_class] = np.arange(len(labels)) % folds
    return fold
