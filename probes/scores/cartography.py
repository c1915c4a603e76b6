"""Dataset cartography (Swayamdipta et al. 2020): confidence, variability, correctness."""

from __future__ import annotations

import numpy as np

from probes.scores.visits import mean_over_visits

__all__ = ["confidence", "correctness", "variability"]


def confidence(probability: np.ndarray) -> np.ndarray:
    """Mean probability of the given label.

    Args:
        probability: float, (E, N); softmax probability of the given label, NaN where not visited.

    Returns:
        float64, (N,); in [0, 1], NaN where never visited.

    Source:
        Swayamdipta et al., EMNLP 2020, section 2, https://arxiv.org/abs/2009.10795.
    """
    return mean_over_visits(probability)


def variability(probability: np.ndarray) -> np.ndarray:
    """Population standard deviation of the given label's probability over epochs.

    Args:
        probability: float, (E, N); softmax probability of the given label, NaN where not visited.

    Returns:
        float64, (N,); in [0, 0.5], NaN where never visited.

    Source:
        Swayamdipta et al., EMNLP 2020, section 2.
    """
    deviation = probability - mean_over_visits(probability)
    return np.sqrt(mean_over_visits(deviation**2))


def correctness(correct: np.ndarray) -> np.ndarray:
    """Share of visited epochs at which the given label is predicted.

    Args:
        correct: int8, (E, N); 1 or 0, -1 where not visited.

    Returns:
        float64, (N,); in [0, 1], NaN where never visited.

    Source:
        Swayamdipta et al., EMNLP 2020, section 2 (their code keeps the count).
    """
    visited = (correct >= 0).sum(axis=0)
    hits = (correct == 1).sum(axis=0)
    return np.divide(hits, visited, out=np.full(visited.shape, np.nan), where=visited > 0)
