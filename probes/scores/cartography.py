"""Dataset cartography (Swayamdipta et al. 2020): confidence, variability, correctness."""

from __future__ import annotations

import numpy as np

from probes.scores.visits import as_trajectories, mean_over_visits

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


def variability(probability: np.ndarray, *, interval: bool = False) -> np.ndarray:
    """Population standard deviation of the given label's probability over epochs.

    Args:
        probability: float, (E, N); softmax probability of the given label, NaN where not visited.
        interval: add the width of the variance's own confidence interval: sqrt(v + v^2 / (n - 1)) over n visited
            epochs with variance v, in place of sqrt(v).

    Returns:
        float64, (N,); in [0, 0.5], NaN where never visited. With `interval` slightly more, and NaN where visited
        at fewer than two epochs.

    Source:
        Swayamdipta et al., EMNLP 2020, section 2; the population form (divided by n), in the paper and in their
        code. `interval` is their code's option `include_ci`, after Chang et al., NeurIPS 2017 (Active Bias),
        https://arxiv.org/abs/1704.07433.
    """
    probability = as_trajectories(probability)
    variance = mean_over_visits((probability - mean_over_visits(probability)) ** 2)
    if interval:
        others = (~np.isnan(probability)).sum(axis=0) - 1
        variance += np.divide(variance**2, others, out=np.full(variance.shape, np.nan), where=others > 0)
    return np.sqrt(variance)


def correctness(correct: np.ndarray, *, count: bool = False) -> np.ndarray:
    """Share of visited epochs at which the given label is predicted, or their number.

    Args:
        correct: int8, (E, N); 1 or 0, -1 where not visited.
        count: the number of epochs, as in the code of dataset cartography, not the share.

    Returns:
        float64, (N,); in [0, 1], NaN where never visited. With `count` int64, (N,); -1 where never visited.

    Source:
        Swayamdipta et al., EMNLP 2020, section 2.
    """
    correct = as_trajectories(correct)
    visited = (correct >= 0).sum(axis=0)
    hits = (correct == 1).sum(axis=0)
    if count:
        return np.where(visited > 0, hits, -1)
    return np.divide(hits, visited, out=np.full(visited.shape, np.nan), where=visited > 0)
