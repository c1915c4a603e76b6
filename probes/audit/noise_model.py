"""Which class is given for which: a table fitted to answers and labels, and what it says of each label."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

__all__ = ["fit_noise_model", "joined", "label_posterior", "sharpened"]

_ITERATIONS = 50
_START = 0.8  # share of right labels that the fit starts from; it soon forgets
_LEAST = 0.009  # errors that every class counts at least
_WEIGHTS = np.geomspace(0.5, 5000, 25)  # examples that a prior may be worth
_WEIGHED = 10  # steps between two looks for the best of them


def sharpened(answers: np.ndarray, temperature: float, floor: float) -> np.ndarray:
    """Probabilities to the power 1 / temperature, summing to 1 again: float64, (N, K)."""
    logs = np.log(np.clip(answers, floor, 1)) / temperature
    values = np.exp(logs - logs.max(axis=1, keepdims=True))
    return values / values.sum(axis=1, keepdims=True)


def joined(rounds: Iterable[np.ndarray], floor: float) -> np.ndarray:
    """The geometric mean of probabilities, each (N, K): float64, (N, K)."""
    logs = np.mean([np.log(np.clip(part, floor, 1)) for part in rounds], axis=0, dtype=np.float64)
    return sharpened(np.exp(logs), 1.0, floor)


def fit_noise_model(answers: np.ndarray, given: np.ndarray) -> np.ndarray:
    """A table of P(given label | true class), by expectation-maximisation with the answers held fixed.

    Each step takes the answers as beliefs in the true class, weighs them by the table, counts whom each belief names,
    and makes the table of the counts. Networks that are weak take classes for each other, which looks like wrong
    labels; so counts are drawn towards what all classes have in common, the more, the less they differ beyond chance:
    the share of errors towards that of all examples, and whom the errors of a class name towards all others alike.

    Args:
        answers: float, (N, K); probabilities of the true class, by networks that have not learned noise, or not yet.
        given: int, (N,).

    Returns:
        float64, (K, K); a row per true class, summing to 1.

    Source:
        The annotator's confusion matrix of Dawid and Skene, Applied Statistics 1979, https://doi.org/10.2307/2346806,
        with one annotator and a network in place of the others; rows are means under Dirichlet priors whose weights are
        the most likely ones (empirical Bayes).
    """
    classes = answers.shape[1]
    table = np.full((classes, classes), (1 - _START) / max(classes - 1, 1))
    np.fill_diagonal(table, _START)
    weights = (_WEIGHTS[0], _WEIGHTS[0])
    for step in range(_ITERATIONS):
        belief = label_posterior(answers, given, table)
        named = [np.bincount(given, weights=belief[:, true], minlength=classes) for true in range(classes)]
        counts = np.stack(named).astype(np.float64) + _LEAST / max(classes - 1, 1)
        if step % _WEIGHED == 0:
            weights = _prior_weights(counts)
        table = _table(counts, weights)
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


def _table(counts: np.ndarray, weights: tuple[float, float]) -> np.ndarray:
    """Counts as rows that sum to 1, under priors worth so many examples: of shares of errors, and of whom they name."""
    verdicts, errors = _parts(counts)
    share = _drawn(verdicts, _pooled(verdicts), weights[0])
    named = _drawn(errors, _alike(errors), weights[1])
    table = np.diag(share[:, 0])
    table[_off_diagonal(len(counts))] = (share[:, 1:] * named).ravel()
    return table


def _prior_weights(counts: np.ndarray) -> tuple[float, float]:
    verdicts, errors = _parts(counts)
    return _likeliest_weight(verdicts, _pooled(verdicts)), _likeliest_weight(errors, _alike(errors))


def _parts(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each class: how many labels are right and wrong, (K, 2); how many name each other class, (K, K - 1)."""
    errors = counts[_off_diagonal(len(counts))].reshape(len(counts), -1)
    return np.stack([np.diag(counts), errors.sum(axis=1)], axis=1), errors


def _off_diagonal(classes: int) -> np.ndarray:
    return ~np.eye(classes, dtype=bool)


def _pooled(counts: np.ndarray) -> np.ndarray:
    return counts.sum(axis=0) / counts.sum()


def _alike(counts: np.ndarray) -> np.ndarray:
    return np.full(counts.shape[1], 1 / counts.shape[1])


def _drawn(counts: np.ndarray, mean: np.ndarray, weight: float) -> np.ndarray:
    """The mean shares of each row under a Dirichlet prior of that mean, worth `weight` examples."""
    return (counts + weight * mean) / (counts.sum(axis=1, keepdims=True) + weight)


def _likeliest_weight(counts: np.ndarray, mean: np.ndarray) -> float:
    """The prior's weight under which rows of counts are most likely, each a draw of the Dirichlet-multinomial."""
    from scipy.special import gammaln

    totals = counts.sum(axis=1)

    def fit(weight: float) -> float:
        prior = weight * mean
        rows = gammaln(weight) - gammaln(weight + totals)
        return float(rows.sum() + (gammaln(prior + counts) - gammaln(prior)).sum())

    return float(max(_WEIGHTS, key=fit))
