"""The labels a tracker knows: the given ones, learned from the targets, and the true ones, told to the constructor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from probes.errors import ProbeError
from probes.runs.writer import RunWriter
from probes.trackers.batch_form import label_error
from probes.trackers.batches import to_array

if TYPE_CHECKING:
    import pandas as pd

    from probes.runs.run import Run

__all__ = ["Labels", "check_ids"]


class Labels:
    """Given and true labels, and ids, of every example; the given ones take 8 bytes per example.

    Args:
        num_examples: N.
        true_labels: int, (N,), or None.
        ids: N names, or None.

    Attributes:
        given: int64, (N,); -1 where no target was seen yet.
    """

    def __init__(self, num_examples: int, true_labels: Any, ids: list[Any] | None):
        self.given = np.full(num_examples, -1, dtype=np.int64)
        self._true = _check_true_labels(true_labels, num_examples)
        self._ids = ids
        self._written = -1  # how many given labels the run's table holds; -1 for no table

    def learn(self, index: np.ndarray, targets: np.ndarray) -> None:
        """Remember each example's given label; refuse a different one before anything is recorded."""
        before = self.given[index]
        if np.count_nonzero(before == targets) == len(targets):
            return
        self.given[index] = np.where(before < 0, targets, before)
        wrong = self.given[index] != targets
        if wrong.any():
            example, now = int(index[wrong][0]), int(targets[wrong][0])
            was = int(self.given[example])
            self.given[index] = before
            raise label_error(example if self._ids is None else self._ids[example], now, was)

    def resume(self, run: Run) -> None:
        """Take over what a saved run knows; what was told now must agree with it.

        Raises:
            ProbeError: other true labels, or other ids, than the run's.
        """
        if run.given_labels is not None:
            self.replace(run.given_labels)
        ids = run.examples["id"].tolist() if "id" in run.examples else None
        for name, told, saved in (("true_labels", self._true, run.true_labels), ("ids", self._ids, ids)):
            if told is not None and saved is not None and not np.array_equal(told, saved):
                raise ProbeError(f"{name} differ from those of {run.path}. Leave them out to keep the run's.")
        self._true = run.true_labels if self._true is None else self._true
        self._ids = ids if self._ids is None else self._ids

    def check_range(self, num_classes: int) -> None:
        """Refuse true labels that are no classes of the logits."""
        if self._true is not None and self._true.max() >= num_classes:
            raise ValueError(f"true_labels must lie in [0, {num_classes}), or be -1, got {self._true.max()}.")

    def replace(self, given: np.ndarray) -> None:
        """Take over the given labels of a saved state."""
        self.given = given.copy()
        self._written = -1

    def table(self) -> pd.DataFrame:
        """One row per example: `given_label`, and `true_label`, `noisy`, `id` where known."""
        import pandas as pd

        columns: dict[str, Any] = {"given_label": pd.array(np.where(self.given < 0, 0, self.given), dtype="Int64")}
        columns["given_label"][self.given < 0] = pd.NA
        if self._true is not None:
            columns["true_label"] = pd.array(self._true, dtype="Int64")
            columns["true_label"][self._true < 0] = pd.NA
            columns["noisy"] = pd.array(self.given != self._true, dtype="boolean")
            columns["noisy"][(self.given < 0) | (self._true < 0)] = pd.NA
        if self._ids is not None:
            columns["id"] = self._ids
        return pd.DataFrame(columns)

    def write(self, writer: RunWriter) -> None:
        """Write the run's table of examples, unless it holds all that is known."""
        known = int((self.given >= 0).sum())
        if self._written == known:
            return
        table = self.table()
        writer.write_examples(
            {
                "given_label": self.given,
                "true_label": self._true,
                "noisy": table["noisy"].array if "noisy" in table else None,
                "id": self._ids,
            }
        )
        self._written = known


def check_ids(ids: Sequence[Any] | None, num_examples: int) -> tuple[list[Any] | None, dict[Any, int] | None]:
    """The ids as a list, and the position of each."""
    if ids is None:
        return None, None
    names = ids.tolist() if hasattr(ids, "tolist") else list(ids)
    if len(names) != num_examples:
        raise ValueError(f"ids must hold {num_examples} entries, got {len(names)}.")
    if not (all(isinstance(name, str) for name in names) or all(type(name) is int for name in names)):
        wrong = next((name for name in names if type(name) is not int and not isinstance(name, str)), None)
        found = "both" if wrong is None else f"{wrong!r}, of type {type(wrong).__name__}"
        raise TypeError(f"ids must be all strings or all ints, got {found}.")
    positions = {name: position for position, name in enumerate(names)}
    if len(positions) != num_examples:
        twice = next(name for position, name in enumerate(names) if positions[name] != position)
        raise ValueError(f"ids must be unique, got {twice!r} more than once.")
    return names, positions


def _check_true_labels(labels: Any, num_examples: int) -> np.ndarray | None:
    if labels is None:
        return None
    array = to_array(labels, "true_labels")
    if array.dtype.kind not in "iu":
        raise TypeError(f"true_labels must be integers, got {array.dtype}.")
    if array.shape != (num_examples,):
        raise ValueError(f"true_labels must have shape ({num_examples},), got {array.shape}.")
    if array.min() < -1:
        raise ValueError(f"true_labels must be classes, or -1 where unknown, got {array.min()}.")
    return array.astype(np.int64)
