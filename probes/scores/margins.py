"""Margins, and the area under them (Pleiss et al. 2020)."""

from __future__ import annotations

from typing import Literal

import numpy as np

from probes.errors import unknown_name
from probes.scores.visits import mean_over_visits

__all__ = ["aum", "margin"]


def aum(margin: np.ndarray) -> np.ndarray:
    """Area under the margin: the mean margin over visited epochs.

    Args:
        margin: float, (E, N); logits, given logit minus the largest other, NaN where not visited.

    Returns:
        float64, (N,); logits, NaN where never visited. Low is suspicious.

    Source:
        Pleiss et al., NeurIPS 2020, section 3, https://arxiv.org/abs/2001.10528, who record online. Their package
        `aum` averages over visits: of repeated visits in an epoch each counts there, and the last one stands here.
    """
    return mean_over_visits(margin)


def margin(logits: np.ndarray, targets: np.ndarray, *, of: Literal["logits", "probabilities"] = "logits") -> np.ndarray:
    """Value of the given label minus the largest other, for people with logs of logits.

    Args:
        logits: float, (..., K), K >= 2, before softmax; NaN where not visited.
        targets: int, (...) or what broadcasts to it; given labels in [0, K).
        of: `logits`, what trackers record and what the area under the margin averages; or `probabilities`, the
            softmax of the logits, in [-1, 1].

    Returns:
        float64, (...); NaN where a logit is.

    Raises:
        ValueError: another `of`.

    Source:
        Logits: Pleiss et al., NeurIPS 2020, section 3; Toneva et al., ICLR 2019 (misclassification margin).
        Probabilities: the normalized margin of Northcutt et al., JAIR 2021, which cleanlab moves to [0, 1]:
        (margin + 1) / 2.

    Example:
        >>> margin(np.array([[2.0, 0.0, 1.0]]), np.array([0]))
        array([1.])
    """
    if of not in ("logits", "probabilities"):
        raise unknown_name("of", of, ["logits", "probabilities"])
    values = np.asarray(logits, dtype=np.float64)
    if of == "probabilities":
        values = np.exp(values - values.max(axis=-1, keepdims=True))
        values /= values.sum(axis=-1, keepdims=True)
    given = np.broadcast_to(np.asarray(targets), values.shape[:-1])[..., None]
    others = values.copy()
    np.put_along_axis(others, given, -np.inf, axis=-1)
    return np.take_along_axis(values, given, axis=-1)[..., 0] - others.max(axis=-1)
