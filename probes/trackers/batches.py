"""Turns what a training loop has at hand into checked arrays, before anything of it is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Batch", "check_batch", "to_array"]


@dataclass(frozen=True)
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
    if logits is None or targets is None:
        missing = "logits" if logits is None else "targets"
        raise TypeError(f"update() needs {missing}: call update(index, logits, targets).")
    if index is None:
        raise ValueError(
            "index is missing, and no batch of a watched loader waits: each one's indices are used once, and only "
            "while the loader is iterated. Pass the batch's positions: with_index(dataset) adds them to each item."
        )
    scores, labels = to_array(logits, "logits"), to_array(targets, "targets")
    if labels.ndim == 0 and scores.ndim == 1 and len(scores) > 1:
        scores = scores[None]  # one example, outside a batch
    scores, binary = _check_logits(scores)
    labels = _check_targets(labels, binary, ignore_index)
    where = _check_index(index, positions)
    if not len(where) == len(scores) == len(labels):
        if watched:
            raise ValueError(
                f"the watched loader drew {len(where)} examples, but logits has {len(scores)} rows and targets "
                f"{len(labels)}: what the collate function or the model drops, adds or flattens cannot be followed. "
                "Pass the index to update(); with_index(dataset) adds it to each item."
            )
        raise ValueError(
            f"index, logits and targets must have one entry per example, got {len(where)}, {len(scores)} and "
            f"{len(labels)}."
        )
    classes = scores.shape[1]
    if num_classes is not None and classes != num_classes:
        raise ValueError(f"logits must have {num_classes} classes as in earlier batches, got {classes}.")
    if ignore_index is not None:
        kept = labels != ignore_index
        where, scores, labels = where[kept], scores[kept], labels[kept]
    if not _below(where, num_examples):
        found = where[(where < 0) | (where >= num_examples)][0]
        raise IndexError(
            f"index must lie in [0, {num_examples}), got {found}. Pass dataset positions, not batch positions."
        )
    if not _below(labels, classes):
        found = labels[(labels < 0) | (labels >= classes)][0]
        hint = " Say ignore_index to skip such rows." if ignore_index is None and found < 0 else ""
        raise ValueError(f"targets must lie in [0, {classes}), got {found}.{hint}")
    return Batch(where, scores, labels)


def to_array(value: Any, name: str) -> np.ndarray:
    """The value as a numpy array, without a copy where possible: of torch, numpy, lists, DLPack or `__array__`.

    Raises:
        TypeError: it is none of these.
    """
    if hasattr(value, "detach"):  # torch, without importing it
        if value.element_size() < 4 and value.is_floating_point():
            value = value.detach().float()  # numpy has no bfloat16, and float16 is too coarse to exponentiate
        return np.asarray(value.numpy(force=True))  # detached, on the CPU
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
        raise TypeError(f"{name} must be an array of numbers, got {type(value).__name__} of mixed entries.")
    return array


def _check_logits(logits: np.ndarray) -> tuple[np.ndarray, bool]:
    """(B, 2 or more) float32 or float64, and whether they came as one logit per example."""
    if logits.dtype.kind != "f":
        raise TypeError(f"logits must be floats, the scores before softmax, got {logits.dtype}.")
    if logits.ndim == 0 or logits.ndim > 2:
        hint = (
            "Flatten sequences (B, T, K) to one row per token: logits.reshape(-1, K), targets and index alike."
            if logits.ndim == 3
            else "Tasks with an answer per pixel are not supported."
        )
        raise ValueError(f"logits must have shape (B, K), or (B,) for binary, got {logits.shape}. {hint}")
    if logits.dtype.itemsize < 4 or logits.dtype.itemsize > 8:
        logits = logits.astype(np.float32 if logits.dtype.itemsize < 4 else np.float64)
    binary = logits.ndim == 1 or logits.shape[1] == 1
    if binary:
        logits = logits.reshape(-1)
        return np.stack([np.zeros_like(logits), logits], axis=1), True
    return logits, False


def _check_targets(targets: np.ndarray, binary: bool, ignore_index: int | None) -> np.ndarray:
    if binary and targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets.reshape(-1)
    if targets.ndim > 1:
        raise ValueError(
            f"targets must have shape (B,), one class per example, got {targets.shape}. "
            "Multi-label and soft targets are not supported; flatten sequences to one row per token: "
            "logits.reshape(-1, K), targets.reshape(-1), with an index for each row."
        )
    targets = np.atleast_1d(targets)
    if targets.dtype.kind == "f":
        if not binary:
            raise TypeError(
                f"targets must be integer classes, got {targets.dtype}. Soft and regression targets are not supported."
            )
        allowed = (0, 1) if ignore_index is None else (0, 1, ignore_index)
        if not np.isin(targets, allowed).all():
            found = targets[~np.isin(targets, allowed)][0]
            raise ValueError(
                f"binary targets must be exactly 0 or 1, got {found}. Soft and regression targets are not supported."
            )
    elif targets.dtype.kind not in "iub":
        raise TypeError(f"targets must be integer classes, got {targets.dtype}.")
    return targets.astype(np.int64, copy=False)


def _check_index(index: Any, positions: Mapping[Any, int] | None) -> np.ndarray:
    if positions is not None:
        names = index.tolist() if hasattr(index, "tolist") else list(index)
        names = names if isinstance(names, list) else [names]
        try:
            return np.fromiter((positions[name] for name in names), np.int64, len(names))
        except KeyError as error:
            raise IndexError(f"id {error.args[0]!r} is not among the ids given to ExampleTracker.") from None
    found = np.atleast_1d(to_array(index, "index"))
    if found.size == 0:
        found = found.astype(np.int64)
    if found.dtype.kind not in "iu":
        raise TypeError(f"index must hold integers, positions in the training set, got {found.dtype}.")
    if found.ndim != 1:
        raise ValueError(f"index must have shape (B,), got {found.shape}.")
    return found.astype(np.int64, copy=False)


def _below(values: np.ndarray, limit: int) -> bool:
    """Whether int64 values all lie in [0, limit); one pass does, since unsigned a negative number is a large one."""
    return np.count_nonzero(values.view(np.uint64) >= limit) == 0
