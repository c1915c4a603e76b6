"""Turns what a training loop has at hand into checked arrays, before anything of it is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from probes.trackers.batch_form import (
    binary_error,
    check_classes,
    check_given,
    check_index_form,
    check_lengths,
    check_logits_form,
    check_targets_form,
    index_error,
    target_error,
)

__all__ = ["Batch", "check_batch", "check_index", "check_range", "on_accelerator", "to_array"]


@dataclass(slots=True)
class Batch:
    """One checked batch.

    Attributes:
        index: int64, (B,); in [0, N).
        logits: float32 or float64, (B, K), K >= 2.
        targets: int64, (B,); in [0, K).
    """

    index: np.ndarray
    logits: np.ndarray
    targets: np.ndarray


def check_batch(
    index: Any,
    logits: Any,
    targets: Any,
    *,
    num_examples: int,
    num_classes: int | None = None,
    positions: Mapping[Any, int] | None = None,
    ignore_index: int | None = None,
    watched: bool = False,
) -> Batch:
    """Check one batch and bring it into one form; binary logits z become (0, z).

    Args:
        index: (B,) positions, or ids where `positions` is given.
        logits: (B, K), or (B,) / (B, 1) for binary.
        targets: (B,) given labels.
        num_examples: N.
        num_classes: K of earlier batches, if any.
        positions: from id to position.
        ignore_index: rows with this target are left out.
        watched: index comes from a watched loader.

    Raises:
        TypeError: a kind of value that cannot be used.
        ValueError: shapes disagree, or a target lies outside [0, K).
        IndexError: an index lies outside [0, N), or an id is unknown.
    """
    check_given(index, logits, targets)
    scores, labels = to_array(logits, "logits"), to_array(targets, "targets")
    if labels.ndim == 0 and scores.ndim == 1 and len(scores) > 1:
        scores = scores[None]  # one example, outside a batch
    scores, binary = _check_logits(scores)
    labels = _check_targets(labels, binary, ignore_index)
    where = check_index(index, positions)
    check_lengths(len(where), len(scores), len(labels), watched)
    classes = scores.shape[1]
    check_classes(classes, num_classes if len(scores) else None)
    if ignore_index is not None:
        kept = labels != ignore_index
        where, scores, labels = where[kept], scores[kept], labels[kept]
    check_range(where, num_examples)
    if not _below(labels, classes):
        raise target_error(labels[(labels < 0) | (labels >= classes)][0], classes, ignore_index)
    return Batch(where, scores, labels)


def on_accelerator(value: Any) -> bool:
    """Whether it is a torch tensor that does not lie in the host's memory."""
    return not getattr(value, "is_cpu", True)


def to_array(value: Any, name: str) -> np.ndarray:
    """The value as a numpy array, without a copy where possible: of torch, numpy, lists, DLPack or `__array__`.

    Raises:
        TypeError: it is none of these.
    """
    if hasattr(value, "detach"):  # torch, without importing it
        if value.dtype.itemsize < 4 and value.is_floating_point():
            value = value.detach().float()  # numpy has no bfloat16, and float16 is too coarse to exponentiate
        array: np.ndarray = value.numpy(force=True)  # detached, on the CPU
        return array
    if hasattr(value, "__dlpack__") and not isinstance(value, np.ndarray):
        try:
            return np.from_dlpack(value)
        except (BufferError, RuntimeError, TypeError, ValueError):
            if not hasattr(value, "__array__"):
                raise TypeError(f"{name} cannot be read as an array: got {type(value).__name__}.") from None
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be an array of numbers, got {type(value).__name__}: {error}") from error
    if array.dtype == object:
        hint = " Pass its .logits." if name == "logits" and hasattr(value, "logits") else ""
        raise TypeError(f"{name} must be an array of numbers, got {type(value).__name__} of mixed entries.{hint}")
    return array


def _check_logits(logits: np.ndarray) -> tuple[np.ndarray, bool]:
    """(B, 2 or more) float32 or float64, and whether they came as one logit per example."""
    binary = check_logits_form(logits.dtype.kind, logits.dtype, logits.shape)
    if logits.dtype.itemsize < 4 or logits.dtype.itemsize > 8:
        logits = logits.astype(np.float32 if logits.dtype.itemsize < 4 else np.float64)
    if binary:
        logits = logits.reshape(-1)
        return np.stack([np.zeros_like(logits), logits], axis=1), True
    return logits, False


def _check_targets(targets: np.ndarray, binary: bool, ignore_index: int | None) -> np.ndarray:
    check_targets_form(targets.dtype.kind, targets.dtype, targets.shape, binary)
    targets = targets.reshape(-1)
    if targets.dtype.kind == "f":
        allowed = (0, 1) if ignore_index is None else (0, 1, ignore_index)
        if not np.isin(targets, allowed).all():
            raise binary_error(targets[~np.isin(targets, allowed)][0])
    return targets.astype(np.int64, copy=False)


def check_index(index: Any, positions: Mapping[Any, int] | None) -> np.ndarray:
    """int64, (B,): positions that came as such, or as ids where `positions` is given; their range is not checked."""
    if positions is not None:
        names = index.tolist() if hasattr(index, "tolist") else list(index)
        names = names if isinstance(names, list) else [names]
        try:
            return np.fromiter((positions[name] for name in names), np.int64, len(names))
        except KeyError as error:
            raise IndexError(
                f"index holds {error.args[0]!r}, which is not among the ids given to ExampleTracker."
            ) from None
    found = to_array(index, "index")
    if found.ndim == 0:
        found = found.reshape(1)
    if found.size == 0:
        found = found.astype(np.int64)
    check_index_form(found.dtype.kind, found.dtype, found.shape)
    return found.astype(np.int64, copy=False)


def check_range(index: np.ndarray, num_examples: int) -> None:
    """Refuse an index outside [0, N)."""
    if not _below(index, num_examples):
        raise index_error(index[(index < 0) | (index >= num_examples)][0], num_examples)


def _below(values: np.ndarray, limit: int) -> bool:
    """Whether int64 values all lie in [0, limit); one pass does, since unsigned a negative number is a large one."""
    return np.count_nonzero(values.view(np.uint64) >= limit) == 0
