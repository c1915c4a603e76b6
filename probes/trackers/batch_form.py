"""The form a batch must have, read from its metadata alone, and the lines that say what is wrong with one.

Kinds are numpy's letters: f, i, u, b, c, and others for what is no number.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "PASS_THE_INDEX",
    "ahead_error",
    "binary_error",
    "check_classes",
    "check_given",
    "check_index_form",
    "check_lengths",
    "check_logits_form",
    "check_targets_form",
    "index_error",
    "label_error",
    "target_error",
]

PASS_THE_INDEX = "Pass the index to update() instead; with_index(dataset) adds it to each item."


def check_given(index: Any, logits: Any, targets: Any) -> None:
    """Refuse a call that leaves something out."""
    if logits is None or targets is None:
        missing = "logits" if logits is None else "targets"
        raise TypeError(f"update() needs {missing}: call update(index, logits, targets).")
    if index is None:
        raise ValueError(
            "index is missing, and no batch of a watched loader waits: each one's indices are used once, and only "
            "while the loader is iterated. Pass the batch's positions: with_index(dataset) adds them to each item."
        )


def check_logits_form(kind: str, dtype: Any, shape: tuple[int, ...]) -> bool:
    """Whether logits are one per example, binary ones."""
    if kind != "f":
        raise TypeError(f"logits must be floats, the scores before softmax, got {_name(dtype)}.")
    if len(shape) == 0 or len(shape) > 2:
        hint = (
            "Flatten sequences (B, T, K) to one row per token: logits.reshape(-1, K), targets and index alike."
            if len(shape) == 3
            else "Tasks with an answer per pixel are not supported."
        )
        raise ValueError(f"logits must have shape (B, K), or (B,) for binary, got {tuple(shape)}. {hint}")
    return len(shape) == 1 or shape[1] == 1


def check_targets_form(kind: str, dtype: Any, shape: tuple[int, ...], binary: bool) -> None:
    """Refuse targets that are no classes; (B, 1) goes with binary logits."""
    if len(shape) > 1 and not (binary and len(shape) == 2 and shape[1] == 1):
        raise ValueError(
            f"targets must have shape (B,), one class per example, got {tuple(shape)}. "
            "Multi-label and soft targets are not supported; flatten sequences to one row per token: "
            "logits.reshape(-1, K), targets.reshape(-1), with an index for each row."
        )
    if kind == "f" and not binary and 0 not in shape:  # an empty list has no kind of number
        raise TypeError(
            f"targets must be integer classes, got {_name(dtype)}. Soft and regression targets are not supported."
        )
    if kind not in "fiub":
        raise TypeError(f"targets must be integer classes, got {_name(dtype)}.")


def check_index_form(kind: str, dtype: Any, shape: tuple[int, ...]) -> None:
    """Refuse an index that is no list of positions."""
    if kind not in "iu":
        raise TypeError(f"index must hold integers, positions in the training set, got {_name(dtype)}.")
    if len(shape) > 1:
        raise ValueError(f"index must have shape (B,), got {tuple(shape)}.")


def check_lengths(index: int, logits: int, targets: int, watched: bool) -> None:
    """Refuse a batch whose parts are of different lengths."""
    if index == logits == targets:
        return
    if watched:
        raise ValueError(
            f"the watched loader drew {index} examples, but logits has {logits} rows and targets "
            f"{targets}: what the collate function or the model drops, adds or flattens cannot be followed. "
            "Pass the index to update(); with_index(dataset) adds it to each item."
        )
    raise ValueError(f"index, logits and targets must have one entry per example, got {index}, {logits} and {targets}.")


def check_classes(found: int, expected: int | None) -> None:
    """Refuse another number of classes than the first batch had."""
    if expected is not None and found != expected:
        raise ValueError(f"logits must have {expected} classes as in earlier batches, got {found}.")


def index_error(found: Any, num_examples: int) -> IndexError:
    """Of an index outside [0, N)."""
    return IndexError(
        f"index must lie in [0, {num_examples}), got {found}. Pass dataset positions, not batch positions."
    )


def target_error(found: Any, num_classes: int, ignore_index: int | None) -> ValueError:
    """Of a target outside [0, K)."""
    hint = " Say ignore_index to skip such rows." if ignore_index is None and found < 0 else ""
    return ValueError(f"targets must lie in [0, {num_classes}), got {found}.{hint}")


def binary_error(found: Any) -> ValueError:
    """Of a float target that is no class."""
    return ValueError(
        f"binary targets must be exactly 0 or 1, got {found!s}. Soft and regression targets are not supported."
    )


def ahead_error() -> ValueError:
    """Of targets that are not of the batch that a watched loader gave last."""
    return ValueError(
        "targets are not in the batch that the watched loader gave last, so its indices may be of other "
        f"examples: does the loop take batches ahead, or change the targets? {PASS_THE_INDEX}"
    )


def label_error(example: int | str, now: int, was: int) -> ValueError:
    """Of an example, by its position or id, whose given label changed."""
    return ValueError(
        f"targets gave example {example!r} label {now}, but earlier {was}. An example keeps one given label; "
        "check that index holds dataset positions."
    )


def _name(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")
