"""What is unusual about the features of an example, for the label that it was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from probes.data.tables import as_numbers, as_text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MOST_FEATURES", "telling_features"]

MOST_FEATURES = 40  # of an example: the most unusual
_LONGEST = 200  # characters of a value


def telling_features(features: Any, labels: np.ndarray, examples: np.ndarray) -> pd.DataFrame:
    """The features of some examples, the most unusual for their given label first.

    How unusual a number is, is its distance from the mean of all examples with the same given label, in standard
    deviations of theirs: its root mean square over the class is 1. That of a category is the distance of its flags from
    their means, scaled to the same: sqrt((1 / p - 1) / (L - 1)) for one of L levels in the class, which a share p of it
    has. A column of names, each of them once, so tells nothing. A missing number is one of two levels.

    Args:
        features: a DataFrame of N rows, or numbers (N, D), whose columns are then called by their position.
        labels: int, (N,); given labels.
        examples: int, (n,); whose features are wanted.

    Returns:
        A row per example and feature, at most 40 of each example: `example`, `rank` (from 1), `feature` and `value`
        (text), `deviation` (in sd, with its sign; of categories never negative), `class_share` (of the examples with
        that label, those with the same level; NaN of numbers).
    """
    import pandas as pd

    frame = features if hasattr(features, "iloc") else pd.DataFrame(np.asarray(features))
    examples = np.asarray(examples, dtype=np.int64)
    known = [_column(frame.iloc[:, place], labels, examples) for place in range(frame.shape[1])]
    deviations, shares = (np.array(part).reshape(frame.shape[1], -1) for part in zip(*known, strict=True))
    order = np.argsort(-np.abs(deviations), axis=0, kind="stable")[:MOST_FEATURES].T  # (n, at most 40)
    values = np.empty(order.shape, dtype=object)
    for place in np.unique(order):
        chosen = order == place
        values[chosen] = [_short(value) for value in frame.iloc[examples[chosen.any(axis=1)], place]]
    rows = np.arange(len(examples))[:, None]
    return pd.DataFrame(
        {
            "example": np.repeat(examples, order.shape[1]),
            "rank": np.tile(np.arange(1, order.shape[1] + 1), len(examples)),
            "feature": np.array([str(name) for name in frame.columns], dtype=object)[order].ravel(),
            "value": values.ravel(),
            "deviation": deviations[order, rows].astype(np.float64).ravel(),
            "class_share": shares[order, rows].astype(np.float64).ravel(),
        }
    )


def _column(column: pd.Series, labels: np.ndarray, examples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of one feature: deviations, and shares of their classes."""
    numbers = as_numbers([column])
    if numbers is None:
        return _of_levels(as_text(column).to_numpy(dtype=str), labels, examples)
    there = np.isfinite(numbers[0])
    deviations = _standard(numbers[0], there, labels)[examples]
    gone = ~there[examples]
    rare, shares = _of_levels(there, labels, examples)
    return np.where(gone, rare, deviations), np.where(gone, shares, np.nan)


def _standard(values: np.ndarray, there: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Distance of each value from the mean of its class, in its sd; 0 where all of a class are equal."""
    classes, size = labels[there], int(labels.max()) + 1
    top = np.abs(values[there]).max(initial=0.0)
    scaled = np.where(there, values, 0.0) / (top if top > 0 else 1.0)  # so that squares of large numbers stay finite
    counts = np.maximum(np.bincount(classes, minlength=size), 1)
    means = np.bincount(classes, scaled[there], minlength=size) / counts
    apart = scaled - means[labels]
    sds = np.sqrt(np.bincount(classes, apart[there] ** 2, minlength=size) / counts)[labels]
    flat = sds < 1e-12 * np.maximum(np.abs(means[labels]), 1e-300)  # what rounding leaves of equal values
    return np.divide(apart, sds, out=np.zeros_like(apart), where=there & ~flat & (sds > 0))


def _of_levels(levels: np.ndarray, labels: np.ndarray, examples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the level of each of some examples: deviation, and share of the examples with the same given label."""
    size = int(labels.max()) + 1
    _, codes = np.unique(levels, return_inverse=True)
    pairs, place, counts = np.unique(codes.astype(np.int64) * size + labels, return_inverse=True, return_counts=True)
    different = np.bincount(pairs % size, minlength=size)[labels[examples]]  # levels that the class has
    shares = counts[place[examples]] / np.bincount(labels, minlength=size)[labels[examples]]
    return np.sqrt((1 / shares - 1) / np.maximum(different - 1, 1)), shares


def _short(value: Any) -> str:
    """A value as people write it: five digits of a fraction, no time of a day where it is midnight."""
    if isinstance(value, float | np.floating):
        if not np.isfinite(value):
            return "(missing)"
        number = float(value)
        return f"{number:.0f}" if number.is_integer() and abs(number) < 1e15 else f"{number:.5g}"
    text = "(missing)" if value is None or str(value) in ("<NA>", "NaT") else str(value).removesuffix(" 00:00:00")
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
