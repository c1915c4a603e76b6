"""When an example is learned: for the first time, and for good."""

from __future__ import annotations

import numpy as np

from probes.scores.visits import as_trajectories, last_visited

__all__ = ["first_learned_epoch", "learned_epoch"]


def first_learned_epoch(correct: np.ndarray, *, never: int = -1) -> np.ndarray:
    """First epoch at which the given label is predicted.

    Args:
        correct: int8, (E, N); 1 or 0, -1 where not visited. Row 0 is epoch 1.
        never: what an example that was visited and never right gets; E + 1 ranks it last.

    Returns:
        int32, (N,); `never` where there is none, -1 where never visited.

    Source:
        Toneva et al., ICLR 2019, section 3 (first learning event). Their code counts presentations from 0
        and says NaN where there is none.
    """
    correct = as_trajectories(correct)
    return _first(correct == 1, correct, never)


def learned_epoch(correct: np.ndarray, *, never: int = -1) -> np.ndarray:
    """First epoch from which the given label is predicted at every later visited epoch.

    Args:
        correct: int8, (E, N); 1 or 0, -1 where not visited. Row 0 is epoch 1.
        never: what an example that is wrong at its last visited epoch gets; E + 1 ranks it last.

    Returns:
        int32, (N,); `never` where there is none, -1 where never visited.

    Source:
        Iteration learned: Baldock et al., NeurIPS 2021, who ask for the converged network's final prediction in
        place of the given label: for theirs pass (prediction == final prediction) as `correct`. The code of Toneva
        et al. gives the last wrong presentation, 0 where there is none, which is one less; with never=E + 1 it is
        so for every example.

    Example:
        >>> learned_epoch(np.array([[0, 1], [1, 0], [1, 1], [-1, 0]], dtype=np.int8))
        array([ 2, -1], dtype=int32)
    """
    correct = as_trajectories(correct)
    last_wrong = last_visited(correct == 0)
    after = np.arange(len(correct))[:, None] > last_wrong
    return _first(after & (correct == 1), correct, never)


def _first(holds: np.ndarray, correct: np.ndarray, never: int) -> np.ndarray:
    """First epoch at which something holds: int32, (N,); `never` where there is none, -1 where never visited."""
    if len(holds) == 0:
        return np.full(holds.shape[1], -1, dtype=np.int32)
    none = np.where((correct >= 0).any(axis=0), never, -1)
    return np.where(holds.any(axis=0), np.argmax(holds, axis=0) + 1, none).astype(np.int32)
