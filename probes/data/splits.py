"""Drawing a stratified part of the examples, reproducibly, whatever the sizes of the classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from probes.data.words import some
from probes.errors import ConfigError

__all__ = ["LARGEST_HELD_OUT", "draw_stratified", "split_rows"]

HELD_OUT_SHARE = 0.1
LARGEST_HELD_OUT = 6_000


def split_rows(
    labels: np.ndarray, classes: Sequence[str], seed: int, *, validation: bool, test: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Choose the rows that training gives up: a stratified 10 %, at most 6,000, for each part that is wanted.

    Args:
        labels: int, (N,); in [0, K).
        classes: K names.
        seed: of the split.
        validation: whether training gives up a validation part.
        test: whether it gives up a test part.

    Returns:
        int64 rows of training, validation and test, each ascending, and notes for the user.

    Raises:
        ConfigError: fewer rows than parts, or so few that training is left with one of several classes.
    """
    rows, notes = np.arange(len(labels)), []
    size = min(max(round(HELD_OUT_SHARE * len(labels)), 1), LARGEST_HELD_OUT)
    if len(labels) < 1 + validation + test:
        raise ConfigError(f"{len(labels)} examples are too few to split into training and held-out parts.")
    held_out = {}
    for number, (name, wanted) in enumerate((("validation", validation), ("test", test))):
        chosen = np.zeros(len(rows), dtype=bool)
        if wanted:
            chosen = draw_stratified(labels[rows], size, [seed, number], spare=True)
            notes += _missing_classes(labels, rows[chosen], classes, name)
        held_out[name], rows = rows[chosen], rows[~chosen]
    if len(np.unique(labels[rows])) < min(2, len(np.unique(labels))):
        raise ConfigError(f"{len(labels)} examples are too few to split: training would be left with one class.")
    return rows, held_out["validation"], held_out["test"], notes


def draw_stratified(labels: np.ndarray, count: int, seed: int | Sequence[int], *, spare: bool = False) -> np.ndarray:
    """Draw `count` examples so that each class has its share of them, to within one.

    Fractions of an example go to the classes with the largest remainders.

    Args:
        labels: int, (N,).
        count: how many to draw, at most N.
        seed: equal seeds draw the same examples.
        spare: leave at least one example of each class undrawn, where that is possible.

    Returns:
        bool, (N,); True where drawn.
    """
    _, column, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    limit = sizes - 1 if spare and (sizes - 1).sum() >= count else sizes
    quota = _quotas(sizes, limit, count)
    order = np.random.default_rng(seed).permutation(len(labels))
    by_class = order[np.argsort(column[order], kind="stable")]
    turn = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    drawn = np.zeros(len(labels), dtype=bool)
    drawn[by_class] = turn < quota[column[by_class]]
    return drawn


def _quotas(sizes: np.ndarray, limit: np.ndarray, count: int) -> np.ndarray:
    """Examples to draw of each class: int, (classes,), summing to `count`, each at most its limit."""
    exact = sizes * (count / max(sizes.sum(), 1))
    quota = np.minimum(np.floor(exact).astype(np.int64), limit)
    while quota.sum() < count:
        short = np.where(quota < limit, exact - quota, -np.inf)
        most = np.argsort(-short, kind="stable")[: min(count - quota.sum(), int((quota < limit).sum()))]
        quota[most] += 1
    return quota


def _missing_classes(labels: np.ndarray, held: np.ndarray, classes: Sequence[str], part: str) -> list[str]:
    missing = [classes[label] for label in np.setdiff1d(labels, labels[held])]
    if not missing:
        return []
    have = "has" if len(missing) == 1 else "have"
    share = f"{len(missing):,} of {len(classes):,} classes {have}"
    return [f"{share} too few examples to be in the {part} part: {some(missing)}."]
