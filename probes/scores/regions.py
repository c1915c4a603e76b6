"""Regions of a data map (Swayamdipta et al. 2020): easy, hard and ambiguous examples."""

from __future__ import annotations

import numpy as np

__all__ = ["REGIONS", "ambiguous_above", "regions"]

REGIONS = ("easy", "hard", "ambiguous")
SHARE, HALF = 2 / 3, 0.5


def regions(confidence: np.ndarray, variability: np.ndarray) -> np.ndarray:
    """Part examples by what training made of them: the third that varies most is ambiguous, of the rest half decides.

    Ambiguous: variability above its 2/3 quantile, so that equal ones stay together and there may be fewer than a
    third. Of the others, easy: confidence of at least 0.5; hard: below. In long runs wrong labels move from hard to
    ambiguous: say how many epochs a map shows.

    Args:
        confidence: float, (N,); mean probability of the given label, NaN where never visited.
        variability: float, (N,); its standard deviation, NaN where never visited.

    Returns:
        int8, (N,); positions in REGIONS, -1 where either is missing. `np.bincount(region[region >= 0],
        minlength=3)` counts them.

    Source:
        Swayamdipta et al., EMNLP 2020, section 3, https://arxiv.org/abs/2009.10795. They draw no borders between
        the regions; the quantile and the half are this project's.

    Example:
        >>> region = regions(np.array([0.9, 0.2, 0.6]), np.array([0.1, 0.1, 0.4]))
        >>> [REGIONS[place] for place in region]
        ['easy', 'hard', 'ambiguous']
    """
    confidence, variability = np.asarray(confidence), np.asarray(variability)
    known = ~(np.isnan(confidence) | np.isnan(variability))
    border = ambiguous_above(variability[known])
    region = np.where(variability > border, 2, np.where(confidence >= HALF, 0, 1))
    return np.where(known, region, -1).astype(np.int8)


def ambiguous_above(variability: np.ndarray) -> float:
    """The variability above which examples are ambiguous: its 2/3 quantile; NaN where none is known.

    Args:
        variability: float, (N,); NaN where unknown.
    """
    known = np.asarray(variability)[~np.isnan(variability)]
    return float(np.quantile(known, SHARE)) if len(known) else float("nan")
