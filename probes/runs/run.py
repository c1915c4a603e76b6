"""Reads a run folder: trajectories, scores, summary, probes, images."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from probes.errors import ProbeError, RunNotFoundError, unknown_name
from probes.runs import layout
from probes.runs.probe_recording import read_probe_scores
from probes.runs.score_table import score_table
from probes.runs.shards import missing_ranks, read_examples, warn_of_missing, world_size_of
from probes.runs.trajectories import DERIVED, STORED, FolderStore, dense_trajectories, every_epoch
from probes.runs.writer import read_metrics

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Run", "open_run"]

MEASURES = ("sweep", "online", "both")


def open_run(path: str | os.PathLike[str]) -> Run:
    """Open a saved run, finished or still running; what is closed now is what it shows.

    Raises:
        RunNotFoundError: there is no run at `path`, or it was written by a newer version.
    """
    return Run(path)


class Run:
    """A saved run. Scores and summary read the sweep where the run holds one, else the online measure."""

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        self.meta = _read_meta(self.path)
        self.measure: str = self.meta["measure"]
        self.num_examples: int = int(self.meta["dataset"]["num_examples"])
        world_size = world_size_of(self.meta, self.path)
        self._store = FolderStore(self.path / layout.TRAJECTORIES, world_size)
        self._online = FolderStore(self.path / layout.ONLINE_TRAJECTORIES, world_size)
        status = self.meta["status"]
        self.status: str = "interrupted" if status == "running" and not _is_held(self.path) else status
        if self.status != "running":
            warn_of_missing(self.path, missing_ranks(self.path / layout.TRAJECTORIES, world_size))

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self.status}, {self.num_examples} examples, {self.num_epochs} epochs)"

    @property
    def classes(self) -> list[str] | None:
        """Names of the classes; None where the run does not say."""
        names = self.meta["dataset"].get("classes")
        return None if names is None else [str(name) for name in names]

    @property
    def config(self) -> dict[str, Any]:
        """What was asked of the training; empty for a tracker's run."""
        return dict(self.meta.get("config") or {})

    @property
    def closed_epochs(self) -> list[int]:
        """Epochs that are read: the closed ones, in order; epoch 0 does not count."""
        return [epoch for epoch in self._store.epochs() if epoch > 0]

    @property
    def num_epochs(self) -> int:
        """Last closed epoch, E; epoch 0 does not count."""
        return max([0, *self.closed_epochs])

    @property
    def has_initial(self) -> bool:
        """Whether epoch 0, before training, was measured."""
        return 0 in self._store.epochs()

    @cached_property
    def examples(self) -> pd.DataFrame:
        """`given_label`, `true_label`, `noisy`, `corruption` and, where recorded, `id`, `path`, by example."""
        import pandas as pd

        index = pd.RangeIndex(self.num_examples, name="example")
        table = read_examples(self.path)
        frame = pd.DataFrame(index=index) if table is None else table.to_pandas()
        frame = (frame if frame.index.name == "example" else frame.set_index("example")).reindex(index)
        types = {"given_label": "Int64", "true_label": "Int64", "noisy": "boolean", "corruption": "string"}
        return frame.assign(**dict.fromkeys(name for name in types if name not in frame)).astype(types)

    @cached_property
    def given_labels(self) -> np.ndarray | None:
        """int64, (N,); -1 where unknown; None where no given label is known."""
        return _labels(self.examples["given_label"])

    @cached_property
    def true_labels(self) -> np.ndarray | None:
        """int64, (N,); -1 where unknown; None where no true label is known."""
        return _labels(self.examples["true_label"])

    @cached_property
    def noisy(self) -> np.ndarray | None:
        """bool, (N,); examples known to be noisy; None where no truth is known."""
        return self._known_to_be(True)

    @cached_property
    def clean(self) -> np.ndarray | None:
        """bool, (N,); examples known to be clean; None where no truth is known."""
        return self._known_to_be(False)

    @cached_property
    def wrong(self) -> np.ndarray | None:
        """bool, (N,); examples whose given label is known not to be the true one; None where no truth is known."""
        given, true = self.given_labels, self.true_labels
        if given is None or true is None:
            return None
        return (given != true) & (given >= 0) & (true >= 0)

    @cached_property
    def epochs(self) -> pd.DataFrame:
        """Tidy: `epoch, group, examples, accuracy, true_label_accuracy, loss`; train groups from the trajectories."""
        from probes.runs.epoch_table import epoch_table

        return epoch_table(self, read_metrics(self.path / layout.METRICS))

    def epoch(self, epoch: int, *, measure: str | None = None) -> dict[str, np.ndarray]:
        """Every signal at one epoch, as `trajectory` gives it: arrays (N,).

        Raises:
            ProbeError: the run does not hold that epoch.
        """
        store, signals = self._of(measure), [*STORED, *DERIVED]
        if epoch not in store.epochs():
            raise ProbeError(f"{self.path} holds no epoch {epoch}; its last one is {self.num_epochs}.")
        dense = dense_trajectories(store, signals, [epoch], 0, self.num_examples, self.given_labels)
        return {signal: values[0] for signal, values in dense.items()}

    def trajectory(
        self,
        signal: str,
        *,
        initial: bool = False,
        measure: str | None = None,
        examples: Sequence[int] | np.ndarray | None = None,
    ) -> np.ndarray:
        """A signal over the epochs.

        Args:
            signal: `loss`, `margin`, `entropy`, `el2n`, `confidence` (float32), `prediction`, `visits` (int32)
                or `correct` (int8).
            initial: prepend epoch 0, which no score uses.
            measure: `sweep` or `online`; the run's primary one by default.
            examples: only these; all N by default.

        Returns:
            (E, N), epochs 1..E; NaN or -1 where an example was not visited, as in an epoch that the run lacks.

        Raises:
            ProbeError: the run does not hold that measure, or epoch 0.
        """
        store = self._of(measure)
        if initial:
            if not self.has_initial:
                raise ProbeError(f"{self.path} holds no epoch 0: it was not measured before training.")
            after = self.trajectory(signal, measure=measure, examples=examples)
            before = self.epoch(0)[signal][None]  # always a sweep
            return np.concatenate([before if examples is None else before[:, np.asarray(examples)], after])
        window = every_epoch(store)
        if examples is None:
            return dense_trajectories(store, [signal], window, 0, self.num_examples, self.given_labels)[signal]
        picked = np.asarray(examples, dtype=np.int64)
        rows = [
            dense_trajectories(store, [signal], [epoch], 0, self.num_examples, self.given_labels)[signal][0, picked]
            for epoch in window
        ]
        if not rows:
            rows_type = dense_trajectories(store, [signal], [], 0, 0, self.given_labels)[signal].dtype
            return np.empty((0, len(picked)), rows_type)
        return np.stack(rows)

    def scores(self, names: str | Sequence[str] | None = None, epochs: tuple[int, int] | None = None) -> pd.DataFrame:
        """Per-example scores, one row per example; docs/scores.md defines each.

        Args:
            names: columns wanted; all by default.
            epochs: window (first, last), inclusive; nothing before its start is used. Does not apply to
                columns that probes added.

        Raises:
            ConfigError: an unknown column, or a window outside the run.
        """
        return score_table(
            self._store,
            self.num_examples,
            given_labels=self.given_labels,
            labels=known_labels(self.examples),
            names=names,
            epochs=epochs,
            probe_scores=read_probe_scores(self.path),
        )

    def summary(self) -> dict[str, Any]:
        """The run in numbers; every key always present, None where unknown."""
        from probes.runs.summary import summarize

        return summarize(self)

    @property
    def probe_names(self) -> list[str]:
        """Probes that left something in the run."""
        folder = self.path / layout.PROBES
        return sorted(entry.name for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []

    def probe(self, name: str) -> pd.DataFrame:
        """What a probe measured, over all its epochs; the files' metadata is in `.attrs`.

        Raises:
            ConfigError: the run holds no such probe.
        """
        import pandas as pd
        import pyarrow.parquet as pq

        if name not in self.probe_names:
            held = self.probe_names
            if not held:
                raise RunNotFoundError(f"{self.path} holds no probes. Record one with `probe train --probe {name}`.")
            raise unknown_name("probe", name, held)
        folder = self.path / layout.PROBES / name
        tables = [pq.read_table(folder / f"{layout.epoch_name(epoch)}.parquet") for epoch in layout.epochs_in(folder)]
        frame = pd.concat([table.to_pandas() for table in tables], ignore_index=True) if tables else pd.DataFrame()
        metadata = (tables[0].schema.metadata or {}) if tables else {}
        frame.attrs = {key.decode(): value.decode() for key, value in metadata.items() if key != b"pandas"}
        return frame

    def images(self, examples: Iterable[int]) -> dict[int, bytes]:
        """PNG thumbnails of those examples that have one."""
        import pyarrow.parquet as pq

        path = self.path / layout.THUMBNAILS
        wanted = sorted({int(example) for example in examples})
        if not path.exists() or not wanted:
            return {}
        table = pq.read_table(path, filters=[("example", "in", wanted)])
        return dict(zip(table.column("example").to_pylist(), table.column("png").to_pylist(), strict=True))

    def _repr_html_(self) -> str:
        summary = self.summary()
        shown = ("status", "num_examples", "num_noisy", "epochs", "clean_learned_epoch", "noisy_memorized_epoch")
        tests = ("peak_test_accuracy", "final_test_accuracy")
        rows = "".join(f"<tr><th>{key}</th><td>{html.escape(str(summary[key]))}</td></tr>" for key in (*shown, *tests))
        return f"<table><caption>{html.escape(str(self.path))}</caption>{rows}</table>"

    def _known_to_be(self, noisy: bool) -> np.ndarray | None:
        column = self.examples["noisy"]
        return None if column.isna().all() else (column == noisy).fillna(False).to_numpy(dtype=bool)

    def _of(self, measure: str | None) -> FolderStore:
        primary = "online" if self.measure == "online" else "sweep"
        if measure is None or measure == primary:
            return self._store
        if measure not in ("sweep", "online"):
            raise unknown_name("measure", measure, ("sweep", "online"))
        if self.measure != "both":
            raise ProbeError(f"{self.path} holds the {primary} measure only. Train with --measure both to have each.")
        return self._online


def known_labels(examples: pd.DataFrame) -> dict[str, Any]:
    """Columns of the example table in which anything is known, as `scores()` shows them."""
    names = ("id", "true_label", "given_label", "noisy", "corruption")
    return {name: examples[name].array for name in names if name in examples and examples[name].notna().any()}


def _labels(column: pd.Series) -> np.ndarray | None:
    labels = column.fillna(-1).to_numpy(dtype=np.int64)
    return labels if (labels >= 0).any() else None


def _read_meta(path: Path) -> dict[str, Any]:
    """run.json, checked for what every reader needs."""
    file = path / layout.RUN_JSON
    if not file.exists():
        what = "is not a run: it has no run.json" if path.exists() else "does not exist"
        raise RunNotFoundError(f"{path} {what}. `probe list runs` shows the runs there are.")
    try:
        meta = json.loads(file.read_text(encoding="utf-8"))
        version = int(meta["format_version"])
    except KeyError as error:
        raise RunNotFoundError(f"{file} is not the run.json of a run: it has no {error}.") from error
    except (ValueError, TypeError) as error:
        raise RunNotFoundError(f"{file} is not the run.json of a run, or is damaged.") from error
    if version > layout.FORMAT_VERSION:
        raise RunNotFoundError(
            f"{path} has format version {version}; this version of memorization-probes reads up to "
            f"{layout.FORMAT_VERSION}. Upgrade memorization-probes to open it."
        )
    try:
        known = (meta["status"], meta["measure"], int(meta["dataset"]["num_examples"]))
    except (KeyError, TypeError, ValueError) as error:
        raise RunNotFoundError(f"{file} lacks what a run needs: {error}.") from error
    if known[1] not in MEASURES:
        raise RunNotFoundError(f"{file} has measure {known[1]!r}, expected one of {', '.join(MEASURES)}.")
    return dict(meta)


def _is_held(path: Path) -> bool:
    """Whether a live process is writing the run."""
    from filelock import FileLock, Timeout

    lock_path = path / layout.LOCK
    if not lock_path.exists():
        return False
    try:
        with FileLock(lock_path, is_singleton=False).acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # not ours to write: a read-only copy, or another user's run
        return _is_locked_by_another(lock_path)


def _is_locked_by_another(path: Path) -> bool:
    """Whether a file that we may only read is locked."""
    try:
        import fcntl  # Windows has none
    except ImportError:
        return False
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
