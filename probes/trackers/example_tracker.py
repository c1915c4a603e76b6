"""`ExampleTracker`: per-example training dynamics in anyone's training loop."""

from __future__ import annotations

import atexit
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from probes.errors import ProbeError, ProbeWarning, unknown_name
from probes.runs.probe_recording import finished_scores, read_probe_scores, record_probe
from probes.runs.run import Run, known_labels
from probes.runs.score_table import score_table
from probes.runs.shards import wait_for_merge
from probes.runs.thumbnails import EVERY, ImageSource, choose_thumbnails, encode_png, image_source
from probes.runs.trajectories import FolderStore, MemoryStore, Store, dense_trajectories, every_epoch
from probes.runs.writer import IF_EXISTS, RunWriter
from probes.trackers.at_exit import call_at_exit, script_status
from probes.trackers.batches import on_accelerator, to_array
from probes.trackers.distributed import rank_of_run
from probes.trackers.epoch_recorder import EpochRecorder
from probes.trackers.labels import Labels, check_ids
from probes.trackers.opening import RunRequest, open_writer
from probes.trackers.saved_state import arrays, check_state, tensors
from probes.trackers.unwritten import UnwrittenEpochs, writing
from probes.trackers.watching import Watching

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ExampleTracker"]

_CLOSE_S = 120.0  # how long a closed rank waits for rank 0, which waits a minute itself
STATUSES = ("complete", "interrupted", "failed")


class ExampleTracker:
    """Records what a training run does to each of its examples, from the logits it already computes.

    What is recorded is *online*: each example as the training pass saw it, before the update. Buffers take 32 bytes
    per example; with logits on an accelerator 36, 28 of them there. No update waits for the accelerator: a batch with
    a value that cannot be used is left out, and the next `end_epoch` raises what `update` would have.

    Under torchrun, every rank makes its tracker with the same `run`, after `init_process_group`, and calls it alike;
    each writes what it saw, and `close` on rank 0 merges (docs/distributed.md). With run=None each keeps its own part.

    Args:
        num_examples: N, the size of the training set.
        run: folder to save to, epoch by epoch; None keeps the trajectories in memory.
        true_labels: int, (N,); what the labels should be, -1 where unknown. Only evaluates; never a score's input.
        ids: N unique strings or ints; `update` then takes ids in place of positions.
        images: (N, H, W[, C]) or a function of the index; thumbnails for the report.
        classes: K names.
        ignore_index: rows with this target are skipped.
        device: where batches go to be recorded; left out, where the first logits are.
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
        names, positions = check_ids(ids, self.num_examples)
        self._labels = Labels(self.num_examples, true_labels, names)
        self._images: ImageSource | None = None if images is None else image_source(images, self.num_examples)
        # A function may decode from disk, and a large array calls for a choice by score: both wait for `close`.
        self._late_images = callable(images) or self.num_examples > EVERY
        self._num_classes: int | None = None
        self._buffer = EpochRecorder(self.num_examples, self._labels, positions, ignore_index, device)
        self._memory = MemoryStore()
        self._epoch = 0
        self._updates = 0
        self._updates_written = 0  # those of closed epochs
        self._unwritten = UnwrittenEpochs()
        self._closed = False
        self._resumed = False
        self._watching = Watching(self.num_examples, self.update, self.end_epoch)
        self.frames: dict[str, list[pd.DataFrame]] = {}
        self._probes: dict[str, Any] = {}  # those that recorded, by name: in memory they know what scores follow
        self._rank = None if run is None else rank_of_run()  # among those that write the run together
        self.writer = None if run is None else self._open(Path(run), if_exists)
        self._owner = os.getpid()
        if self.writer is not None:
            self._at_exit = call_at_exit(self._close_at_exit)

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
        on_device = self._buffer.place(logits)
        watched, among = None, []
        if index is None:
            defer = on_device and on_accelerator(targets)
            watched = self._watching.positions(targets, defer=defer)
            among = self._watching.candidates(targets) if defer else []
        batch = self._buffer.check(
            index if watched is None else watched,
            logits,
            targets,
            num_classes=self._num_classes,
            watched=watched is not None,
        )
        rows, classes = batch.logits.shape
        if rows and self._num_classes is None:
            self._check_num_classes(classes)
        self._buffer.record(batch, among)
        if watched is not None:
            self._watching.recorded()
        self._num_classes = classes if rows else self._num_classes  # an empty batch says nothing
        self._updates += 1

    def end_epoch(self) -> None:
        """Close the recording period and write it; with no update since the last one, do nothing.

        Raises:
            ValueError, IndexError: a batch on an accelerator could not be used. What else was recorded is written.
            ProbeError: the run cannot be written to (a full disk). The epoch is kept: the next call, or `close`,
                writes it first.
        """
        self._watching.settle()
        error = self._write_open_epoch()
        if error is not None:
            raise error

    def scores(self, names: str | Sequence[str] | None = None, epochs: tuple[int, int] | None = None) -> pd.DataFrame:
        """Per-example scores of the closed epochs, as `Run.scores`; first closes one left early by a `break`.

        Those of recorded probes are among them; in memory, each from the frames that this tracker recorded.
        Of a run that several ranks write: of the epochs that all of them have closed. After `close` a rank other than
        0 first waits until rank 0 has closed too, two minutes at most.
        """
        self._watching.warn_of_nothing(self._updates)
        self._close_left_epoch()
        self._buffer.learn_labels()
        if self._rank is not None:
            return self._shared_run().scores(names, epochs)
        return score_table(
            self._store(),
            self.num_examples,
            given_labels=self._labels.given,
            labels=known_labels(self._labels.table()),
            names=names,
            epochs=epochs,
            probe_scores=self._probe_scores(),
        )

    def trajectory(self, signal: str) -> np.ndarray:
        """A signal over the closed epochs, (E, N), as `Run.trajectory`; first closes one left early by a `break`."""
        self._close_left_epoch()
        self._buffer.learn_labels()
        if self._rank is not None:
            return self._shared_run().trajectory(signal)
        store = self._store()
        return dense_trajectories(store, [signal], every_epoch(store), 0, self.num_examples, self._labels.given)[signal]

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
        self._watching.warn_of_nothing(self._updates)
        self._watching.stop()
        self._watching = Watching(self.num_examples, self.update, self.end_epoch)

    def record(self, probe: Any, model: Any, examples: Any, *, learning_rate: float | None = None) -> pd.DataFrame:
        """Run a probe now, into the run (or `frames`, in memory), and return what it measured.

        Args:
            probe: an object with `name` and `measure(model, examples, context)`.
            model: the network, left as it was found.
            examples: `probes.data.ExampleSet`.

        Raises:
            TypeError, ValueError: no probe, or a model or examples that it cannot measure.
        """
        epoch = self._epoch + self._buffer.open
        writer = self.writer if self._rank is None or self._rank.rank == 0 else None
        frame = record_probe(
            writer, probe, model, examples, epoch=epoch, step=self._updates, learning_rate=learning_rate
        )
        self.frames.setdefault(probe.name, []).append(frame)
        self._probes[probe.name] = probe
        return frame

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to go on from here, as tensors and numbers; goes into your own checkpoint.

        An epoch that a watched loader was left in early is closed; one under way is saved open. Of several ranks,
        each has a state of its own.
        """
        self._close_left_epoch()
        self._buffer.learn_labels()
        return {
            "num_examples": self.num_examples,
            "epoch": self._epoch,
            "updates": self._updates,
            "num_classes": self._num_classes,
            "nonfinite_visits": self._buffer.nonfinite_visits,
            **tensors({"given_labels": self._labels.given}),
            "open_epoch": tensors(self._buffer.state()),
            "epochs": [tensors(table) for table in self._memory.tables],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state; later epochs of a run opened with `if_exists="resume"` are dropped.

        Raises:
            TypeError, ValueError: no state of a tracker, or one of another number of examples.
            ProbeError: the run does not hold the state's epochs, or holds later ones and was not opened to resume.
        """
        check_state(state, self.num_examples)
        epoch = int(state["epoch"])
        if self.writer is not None:
            if self._epoch < epoch:
                raise ProbeError(
                    f"{self.writer.shown_path} holds {self._epoch} epochs, the state is of epoch {epoch}. "
                    "Open the run it belongs to with if_exists='resume'."
                )
            if self._epoch > epoch:
                if not self._resumed:
                    raise ProbeError(
                        f"{self.writer.shown_path} already holds {self._epoch} epochs, the state is of epoch {epoch}. "
                        "Say if_exists='resume' to drop the later ones."
                    )
                self.writer.drop_epochs_after(epoch)
        self._epoch, self._updates = epoch, int(state["updates"])
        self._updates_written = self._updates
        self._num_classes = state["num_classes"]
        self._labels.replace(to_array(state["given_labels"], "given_labels"))
        self._unwritten.clear()
        self._memory.tables = [arrays(table) for table in state["epochs"]]
        self._buffer.put(arrays(state["open_epoch"]), int(state["nonfinite_visits"]))
        for name, held in self.frames.items():
            self.frames[name] = [frame for frame in held if (frame["epoch"] <= epoch).all()]
        self._watching.forget()

    def close(self, status: Literal["complete", "interrupted", "failed"] = "complete") -> None:
        """End an open epoch, write the status and release the run. A second call does nothing.

        Of several ranks, rank 0 waits for the others' shards, a minute at most (five seconds unless `complete`), merges
        them and names a missing rank. Waits of more than two seconds are told of.

        Raises:
            ValueError, IndexError: as in `end_epoch`, once all is written; the run's status is then `failed`.
            ProbeError: the run cannot be written to; its status is `failed`, or what it was.
        """
        if status not in STATUSES:
            raise unknown_name("status", status, STATUSES)
        if self._closed:
            return
        self._watching.settle()
        bad_batch: Exception | None
        try:
            bad_batch = self._write_open_epoch()
        except ProbeError as error:  # the disk
            bad_batch = error
        if bad_batch is None:
            self._finish(status)
        elif status == "complete":
            self._finish("failed")
            raise bad_batch
        else:  # another error is on its way already
            self._finish(status)
            warnings.warn(str(bad_batch), ProbeWarning, stacklevel=2)

    def __enter__(self) -> ExampleTracker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.close("interrupted" if issubclass(kind, KeyboardInterrupt) else "failed")

    def _finish(self, status: Literal["complete", "interrupted", "failed"]) -> None:
        self._closed = True
        if status != "failed":  # an error says more
            self._watching.warn_of_nothing(self._updates)
        self._watching.stop()
        if self.writer is None:
            return
        atexit.unregister(self._at_exit)
        nonfinite = self._buffer.nonfinite_visits
        try:
            with writing(self.writer):
                self._labels.write(self.writer)
            if self._images is not None and self._late_images and self.writer.rank == 0:
                self._save_thumbnails()
        except ProbeError:
            status = "failed"
            raise
        finally:
            with writing(self.writer):
                self.writer.finish(status, nonfinite_visits=nonfinite, num_classes=self._num_classes)

    def _open(self, path: Path, if_exists: str) -> RunWriter:
        request = RunRequest(path, if_exists, self.num_examples, self.classes)
        writer = open_writer(request, self._rank, begin=self._begin, go_on_with=self._go_on_with)
        if self._resumed and writer.rank == 0:
            self._buffer.nonfinite_visits = int(writer.meta.get("nonfinite_visits") or 0)
        return writer

    def _begin(self, writer: RunWriter) -> None:
        self._labels.write(writer)
        if self._images is not None and not self._late_images:
            writer.write_thumbnails({i: encode_png(self._images(i)) for i in range(self.num_examples)})

    def _go_on_with(self, saved: Run) -> None:
        self._labels.resume(saved)
        self._resumed = True
        self._epoch = saved.num_epochs
        self._num_classes = saved.meta["dataset"].get("num_classes")

    def _write_open_epoch(self) -> Exception | None:
        """Write what the epoch saw; returns what was wrong with a batch that was left out, if there was one."""
        # One whose batches were all empty is closed like any other: under torchrun other ranks wait for its shard.
        if not self._buffer.open and self._updates == self._updates_written:
            self._write_unwritten()
            return None
        columns, error = self._buffer.take()
        if not len(columns["example"]) and error is not None and self._rank is None:  # nothing but a bad batch
            return error
        self._updates_written = self._updates
        self._epoch += 1
        if self.writer is None:
            self._memory.tables.append(columns)
            return error
        self._unwritten.add(self._epoch, columns)
        self._write_unwritten()
        return error

    def _write_unwritten(self) -> None:
        if self.writer is not None:
            self._unwritten.write(self.writer, self._labels, self._buffer.nonfinite_visits)

    def _check_num_classes(self, found: int) -> None:
        """The first batch tells K: names and true labels must fit it."""
        if self.classes is not None and len(self.classes) != found:
            raise ValueError(f"classes names {len(self.classes)} classes, but logits have {found}.")
        self._labels.check_range(found)

    def _close_left_epoch(self) -> None:
        if self._watching.settle():
            self.end_epoch()

    def _shared_run(self) -> Run:
        """What all ranks have closed so far, with the labels of all; once closed here, the whole run."""
        assert self.writer is not None
        if self._closed and self.writer.rank:
            wait_for_merge(self.writer.path, self.writer.meta["launch_id"], _CLOSE_S)
        return Run(self.writer.shown_path)

    def _probe_scores(self) -> pd.DataFrame | None:
        if self.writer is None:
            return finished_scores(self._probes, self.frames)
        return read_probe_scores(self.writer.path)

    def _store(self) -> Store:
        return self._memory if self.writer is None else FolderStore(self.writer.path / "trajectories")

    def _save_thumbnails(self) -> None:
        assert self.writer is not None
        assert self._images is not None
        chosen = choose_thumbnails(self.num_examples, self.scores() if self.num_examples > EVERY else None)
        pngs = {int(i): encode_png(self._images(int(i))) for i in chosen}
        with writing(self.writer):
            self.writer.write_thumbnails(pngs)

    def __del__(self) -> None:
        if getattr(self, "_at_exit", None) is not None and not self._closed:  # dropped: it cannot be closed any more
            self._close_at_exit()

    def _close_at_exit(self) -> None:
        """At the interpreter's exit: complete, unless an exception ended a script."""
        if os.getpid() != self._owner:  # a forked worker does not own the run
            return
        self.close(script_status())


def _check_classes(classes: Sequence[str] | None) -> list[str] | None:
    if classes is None:
        return None
    if isinstance(classes, str) or len(classes) < 2:
        raise ValueError(f"classes must be a list of at least two names, got {classes!r}.")
    names = [str(name) for name in classes]
    last = {name: place for place, name in enumerate(names)}
    twice = next((name for place, name in enumerate(names) if last[name] != place), None)
    if twice is not None:
        raise ValueError(f"classes must be unique, got {twice!r} more than once.")
    return names
