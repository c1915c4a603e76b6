"""`ExampleTracker`: per-example training dynamics in anyone's training loop."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from probes.errors import ProbeError, unknown_name
from probes.runs.probe_recording import record_probe
from probes.runs.run import Run, known_labels
from probes.runs.score_table import score_table
from probes.runs.thumbnails import EVERY, ImageSource, choose_thumbnails, encode_png, image_source
from probes.runs.trajectories import FolderStore, MemoryStore, Store, dense_trajectories
from probes.runs.versions import versions
from probes.runs.writer import IF_EXISTS, RunWriter
from probes.signals import signals
from probes.trackers.batches import check_batch, to_array
from probes.trackers.epoch_buffer import EpochBuffer

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ExampleTracker"]


class ExampleTracker:
    """Records what a training run does to each of its examples, from the logits it already computes.

    What is recorded is *online*: each example as the training pass saw it, before the update.

    Args:
        num_examples: N, the size of the training set.
        run: folder to save to, epoch by epoch; None keeps the trajectories in memory.
        true_labels: int, (N,); what the labels should be, where known. Only evaluates; never a score's input.
        ids: N unique strings or ints; `update` then takes ids in place of positions.
        images: (N, H, W[, C]) or a function of the index; thumbnails for the report.
        classes: K names.
        ignore_index: rows with this target are skipped.
        device: reserved for accelerators; signals are computed on the CPU.
        if_exists: what to do where `run` is there already: `error`, `overwrite` or `resume`.

    Raises:
        TypeError, ValueError: an argument that cannot be used.
        ProbeError: the run folder cannot be used.

    Example:
        >>> tracker = ExampleTracker(num_examples=2)
        >>> tracker.update([0, 1], np.array([[2.0, 0.0], [2.0, 0.0]]), [0, 1])
        >>> tracker.end_epoch()
        >>> tracker.scores()["aum"].tolist()
        [2.0, -2.0]
    """

    def __init__(
        self,
        num_examples: int,
        *,
        run: str | os.PathLike[str] | None = None,
        true_labels: Any = None,
        ids: Sequence[str] | Sequence[int] | None = None,
        images: Any | Callable[[int], Any] | None = None,
        classes: Sequence[str] | None = None,
        ignore_index: int | None = None,
        device: Any = None,
        if_exists: Literal["error", "overwrite", "resume"] = "error",
    ):
        if isinstance(num_examples, bool) or not isinstance(num_examples, (int, np.integer)):
            raise TypeError(f"num_examples must be an int, got {type(num_examples).__name__}.")
        if num_examples < 1:
            raise ValueError(f"num_examples must be at least 1, got {num_examples}.")
        if if_exists not in IF_EXISTS:
            raise unknown_name("if_exists", if_exists, IF_EXISTS)
        self.num_examples = int(num_examples)
        self.classes = None if classes is None else [str(name) for name in classes]
        self._ignore_index = ignore_index
        self._true = _check_true_labels(true_labels, self.num_examples)
        self._ids, self._positions = _check_ids(ids, self.num_examples)
        self._images: ImageSource | None = None if images is None else image_source(images, self.num_examples)
        # A function may decode from disk, and a large array calls for a choice by score: both wait for `close`.
        self._late_images = callable(images) or self.num_examples > EVERY
        self._given = np.full(self.num_examples, -1, dtype=np.int64)
        self._saved_labels = -1
        self._num_classes: int | None = None
        self._buffer = EpochBuffer(self.num_examples)
        self._memory = MemoryStore()
        self._epoch = 0
        self._updates = 0
        self._closed = False
        self._resumed = False
        self.frames: dict[str, list[pd.DataFrame]] = {}
        self.writer = None if run is None else self._open(run, if_exists)
        self._owner = os.getpid()
        if self.writer is not None:
            atexit.register(self._close_at_exit)

    def update(self, index: Any = None, logits: Any = None, targets: Any = None) -> None:
        """Record one batch.

        Args:
            index: int, (B,); positions in the full training set (or ids); of a repeated one the last stands.
            logits: float, (B, K), before softmax; or (B,) / (B, 1) for binary, z standing for logits (0, z).
            targets: int, (B,); given labels.

        Raises:
            TypeError: targets or index are not integers, logits not floats.
            ValueError: shapes disagree, a target lies outside [0, K), or an example's label changed.
            IndexError: an index lies outside [0, N).
        """
        if self._closed:
            raise ProbeError("the tracker is closed: nothing more can be recorded. Make a new one.")
        batch = check_batch(
            index,
            logits,
            targets,
            num_examples=self.num_examples,
            num_classes=self._num_classes,
            positions=self._positions,
            ignore_index=self._ignore_index,
        )
        self._learn_labels(batch.index, batch.targets)
        self._num_classes = batch.logits.shape[1]
        self._updates += 1
        if len(batch.index):
            self._buffer.write(batch.index, signals(batch.logits, batch.targets))

    def end_epoch(self) -> None:
        """Close the recording period and write it; with no update since the last one, do nothing."""
        if not self._buffer.open:
            return
        columns = self._buffer.take()
        self._epoch += 1
        if self.writer is None:
            self._memory.tables.append(columns)
            return
        self._save_labels()
        self.writer.write_epoch(self._epoch, columns)

    def scores(self, names: str | Sequence[str] | None = None, epochs: tuple[int, int] | None = None) -> pd.DataFrame:
        """Per-example scores of the closed epochs, as `Run.scores`."""
        labels = known_labels(self._label_table())
        return score_table(
            self._store(), self.num_examples, given_labels=self._given, labels=labels, names=names, epochs=epochs
        )

    def trajectory(self, signal: str) -> np.ndarray:
        """A signal over the closed epochs, (E, N), as `Run.trajectory`."""
        store = self._store()
        epochs = [epoch for epoch in store.epochs() if epoch > 0]
        return dense_trajectories(store, [signal], epochs, 0, self.num_examples, self._given)[signal]

    def record(self, probe: Any, model: Any, examples: Any, *, learning_rate: float | None = None) -> pd.DataFrame:
        """Run a probe now, into the run (or `frames`, in memory), and return what it measured.

        Args:
            probe: an object with `name` and `measure(model, examples, context)`.
            model: the network, left as it was found.
            examples: `probes.data.ExampleSet`.
        """
        epoch = self._epoch + self._buffer.open
        frame = record_probe(
            self.writer, probe, model, examples, epoch=epoch, step=self._updates, learning_rate=learning_rate
        )
        self.frames.setdefault(probe.name, []).append(frame)
        return frame

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to go on from here, as tensors and numbers; goes into your own checkpoint."""
        import torch

        def tensors(columns: Mapping[str, np.ndarray]) -> dict[str, Any]:
            return {name: torch.from_numpy(np.array(values)) for name, values in columns.items()}

        return {
            "num_examples": self.num_examples,
            "epoch": self._epoch,
            "updates": self._updates,
            "num_classes": self._num_classes,
            "nonfinite_visits": self._buffer.nonfinite_visits,
            "given_labels": torch.from_numpy(self._given.copy()),
            "open_epoch": tensors(self._buffer.state()),
            "epochs": [tensors(table) for table in self._memory.tables],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state; later epochs of a run opened with `if_exists="resume"` are dropped.

        Raises:
            ValueError: the state is of another number of examples.
            ProbeError: the run does not hold the state's epochs, or holds later ones and was not opened to resume.
        """
        if state["num_examples"] != self.num_examples:
            raise ValueError(f"the state is of {state['num_examples']} examples, the tracker of {self.num_examples}.")
        epoch = int(state["epoch"])
        if self.writer is not None:
            if self._epoch < epoch:
                raise ProbeError(
                    f"{self.writer.path} holds {self._epoch} epochs, the state is of epoch {epoch}. "
                    "Open the run it belongs to with if_exists='resume'."
                )
            if self._epoch > epoch:
                if not self._resumed:
                    raise ProbeError(
                        f"{self.writer.path} already holds {self._epoch} epochs, the state is of epoch {epoch}. "
                        "Say if_exists='resume' to drop the later ones."
                    )
                self.writer.drop_epochs_after(epoch)
        self._epoch, self._updates = epoch, int(state["updates"])
        self._num_classes = state["num_classes"]
        self._given = to_array(state["given_labels"], "given_labels").copy()
        self._saved_labels = -1
        self._memory.tables = [_arrays(table) for table in state["epochs"]]
        self._buffer.put(_arrays(state["open_epoch"]))
        self._buffer.nonfinite_visits = int(state["nonfinite_visits"])

    def close(self, status: Literal["complete", "interrupted", "failed"] = "complete") -> None:
        """End an open epoch, write the status and release the run. A second call does nothing."""
        if self._closed:
            return
        self.end_epoch()
        self._closed = True
        if self.writer is None:
            return
        atexit.unregister(self._close_at_exit)
        try:
            self._save_labels()
            if self._images is not None and self._late_images:
                self._save_thumbnails()
        finally:
            self.writer.finish(status, nonfinite_visits=self._buffer.nonfinite_visits)

    def __enter__(self) -> ExampleTracker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.close("interrupted" if issubclass(kind, KeyboardInterrupt) else "failed")

    def _open(self, run: str | os.PathLike[str], if_exists: str) -> RunWriter:
        """The run's writer: of a new run, or of one to go on with."""
        from pathlib import Path

        path = Path(run)
        if if_exists == "resume" and (path / "run.json").exists():
            return self._resume(path)
        writer = RunWriter.create(
            path,
            num_examples=self.num_examples,
            measure="online",
            if_exists="overwrite" if if_exists == "overwrite" else "error",
            meta={
                "command": " ".join(sys.argv),
                "dataset": {"classes": self.classes},
                "world_size": 1,
                "versions": versions(),
            },
        )
        self._write_labels(writer)
        if self._images is not None and not self._late_images:
            writer.write_thumbnails({i: encode_png(self._images(i)) for i in range(self.num_examples)})
        return writer

    def _resume(self, path: Any) -> RunWriter:
        saved = Run(path)
        if saved.measure != "online" or saved.num_examples != self.num_examples:
            raise ProbeError(
                f"{path} holds a run of {saved.num_examples} examples measured by {saved.measure}, which a tracker of "
                f"{self.num_examples} examples cannot go on with. Choose another folder."
            )
        writer = RunWriter.resume(path)
        self._resumed = True
        self._epoch = saved.num_epochs
        if saved.given_labels is not None:
            self._given = saved.given_labels.copy()
        self._buffer.nonfinite_visits = int(saved.meta.get("nonfinite_visits") or 0)
        return writer

    def _store(self) -> Store:
        return self._memory if self.writer is None else FolderStore(self.writer.path / "trajectories")

    def _learn_labels(self, index: np.ndarray, targets: np.ndarray) -> None:
        """Remember each example's given label; refuse a different one before anything is recorded."""
        before = self._given[index]
        self._given[index] = np.where(before < 0, targets, before)
        wrong = self._given[index] != targets
        if wrong.any():
            example, now = int(index[wrong][0]), int(targets[wrong][0])
            was = int(self._given[example])
            self._given[index] = before
            raise ValueError(
                f"targets gave example {example} label {now}, but earlier {was}. An example keeps one given label; "
                "check that index holds dataset positions."
            )

    def _label_table(self) -> pd.DataFrame:
        import pandas as pd

        columns: dict[str, Any] = {"given_label": pd.array(np.where(self._given < 0, 0, self._given), dtype="Int64")}
        columns["given_label"][self._given < 0] = pd.NA
        if self._true is not None:
            columns["true_label"] = pd.array(self._true, dtype="Int64")
            columns["noisy"] = pd.array(self._given != self._true, dtype="boolean")
            columns["noisy"][self._given < 0] = pd.NA
        if self._ids is not None:
            columns["id"] = self._ids
        return pd.DataFrame(columns)

    def _save_labels(self) -> None:
        if self.writer is not None and self._saved_labels != int((self._given >= 0).sum()):
            self._write_labels(self.writer)

    def _write_labels(self, writer: RunWriter) -> None:
        table = self._label_table()
        writer.write_examples(
            {
                "given_label": self._given,
                "true_label": self._true,
                "noisy": table["noisy"].array if "noisy" in table else None,
                "id": self._ids,
            }
        )
        self._saved_labels = int((self._given >= 0).sum())

    def _save_thumbnails(self) -> None:
        assert self.writer is not None
        assert self._images is not None
        chosen = choose_thumbnails(self.num_examples, self.scores() if self.num_examples > EVERY else None)
        self.writer.write_thumbnails({int(i): encode_png(self._images(int(i))) for i in chosen})

    def _close_at_exit(self) -> None:
        """At the interpreter's exit: complete, unless an exception ended a script."""
        if os.getpid() != self._owner:  # a forked worker does not own the run
            return
        error = None if hasattr(sys, "ps1") else getattr(sys, "last_value", None)
        if error is None:
            self.close()
        else:
            self.close("interrupted" if isinstance(error, KeyboardInterrupt) else "failed")


def _check_true_labels(labels: Any, num_examples: int) -> np.ndarray | None:
    if labels is None:
        return None
    array = to_array(labels, "true_labels")
    if array.dtype.kind not in "iu":
        raise TypeError(f"true_labels must be integers, got {array.dtype}.")
    if array.shape != (num_examples,):
        raise ValueError(f"true_labels must have shape ({num_examples},), got {array.shape}.")
    return array.astype(np.int64)


def _check_ids(ids: Any, num_examples: int) -> tuple[list[Any] | None, dict[Any, int] | None]:
    if ids is None:
        return None, None
    names = ids.tolist() if hasattr(ids, "tolist") else list(ids)
    if len(names) != num_examples:
        raise ValueError(f"ids must hold {num_examples} entries, got {len(names)}.")
    if not (all(isinstance(name, str) for name in names) or all(type(name) is int for name in names)):
        raise TypeError("ids must be all strings or all ints.")
    positions = {name: position for position, name in enumerate(names)}
    if len(positions) != num_examples:
        twice = next(name for position, name in enumerate(names) if positions[name] != position)
        raise ValueError(f"ids must be unique, got {twice!r} more than once.")
    return names, positions


def _arrays(columns: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {name: to_array(values, name).copy() for name, values in columns.items()}
