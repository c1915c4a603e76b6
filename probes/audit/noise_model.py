"""Which class is given for which: a table fitted to answers and labels, and what it says of each label."""

from __future__ import annotations

import numpy as np

__all__ = ["fit_noise_model", "label_posterior", "sharpened"]

_ITERATIONS = 50
_START = 0.8  # share of right labels that the fit starts from; it soon forgets
_LEAST = 1e-3  # examples that every cell counts at least


def sharpened(answers: np.ndarray, temperature: float, floor: float) -> np.ndarray:
    """Probabilities to the power 1 / temperature, summing to 1 again: float64, (N, K)."""
    logs = np.log(np.clip(answers, floor, 1)) / temperature
    values = np.exp(logs - logs.max(axis=1, keepdims=True))
    return values / values.sum(axis=1, keepdims=True)


def fit_noise_model(answers: np.ndarray, given: np.ndarray, smoothing: float) -> np.ndarray:
    """The most likely table of P(given label | true class), by expectation-maximisation with the answers held fixed.

    Each step takes the answers as beliefs in the true class, weighs them by the table, counts whom each belief names,
    and makes the table of the counts.

    Args:
        answers: float, (N, K); probabilities of the true class, by networks that have not seen the example's label.
        given: int, (N,).
        smoothing: share of the counts off the diagonal that is spread evenly over the row.

    Returns:
        float64, (K, K); a row per true class, summing to 1.

    Source:
        The annotator's confusion matrix of Dawid and Skene, Applied Statistics 1979, https://doi.org/10.2307/2346806,
        with one annotator and a network in place of the others.
    """
    classes = answers.shape[1]
    table = np.full((classes, classes), (1 - _START) / max(classes - 1, 1))
    np.fill_diagonal(table, _START)
    for _ in range(_ITERATIONS):
        belief = label_posterior(answers, given, table)
        counts = np.stack([np.bincount(given, weights=belief[:, true], minlength=classes) for true in range(classes)])
        table = _smoothed(counts, smoothing)
    return table


def label_posterior(answers: np.ndarray, given: np.ndarray, table: np.ndarray) -> np.ndarray:
    """P(true class | input, given label), proportional to the answer and to the table's column of the given label.

    Args:
        answers: float, (N, K).
        given: int, (N,).
        table: float, (K, K); of `fit_noise_model`.

    Returns:
        float64, (N, K); rows that sum to 1.
    """
    joint = answers * table[:, given].T
    return joint / joint.sum(axis=1, keepdims=True)


def _smoothed(counts: np.ndarray, smoothing: float) -> np.ndarray:
    """Counts as rows that sum to 1."""
    classes = len(counts)
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    spread = wrong.sum(axis=1, keepdims=True) / max(classes - 1, 1)
    mixed = (1 - smoothing) * wrong + smoothing * spread
    np.fill_diagonal(mixed, np.diag(counts))
    mixed += _LEAST
    return mixed / mixed.sum(axis=1, keepdims=True)
