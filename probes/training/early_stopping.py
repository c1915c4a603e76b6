"""When to stop: validation accuracy that has not improved for a number of epochs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from probes.runs.layout import METRICS
from probes.runs.writer import read_metrics

__all__ = ["best_epoch", "recorded_accuracies", "should_stop"]


def should_stop(accuracies: Sequence[float | None], patience: int | None) -> bool:
    """Whether the best validation accuracy lies `patience` epochs back, or more.

    Args:
        accuracies: of epochs 1, 2, ...; None where it is unknown, which never is an improvement.
        patience: epochs to wait for an improvement; None never stops.

    Example:
        >>> should_stop([0.5, 0.7, 0.6, 0.7], patience=2), should_stop([0.5, 0.7, 0.6, 0.8], patience=2)
        (True, False)
    """
    if patience is None or not accuracies:
        return False
    return len(accuracies) - best_epoch(accuracies) >= patience


def best_epoch(accuracies: Sequence[float | None]) -> int:
    """The first epoch, from 1 on, of the best validation accuracy.

    Args:
        accuracies: as in `should_stop`; at least one.
    """
    known = [-1.0 if accuracy is None else accuracy for accuracy in accuracies]
    return 1 + known.index(max(known))


def recorded_accuracies(run_folder: Path, last: int) -> list[float | None]:
    """Validation accuracy of the epochs 1..last of a run; None where it is unknown."""
    rows = read_metrics(run_folder / METRICS)
    recorded = {row["epoch"]: row["accuracy"] for row in rows if row["group"] == "validation"}
    return [recorded.get(epoch) for epoch in range(1, last + 1)]
