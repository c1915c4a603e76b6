"""Writes a run folder, epoch by epoch, so that a killed run keeps everything it had finished."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from probes.errors import ConfigError, ProbeError
from probes.runs import layout, shards
from probes.runs.checksums import Checksums
from probes.runs.claiming import IF_EXISTS, claim, locked, read_meta
from probes.runs.layout import atomic_write, epoch_name
from probes.runs.tables import trajectory_table, write_parquet, write_trajectory
from probes.runs.versions import versions

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["IF_EXISTS", "RunWriter", "write_probe_frame"]

WAIT_S = 60.0  # how long rank 0 waits for the others' last shards before it names who is missing
_FAILED_WAIT_S = 5.0  # the same after a failure: perhaps theirs
_JOIN_S = 30.0  # how long another rank looks for the run that rank 0 has made
_EXAMPLE_TYPES = {
    "given_label": pa.int64(),
    "true_label": pa.int64(),
    "noisy": pa.bool_(),
    "corruption": pa.string(),
}


class RunWriter:
    """One run folder, held by a lock for as long as it is being written. Made by `create`, `resume` or `join`.

    Where several ranks write a run, rank 0 creates or resumes it, holds the lock and writes what belongs to the whole
    run; the others join, and write the shards of what they saw and the labels in it.

    Attributes:
        path: the run folder, absolute: where it was when it was opened, wherever the process goes.
        rank: 0, unless joined.
    """

    def __init__(self, path: Path, lock: FileLock | None, meta: dict[str, Any], *, rank: int = 0):
        self.path = path.absolute()
        self.rank = rank
        self._given_path = path
        self._lock = lock
        self._meta = meta
        self._checksums = Checksums(self.path, rank)

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        *,
        num_examples: int,
        measure: str,
        if_exists: Literal["error", "overwrite"] = "error",
        meta: Mapping[str, Any] | None = None,
        world_size: int = 1,
    ) -> RunWriter:
        """Start a new run with status `running`.

        Args:
            path: the run folder; made with its parents. An empty folder is as good as none.
            num_examples: N, the size of the training set.
            measure: `sweep`, `online` or `both`.
            if_exists: what to do where the folder holds something: `error`, or `overwrite` a run.
            meta: further keys of run.json (docs/format.md).
            world_size: how many ranks write it; the others `join`.

        Raises:
            RunExistsError: the folder holds something and may not be overwritten.
            RunLockedError: it is being written.
            ConfigError: it cannot be made.
        """
        folder = Path(path)
        lock = claim(folder, if_exists)
        meta = dict(meta or {})
        dataset = {**meta.pop("dataset", {}), "num_examples": int(num_examples)}
        writer = cls(
            folder,
            lock,
            {
                "format_version": layout.FORMAT_VERSION,
                "status": "running",
                "measure": measure,
                "dataset": dataset,
                **dict.fromkeys(("command", "config", "seeds", "threads", "device", "timings", "nonfinite_visits")),
                "world_size": world_size,
                "launch_id": uuid.uuid4().hex,
                "versions": versions(),
                **meta,
            },
        )
        writer._write_meta()
        return writer

    @classmethod
    def resume(cls, path: str | os.PathLike[str], *, world_size: int = 1) -> RunWriter:
        """Take up a run that is not being written, with status `running` again.

        What ranks of an earlier launch left is merged; epochs that lack a rank are dropped.

        Args:
            path: the run folder.
            world_size: how many ranks go on with it; the others `join`.
        """
        folder = Path(path)
        lock = locked(folder)
        try:
            writer = cls(folder, lock, _meta_to_go_on_with(folder))
            writer._tidy()
            writer._meta.update(status="running", world_size=world_size, launch_id=uuid.uuid4().hex)
            writer._write_meta()
        except BaseException:
            lock.release()
            raise
        return writer

    @classmethod
    def join(cls, path: str | os.PathLike[str], *, rank: int, launch_id: str) -> RunWriter:
        """Write a rank's part of the run that rank 0 has created or resumed.

        Args:
            path: the run folder.
            rank: 1 or more.
            launch_id: in rank 0's run.json.

        Raises:
            ProbeError: the folder is not the one that rank 0 writes.
        """
        folder = Path(path)
        deadline = time.monotonic() + _JOIN_S
        while (meta := read_meta(folder)).get("launch_id") != launch_id:
            if time.monotonic() > deadline:  # a network disk may show what rank 0 wrote a little later
                raise ProbeError(
                    f"rank {rank} does not see what rank 0 wrote to {folder}: put it on a disk they share."
                )
            time.sleep(0.1)
        return cls(folder, None, meta, rank=rank)

    @property
    def shown_path(self) -> Path:
        """The run folder as the caller named it, for messages; absolute once that would be another one."""
        return self._given_path if self._given_path.absolute() == self.path else self.path

    @property
    def meta(self) -> dict[str, Any]:
        """What run.json holds."""
        return dict(self._meta)

    def write_examples(self, columns: Mapping[str, Any]) -> None:
        """Write examples.parquet: `given_label`, `true_label`, `noisy`, `corruption` and, where given, `id`, `path`.

        Args:
            columns: each of length N; a column left out is unknown. Label -1 is unknown too.
        """
        count = self._meta["dataset"]["num_examples"]
        arrays: dict[str, pa.Array] = {"example": pa.array(np.arange(count, dtype=np.int64))}
        for name, kind in _EXAMPLE_TYPES.items():
            values = columns.get(name)
            arrays[name] = pa.nulls(count, kind) if values is None else _nullable(values, kind)
        for name in ("id", "path"):
            if columns.get(name) is not None:
                arrays[name] = pa.array(list(columns[name]))
        write_parquet(self.path / layout.of_rank(layout.EXAMPLES, self.rank), pa.table(arrays))

    def write_thumbnails(self, pngs: Mapping[int, bytes]) -> None:
        """Write thumbnails.parquet: one PNG per example index."""
        if self.rank:
            return
        examples = sorted(pngs)
        table = pa.table(
            {
                "example": pa.array(examples, pa.int64()),
                "png": pa.array([pngs[example] for example in examples], pa.binary()),
            }
        )
        with atomic_write(self.path / layout.THUMBNAILS) as temporary:
            pq.write_table(table, temporary, compression="zstd", row_group_size=4096)

    def write_epoch(
        self, epoch: int, columns: Mapping[str, np.ndarray], *, online: bool = False, nonfinite_visits: int = 0
    ) -> None:
        """Close an epoch: write its trajectory file, or this rank's shard of it.

        Args:
            epoch: 0 for before training.
            columns: `example` (ascending), `visits`, `loss`, `margin`, `entropy`, `el2n`, `prediction`, equally long.
            online: of a run that measures both, the online half.
            nonfinite_visits: this rank's so far; kept in a shard, for rank 0 to add up.
        """
        table = trajectory_table(epoch, columns)
        name = epoch_name(epoch)
        if self._shared:
            table = table.replace_schema_metadata({shards.NONFINITE: str(nonfinite_visits)})
            name = layout.shard_name(epoch, self.rank)
        folder = self.path / (layout.ONLINE_TRAJECTORIES if online else layout.TRAJECTORIES)
        folder.mkdir(exist_ok=True)
        path = folder / f"{name}.parquet"
        write_trajectory(path, table)
        self.add_checksum(path)
        counted = self._meta.get("nonfinite_visits") or 0
        if not self._shared and nonfinite_visits != counted:  # kept, should we be killed
            self._meta["nonfinite_visits"] = int(nonfinite_visits)
            self._write_meta()

    def append_metrics(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows (`epoch`, `group`, `examples`, `accuracy`, `true_label_accuracy`, `loss`) to epochs.jsonl."""
        if self.rank:
            return
        with open(self.path / layout.METRICS, "a", encoding="utf-8") as file:
            file.writelines(json.dumps(_finite(row)) + "\n" for row in rows)
            file.flush()
            os.fsync(file.fileno())

    def write_probe(
        self, name: str, epoch: int, frame: pd.DataFrame, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Write what a probe measured at an epoch; measured again, it replaces the earlier frame."""
        if self.rank:
            return
        self.add_checksum(write_probe_frame(self.path, name, epoch, frame, metadata))

    def write_probe_scores(self, name: str, frame: pd.DataFrame) -> None:
        """Write a probe's scores, one row per `example`, index or column; rewritten after each measurement."""
        if self.rank:
            return
        folder = self.path / layout.PROBES / name
        folder.mkdir(parents=True, exist_ok=True)
        table = frame if "example" in frame else frame.rename_axis("example").reset_index()
        write_parquet(folder / "scores.parquet", pa.Table.from_pandas(table, preserve_index=False))

    def add_checksum(self, path: Path) -> None:
        """List a file that never changes again in SHA256SUMS, in the form `sha256sum -c` reads."""
        self._checksums.add(path)

    def drop_epochs_after(self, epoch: int) -> None:
        """Forget what was recorded after an epoch, so that a resumed run writes it anew."""
        for name in (layout.TRAJECTORIES, layout.ONLINE_TRAJECTORIES):
            folder = self.path / name
            for later, ranks in layout.shards_in(folder).items():
                if later > epoch and self.rank in ranks:
                    self._remove(folder / f"{layout.shard_name(later, self.rank)}.parquet")
        if self.rank == 0:
            self._drop_whole_after(epoch)
        self._checksums.rewrite()

    def _drop_whole_after(self, epoch: int) -> None:
        # First the checkpoints: one that outlived its epochs, if we are killed here, would be resumed
        for folder in (self.path / layout.CHECKPOINTS).glob("epoch-*"):
            if int(folder.name.removeprefix("epoch-")) > epoch:
                for file in folder.iterdir():
                    self._remove(file)
                folder.rmdir()
        probes = self.path / layout.PROBES
        recorded = [self.path / layout.TRAJECTORIES, self.path / layout.ONLINE_TRAJECTORIES]
        for folder in [*recorded, *(probes.iterdir() if probes.is_dir() else ())]:
            for later in layout.epochs_in(folder):
                if later > epoch:
                    self._remove(folder / f"{epoch_name(later)}.parquet")
        metrics = self.path / layout.METRICS
        if metrics.exists():
            kept = [row for row in read_metrics(metrics) if row["epoch"] <= epoch]
            with atomic_write(metrics) as temporary:
                temporary.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")

    def update_meta(self, meta: Mapping[str, Any]) -> None:
        """Replace keys of run.json, of a run that goes on with other options."""
        kept = {"num_classes": self._meta["dataset"].get("num_classes")}
        self._meta.update(meta)
        self._meta["dataset"] = {**kept, **self._meta["dataset"]}
        self._write_meta()

    def finish(
        self,
        status: Literal["complete", "interrupted", "failed"],
        *,
        nonfinite_visits: int | None = None,
        timings: Mapping[str, float] | None = None,
        num_classes: int | None = None,
    ) -> None:
        """Write the final status and let go of the run. A second call does nothing.

        Rank 0 of several first waits for the others' shards, a minute at most, and merges what is whole; if ranks are
        missing it says so. Another rank has nothing left to do.
        """
        if self._lock is None or not self._lock.is_locked:
            return
        self._meta["status"] = status
        if nonfinite_visits is not None:
            self._meta["nonfinite_visits"] = int(nonfinite_visits)
        if timings is not None:
            self._meta["timings"] = dict(timings)
        if num_classes is not None:
            self._meta["dataset"]["num_classes"] = int(num_classes)
        try:
            if self._shared:
                self._gather(WAIT_S if status == "complete" else _FAILED_WAIT_S)
        finally:
            try:
                self._write_meta()
            finally:
                self._lock.release()

    @property
    def _shared(self) -> bool:
        """Whether several ranks write this run."""
        return int(self._meta.get("world_size") or 1) > 1

    def _gather(self, seconds: float) -> None:
        """Merge what the ranks wrote, waiting so long for it, and say who is missing."""
        world_size = self._meta["world_size"]
        shards.wait_for_ranks(self.path, world_size, seconds)
        counted = shards.nonfinite_visits(self.path, range(1, world_size))
        self._meta["nonfinite_visits"] = (self._meta["nonfinite_visits"] or 0) + counted
        shards.merge_shards(self.path, world_size, self._checksums)
        shards.warn_of_missing(self.shown_path, shards.missing_ranks(self.path / layout.TRAJECTORIES, world_size))

    def _tidy(self) -> None:
        """Clear up after an earlier launch: merge its shards, drop the epochs that lack a rank, mend SHA256SUMS."""
        for unfinished in self.path.rglob(".*.tmp-*"):
            if unfinished.is_file():
                unfinished.unlink(missing_ok=True)
        self._checksums.complete(self._finished_files())
        if not shards.has_shards(self.path):
            return
        world_size = shards.world_size_of(self._meta, self.path)
        if self._meta.get("nonfinite_visits") is None:  # rank 0 never came to add them up
            self._meta["nonfinite_visits"] = shards.nonfinite_visits(self.path, range(world_size))
        shards.merge_shards(self.path, world_size, self._checksums)
        shards.drop_incomplete(self.path, self._checksums)

    def _finished_files(self) -> list[Path]:
        """Whole files that never change again."""
        recorded = [self.path / layout.TRAJECTORIES, self.path / layout.ONLINE_TRAJECTORIES]
        probed = [folder for folder in (self.path / layout.PROBES).glob("*") if folder.is_dir()]
        tables = [
            folder / f"{epoch_name(epoch)}.parquet"
            for folder in recorded + probed
            for epoch in layout.epochs_in(folder)
        ]
        return tables + sorted((self.path / layout.CHECKPOINTS).glob("epoch-*/*"))

    def _write_meta(self) -> None:
        with atomic_write(self.path / layout.RUN_JSON) as temporary:
            temporary.write_text(json.dumps(_finite(self._meta), indent=2) + "\n", encoding="utf-8")

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._checksums.discard(path)


def write_probe_frame(
    run_folder: Path, name: str, epoch: int, frame: pd.DataFrame, metadata: Mapping[str, str] | None = None
) -> Path:
    """Write `probes/<name>/epoch-00005.parquet` in a run folder and return its path.

    Args:
        frame: columns `epoch`, `split`, then `example` or `layer`, then values.
        metadata: kept in the Parquet file's own metadata; read back as `DataFrame.attrs`.
    """
    if not name.isidentifier():
        raise ConfigError(f"a probe's name must be letters, digits and underscores, got {name!r}.")
    folder = Path(run_folder) / layout.PROBES / name
    folder.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), **(metadata or {})})
    path = folder / f"{epoch_name(epoch)}.parquet"
    write_parquet(path, table)
    return path


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Rows of epochs.jsonl; a torn last line is left out."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def _meta_to_go_on_with(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / layout.RUN_JSON).read_text(encoding="utf-8")))
    except ValueError as error:
        raise ProbeError(f"{folder / layout.RUN_JSON} is not valid JSON: {error}") from error


def _nullable(values: Sequence[Any] | np.ndarray, kind: pa.DataType) -> pa.Array:
    if pa.types.is_integer(kind):
        labels = np.asarray(values, dtype=np.int64)
        return pa.array(labels, kind, mask=labels < 0)
    return pa.array(list(values) if kind == pa.string() else values, kind, from_pandas=True)


def _finite(value: Any) -> Any:
    """The value with NaN and infinities, which JSON lacks, as None, and numpy scalars as Python's."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
