"""Writes a run folder, epoch by epoch, so that a killed run keeps everything it had finished."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from probes.errors import ConfigError, ProbeError, RunExistsError, RunLockedError, unknown_name
from probes.runs import layout
from probes.runs.layout import atomic_write, epoch_name
from probes.runs.versions import versions

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["IF_EXISTS", "RunWriter", "write_probe_frame"]

IF_EXISTS = ("error", "overwrite", "resume")
ROW_GROUP = 65_536
_TRAJECTORY_TYPES = {
    "epoch": pa.int32(),
    "example": pa.int64(),
    "visits": pa.int32(),
    "loss": pa.float32(),
    "margin": pa.float32(),
    "entropy": pa.float32(),
    "el2n": pa.float32(),
    "prediction": pa.int32(),
}
_EXAMPLE_TYPES = {
    "given_label": pa.int64(),
    "true_label": pa.int64(),
    "noisy": pa.bool_(),
    "corruption": pa.string(),
}


class RunWriter:
    """One run folder, held by a lock for as long as it is being written. Made by `create` or `resume`."""

    def __init__(self, path: Path, lock: FileLock, meta: dict[str, Any]):
        self.path = path
        self._lock = lock
        self._meta = meta
        self._checksums = _read_checksums(path / layout.CHECKSUMS)

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        *,
        num_examples: int,
        measure: str,
        if_exists: Literal["error", "overwrite"] = "error",
        meta: Mapping[str, Any] | None = None,
    ) -> RunWriter:
        """Start a new run with status `running`.

        Args:
            path: the run folder; made with its parents. An empty folder is as good as none.
            num_examples: N, the size of the training set.
            measure: `sweep`, `online` or `both`.
            if_exists: what to do where the folder holds something: `error`, or `overwrite` a run.
            meta: further keys of run.json (docs/format.md).

        Raises:
            RunExistsError: the folder holds something and may not be overwritten.
            RunLockedError: it is being written.
            ConfigError: it cannot be made.
        """
        folder = Path(path)
        lock = _claim(folder, if_exists)
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
                "world_size": 1,
                "launch_id": uuid.uuid4().hex,
                "versions": versions(),
                **meta,
            },
        )
        writer._write_meta()
        return writer

    @classmethod
    def resume(cls, path: str | os.PathLike[str]) -> RunWriter:
        """Take up a run that is not being written, with status `running` again."""
        folder = Path(path)
        lock = _locked(folder)
        try:
            meta = json.loads((folder / layout.RUN_JSON).read_text())
        except ValueError as error:
            lock.release()
            raise ProbeError(f"{folder / layout.RUN_JSON} is not valid JSON: {error}") from error
        writer = cls(folder, lock, {**meta, "status": "running"})
        writer._write_meta()
        return writer

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
        _write_parquet(self.path / layout.EXAMPLES, pa.table(arrays))

    def write_thumbnails(self, pngs: Mapping[int, bytes]) -> None:
        """Write thumbnails.parquet: one PNG per example index."""
        examples = sorted(pngs)
        table = pa.table(
            {
                "example": pa.array(examples, pa.int64()),
                "png": pa.array([pngs[example] for example in examples], pa.binary()),
            }
        )
        with atomic_write(self.path / layout.THUMBNAILS) as temporary:
            pq.write_table(table, temporary, compression="none", row_group_size=4096)  # PNGs are compressed already

    def write_epoch(self, epoch: int, columns: Mapping[str, np.ndarray], *, online: bool = False) -> None:
        """Close an epoch: write its trajectory file.

        Args:
            epoch: 0 for before training.
            columns: `example` (ascending), `visits`, `loss`, `margin`, `entropy`, `el2n`, `prediction`, equally long.
            online: of a run that measures both, the online half.
        """
        full = {"epoch": np.full(len(columns["example"]), epoch), **columns}
        table = pa.table({name: pa.array(full[name], kind) for name, kind in _TRAJECTORY_TYPES.items()})
        folder = self.path / (layout.ONLINE_TRAJECTORIES if online else layout.TRAJECTORIES)
        folder.mkdir(exist_ok=True)
        path = folder / f"{epoch_name(epoch)}.parquet"
        with atomic_write(path) as temporary:
            pq.write_table(
                table,
                temporary,
                compression="zstd",
                row_group_size=ROW_GROUP,
                use_dictionary=["epoch", "visits", "prediction"],
                column_encoding={
                    "example": "DELTA_BINARY_PACKED",
                    **dict.fromkeys(("loss", "margin", "entropy", "el2n"), "BYTE_STREAM_SPLIT"),
                },
            )
        self.add_checksum(path)

    def append_metrics(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows (`epoch`, `group`, `examples`, `accuracy`, `true_label_accuracy`, `loss`) to epochs.jsonl."""
        with open(self.path / layout.METRICS, "a", encoding="utf-8") as file:
            file.writelines(json.dumps(_finite(row)) + "\n" for row in rows)
            file.flush()
            os.fsync(file.fileno())

    def write_probe(
        self, name: str, epoch: int, frame: pd.DataFrame, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Write what a probe measured at an epoch; measured again, it replaces the earlier frame."""
        self.add_checksum(write_probe_frame(self.path, name, epoch, frame, metadata))

    def write_probe_scores(self, name: str, frame: pd.DataFrame) -> None:
        """Write a probe's scores, one row per `example`; rewritten after each measurement."""
        folder = self.path / layout.PROBES / name
        folder.mkdir(parents=True, exist_ok=True)
        _write_parquet(folder / "scores.parquet", pa.Table.from_pandas(frame, preserve_index=False))

    def add_checksum(self, path: Path) -> None:
        """List a file that never changes again in SHA256SUMS, in the form `sha256sum -c` reads."""
        name = path.relative_to(self.path).as_posix()
        running = hashlib.sha256()
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                running.update(block)
        digest = running.hexdigest()
        again = name in self._checksums
        self._checksums[name] = digest
        if again:
            self._rewrite_checksums()
            return
        with open(self.path / layout.CHECKSUMS, "a", encoding="utf-8") as file_out:
            file_out.write(f"{digest}  {name}\n")

    def drop_epochs_after(self, epoch: int) -> None:
        """Forget what was recorded after an epoch, so that a resumed run writes it anew."""
        for folder in (self.path / layout.TRAJECTORIES, self.path / layout.ONLINE_TRAJECTORIES):
            for later in layout.epochs_in(folder):
                if later > epoch:
                    self._remove(folder / f"{epoch_name(later)}.parquet")
        probes = self.path / layout.PROBES
        for folder in probes.iterdir() if probes.is_dir() else ():
            for later in layout.epochs_in(folder):
                if later > epoch:
                    self._remove(folder / f"{epoch_name(later)}.parquet")
        metrics = self.path / layout.METRICS
        if metrics.exists():
            kept = [row for row in read_metrics(metrics) if row["epoch"] <= epoch]
            with atomic_write(metrics) as temporary:
                temporary.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
        self._rewrite_checksums()

    def finish(
        self,
        status: Literal["complete", "interrupted", "failed"],
        *,
        nonfinite_visits: int | None = None,
        timings: Mapping[str, float] | None = None,
        num_classes: int | None = None,
    ) -> None:
        """Write the final status and let go of the run. A second call does nothing."""
        if not self._lock.is_locked:
            return
        self._meta["status"] = status
        if nonfinite_visits is not None:
            self._meta["nonfinite_visits"] = int(nonfinite_visits)
        if timings is not None:
            self._meta["timings"] = dict(timings)
        if num_classes is not None:
            self._meta["dataset"]["num_classes"] = int(num_classes)
        try:
            self._write_meta()
        finally:
            self._lock.release()

    def _write_meta(self) -> None:
        with atomic_write(self.path / layout.RUN_JSON) as temporary:
            temporary.write_text(json.dumps(_finite(self._meta), indent=2) + "\n", encoding="utf-8")

    def _remove(self, path: Path) -> None:
        path.unlink()
        self._checksums.pop(path.relative_to(self.path).as_posix(), None)

    def _rewrite_checksums(self) -> None:
        with atomic_write(self.path / layout.CHECKSUMS) as temporary:
            temporary.write_text("".join(f"{digest}  {name}\n" for name, digest in self._checksums.items()))


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
    _write_parquet(path, table)
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


def _claim(folder: Path, if_exists: str) -> FileLock:
    """Make the folder (or empty it) and take its lock."""
    if if_exists not in ("error", "overwrite"):
        raise unknown_name("if_exists", if_exists, IF_EXISTS)
    if folder.exists() and not folder.is_dir():
        raise RunExistsError(f"{folder} is a file. Choose another folder for the run.")
    try:
        held = folder.is_dir() and any(name != layout.LOCK for name in os.listdir(folder))
        if held and if_exists == "error":
            raise RunExistsError(
                f"{folder} already holds {'a run' if (folder / layout.RUN_JSON).exists() else 'files'}. "
                "Choose another folder, or say if_exists='overwrite' to replace the run or 'resume' to go on with it."
            )
        if held and not _is_run(folder):
            raise RunExistsError(
                f"{folder} holds files that are not a run, so it is left alone. Choose another folder."
            )
        folder.mkdir(parents=True, exist_ok=True)
        lock = _locked(folder)
        if held:
            _empty(folder)
    except OSError as error:
        raise ConfigError(f"cannot write to {folder}: {error.strerror or error}. Choose another folder.") from error
    return lock


def _locked(folder: Path) -> FileLock:
    lock = FileLock(folder / layout.LOCK, is_singleton=False)
    try:
        lock.acquire(timeout=1)
    except Timeout as error:
        raise RunLockedError(
            f"{folder} is being written by another process or tracker. Close it, or choose another folder."
        ) from error
    return lock


def _is_run(folder: Path) -> bool:
    """Whether run.json is ours: what is not may not be overwritten."""
    try:
        meta = json.loads((folder / layout.RUN_JSON).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(meta, dict) and "format_version" in meta


def _empty(folder: Path) -> None:
    """Remove a run's own files; run.json first, so that a half-emptied folder never reads as a run."""
    (folder / layout.RUN_JSON).unlink()
    for entry in folder.iterdir():
        ours = entry.name in layout.OWN or (entry.name.startswith(".") and ".tmp-" in entry.name)
        if not ours:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _write_parquet(path: Path, table: pa.Table) -> None:
    with atomic_write(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", row_group_size=ROW_GROUP)


def _nullable(values: Sequence[Any] | np.ndarray, kind: pa.DataType) -> pa.Array:
    if pa.types.is_integer(kind):
        labels = np.asarray(values, dtype=np.int64)
        return pa.array(labels, kind, mask=labels < 0)
    return pa.array(list(values) if kind == pa.string() else values, kind, from_pandas=True)


def _read_checksums(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines) if name}


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
