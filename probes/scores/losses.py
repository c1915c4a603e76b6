"""Scores read straight off the loss trajectory."""

from __future__ import annotations

import numpy as np

from probes.scores.visits import last_visited, mean_over_visits

__all__ = ["final_loss", "mean_loss"]


def mean_loss(loss: np.ndarray) -> np.ndarray:
    """Mean loss over visited epochs.

    Args:
        loss: float, (E, N); nats, NaN where not visited.

    Returns:
        float64, (N,); nats, NaN where never visited.

    Source:
        Arazo et al., ICML 2019; Jiang et al., ICML 2021 (cumulative loss as a proxy of the C-score).
    """
    return mean_over_visits(loss)


def final_loss(loss: np.ndarray) -> np.ndarray:
    """Loss at the last visited epoch.

    Args:
        loss: float, (E, N); nats, NaN where not visited.

    Returns:
        float64, (N,); nats, NaN where never visited.

    Source:
        Small-loss criterion: Han et al., NeurIPS 2018, https://arxiv.org/abs/1804.06872.
    """
    if len(loss) == 0:
        return np.full(loss.shape[1], np.nan)
    last = last_visited(~np.isnan(loss))  # -1 picks the last row, NaN there
    return loss[last, np.arange(loss.shape[1])].astype(np.float64)
