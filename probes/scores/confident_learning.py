"""Confident learning (Northcutt et al. 2021), through cleanlab: label issues from out-of-sample probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from probes.errors import MissingDependencyError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["confident_learning"]


def confident_learning(probabilities: np.ndarray, given_labels: np.ndarray) -> pd.DataFrame:
    """Examples whose given label looks wrong to models that were not trained on them.

    A class's threshold is the mean probability that its own examples get. An example is an issue where the most
    probable of the classes above their thresholds is another than the given one (an off-diagonal of the confident
    joint). Take the probabilities from cross-validation: those of a model on its own training set know the labels
    by heart. Needs the extra `cleanlab`.

    Args:
        probabilities: float, (N, K); out-of-sample probabilities, rows that sum to 1; a row of NaN where unknown.
        given_labels: int, (N,); in [0, K).

    Returns:
        A row per `example`: `is_label_issue` (boolean), `self_confidence`, the probability of the given label, and
        `normalized_margin`, (that minus the largest other + 1) / 2: float64, in [0, 1], low is suspicious. Missing
        where the probabilities are.

    Raises:
        ValueError: shapes disagree, a row is no distribution, or a label lies outside [0, K).
        TypeError: labels that are not integers.
        MissingDependencyError: cleanlab is not installed.

    Source:
        Northcutt et al., JAIR 2021, section 3, https://arxiv.org/abs/1911.00068; cleanlab's `find_label_issues`
        with `filter_by="confident_learning"`, which departs from the paper in two ways: where several classes are
        above their thresholds it takes the most probable class of all, and it takes back an issue whose given label
        is as probable as any other.
    """
    import pandas as pd

    probabilities, labels, known = _checked(probabilities, given_labels)
    try:
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_normalized_margin_for_each_label, get_self_confidence_for_each_label
    except ImportError as error:
        raise MissingDependencyError(
            "confident_learning needs cleanlab. Install it with: pip install 'memorization-probes[cleanlab]'."
        ) from error
    held, given = probabilities[known], labels[known]
    issues = pd.array([None] * len(labels), dtype="boolean")
    confidence, margin = np.full((2, len(labels)), np.nan)
    if len(given):
        issues[known] = find_label_issues(given, held, filter_by="confident_learning", n_jobs=1)
        confidence[known] = get_self_confidence_for_each_label(given, held)
        margin[known] = get_normalized_margin_for_each_label(given, held)
    return pd.DataFrame(
        {"is_label_issue": issues, "self_confidence": confidence, "normalized_margin": margin},
        index=pd.RangeIndex(len(labels), name="example"),
    )


def _checked(probabilities: np.ndarray, given_labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both as arrays, and bool, (N,): where the probabilities are known."""
    rows, labels = np.asarray(probabilities, dtype=np.float64), np.asarray(given_labels)
    if rows.ndim != 2 or rows.shape[1] < 2:
        raise ValueError(f"probabilities must have shape (N, K) with K of at least 2, got {rows.shape}.")
    if labels.shape != rows.shape[:1]:
        raise ValueError(
            f"given_labels must have shape {rows.shape[:1]}, as many as probabilities; got {labels.shape}."
        )
    if labels.dtype.kind not in "iu":
        raise TypeError(f"given_labels must be integers, got {labels.dtype}.")
    outside = (labels < 0) | (labels >= rows.shape[1])
    if outside.any():
        raise ValueError(f"given_labels must lie in [0, {rows.shape[1]}), got {labels[outside][0]}.")
    known = np.logical_not(np.isnan(rows).all(axis=1))
    good = (rows >= 0).all(axis=1) & (np.abs(rows.sum(axis=1) - 1) <= 1e-3)
    if (known & ~good).any():
        at = int(np.argmax(known & ~good))
        raise ValueError(f"probabilities must be rows that sum to 1, none negative; row {at} is {rows[at].tolist()}.")
    return rows, labels.astype(np.int64), known
