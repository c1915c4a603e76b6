"""Closed epochs on their way to the run folder: a disk that refuses one loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from probes.errors import ProbeError

if TYPE_CHECKING:
    import numpy as np

    from probes.runs.writer import RunWriter
    from probes.trackers.labels import Labels

__all__ = ["UnwrittenEpochs", "writing"]


class UnwrittenEpochs:
    """Epochs that are closed and not yet in the folder: one for a moment, more where the disk has refused them."""

    def __init__(self) -> None:
        self._epochs: list[tuple[int, dict[str, np.ndarray]]] = []

    def add(self, epoch: int, columns: dict[str, np.ndarray]) -> None:
        """Take an epoch, as `RunWriter.write_epoch` does."""
        self._epochs.append((epoch, columns))

    def clear(self) -> None:
        """Forget them: the tracker goes on from a saved state."""
        self._epochs.clear()

    def write(self, writer: RunWriter, labels: Labels, nonfinite_visits: int) -> None:
        """Write them in order, and the labels known by now.

        Raises:
            ProbeError: the folder cannot be written to; the epochs wait for the next call.
        """
        while self._epochs:
            epoch, columns = self._epochs[0]
            with writing(writer, f" Epoch {epoch} is kept: the next end_epoch, or close, writes it."):
                labels.write(writer)
                writer.write_epoch(epoch, columns, nonfinite_visits=nonfinite_visits)
            del self._epochs[0]


@contextmanager
def writing(writer: RunWriter, kept: str = "") -> Iterator[None]:
    """Say in one line why the run cannot be written to, and what is kept."""
    try:
        yield
    except OSError as error:
        raise ProbeError(f"cannot write to {writer.shown_path}: {error.strerror or error}.{kept}") from error
