"""Rows of another tool's log, in the one form that every importer brings them into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from probes.errors import ConfigError
from probes.trackers.example_tracker import ExampleTracker

__all__ = ["FLOAT_SIGNALS", "Rows", "by_epoch", "id_array", "last_of_each", "signals_of"]

FLOAT_SIGNALS = ("loss", "margin", "entropy", "el2n")


@dataclass(frozen=True)
class Rows:
    """Some rows of a log, each one visit of an example (or its last one, where `visits` counts several).

    Attributes:
        epochs: int64, (R,); as the log counts them.
        ids: int64 or text, (R,); of the examples.
        labels: object, (R,); given labels as they came, None or NaN where unknown; None where the log has none.
        true_labels: the same for the true labels.
        predictions: the same for the predicted labels; None with logits, which say more.
        logits: float64, (R, K), or (R, 1) for binary; None where the log has none.
        visits: int64, (R,); None where each row is one visit.
        signals: float64, (R,) each; what the log holds of FLOAT_SIGNALS, NaN where unknown. Empty with logits.
    """

    epochs: np.ndarray
    ids: np.ndarray
    labels: np.ndarray | None = None
    true_labels: np.ndarray | None = None
    predictions: np.ndarray | None = None
    logits: np.ndarray | None = None
    visits: np.ndarray | None = None
    signals: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.epochs)


def id_array(ids: Sequence[Any], where: str) -> np.ndarray:
    """Ids as int64 or as an array of text.

    Args:
        ids: as they came.
        where: what to call their place in an error.

    Raises:
        ConfigError: they are neither all text nor all whole numbers of at most 64 bits.
    """
    kinds = {type(name) for name in ids}
    if kinds == {str}:
        return np.array(ids, dtype=object)
    if kinds == {int}:
        try:
            return np.array(ids, dtype=np.int64)
        except OverflowError:
            pass
    wrong = next((name for name in ids if type(name) not in (str, int)), ids[0])
    raise ConfigError(f"{where}: ids must be all text or all whole numbers of at most 64 bits, got {wrong!r}.")


def signals_of(rows: Rows, targets: np.ndarray, predictions: np.ndarray | None) -> dict[str, np.ndarray]:
    """What the rows say: loss, margin, entropy, el2n (float32, NaN where unknown) and prediction (int32, or -1).

    Args:
        targets: int64, (R,); given labels as classes. Only used with logits.
        predictions: int64, (R,); the rows' predictions as classes, where they hold any.
    """
    if rows.logits is not None:
        return _signals_of_logits(rows.logits, targets)
    missing = np.full(len(rows), np.nan)
    found = {name: np.asarray(rows.signals.get(name, missing), dtype=np.float32) for name in FLOAT_SIGNALS}
    answers = np.full(len(rows), -1) if predictions is None else predictions
    return {**found, "prediction": answers.astype(np.int32)}


def by_epoch(epochs: np.ndarray, columns: Mapping[str, np.ndarray]) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """The columns of each epoch, rows in their order.

    Args:
        epochs: int64, (R,).
        columns: (R,) each.
    """
    order = np.argsort(epochs, kind="stable")
    found, starts = np.unique(epochs[order], return_index=True)
    for epoch, members in zip(found.tolist(), np.split(order, starts[1:]), strict=True):
        yield epoch, {name: values[members] for name, values in columns.items()}


def last_of_each(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """One row per `example`, ascending: of repeated visits the last one stands, `visits` is their sum."""
    order = np.argsort(columns["example"], kind="stable")
    example = columns["example"][order]
    starts = np.flatnonzero(np.diff(example, prepend=-1))
    last = order[np.append(starts[1:], len(order)) - 1]
    visits = np.add.reduceat(columns["visits"][order], starts)
    return {**{name: values[last] for name, values in columns.items()}, "visits": visits}


def _signals_of_logits(logits: np.ndarray, targets: np.ndarray) -> dict[str, np.ndarray]:
    """Through a tracker in memory, whose examples are these rows: one definition of every signal."""
    tracker = ExampleTracker(len(logits))
    tracker.update(np.arange(len(logits)), logits, targets)
    tracker.end_epoch()
    return {name: tracker.trajectory(name)[0] for name in (*FLOAT_SIGNALS, "prediction")}
