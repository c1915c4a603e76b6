"""EL2N and entropy: how far, and how undecided, the prediction is."""

from __future__ import annotations

import numpy as np

from probes.scores.visits import mean_over_visits

__all__ = ["el2n", "mean_entropy"]


def el2n(error_norm: np.ndarray) -> np.ndarray:
    """Mean error norm, ||softmax - onehot(given)||_2, over visited epochs.

    Args:
        error_norm: float, (E, N); in [0, sqrt 2], NaN where not visited.

    Returns:
        float64, (N,); NaN where never visited.

    Source:
        Paul et al., NeurIPS 2021, definition 2.3, https://arxiv.org/abs/2107.07075. They average over ten
        runs at one early epoch; here over the epochs of one run (choose a window for theirs).
    """
    return mean_over_visits(error_norm)


def mean_entropy(entropy: np.ndarray) -> np.ndarray:
    """Mean entropy of the prediction over visited epochs.

    Args:
        entropy: float, (E, N); nats, NaN where not visited.

    Returns:
        float64, (N,); nats, NaN where never visited.
    """
    return mean_over_visits(entropy)
