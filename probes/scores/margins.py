"""Area under the margin (Pleiss et al. 2020)."""

from __future__ import annotations

import numpy as np

from probes.scores.visits import mean_over_visits

__all__ = ["aum"]


def aum(margin: np.ndarray) -> np.ndarray:
    """Area under the margin: the mean margin over visited epochs.

    Args:
        margin: float, (E, N); logits, given logit minus the largest other, NaN where not visited.

    Returns:
        float64, (N,); logits, NaN where never visited. Low is suspicious.

    Source:
        Pleiss et al., NeurIPS 2020, section 3, https://arxiv.org/abs/2001.10528, who record online.
    """
    return mean_over_visits(margin)
