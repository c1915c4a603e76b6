"""Arrays with labels: an .npz file, or what a user's function returns."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from probes.data.labels import class_positions
from probes.data.source import Part, Source
from probes.data.words import counted, some
from probes.errors import ConfigError

__all__ = ["KEYS", "arrays_source", "read_npz"]

KEYS = ("X", "y", "true_labels", "ids", "classes")
_CHANNELS = (1, 3, 4)


def read_npz(path: Path) -> Source:
    """Read an .npz of `X`, `y`, and optionally `true_labels`, `ids` and `classes`. Nothing in it can run code.

    Raises:
        ConfigError: the file is not there, damaged, or holds something else.
    """
    try:
        if not zipfile.is_zipfile(path) and path.is_file():
            raise ConfigError(f"{path} cannot be read as an .npz file: {_what_else(path)}.")
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: _array(file, key, path) for key in file.files if key in KEYS}
            ignored = [key for key in file.files if key not in KEYS]
    except (ConfigError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise ConfigError(f"there is no file {path}.") from error
    except Exception as error:  # readers of damaged files raise all kinds
        raise ConfigError(f"{path} cannot be read as an .npz file: {_one_line(error)}.") from error
    _need(arrays, [*arrays, *ignored], str(path))
    source = arrays_source(arrays, name=path.stem, where=str(path))
    if ignored:
        source.notes.append(f"{path.name} also holds {', '.join(ignored)}, not used.")
    return source


def arrays_source(arrays: Mapping[str, Any], *, name: str, where: str) -> Source:
    """Check arrays named by KEYS.

    Args:
        arrays: `X` (N, ...) floats, or uint8 images (N, H, W) or (N, H, W, C); `y` (N,); `true_labels` (N,); `ids` (N,)
            unique; `classes` (K,).
        name: of the data set.
        where: how messages call their origin.

    Raises:
        ConfigError: naming what is missing or wrong.
    """
    _need(arrays, [str(key) for key in arrays], where)
    arrays = {key: _as_array(value, key, where) for key, value in arrays.items() if value is not None}
    inputs = arrays["X"]
    if inputs.dtype.kind not in "biuf":
        raise ConfigError(f"X in {where} must be numbers, got {inputs.dtype}.")
    if inputs.ndim < 2 or 0 in inputs.shape:
        raise ConfigError(
            f"X in {where} must have shape (N, ...) with N above 0, got {inputs.shape}: a row of features or an image "
            "per example."
        )
    for key in ("y", "true_labels", "ids"):
        values = arrays.get(key)
        if values is not None and np.shape(values) != (len(inputs),):
            raise ConfigError(
                f"{key} in {where} must have shape ({len(inputs)},) as X does, got {np.shape(values)}: "
                "one for each example."
            )
    classes = arrays.get("classes")
    labels, truth, names, notes = class_positions(
        arrays["y"],
        what=f"y in {where}",
        more=arrays.get("true_labels"),
        classes=None if classes is None else _names(classes, where),
    )
    _refuse_large(inputs, where)
    kind, inputs = _kind(inputs)
    if kind == "table":
        notes += _missing(inputs, where)
    elif inputs.dtype.kind == "f" and not np.isfinite(inputs).all():
        row = int((~np.isfinite(inputs.reshape(len(inputs), -1)).all(axis=1)).argmax())
        raise ConfigError(f"X in {where} holds values that are not finite, the first of them in row {row}.")
    return Source(
        name, kind, names, Part(inputs, labels, _ids(arrays.get("ids"), len(inputs), where), truth), notes=notes
    )


def _kind(inputs: np.ndarray) -> tuple[str, np.ndarray]:
    """What the inputs are, by their shape; images become (N, H, W) or (N, H, W, C)."""
    if inputs.dtype != np.uint8 and inputs.dtype.kind != "f":
        inputs = inputs.astype(np.float32)
    if inputs.ndim == 2:
        return "table", inputs
    if inputs.ndim == 4 and inputs.shape[3] in _CHANNELS:
        return "image", inputs[..., 0] if inputs.shape[3] == 1 else inputs
    if inputs.ndim == 4 and inputs.shape[1] in _CHANNELS:
        return "image", inputs[:, 0] if inputs.shape[1] == 1 else np.moveaxis(inputs, 1, -1)
    return ("image", inputs) if inputs.ndim == 3 else ("array", inputs.astype(np.float32))


def _missing(rows: np.ndarray, where: str) -> list[str]:
    """Notes on values that are not there."""
    if rows.dtype.kind != "f":
        return []
    there = np.isfinite(rows)
    if not there.any():
        raise ConfigError(f"X in {where} holds no finite number: there is nothing to learn from.")
    blank = np.flatnonzero(~there.any(axis=0))
    holes = int((~there).sum()) - len(blank) * len(rows)
    are = "has" if len(blank) == 1 else "have"
    return [
        *([f"{counted(len(blank), 'feature')} of X {are} no value and became 0: {some(blank)}."] if len(blank) else []),
        *([_holes(holes, bool(np.isinf(rows).any()))] if holes else []),
    ]


def _refuse_large(inputs: np.ndarray, where: str) -> None:
    """Raise ConfigError where images hold numbers that float32 does not: only features have each their own scale."""
    if inputs.ndim == 2 or inputs.dtype != np.float64:
        return
    largest, limit = np.max(np.abs(inputs), where=np.isfinite(inputs), initial=0.0), np.finfo(np.float32).max
    if largest > limit:
        raise ConfigError(f"X in {where} holds numbers up to {largest:.3g}: scale them to less than {limit:.0e}.")


def _holes(count: int, infinite: bool) -> str:
    are, each = ("is", "it") if count == 1 else ("are", "each")
    what = "missing or infinite" if infinite else "missing"
    return f"{counted(count, 'value')} of X {are} {what}: {each} became the mean of its feature."


def _need(arrays: Mapping[str, Any], found: list[str], where: str) -> None:
    """Raise ConfigError unless X and y are there."""
    for key in ("X", "y"):
        if arrays.get(key) is None:
            held = ", ".join(found) or "nothing"
            raise ConfigError(f"{where} holds no {key}: X (N, ...) and y (N,) are needed, found {held}.")


def _as_array(values: Any, key: str, where: str) -> np.ndarray:
    """A numpy array of what may be a list, a table or a tensor with a gradient, on any device."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    try:
        return np.asarray(values)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{key} in {where} is no array: {_one_line(error)}.") from error


def _what_else(path: Path) -> str:
    """What a file is that is no .npz."""
    with path.open("rb") as file:
        single = file.read(6) == b"\x93NUMPY"
    return "it is a single array, where X and y are needed" if single else "it is no such file, or damaged"


def _ids(ids: Any, count: int, where: str) -> np.ndarray:
    """Ids as int64 or str; rows where there are none."""
    if ids is None:
        return np.arange(count, dtype=np.int64)
    values = np.asarray(ids)
    if values.dtype.kind not in "iuUO":
        raise ConfigError(f"ids in {where} must be whole numbers or text, got {values.dtype}.")
    unique, counts = np.unique(values, return_counts=True)
    if len(unique) < count:
        twice = unique[counts.argmax()].item() if values.dtype.kind != "O" else unique[counts.argmax()]
        raise ConfigError(f"ids in {where} must be unique, got {twice!r} {counts.max()} times.")
    return values.astype(np.int64) if values.dtype.kind in "iu" else np.array([str(v) for v in values], dtype=object)


def _names(classes: Any, where: str) -> list[str]:
    values = np.asarray(classes)
    names = [str(name) for name in values.ravel()]
    if values.ndim != 1:
        raise ConfigError(f"classes in {where} must be K different names, got shape {values.shape}.")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(f"classes in {where} must be K different names, got {twice!r} twice.")
    return names


def _array(file: Any, key: str, path: Path) -> np.ndarray:
    try:
        return file[key]
    except ValueError as error:
        if "pickle" not in str(error).lower():
            raise
        raise ConfigError(
            f"{key} in {path} is an array of Python objects, which is not read: save numbers or text."
        ) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
