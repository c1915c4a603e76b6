"""Where recorded epochs lie, on disk or in memory, and how a block of them becomes a dense array."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import numpy as np

from probes.errors import ProbeError, unknown_name
from probes.runs.layout import epoch_name, shard_name
from probes.runs.shards import first_of_each, whole_epochs

__all__ = [
    "DERIVED",
    "STORED",
    "FolderStore",
    "MemoryStore",
    "Store",
    "block_of",
    "correct_answers",
    "dense_trajectories",
    "every_epoch",
]

STORED: dict[str, np.dtype] = {
    "loss": np.dtype(np.float32),
    "margin": np.dtype(np.float32),
    "entropy": np.dtype(np.float32),
    "el2n": np.dtype(np.float32),
    "prediction": np.dtype(np.int32),
    "visits": np.dtype(np.int32),
}
DERIVED = {"correct": "prediction", "confidence": "loss"}  # and what each is derived from


class Store(Protocol):
    """Recorded epochs, each a table of its visited examples."""

    def epochs(self) -> list[int]:
        """Closed epochs in order, epoch 0 (before training) among them where it is held."""

    def columns(self, epoch: int, names: Sequence[str], start: int, stop: int) -> Mapping[str, np.ndarray]:
        """`example` and the named columns of one epoch, for examples in [start, stop)."""


class FolderStore:
    """Epochs in a folder of Parquet files; only those closed when it was opened.

    Args:
        folder: of the trajectories.
        world_size: how many ranks write there. An epoch is closed when it is merged, or has a shard of each.
    """

    def __init__(self, folder: Path, world_size: int = 1):
        self._folder = folder
        self._world_size = world_size
        self._epochs = whole_epochs(folder, world_size)

    def epochs(self) -> list[int]:
        return self._epochs

    def columns(self, epoch: int, names: Sequence[str], start: int, stop: int) -> Mapping[str, np.ndarray]:
        merged = self._folder / f"{epoch_name(epoch)}.parquet"
        if not merged.exists():
            with suppress(FileNotFoundError):  # merged in the meantime
                return self._of_shards(epoch, names, start, stop)
        try:
            return _read(merged, names, start, stop)
        except FileNotFoundError as error:
            raise ProbeError(f"{merged} is no longer there: open the run again.") from error

    def _of_shards(self, epoch: int, names: Sequence[str], start: int, stop: int) -> Mapping[str, np.ndarray]:
        paths = [self._folder / f"{shard_name(epoch, rank)}.parquet" for rank in range(self._world_size)]
        parts = [_read(path, names, start, stop) for path in paths]
        joined = {name: np.concatenate([part[name] for part in parts]) for name in ("example", *names)}
        chosen = first_of_each(joined["example"])
        return {name: values[chosen] for name, values in joined.items()}


class MemoryStore:
    """Epochs kept in memory, 1..E."""

    def __init__(self) -> None:
        self.tables: list[Mapping[str, np.ndarray]] = []

    def epochs(self) -> list[int]:
        return list(range(1, len(self.tables) + 1))

    def columns(self, epoch: int, names: Sequence[str], start: int, stop: int) -> Mapping[str, np.ndarray]:
        table = self.tables[epoch - 1]
        first, last = np.searchsorted(table["example"], (start, stop))
        return {name: table[name][first:last] for name in ("example", *names)}


def dense_trajectories(
    store: Store, signals: Iterable[str], epochs: Sequence[int], start: int, stop: int, given_labels: np.ndarray | None
) -> dict[str, np.ndarray]:
    """Signals over some epochs, for examples in [start, stop); each epoch is read once.

    Args:
        signals: stored or derived ones.
        given_labels: int, (N,); -1 where unknown; None where none is known.

    Returns:
        (len(epochs), stop - start) each; float32 with NaN, or int with -1, where an example was not visited, as in an
        epoch that the store lacks.
    """
    wanted = list(signals)
    for signal in wanted:
        if signal not in STORED and signal not in DERIVED:
            raise unknown_name("signal", signal, [*STORED, *DERIVED])
    stored = list(dict.fromkeys(DERIVED.get(signal, signal) for signal in wanted))
    shape = (len(epochs), stop - start)
    dense = {name: np.full(shape, _missing(name), dtype=STORED[name]) for name in stored}
    held = set(store.epochs())
    for row, epoch in enumerate(epochs):
        if epoch not in held:
            continue
        columns = store.columns(epoch, stored, start, stop)
        for name in stored:
            dense[name][row, columns["example"] - start] = columns[name]
    if "confidence" in wanted:
        dense["confidence"] = np.exp(-dense["loss"])
    if "correct" in wanted:
        given = None if given_labels is None else given_labels[start:stop]
        dense["correct"] = correct_answers(dense["prediction"], given)
    return {signal: dense[signal] for signal in wanted}


def every_epoch(store: Store) -> range:
    """1..E, up to the last closed epoch: of a folder with a gap, also those that it lacks."""
    return range(1, max([0, *store.epochs()]) + 1)


def correct_answers(prediction: np.ndarray, given_labels: np.ndarray | None) -> np.ndarray:
    """int8: 1 where the prediction is the given label, 0 where it is not, -1 where either is unknown."""
    if given_labels is None:
        return np.full(prediction.shape, -1, dtype=np.int8)
    known = (prediction >= 0) & (given_labels >= 0)
    return np.where(known, prediction == given_labels, -1).astype(np.int8)


def block_of(num_epochs: int, cells: int = 4_000_000) -> int:
    """Examples per block, so that one signal's block stays within `cells` values; a multiple of 1,024."""
    return max(1024, cells // max(num_epochs, 1) // 1024 * 1024)


def _missing(stored: str) -> float | int:
    return np.nan if STORED[stored].kind == "f" else -1


def _absent(stored: str) -> float | int:
    """What a column says that a file written by others lacks: nothing is known, but each row is a visit."""
    return 1 if stored == "visits" else _missing(stored)


def _read(path: Path, names: Sequence[str], start: int, stop: int) -> Mapping[str, np.ndarray]:
    """`example` and the named columns of a file, for examples in [start, stop)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        held = [name for name in ("example", *names) if name in file.schema_arrow.names]
        table = file.read_row_groups(_groups(file, start, stop), columns=held, use_threads=False)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ProbeError(f"{path} cannot be read: {error}. Remove the file to read the other epochs.") from error
    absent = {name: np.full(table.num_rows, _absent(name)) for name in names if name not in held}
    arrays = {**{name: table.column(name).to_numpy() for name in held}, **absent}
    inside = (arrays["example"] >= start) & (arrays["example"] < stop)
    return arrays if inside.all() else {name: values[inside] for name, values in arrays.items()}


def _groups(file: object, start: int, stop: int) -> list[int]:
    """Row groups that may hold examples in [start, stop), by the statistics of column `example`."""
    metadata = file.metadata  # type: ignore[attr-defined]
    column = file.schema_arrow.names.index("example")  # type: ignore[attr-defined]
    groups = []
    for group in range(metadata.num_row_groups):
        statistics = metadata.row_group(group).column(column).statistics
        if statistics is None or not statistics.has_min_max or (statistics.min < stop and statistics.max >= start):
            groups.append(group)
    return groups
