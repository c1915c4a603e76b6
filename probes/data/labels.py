"""Labels of any kind, checked and turned into positions 0..K-1 in a list of class names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from probes.data.words import some
from probes.errors import ConfigError

__all__ = ["class_positions"]

_REMEDIES = {  # rows are counted from 0, as ids are
    "missing": "Fill it in or take these rows out (rows count from 0).",
    "infinite": "Correct it or take these rows out (rows count from 0).",
    "not a whole number": "Labels name classes: whole numbers or text.",
}


def class_positions(
    labels: Any, *, what: str, more: Any = None, classes: Sequence[str] | None = None, name_numbers: bool = False
) -> tuple[np.ndarray, np.ndarray | None, list[str], list[str]]:
    """Turn labels into class positions.

    Text is sorted into class names, without the spaces around it. Numbers that run from 0 stay the positions they are;
    others are sorted into classes named by them. Numbers that are whole may come as floats.

    Args:
        labels: (N,); numbers, text or bools.
        what: how messages call them, such as "y".
        more: (N,); further labels of the same classes, such as the true ones, or None.
        classes: K names, where they are known; numbers are then positions in them.
        name_numbers: sort numbers into classes always, negative ones included.

    Returns:
        int64 (N,), the same of `more` or None, K class names, and notes.

    Raises:
        ConfigError: labels are missing, not whole, out of range, not among the classes, or of one class only.
    """
    given = _values(labels, what)
    truth = None if more is None else _values(more, f"true labels beside {what}")
    if truth is not None and truth.dtype.kind != given.dtype.kind:
        raise ConfigError(f"{what} and the true labels must be of one kind, got {given.dtype} and {truth.dtype}.")
    every = given if truth is None else np.concatenate([given, truth])
    names, positions, notes = _classes(every, what, classes, name_numbers)
    notes = [*notes, *_empty_classes(names, positions, what)]
    found = len(np.unique(positions[: len(given)]))
    if found == len(given) > 2:
        notes = [*notes, f"each of the {found:,} labels is a class of its own: are these the labels?"]
    if found < 2:
        only = names[positions[0]] if len(positions) else "none"
        raise ConfigError(f"{what} holds one class only ({only}), two or more are needed.")
    return positions[: len(given)], None if truth is None else positions[len(given) :], names, notes


def _values(labels: Any, what: str) -> np.ndarray:
    """Return labels as int64 or text, or say which are missing or not whole."""
    values = np.asarray(labels)
    if values.ndim != 1:
        raise ConfigError(f"{what} must have shape (N,), got {values.shape}.")
    if values.dtype == bool:
        return values.astype(str)
    if values.dtype.kind in "iu":
        if values.dtype == np.uint64 and len(values) and values.max() > np.iinfo(np.int64).max:
            raise ConfigError(f"{what} must hold numbers below 2^63, got {values.max()}.")
        return values.astype(np.int64)
    if values.dtype.kind == "f":
        _refuse(np.isnan(values), what, "missing", values)
        _refuse(np.isinf(values), what, "infinite", values)
        _refuse(values != np.floor(values), what, "not a whole number", values)
        return values.astype(np.int64)
    if values.dtype.kind in "US":
        text = np.char.strip(_decoded(values))
        _refuse(np.char.str_len(text) == 0, what, "missing", text)
        return text
    raise ConfigError(f"{what} must be whole numbers or text, got {values.dtype}.")


def _decoded(values: np.ndarray) -> np.ndarray:
    """Text as it is; bytes as UTF-8, those that are not as \\xNN."""
    return values if values.dtype.kind == "U" else np.char.decode(values, "utf-8", "backslashreplace")


def _refuse(bad: np.ndarray, what: str, fault: str, values: np.ndarray) -> None:
    if bad.any():
        row = int(bad.argmax())
        shown = f" ({values[row]:g})" if fault == "not a whole number" else ""
        count = int(bad.sum())
        rows = "1 row" if count == 1 else f"{count:,} rows"
        raise ConfigError(f"{what} is {fault} in {rows}, the first of them row {row}{shown}. {_REMEDIES[fault]}")


def _classes(
    values: np.ndarray, what: str, classes: Sequence[str] | None, name_numbers: bool
) -> tuple[list[str], np.ndarray, list[str]]:
    """Class names, positions of the values in them, and notes."""
    numbers = values.dtype.kind == "i"
    if classes is not None:
        return list(classes), _within(values, what, list(classes)), []
    if numbers and not name_numbers and (values < 0).any():
        row = int((values < 0).argmax())
        raise ConfigError(f"{what} must hold labels of 0 or more, got {values[row]} in row {row}.")
    levels, positions = np.unique(values, return_inverse=True)
    names = [str(level) for level in levels]
    if not numbers:
        return names, positions.astype(np.int64), []
    top = int(levels[-1]) + 1 if len(levels) else 0
    if len(levels) and levels[0] == 0 and (len(levels) == top or (not name_numbers and 2 * len(levels) >= top)):
        return [str(label) for label in range(top)], values, []
    shown = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
    note = f"{what} holds the numbers {shown}: these are the names of classes 0 to {len(names) - 1}."
    return names, positions.astype(np.int64), [note]


def _empty_classes(names: list[str], positions: np.ndarray, what: str) -> list[str]:
    """A note on classes that no label names."""
    empty = np.setdiff1d(np.arange(len(names)), positions)
    if not empty.size:
        return []
    have = "class has" if empty.size == 1 else "classes have"
    return [f"{empty.size:,} {have} no example in {what}: {some(names[place] for place in empty)}."]


def _within(values: np.ndarray, what: str, classes: list[str]) -> np.ndarray:
    """Positions of the values in known classes."""
    if values.dtype.kind == "i":
        outside = (values < 0) | (values >= len(classes))
        if outside.any():
            row = int(outside.argmax())
            raise ConfigError(
                f"{what} must lie in [0, {len(classes)}), one of the {len(classes)} classes, "
                f"got {values[row]} in row {row}."
            )
        return values
    order = {name.strip(): position for position, name in enumerate(classes)}
    unknown = sorted(set(values.tolist()) - order.keys())
    if unknown:
        raise ConfigError(f"{what} holds {unknown[0]!r}, which is not one of the {len(classes)} classes.")
    return np.array([order[value] for value in values.tolist()], dtype=np.int64)
