"""A batch on its way to an accelerator: its form is checked on the host, which reads none of the device's values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from probes.trackers.batch_form import (
    check_classes,
    check_given,
    check_index_form,
    check_lengths,
    check_logits_form,
    check_targets_form,
)
from probes.trackers.batches import check_index, check_range, on_accelerator, to_array

__all__ = ["DeviceBatch", "device_batch", "move"]


@dataclass(frozen=True)
class DeviceBatch:
    """One batch on a device, its form checked and its values not yet.

    Attributes:
        index: int64, (B,); should lie in [0, N).
        logits: float32 or float64, (B, K), K >= 2.
        targets: int64, (B,), should lie in [0, K); or float, should be exactly 0 or 1.
    """

    index: Tensor
    logits: Tensor
    targets: Tensor


def device_batch(
    index: Any,
    logits: Any,
    targets: Any,
    *,
    device: torch.device,
    num_examples: int,
    num_classes: int | None = None,
    positions: Mapping[Any, int] | None = None,
    ignore_index: int | None = None,
    watched: bool = False,
) -> DeviceBatch:
    """Bring a batch onto a device and into the form of `check_batch`, with the arguments and errors of that.

    Of the values only those of an index on the host are checked, and only where no row may be ignored.

    Args:
        device: where to.
    """
    check_given(index, logits, targets)
    scores, labels = _source(logits, "logits"), _source(targets, "targets")
    if labels.ndim == 0 and scores.ndim == 1 and len(scores) > 1:
        scores = scores[None]  # one example, outside a batch
    binary = check_logits_form(_kind(scores), scores.dtype, scores.shape)
    check_targets_form(_kind(labels), labels.dtype, labels.shape, binary)
    where = _check_index(index, positions)
    labels, where = labels.reshape(-1), where.reshape(-1)
    rows = len(scores)
    check_lengths(len(where), rows, len(labels), watched)
    classes = 2 if binary else scores.shape[1]
    check_classes(classes, num_classes if rows else None)
    if isinstance(where, np.ndarray) and ignore_index is None:
        check_range(where, num_examples)
    scores = _floats(move(scores, device))
    if binary:
        scores = scores.reshape(-1)
        scores = torch.stack([torch.zeros_like(scores), scores], 1)
    labels = move(labels, device)
    floats = binary and labels.is_floating_point()
    return DeviceBatch(move(where, device).long(), scores, labels if floats else labels.long())


def move(value: Any, device: torch.device) -> Tensor:
    """A tensor or numpy array of numbers as a tensor on a device, without waiting for it where that is safe.

    It is with CUDA alone: other devices may still read a source that is gone by then
    (mps does: https://github.com/pytorch/pytorch/issues/189690).
    """
    if not isinstance(value, Tensor):  # copied, for the caller's array may change before it is read
        size = min(max(value.dtype.itemsize, 4), 8)
        value = torch.from_numpy(np.array(value, dtype=f"f{size}" if value.dtype.kind == "f" else np.int64))
    if device.type == "mps" and value.dtype == torch.float64:  # unknown there
        value = value.float()
    if device.type == "cuda" and not value.is_cuda:
        value = value.pin_memory()  # from elsewhere the driver may wait for the work that is queued
    return value.to(device, non_blocking=device.type == "cuda")


def _source(value: Any, name: str) -> Any:
    """A torch tensor without its graph, wherever it lies; anything else as a numpy array."""
    return value.detach() if isinstance(value, Tensor) else to_array(value, name)


def _check_index(index: Any, positions: Mapping[Any, int] | None) -> Any:
    """Positions: a tensor on a device as it is, all else as int64 numpy."""
    if positions is not None or not on_accelerator(index):
        return check_index(index, positions)
    check_index_form(_kind(index), index.dtype, index.shape)
    return index


def _kind(value: Any) -> str:
    """The letter that numpy has for the kind of a dtype."""
    if not isinstance(value, Tensor):
        return str(value.dtype.kind)
    if value.is_complex():
        return "c"
    return "f" if value.is_floating_point() else "b" if value.dtype == torch.bool else "i"


def _floats(logits: Tensor) -> Tensor:
    """float32 or float64: half precision is too coarse to exponentiate."""
    return logits.float() if logits.element_size() < 4 else logits
