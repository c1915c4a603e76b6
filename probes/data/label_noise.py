"""How each kind of label noise is drawn: pure functions of labels and a generator."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

__all__ = ["confusions", "matrix_rows", "pair", "uniform_all", "uniform_other"]

Drawn = tuple[np.ndarray, np.ndarray]
_ITERATIONS = 100  # of the logistic regression: more do not change which inputs it confuses most


def uniform_all(labels: np.ndarray, share: float, num_classes: int, random: np.random.Generator) -> Drawn:
    """Return (drawn bool (N,), given int64 (N,)): with probability `share` redrawn from all classes."""
    chosen = random.random(len(labels)) < share
    return chosen, np.where(chosen, random.integers(0, num_classes, len(labels)), labels)


def uniform_other(labels: np.ndarray, share: float, num_classes: int, random: np.random.Generator) -> Drawn:
    """Return (drawn bool (N,), given int64 (N,)): exactly int(share * N) moved to another class."""
    chosen = np.zeros(len(labels), dtype=bool)
    chosen[random.permutation(len(labels))[: int(share * len(labels))]] = True
    moved = (labels + random.integers(1, num_classes, len(labels))) % num_classes
    return chosen, np.where(chosen, moved, labels)


def pair(labels: np.ndarray, share: float, num_classes: int, random: np.random.Generator) -> Drawn:
    """Return (drawn bool (N,), given int64 (N,)): with probability `share` moved to the next class, the last to 0."""
    chosen = random.random(len(labels)) < share
    return chosen, np.where(chosen, (labels + 1) % num_classes, labels)


def matrix_rows(labels: np.ndarray, share: float, matrix: np.ndarray, random: np.random.Generator) -> Drawn:
    """Return (drawn bool (N,), given int64 (N,)): with probability `share` redrawn from the row of the label.

    Args:
        labels: int64, (N,).
        share: p.
        matrix: float64, (K, K); rows sum to 1.
        random: decides.
    """
    chosen, level = random.random(len(labels)) < share, random.random(len(labels))
    given = labels.copy()
    for label, row in enumerate(matrix):
        mine = chosen & (labels == label)
        steps = np.cumsum(row)
        # Scaled to the last step, so that rounding never opens a gap below 1 that a class of probability 0 would fill.
        given[mine] = np.searchsorted(steps, level[mine] * steps[-1], side="right")
    return chosen, given


def confusions(inputs: Any, labels: np.ndarray, num_classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how probable the most probable wrong class of each input is, and that class.

    Probabilities are those of a logistic regression (scikit-learn's, L2 with C = 1, at most 100 iterations of lbfgs) of
    the labels on the inputs, flattened, fitted to these very inputs.

    Args:
        inputs: float, (N, ...); standardised.
        labels: int64, (N,).
        num_classes: K.
        seed: of the solver.

    Returns:
        float64 (N,) and int64 (N,).
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    flat = np.asarray(inputs, dtype=np.float32).reshape(len(labels), -1)
    model = LogisticRegression(max_iter=_ITERATIONS, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(flat, labels)
    probabilities = np.zeros((len(labels), num_classes))
    probabilities[:, model.classes_] = model.predict_proba(flat)
    probabilities[np.arange(len(labels)), labels] = -1
    wrong = probabilities.argmax(axis=1)
    return probabilities[np.arange(len(labels)), wrong], wrong.astype(np.int64)
