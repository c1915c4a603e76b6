"""When to stop: validation accuracy that has not improved for a number of epochs."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["should_stop"]


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
    known = [-1.0 if accuracy is None else accuracy for accuracy in accuracies]
    return len(known) - 1 - known.index(max(known)) >= patience
