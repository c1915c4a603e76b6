"""Epochs that several ranks wrote a part of each: which are whole, how they are read, and how they are merged.

Under torchrun every rank, 0 included, writes `epoch-00001-rank000.parquet`. An epoch is whole, and read, once every
rank has. Of an example in several shards (samplers pad their last batch) the lowest rank's row stands, its visits too.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from probes.errors import ProbeWarning
from probes.runs import layout
from probes.runs.checksums import Checksums
from probes.runs.claiming import read_meta
from probes.runs.layout import epoch_name, epochs_in, shard_name, shards_in
from probes.runs.tables import write_parquet, write_trajectory

__all__ = [
    "drop_incomplete",
    "first_of_each",
    "has_shards",
    "merge_shards",
    "missing_ranks",
    "nonfinite_visits",
    "read_examples",
    "wait_for_merge",
    "wait_for_ranks",
    "warn_of_missing",
    "whole_epochs",
    "world_size_of",
]

NONFINITE = b"nonfinite_visits"  # key of a shard's metadata: the rank's count so far
_told: set[tuple[Path, str]] = set()  # what this process has warned of
_SILENT_S = 2.0  # a wait that is longer is told of
_FOLDERS = (layout.ONLINE_TRAJECTORIES, layout.TRAJECTORIES)  # the primary one last: it closes an epoch


def whole_epochs(folder: Path, world_size: int) -> list[int]:
    """Epochs that can be read, in order: merged, or with a shard of every rank."""
    whole = {epoch for epoch, ranks in shards_in(folder).items() if not _absent(ranks, world_size)}
    return sorted(whole.union(epochs_in(folder)))


def missing_ranks(folder: Path, world_size: int) -> dict[int, list[int]]:
    """Epochs of which only some ranks have written a shard, and the ranks that have not."""
    merged = set(epochs_in(folder))
    absent = {epoch: _absent(ranks, world_size) for epoch, ranks in shards_in(folder).items() if epoch not in merged}
    return {epoch: ranks for epoch, ranks in absent.items() if ranks}


def warn_of_missing(run_folder: Path, missing: Mapping[int, Sequence[int]]) -> None:
    """Name the missing ranks and where they are missing; once in a process, however often the run is opened."""
    text = f"{run_folder}: missing {_named(missing)}. An epoch that lacks a rank is not read."
    if missing and (run_folder.resolve(), text) not in _told:
        _told.add((run_folder.resolve(), text))
        warnings.warn(text, ProbeWarning, stacklevel=3)


def world_size_of(meta: Mapping[str, Any], run_folder: Path) -> int:
    """How many ranks wrote a run: by its run.json, or else by the highest rank that left a shard."""
    said = meta.get("world_size")
    if said is not None:
        return int(said)
    return 1 + max((max(ranks) for name in _FOLDERS for ranks in shards_in(run_folder / name).values()), default=0)


def has_shards(run_folder: Path) -> bool:
    """Whether ranks left anything that is not merged yet."""
    return any(shards_in(run_folder / name) for name in _FOLDERS) or bool(layout.ranks_of(run_folder))


def first_of_each(example: np.ndarray) -> np.ndarray:
    """Positions of the first row of each example, by example: the lowest rank's where shards follow in order."""
    return np.unique(example, return_index=True)[1]


def nonfinite_visits(run_folder: Path, ranks: Iterable[int]) -> int:
    """What these ranks have counted, by the latest shard of each."""
    folder = run_folder / layout.TRAJECTORIES
    latest = {rank: epoch for epoch, held in shards_in(folder).items() for rank in held}
    counts = (
        pq.read_schema(folder / f"{shard_name(latest[rank], rank)}.parquet").metadata or {}
        for rank in ranks
        if rank in latest
    )
    return sum(int(metadata.get(NONFINITE, 0)) for metadata in counts)


def read_examples(run_folder: Path) -> pa.Table | None:
    """The table of examples, if there is one; a label that rank 0 has not seen is the next rank's that has."""
    paths = [run_folder / layout.of_rank(layout.EXAMPLES, rank) for rank in (0, *layout.ranks_of(run_folder))]
    tables = [pq.read_table(path) for path in paths if path.exists()]
    if not tables:
        return None
    table, *others = tables
    for other in others:
        _warn_of_other_labels(table, other)
        columns = {name: pc.coalesce(table[name], other[name]) for name in table.column_names}
        table = pa.table(columns)
    return table


def wait_for_ranks(run_folder: Path, world_size: int, seconds: float) -> None:
    """Wait until every rank has written the epochs that rank 0 has, but not for ever: a rank may have died."""

    def waits_for() -> str:
        missing = [_missing_behind_rank_0(run_folder / name, world_size) for name in reversed(_FOLDERS)]
        return next((f"the shards of {_named(epochs)}" for epochs in missing if epochs), "")

    _wait(run_folder, waits_for, seconds)


def wait_for_merge(run_folder: Path, launch_id: str, seconds: float) -> None:
    """Wait, on another rank, until rank 0 has closed the run, and so merged it; but not for ever."""

    def waits_for() -> str:
        meta = read_meta(run_folder)
        open_still = meta.get("status") == "running" and meta.get("launch_id") == launch_id
        return "rank 0 to close it" if open_still else ""

    _wait(run_folder, waits_for, seconds)


def merge_shards(run_folder: Path, world_size: int, checksums: Checksums) -> None:
    """Make one file of each whole epoch's shards, and of the ranks' tables of examples.

    A merged file is in place before its shards go, and stands wherever both are there: a crash loses nothing.

    Args:
        checksums: rank 0's.
    """
    done = [
        _merge_epoch(run_folder / name, epoch, ranks, world_size)
        for name in _FOLDERS
        for epoch, ranks in _mergeable(run_folder / name, world_size).items()
    ]
    for merged, _ in done:
        if merged not in checksums:
            checksums.add(merged)
    examples = read_examples(run_folder) if layout.ranks_of(run_folder) else None
    if examples is not None:
        write_parquet(run_folder / layout.EXAMPLES, examples)
    _remove(run_folder, [shard for _, shards in done for shard in shards], checksums)


def drop_incomplete(run_folder: Path, checksums: Checksums) -> None:
    """Remove every shard that is left: its epoch is to be recorded anew."""
    shards = [
        run_folder / name / f"{shard_name(epoch, rank)}.parquet"
        for name in _FOLDERS
        for epoch, ranks in shards_in(run_folder / name).items()
        for rank in ranks
    ]
    _remove(run_folder, shards, checksums)


def _wait(run_folder: Path, waits_for: Callable[[], str], seconds: float) -> None:
    """Wait while there is something to wait for, so long at most; a wait that is not short is told of."""
    start, told = time.monotonic(), False
    while (awaited := waits_for()) and (waited := time.monotonic() - start) < seconds:
        if waited > _SILENT_S and not told:
            text = f"{run_folder}: waiting for {awaited}, {seconds:.0f} s at most."
            warnings.warn(text, ProbeWarning, stacklevel=1)
            told = True
        time.sleep(0.05)


def _missing_behind_rank_0(folder: Path, world_size: int) -> dict[int, list[int]]:
    """Epochs that rank 0 has written and others have not, and who has not."""
    return {epoch: ranks for epoch, ranks in missing_ranks(folder, world_size).items() if 0 not in ranks}


def _mergeable(folder: Path, world_size: int) -> dict[int, list[int]]:
    """Whole epochs that have shards, merged or not, and whose those are."""
    missing = missing_ranks(folder, world_size)
    return {epoch: ranks for epoch, ranks in shards_in(folder).items() if epoch not in missing}


def _merge_epoch(folder: Path, epoch: int, ranks: Sequence[int], world_size: int) -> tuple[Path, list[Path]]:
    """Write the merged file, unless it is there, and return it and the shards that it stands for."""
    merged = folder / f"{epoch_name(epoch)}.parquet"
    shards = [folder / f"{shard_name(epoch, rank)}.parquet" for rank in ranks]
    if not merged.exists():
        table = pa.concat_tables(
            pq.read_table(folder / f"{shard_name(epoch, rank)}.parquet").replace_schema_metadata(None)
            for rank in range(world_size)
        )
        write_trajectory(merged, table.take(first_of_each(table["example"].to_numpy())))
    return merged, shards


def _remove(run_folder: Path, shards: Sequence[Path], checksums: Checksums) -> None:
    """Remove shards, out of the lists of checksums first, and the other ranks' files that are used up."""
    for rank in layout.ranks_of(run_folder):
        listed = Checksums(run_folder, rank)
        for shard in shards:
            listed.discard(shard)
        listed.rewrite()
        (run_folder / layout.of_rank(layout.EXAMPLES, rank)).unlink(missing_ok=True)
    for shard in shards:
        checksums.discard(shard)
    checksums.rewrite()
    for shard in shards:
        shard.unlink()


def _absent(ranks: Sequence[int], world_size: int) -> list[int]:
    return sorted(set(range(world_size)).difference(ranks))


def _named(missing: Mapping[int, Sequence[int]]) -> str:
    """`rank 1 in epochs 3-5, 9, rank 2 in epoch 9`."""
    epochs: dict[int, list[int]] = {}
    for epoch, ranks in missing.items():
        for rank in ranks:
            epochs.setdefault(rank, []).append(epoch)
    return ", ".join(f"rank {rank} in {_epochs(epochs[rank])}" for rank in sorted(epochs))


def _epochs(epochs: Sequence[int]) -> str:
    """`epoch 3`, or `epochs 3-5, 9`."""
    runs = [[epoch for _, epoch in group] for _, group in groupby(enumerate(epochs), lambda pair: pair[1] - pair[0])]
    spans = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
    return f"epoch{'s' if len(epochs) > 1 else ''} {', '.join(spans)}"


def _warn_of_other_labels(table: pa.Table, other: pa.Table) -> None:
    """Across ranks a changing label is found only here."""
    differs = pc.fill_null(pc.not_equal(table["given_label"], other["given_label"]), False).to_numpy()
    if differs.any():
        example = int(np.flatnonzero(differs)[0])
        was, now = table["given_label"][example].as_py(), other["given_label"][example].as_py()
        warnings.warn(
            f"ranks saw different labels of example {example}, {was} and {now}: the lowest rank's stands. "
            "An example keeps one given label; check that index holds dataset positions.",
            ProbeWarning,
            stacklevel=2,
        )
