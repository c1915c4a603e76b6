"""When an example is learned: for the first time, and for good."""

from __future__ import annotations

import numpy as np

from probes.scores.visits import last_visited

__all__ = ["first_learned_epoch", "learned_epoch"]


def first_learned_epoch(correct: np.ndarray) -> np.ndarray:
    """First epoch at which the given label is predicted.

    Args:
        correct: int8, (E, N); 1 or 0, -1 where not visited. Row 0 is epoch 1.

    Returns:
        int32, (N,); -1 where there is none.

    Source:
        Toneva et al., ICLR 2019, section 3 (first learning event).
    """
    learned = correct == 1
    if len(learned) == 0:
        return np.full(correct.shape[1], -1, dtype=np.int32)
    return np.where(learned.any(axis=0), np.argmax(learned, axis=0) + 1, -1).astype(np.int32)


def learned_epoch(correct: np.ndarray) -> np.ndarray:
    """First epoch from which the given label is predicted at every later visited epoch.

    Args:
        correct: int8, (E, N); 1 or 0, -1 where not visited. Row 0 is epoch 1.

    Returns:
        int32, (N,); -1 where there is none: wrong at the last visited epoch, or never visited.

    Source:
        Iteration learned: Baldock et al., NeurIPS 2021; Jiang et al., ICML 2021. They say E + 1 where this says -1.

    Example:
        >>> learned_epoch(np.array([[0, 1], [1, 0], [1, 1], [-1, 0]], dtype=np.int8))
        array([ 2, -1], dtype=int32)
    """
    epochs, examples = correct.shape
    last_wrong = last_visited(correct == 0)
    after = np.arange(epochs)[:, None] > last_wrong
    stays = after & (correct == 1)
    if epochs == 0:
        return np.full(examples, -1, dtype=np.int32)
    return np.where(stays.any(axis=0), np.argmax(stays, axis=0) + 1, -1).astype(np.int32)
