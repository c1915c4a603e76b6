"""Small batches held together until their signals are computed: numpy takes as long over one as over a dozen."""

from __future__ import annotations

import numpy as np

from probes.signals import signals
from probes.trackers.batches import Batch
from probes.trackers.epoch_buffer import EpochBuffer

__all__ = ["HeldBatches"]

_ENOUGH = 2**14  # logits: what is held stays in the cache, and a batch of as many is not held at all


class HeldBatches:
    """Writes the signals of checked batches into a buffer, in their order, some batches at a time.

    Args:
        buffer: what the signals go to; it lacks what is held until `flush`.
    """

    def __init__(self, buffer: EpochBuffer):
        self._buffer = buffer
        self._held: list[Batch] = []
        self._size = 0

    def __len__(self) -> int:
        return len(self._held)

    def add(self, batch: Batch) -> None:
        """Take one batch; its arrays may change afterwards."""
        if self._held and self._held[0].logits.dtype != batch.logits.dtype:  # each is computed in its own precision
            self.flush()
        if not self._held and batch.logits.size >= _ENOUGH:
            self._buffer.write(batch.index, signals(batch.logits, batch.targets))
            return
        self._held.append(Batch(batch.index.copy(), batch.logits.copy(), batch.targets.copy()))
        self._size += batch.logits.size
        if self._size >= _ENOUGH:
            self.flush()

    def flush(self) -> None:
        """Write what is held."""
        if not self._held:
            return
        index = np.concatenate([batch.index for batch in self._held])
        logits = np.concatenate([batch.logits for batch in self._held])
        targets = np.concatenate([batch.targets for batch in self._held])
        self._held, self._size = [], 0
        self._buffer.write(index, signals(logits, targets))
