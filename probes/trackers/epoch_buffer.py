"""One epoch's signals of every example, in arrays allocated once."""

from __future__ import annotations

import numpy as np

from probes.signals import FLOAT_SIGNALS, Signals

__all__ = ["EpochBuffer"]


class EpochBuffer:
    """Collects what an epoch saw; of repeated visits the last one stands and `visits` counts them.

    Takes 24 bytes per example; a tracker's labels add 8.

    Args:
        num_examples: N.
    """

    def __init__(self, num_examples: int):
        self._visits = np.zeros(num_examples, dtype=np.int32)
        self._floats = {name: np.empty(num_examples, dtype=np.float32) for name in FLOAT_SIGNALS}
        self._prediction = np.empty(num_examples, dtype=np.int32)
        self.nonfinite_visits = 0
        self.open = False

    def write(self, index: np.ndarray, signals: Signals) -> None:
        """Record one batch.

        Args:
            index: int64, (B,); positions, the last of repeated ones stands.
        """
        np.add.at(self._visits, index, np.int32(1))  # of the array's own type, an eighth of the time
        for values, found in zip(self._floats.values(), signals, strict=False):
            values[index] = found  # numpy assigns in order: the last of repeated indices stands
        self._prediction[index] = signals.prediction
        self.nonfinite_visits += int(np.count_nonzero(signals.prediction < 0))
        self.open = True

    def take(self) -> dict[str, np.ndarray]:
        """Columns of the visited examples, sorted by `example`; the buffer is empty afterwards."""
        example = np.flatnonzero(self._visits)
        columns: dict[str, np.ndarray] = {"example": example, "visits": self._visits[example]}
        columns.update({name: values[example] for name, values in self._floats.items()})
        columns["prediction"] = self._prediction[example]
        self._visits[example] = 0
        self.open = False
        return columns

    def state(self) -> dict[str, np.ndarray]:
        """The open epoch as `take` would give it, left in place."""
        columns = self.take()
        self.put(columns)
        return columns

    def put(self, columns: dict[str, np.ndarray]) -> None:
        """Make an epoch that was taken the open one again."""
        example = columns["example"]
        self._visits[:] = 0
        self._visits[example] = columns["visits"]
        for name, values in self._floats.items():
            values[example] = columns[name]
        self._prediction[example] = columns["prediction"]
        self.open = len(example) > 0
