"""EL2N and entropy: how far, and how undecided, the prediction is."""

from __future__ import annotations

import numpy as np

from probes.scores.visits import mean_over_visits

__all__ = ["el2n", "mean_entropy"]


def el2n(error_norm: np.ndarray, *, epoch: int | None = None) -> np.ndarray:
    """Error norm, ||softmax - onehot(given)||_2: its mean over visited epochs, or its value at one.

    Args:
        error_norm: float, (E, N); in [0, sqrt 2], NaN where not visited. Row 0 is epoch 1.
        epoch: the one to read, from 1 to E; None: the mean over all. In `scores()` this is the window (epoch, epoch).

    Returns:
        float64, (N,); NaN where never visited, or not at that epoch.

    Raises:
        ValueError: there is no such epoch.

    Source:
        Paul et al., NeurIPS 2021, definition 2.3, https://arxiv.org/abs/2107.07075. They read one early epoch
        (20; 10 with label noise) and average over ten runs; here the epochs of one run are averaged. For theirs
        name the epoch, and take the mean over runs.
    """
    if epoch is None:
        return mean_over_visits(error_norm)
    if not 1 <= epoch <= len(error_norm):
        raise ValueError(f"epoch must lie in 1 to {len(error_norm)}, got {epoch}.")
    return error_norm[epoch - 1].astype(np.float64)


def mean_entropy(entropy: np.ndarray) -> np.ndarray:
    """Mean entropy of the prediction over visited epochs.

    Args:
        entropy: float, (E, N); nats, NaN where not visited.

    Returns:
        float64, (N,); nats, NaN where never visited.
    """
    return mean_over_visits(entropy)
