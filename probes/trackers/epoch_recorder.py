"""Where a tracker's batches are checked and recorded: on the host, or on the accelerator that their logits lie on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from probes.errors import ConfigError, unknown_name
from probes.trackers.batches import Batch, check_batch, on_accelerator
from probes.trackers.epoch_buffer import EpochBuffer
from probes.trackers.held_batches import HeldBatches
from probes.trackers.labels import Labels

if TYPE_CHECKING:
    import torch

    from probes.trackers.device_batch import DeviceBatch
    from probes.trackers.device_epoch import DeviceEpoch

__all__ = ["EpochRecorder"]

_DEVICES = ("cpu", "cuda", "mps", "xpu", "hpu", "xla", "mtia")


class EpochRecorder:
    """The open epoch of a tracker, wherever it lies.

    Args:
        num_examples: N.
        labels: of the tracker. On a device the given ones are learned there, and come here with `learn_labels`.
        positions: from id to position, where there are ids.
        ignore_index: rows with this target are skipped.
        device: where epochs lie; left out, where the first logits do.

    Raises:
        ConfigError: no such device, or not on this machine.
    """

    def __init__(
        self,
        num_examples: int,
        labels: Labels,
        positions: Mapping[Any, int] | None = None,
        ignore_index: int | None = None,
        device: Any = None,
    ):
        self._num_examples = num_examples
        self._labels = labels
        self._positions = positions
        self._ignore_index = ignore_index
        self._device = _accelerator(device)
        self._placed = device is not None
        self._buffer: EpochBuffer | DeviceEpoch
        self._start(EpochBuffer(num_examples))

    @property
    def open(self) -> bool:
        """Whether a batch has come since the last `take`."""
        return self._buffer.open or len(self._held) > 0

    @property
    def nonfinite_visits(self) -> int:
        """Visits without signals, of all epochs."""
        self._held.flush()
        return self._buffer.nonfinite_visits

    @nonfinite_visits.setter
    def nonfinite_visits(self, count: int) -> None:
        self._buffer.nonfinite_visits = count

    def place(self, logits: Any) -> bool:
        """Whether batches go to a device; where none was named, the first logits decide it for good."""
        if not self._placed and logits is not None:
            self._device, self._placed = logits.device if on_accelerator(logits) else None, True
        return self._device is not None

    def check(
        self, index: Any, logits: Any, targets: Any, *, num_classes: int | None, watched: bool
    ) -> Batch | DeviceBatch:
        """See `check_batch`; of a batch on a device the form alone."""
        positions = None if watched else self._positions
        if self._device is None:
            return check_batch(
                index,
                logits,
                targets,
                num_examples=self._num_examples,
                num_classes=num_classes,
                positions=positions,
                ignore_index=self._ignore_index,
                watched=watched,
            )
        from probes.trackers.device_batch import device_batch

        return device_batch(
            index,
            logits,
            targets,
            device=self._device,
            num_examples=self._num_examples,
            num_classes=num_classes,
            positions=positions,
            ignore_index=self._ignore_index,
            watched=watched,
        )

    def record(self, batch: Batch | DeviceBatch, among: Sequence[Any] = ()) -> None:
        """Record a checked batch.

        Args:
            among: see `DeviceEpoch.update`.

        Raises:
            ValueError: on the host, an example's label changed.
        """
        if not isinstance(batch, Batch):
            self._on_device().update(batch, among)
            return
        self._labels.learn(batch.index, batch.targets)
        if len(batch.index):
            self._held.add(batch)

    def take(self) -> tuple[dict[str, np.ndarray], ValueError | IndexError | None]:
        """See `EpochBuffer.take`; and what was wrong with the first bad batch on a device, if there was one."""
        self._held.flush()
        self.learn_labels()
        error = None if isinstance(self._buffer, EpochBuffer) else self._buffer.pop_error()
        return self._buffer.take(), error

    def state(self) -> dict[str, np.ndarray]:
        """See `EpochBuffer.state`."""
        self._held.flush()
        return self._buffer.state()

    def put(self, columns: dict[str, np.ndarray], nonfinite_visits: int) -> None:
        """Make a saved epoch the open one; the labels are as the tracker has them now."""
        buffer = EpochBuffer(self._num_examples)
        buffer.put(columns)
        buffer.nonfinite_visits = nonfinite_visits
        self._start(buffer)  # the next batch takes it to its device

    def learn_labels(self) -> None:
        """Tell the tracker the given labels that a device has learned."""
        if not isinstance(self._buffer, EpochBuffer):
            self._labels.given[:] = self._buffer.given()

    def _start(self, buffer: EpochBuffer) -> None:
        """Go on with this buffer, and nothing held."""
        self._buffer, self._held = buffer, HeldBatches(buffer)

    def _on_device(self) -> DeviceEpoch:
        if isinstance(self._buffer, EpochBuffer):
            from probes.trackers.device_epoch import DeviceEpoch

            assert self._device is not None
            there = DeviceEpoch(self._num_examples, self._device, self._labels.given, self._ignore_index)
            there.put(self.state())
            there.nonfinite_visits = self._buffer.nonfinite_visits
            self._buffer = there
        return self._buffer


def _accelerator(device: Any) -> torch.device | None:
    """The device by that name, None for the host."""
    kind = "cpu" if device is None else str(device).split(":")[0]
    if kind not in _DEVICES:
        raise unknown_name("device", str(device), _DEVICES)
    if kind == "cpu":
        return None
    import torch

    try:
        return torch.empty(0, device=device).device
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(f"device {str(device)!r} cannot be used here: {reason}") from error
