"""Forgetting events (Toneva et al. 2019): how often training unlearns an example."""

from __future__ import annotations

import numpy as np

from probes.scores.visits import as_trajectories

__all__ = ["forgetting_events", "never_learned", "unforgettable"]


def forgetting_events(correct: np.ndarray, *, never_learned: float = 0) -> np.ndarray:
    """Count how often training unlearns each example.

    A forgetting event: the given label was predicted at the example's previous visited epoch and is
    not at this one. An example counts as wrong before its first visit, so the first right prediction
    is a learning event and never a forgetting one. A never-learned example has no events;
    `never_learned` tells it apart from an unforgettable one.

    Args:
        correct: int8, (E, N); 1 or 0 per epoch and example, -1 where it was not visited.
        never_learned: what a never-learned example gets in place of its 0 events. Toneva et al. sort it
            last: `math.inf` as in the paper, E (the number of presentations) as in their code. The code of
            dataset cartography says 1000.

    Returns:
        int32, (N,); -1 where never visited. float64 where `never_learned` is not an int.

    Source:
        Toneva et al., ICLR 2019, section 3, https://arxiv.org/abs/1812.05159, who count online, at each
        presentation: of repeated visits in an epoch each is one there, and the last one stands here.

    Example:
        >>> forgetting_events(np.array([[0], [1], [1], [0], [1], [0]], dtype=np.int8))
        array([2], dtype=int32)
    """
    correct = as_trajectories(correct)
    events = np.zeros(correct.shape[1], dtype=np.int32)
    before = np.full(correct.shape[1], -1, dtype=np.int8)
    for now in correct:
        events += (before == 1) & (now == 0)
        before = np.where(now >= 0, now, before)
    if not isinstance(never_learned, (int, np.integer)):
        events = events.astype(np.float64)
    events[~(correct == 1).any(axis=0)] = never_learned
    events[before < 0] = -1
    return events


def never_learned(correct: np.ndarray) -> np.ndarray:
    """Whether the given label was predicted at no visited epoch.

    Args:
        correct: int8, (E, N); 1 or 0, -1 where not visited.

    Returns:
        int8, (N,); 1 or 0, -1 where never visited.

    Source:
        Toneva et al., ICLR 2019, section 3.
    """
    correct = as_trajectories(correct)
    visited = (correct >= 0).any(axis=0)
    return np.where(visited, ~(correct == 1).any(axis=0), -1).astype(np.int8)


def unforgettable(correct: np.ndarray) -> np.ndarray:
    """Whether an example was learned at least once and never forgotten.

    Args:
        correct: int8, (E, N); 1 or 0, -1 where not visited.

    Returns:
        int8, (N,); 1 or 0, -1 where never visited.

    Source:
        Toneva et al., ICLR 2019, section 3.
    """
    correct = as_trajectories(correct)
    events = forgetting_events(correct)
    return np.where(events >= 0, (events == 0) & (correct == 1).any(axis=0), -1).astype(np.int8)
