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
from probes.runs.writer import IF_EXISTS, RunWriter
from probes.signals import signals
from probes.trackers.batches import check_batch, to_array
from probes.trackers.epoch_buffer import EpochBuffer
from probes.trackers.labels import Labels, check_ids
from probes.trackers.watching import Watching

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ExampleTracker"]

STATUSES = ("complete", "interrupted", "failed")
_DEVICES = ("cpu", "cuda", "mps", "xpu", "hpu", "xla", "mtia")


class ExampleTracker:
    """Records what a training run does to each of its examples, from the logits it already computes.

    What is recorded is *online*: each example as the training pass saw it, before the update.

    Args:
        num_examples: N, the size of the training set.
        run: folder to save to, epoch by epoch; None keeps the trajectories in memory.
        true_labels: int, (N,); what the labels should be, -1 where unknown. Only evaluates; never a score's input.
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
        if ignore_index is not None and not isinstance(ignore_index, (int, np.integer)):
            raise TypeError(f"ignore_index must be an int, got {ignore_index!r}.")
        self.classes = _check_classes(classes)
        _check_device(device)
        self._ignore_index = ignore_index
        names, self._positions = check_ids(ids, self.num_examples)
        self._labels = Labels(self.num_examples, true_labels, names)
        self._images: ImageSource | None = None if images is None else image_source(images, self.num_examples)
        # A function may decode from disk, and a large array calls for a choice by score: both wait for `close`.
        self._late_images = callable(images) or self.num_examples > EVERY
        self._num_classes: int | None = None
        self._buffer = EpochBuffer(self.num_examples)
        self._memory = MemoryStore()
        self._epoch = 0
        self._updates = 0
        self._closed = False
        self._resumed = False
        self._watching = Watching(self.num_examples, self.update, self.end_epoch)
        self.frames: dict[str, list[pd.DataFrame]] = {}
        self.writer = None if run is None else self._open(run, if_exists)
        self._owner = os.getpid()
        if self.writer is not None:
            atexit.register(self._close_at_exit)

    def update(self, index: Any = None, logits: Any = None, targets: Any = None) -> None:
        """Record one batch.

        Args:
            index: int, (B,); positions in the full training set (or ids); of a repeated one the last stands.
                Left out: the watched loader's.
            logits: float, (B, K), before softmax; or (B,) / (B, 1) for binary, z standing for logits (0, z).
            targets: int, (B,); given labels.

        Raises:
            TypeError: targets or index are not integers, logits not floats.
            ValueError: shapes disagree, a target lies outside [0, K), an example's label changed, or index was left
                out and no batch of a watched loader waits.
            IndexError: an index lies outside [0, N).
        """
        if self._closed:
            raise ProbeError("the tracker is closed: nothing more can be recorded. Make a new one.")
        watched = self._watching.positions(targets) if index is None else None
        batch = check_batch(
            index if watched is None else watched,
            logits,
            targets,
            num_examples=self.num_examples,
            num_classes=self._num_classes,
            positions=self._positions if watched is None else None,
            ignore_index=self._ignore_index,
            watched=watched is not None,
        )
        if self._num_classes is None:
            self._check_num_classes(batch.logits.shape[1])
        self._labels.learn(batch.index, batch.targets)
        if watched is not None:
            self._watching.recorded()
        self._num_classes = batch.logits.shape[1]
        self._updates += 1
        if len(batch.index):
            self._buffer.write(batch.index, signals(batch.logits, batch.targets))

    def end_epoch(self) -> None:
        """Close the recording period and write it; with no update since the last one, do nothing."""
        self._watching.settle()
        if not self._buffer.open:
            return
        columns = self._buffer.take()
        self._epoch += 1
        if self.writer is None:
            self._memory.tables.append(columns)
            return
        self._labels.write(self.writer)
        self.writer.write_epoch(self._epoch, columns)

    def scores(self, names: str | Sequence[str] | None = None, epochs: tuple[int, int] | None = None) -> pd.DataFrame:
        """Per-example scores of the closed epochs, as `Run.scores`; first closes one left early by a `break`."""
        self._watching.warn_of_nothing()
        self._close_left_epoch()
        return score_table(
            self._store(),
            self.num_examples,
            given_labels=self._labels.given,
            labels=known_labels(self._labels.table()),
            names=names,
            epochs=epochs,
        )

    def trajectory(self, signal: str) -> np.ndarray:
        """A signal over the closed epochs, (E, N), as `Run.trajectory`; first closes one left early by a `break`."""
        self._close_left_epoch()
        store = self._store()
        epochs = [epoch for epoch in store.epochs() if epoch > 0]
        return dense_trajectories(store, [signal], epochs, 0, self.num_examples, self._labels.given)[signal]

    def watch(self, loader: Any) -> Any:
        """Take the indices of batches from a loader's sampler; iterate over what comes back instead.

        It behaves as the loader does, with any number of workers. A pass that runs out ends the epoch; of one left
        early the next pass, `end_epoch`, `scores`, `trajectory`, `state_dict` or `close` does. One pass is followed
        at a time: another that begins stops the one before.

        Args:
            loader: a torch DataLoader over the N examples, or one that is watched already.

        Raises:
            TypeError: no DataLoader.
            ValueError: in_order=False, an iterable dataset, a dataset of another size: pass the index to `update`.
            ProbeError: on iteration, where this version of torch cannot be followed.
        """
        return self._watching.watch(loader)

    def attach(self, criterion: Any) -> None:
        """Record each batch of a watched loader when the loss is computed: no call of `update` is needed.

        The first call on a batch whose logits require grad counts; others (validation) are ignored. Whatever the
        criterion makes of them (reduction, class weights, smoothing), the recorded loss is the plain cross-entropy.

        Args:
            criterion: a loss module, called as criterion(logits, targets).

        Raises:
            TypeError: a function, which has no hooks.
        """
        self._watching.attach(criterion)

    def detach(self) -> None:
        """Undo every `attach` and `watch`: criteria are unhooked, loaders iterate as they did before."""
        self._close_left_epoch()
        self._watching.warn_of_nothing()
        self._watching.stop()
        self._watching = Watching(self.num_examples, self.update, self.end_epoch)

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
        """What `load_state_dict` needs to go on from here, as tensors and numbers; goes into your own checkpoint.

        An epoch that a watched loader was left in early is closed; one under way is saved open.
        """
        import torch

        self._close_left_epoch()

        def tensors(columns: Mapping[str, np.ndarray]) -> dict[str, Any]:
            return {name: torch.from_numpy(np.array(values)) for name, values in columns.items()}

        return {
            "num_examples": self.num_examples,
            "epoch": self._epoch,
            "updates": self._updates,
            "num_classes": self._num_classes,
            "nonfinite_visits": self._buffer.nonfinite_visits,
            "given_labels": torch.from_numpy(self._labels.given.copy()),
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
        self._labels.replace(to_array(state["given_labels"], "given_labels"))
        self._memory.tables = [_arrays(table) for table in state["epochs"]]
        self._buffer.put(_arrays(state["open_epoch"]))
        self._buffer.nonfinite_visits = int(state["nonfinite_visits"])
        self._watching.forget()

    def close(self, status: Literal["complete", "interrupted", "failed"] = "complete") -> None:
        """End an open epoch, write the status and release the run. A second call does nothing."""
        if status not in STATUSES:
            raise unknown_name("status", status, STATUSES)
        if self._closed:
            return
        self.end_epoch()
        self._closed = True
        self._watching.warn_of_nothing()
        self._watching.stop()
        if self.writer is None:
            return
        atexit.unregister(self._close_at_exit)
        try:
            self._labels.write(self.writer)
            if self._images is not None and self._late_images:
                self._save_thumbnails()
        finally:
            self.writer.finish(status, nonfinite_visits=self._buffer.nonfinite_visits, num_classes=self._num_classes)

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
            },
        )
        self._labels.write(writer)
        if self._images is not None and not self._late_images:
            writer.write_thumbnails({i: encode_png(self._images(i)) for i in range(self.num_examples)})
        return writer

    def _resume(self, path: Any) -> RunWriter:
        saved = Run(path)
        if saved.measure != "online":
            raise ProbeError(f"{path} holds a run measured by {saved.measure}; a tracker goes on with online ones.")
        if saved.num_examples != self.num_examples:
            raise ProbeError(f"{path} holds a run of {saved.num_examples} examples, not of {self.num_examples}.")
        self._labels.resume(saved)
        writer = RunWriter.resume(path)
        self._resumed = True
        self._epoch = saved.num_epochs
        self._num_classes = saved.meta["dataset"].get("num_classes")
        self._buffer.nonfinite_visits = int(saved.meta.get("nonfinite_visits") or 0)
        return writer

    def _check_num_classes(self, found: int) -> None:
        """The first batch tells K: names and true labels must fit it."""
        if self.classes is not None and len(self.classes) != found:
            raise ValueError(f"classes names {len(self.classes)} classes, but logits have {found}.")
        self._labels.check_range(found)

    def _close_left_epoch(self) -> None:
        if self._watching.settle():
            self.end_epoch()

    def _store(self) -> Store:
        return self._memory if self.writer is None else FolderStore(self.writer.path / "trajectories")

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


def _arrays(columns: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {name: to_array(values, name).copy() for name, values in columns.items()}


def _check_classes(classes: Sequence[str] | None) -> list[str] | None:
    if classes is None:
        return None
    if isinstance(classes, str) or len(classes) < 2:
        raise ValueError(f"classes must be a list of at least two names, got {classes!r}.")
    return [str(name) for name in classes]


def _check_device(device: Any) -> None:
    if device is not None and str(device).split(":")[0] not in _DEVICES:
        raise unknown_name("device", str(device), _DEVICES)
