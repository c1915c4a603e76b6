"""Tables of label noise: for each class, with which probability it is labelled as each class."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from probes.errors import ConfigError

__all__ = ["read_matrix"]


def read_matrix(path: Path, num_classes: int) -> np.ndarray:
    """Read a K x K table whose row i holds the probabilities of the given labels of class i.

    Args:
        path: .csv (numbers, no header), .npy or .json (a list of lists).
        num_classes: K.

    Returns:
        float64, (K, K); every row sums to 1.

    Raises:
        ConfigError: the file cannot be read, or is no such table.
    """
    matrix = _read(path)
    if matrix.shape != (num_classes, num_classes):
        raise ConfigError(f"{path} must hold a {num_classes} x {num_classes} table, got shape {matrix.shape}.")
    if not (np.isfinite(matrix).all() and (matrix >= 0).all()):
        raise ConfigError(f"{path} must hold probabilities, got {matrix[~(matrix >= 0) | ~np.isfinite(matrix)][0]:g}.")
    sums = matrix.sum(axis=1)
    wrong = np.abs(sums - 1) > 1e-6
    if wrong.any():
        row = int(wrong.argmax())
        raise ConfigError(f"every row of {path} must sum to 1, got {sums[row]:g} in row {row}.")
    return matrix / sums[:, None]


def _read(path: Path) -> np.ndarray:
    readers = {".csv": _csv, ".npy": lambda path: np.load(path, allow_pickle=False), ".json": _json}
    if path.suffix.lower() not in readers:
        raise ConfigError(f"a noise matrix must end in .csv, .npy or .json, got {path}.")
    try:
        return np.asarray(readers[path.suffix.lower()](path), dtype=np.float64)
    except FileNotFoundError as error:
        raise ConfigError(f"there is no file {path}.") from error
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise ConfigError(f"{path} cannot be read as a table of numbers: {' '.join(str(error).split())}") from error


def _csv(path: Path) -> np.ndarray:
    lines = (line.partition("#")[0] for line in path.read_text(encoding="utf-8-sig").splitlines())
    _check_lengths([line.count(",") + 1 for line in lines if line.strip()])
    return np.loadtxt(path, delimiter=",", ndmin=2, encoding="utf-8-sig")


def _json(path: Path) -> np.ndarray:
    rows = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(rows, list) and all(isinstance(row, list) for row in rows):
        _check_lengths([len(row) for row in rows])
    return np.array(rows, dtype=np.float64)


def _check_lengths(lengths: list[int]) -> None:
    """Refuse rows of different lengths."""
    other = next((row for row, length in enumerate(lengths) if length != lengths[0]), None)
    if other is not None:
        raise ValueError(
            f"every row must hold one number for each class, got {lengths[0]:,} in row 0 and {lengths[other]:,} "
            f"in row {other:,}."
        )
