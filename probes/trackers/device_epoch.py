"""One epoch's signals of every example, in buffers on an accelerator that a training step never waits for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from probes.signals import FLOAT_SIGNALS
from probes.trackers.batch_form import ahead_error, binary_error, index_error, label_error, target_error
from probes.trackers.device_batch import DeviceBatch, move
from probes.trackers.device_signals import device_signals

__all__ = ["DeviceEpoch"]

# What can be wrong with a row, in the order in which the host would have found it
_AHEAD, _BINARY, _INDEX, _TARGET, _LABEL, _NOTHING, _SKIPPED = range(7)


class DeviceEpoch:
    """Collects what an epoch saw, as `EpochBuffer` does; it also knows the given labels, and checks values.

    No operation of `update` gives the host a value: a batch in which one cannot be used goes to slot N, which nobody
    reads, and the first such batch is remembered on the device until `pop_error`. For the same reason `where` and index
    assignment get no Python numbers here: torch would bring them to the device with a copy that waits.

    Takes 28 bytes per example on the device; with the tracker's labels, on the host, 36 in all.

    Args:
        num_examples: N.
        device: where the buffers lie.
        given: int, (N,); labels known so far, -1 where none is.
        ignore_index: rows with this target are skipped.

    Attributes:
        open: a batch has come since the last `take`.
    """

    def __init__(self, num_examples: int, device: torch.device, given: np.ndarray, ignore_index: int | None = None):
        self._num_examples = num_examples
        self._device = device
        self._ignore_index = ignore_index
        self._num_classes = 0
        self._batches = 0  # in this epoch
        self._nonfinite_before = 0
        self.open = False
        slots = num_examples + 1
        with torch.inference_mode(False):  # buffers made in that mode could not be written to outside of it
            self._visits = torch.zeros(slots, dtype=torch.int32, device=device)
            self._floats = torch.zeros(len(FLOAT_SIGNALS), slots, dtype=torch.float32, device=device)
            self._prediction = torch.zeros(slots, dtype=torch.int32, device=device)
            self._given = torch.full((slots,), -1, dtype=torch.int32, device=device)
            self._given[:-1].copy_(torch.from_numpy(given.astype(np.int32)))
            self._nonfinite = torch.zeros(1, dtype=torch.int64, device=device)
            self._bad_batches = torch.zeros(1, dtype=torch.int64, device=device)
            self._first_bad = torch.zeros(5, dtype=torch.int64, device=device)  # batch, kind, index, target, was
            precise = torch.float32 if device.type == "mps" else torch.float64
            self._bad_float = torch.zeros(1, dtype=precise, device=device)

    def update(self, batch: DeviceBatch, among: Sequence[Any] = ()) -> None:
        """Record one batch, if its values can be used.

        Args:
            batch: its form is checked.
            among: arrays, one of which the targets must equal; none where there is no doubt about them.
        """
        self._batches += 1
        self._num_classes = batch.logits.shape[1]
        if not len(batch.index):
            return
        self.open = True
        labels, kinds = self._check_rows(batch, among)
        out = kinds != _NOTHING
        slot = batch.index.masked_fill(out, self._num_examples)
        labels_there = labels.masked_fill(out, 0)
        last = self._last_of_repeated(slot)
        known = self._given.index_select(0, slot).long()
        standing = torch.where(known < 0, labels_there, known).index_select(0, last)
        kinds = kinds.masked_fill((standing != labels_there) & ~out, _LABEL)

        bad = self._remember(batch, kinds, torch.stack([batch.index, labels, standing]))
        slot = slot.masked_fill(bad, self._num_examples)
        floats, prediction = device_signals(batch.logits, labels_there)
        self._given.index_copy_(0, slot, standing.int())
        self._visits.index_add_(0, slot, torch.ones_like(prediction))
        # Every row of a repeated example brings the last one's values, so that their order makes no difference.
        self._floats.index_copy_(1, slot, floats.index_select(1, last))
        self._prediction.index_copy_(0, slot, prediction.index_select(0, last))
        self._nonfinite += ((prediction < 0) & (slot < self._num_examples)).sum()

    def take(self) -> dict[str, np.ndarray]:
        """Columns of the visited examples, sorted by `example`; the buffer is empty afterwards."""
        columns = self.state()
        self._visits.zero_()
        self._batches = 0
        self.open = False
        return columns

    def state(self) -> dict[str, np.ndarray]:
        """The open epoch as `take` would give it, left in place."""
        visits = self._host(self._visits)
        example = np.flatnonzero(visits)
        columns: dict[str, np.ndarray] = {"example": example, "visits": visits[example]}
        floats = self._host(self._floats)
        columns.update({name: values[example] for name, values in zip(FLOAT_SIGNALS, floats, strict=True)})
        columns["prediction"] = self._host(self._prediction)[example]
        return columns

    def put(self, columns: dict[str, np.ndarray]) -> None:
        """Make an epoch that was taken the open one again."""
        example = torch.from_numpy(columns["example"]).to(self._device)

        def there(name: str) -> Tensor:
            return torch.from_numpy(columns[name]).to(self._device)

        self._visits.zero_().index_copy_(0, example, there("visits"))
        for values, name in zip(self._floats, FLOAT_SIGNALS, strict=True):
            values.index_copy_(0, example, there(name))
        self._prediction.index_copy_(0, example, there("prediction"))
        self.open = len(example) > 0

    def given(self) -> np.ndarray:
        """int32, (N,); the given labels, -1 where no target was seen yet."""
        return self._host(self._given)

    @property
    def nonfinite_visits(self) -> int:
        """Visits without signals, of all epochs."""
        return self._nonfinite_before + int(self._nonfinite.item())

    @nonfinite_visits.setter
    def nonfinite_visits(self, count: int) -> None:
        self._nonfinite_before = count
        self._nonfinite.zero_()

    def pop_error(self) -> ValueError | IndexError | None:
        """What the host would have raised at the first bad batch, if there was one; it is then forgotten."""
        count = int(self._bad_batches.item())
        if not count:
            return None
        self._bad_batches.zero_()
        batch, kind, index, target, was = self._first_bad.tolist()
        error: ValueError | IndexError
        if kind == _BINARY:
            error = binary_error(_shortest(float(self._bad_float.item())))
        elif kind == _INDEX:
            error = index_error(index, self._num_examples)
        elif kind == _TARGET:
            error = target_error(target, self._num_classes, self._ignore_index)
        elif kind == _LABEL:
            error = label_error(index, target, was)
        else:
            error = ahead_error()
        return type(error)(f"{error} {_which(batch, count)}")

    def _check_rows(self, batch: DeviceBatch, among: Sequence[Any]) -> tuple[Tensor, Tensor]:
        """Labels and what is wrong with each row, given labels that changed apart; int64, (B,)."""
        index, targets = batch.index, batch.targets
        labels = targets.long()
        kinds = torch.full_like(labels, _NOTHING)
        kinds.masked_fill_((labels < 0) | (labels >= batch.logits.shape[1]), _TARGET)
        kinds.masked_fill_((index < 0) | (index >= self._num_examples), _INDEX)
        if self._ignore_index is not None:
            kinds.masked_fill_(labels == self._ignore_index, _SKIPPED)
        if targets.is_floating_point():
            allowed = (targets == 0) | (targets == 1)
            if self._ignore_index is not None:
                allowed |= targets == self._ignore_index
            kinds.masked_fill_(~allowed, _BINARY)
        if among:
            parts = [move(part, self._device).reshape(-1) for part in among]
            kinds.masked_fill_(~torch.stack([(part == targets).all() for part in parts]).any(), _AHEAD)
        return labels, kinds

    def _last_of_repeated(self, slot: Tensor) -> Tensor:
        """int64, (B,); the last row of the batch with the same slot. Borrows the predictions' buffer for a moment."""
        rows = torch.arange(len(slot), dtype=torch.int32, device=slot.device)
        kept = self._prediction.index_select(0, slot)
        self._prediction.scatter_reduce_(0, slot, rows, "amax", include_self=False)
        last = self._prediction.index_select(0, slot).long()
        self._prediction.index_copy_(0, slot, kept)
        return last

    def _remember(self, batch: DeviceBatch, kinds: Tensor, values: Tensor) -> Tensor:
        """bool, (1,); whether the batch is bad. If it is the first one, what is wrong with it is kept.

        Args:
            kinds: int64, (B,); what is wrong with each row.
            values: int64, (3, B); index, target and the label that stood before.
        """
        rows = len(kinds)
        first = (kinds * rows + torch.arange(rows, device=kinds.device)).amin(0, keepdim=True)  # least kind, then row
        kind, row = first // rows, first % rows
        bad = kind < _NOTHING
        fresh = bad & (self._bad_batches == 0)
        number = torch.full_like(kind, self._batches)
        found = torch.cat([number, kind, values.index_select(1, row).squeeze(1)])
        self._first_bad.copy_(torch.where(fresh, found, self._first_bad))
        if batch.targets.is_floating_point():
            value = batch.targets.index_select(0, row).to(self._bad_float.dtype)
            self._bad_float.copy_(torch.where(fresh, value, self._bad_float))
        self._bad_batches += bad
        return bad

    def _host(self, values: Tensor) -> np.ndarray:
        """Without the last slot, on the host."""
        return np.asarray(values[..., :-1].cpu().numpy())


def _shortest(value: float) -> Any:
    """As its own type would print it: a float32 that was widened has digits that it never had."""
    return np.float32(value) if float(np.float32(value)) == value else value


def _which(batch: int, count: int) -> str:
    others = "" if count == 1 else f", and so were {count - 1} others" if count > 2 else ", and so was another"
    return f"Found in batch {batch} of this epoch; that batch was left out{others}."
