"""What a training run writes, epoch by epoch: signals, held-out metrics, probes and checkpoints."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from probes.runs.layout import CHECKPOINTS, epoch_name
from probes.runs.probe_recording import record_probe
from probes.runs.run import open_run
from probes.runs.thumbnails import EVERY, choose_thumbnails, encode_png
from probes.runs.writer import RunWriter
from probes.trackers.distributed import Rank, add_up
from probes.trackers.epoch_buffer import EpochBuffer
from probes.training.checkpoint import HeldCheckpoint, hold_checkpoint, write_checkpoint
from probes.training.early_stopping import recorded_accuracies, should_stop
from probes.training.evaluation import SignalCollector, held_out_metrics, sweep
from probes.training.group_metrics import group_metrics, training_groups
from probes.training.resuming import Start
from probes.training.setup import Setup

__all__ = ["Clock", "Recorder"]

_LAST_EVERY_S = 10.0  # between two writings of checkpoints/last


class Clock:
    """Adds up seconds by name.

    Example:
        >>> clock = Clock()
        >>> with clock("training_s"):
        ...     pass
        >>> list(clock.seconds)
        ['training_s']
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - start


class Recorder:
    """Writes one run. It reads the model and never changes it.

    Args:
        setup: of the run.
        optimizer: whose state goes into checkpoints.
        writer: of the run folder.
        rank: this process among several: each sweeps its share of the examples, and rank 0 alone records what
            belongs to the whole run.
        start: where training begins, of a run that is resumed.

    Attributes:
        clock: seconds spent, by name.
        stopped: whether the epoch recorded last is to be the last one (early stopping).
        metrics: accuracy and loss of every group at the epoch recorded last, where the config asks for a log.
    """

    def __init__(
        self,
        setup: Setup,
        optimizer: torch.optim.Optimizer,
        writer: RunWriter,
        rank: Rank | None = None,
        start: Start | None = None,
    ) -> None:
        start = start or Start()
        self.clock = Clock()
        self.clock.seconds.update(start.timings)
        self.stopped = False
        self.metrics: list[dict[str, Any]] = []
        self._setup, self._config, self._optimizer, self._writer = setup, setup.config, optimizer, writer
        self._held_out = [part.to(setup.device) for part in (setup.dataset.validation, setup.dataset.test)]
        self._buffer = EpochBuffer(len(setup.examples))
        if rank is None or rank.rank == 0:  # the ranks' counts are added up in the end
            self._buffer.nonfinite_visits = start.nonfinite_visits
        self._online_buffer = EpochBuffer(len(setup.examples)) if self._config.measure == "both" else self._buffer
        self._swept = SignalCollector(self._buffer)
        self._online = SignalCollector(self._online_buffer)
        self._last_saved = -np.inf
        self._unsaved: HeldCheckpoint | None = None  # the epoch recorded last, where checkpoints/last is older
        self._resumes_after: int | None = start.epoch
        self._rank = rank
        self._leads = rank is None or rank.rank == 0
        self._validation = recorded_accuracies(writer.path, start.epoch) if self._leads else []
        self._given = setup.dataset.train.given_labels.numpy()
        noisy = setup.dataset.noisy
        self._noisy = np.zeros(len(setup.examples), dtype=bool) if noisy is None else noisy
        self._groups = training_groups(setup.dataset)
        self._examples = setup.examples
        if rank is not None:
            self._examples = setup.examples.select(range(len(setup.examples))[rank.share(len(setup.examples))])

    @property
    def folder(self) -> Path:
        """The run folder, absolute."""
        return self._writer.path

    @property
    def shown_folder(self) -> Path:
        """The run folder, as it was named."""
        return self._writer.shown_path

    @property
    def nonfinite_visits(self) -> int:
        """Visits so far whose logits could not be used, in the run's only or primary measure."""
        return self._buffer.nonfinite_visits

    def record_examples(self) -> None:
        """Write what never changes: labels, corruption and thumbnails."""
        if not self._leads:
            return
        dataset = self._setup.dataset
        train = dataset.train
        with self.clock("writing_s"):
            self._writer.write_examples(
                {
                    "given_label": self._given,
                    "true_label": None if train.true_labels is None else train.true_labels.numpy(),
                    "noisy": dataset.noisy,
                    "corruption": dataset.corruption,
                    "id": dataset.ids,
                    "path": dataset.paths,
                }
            )
            if self._has_images and not self._late_images:
                self._writer.write_thumbnails(dict(enumerate(map(encode_png, train.images))))

    def record_end(self) -> None:
        """Write what could not be chosen before: thumbnails of a large set, or of images that are read from disk."""
        self._drop_later()
        if self._leads and self._has_images and self._late_images:
            with self.clock("writing_s"):
                count = len(self._setup.examples)
                scores = open_run(self.folder).scores() if count > EVERY else None
                images, chosen = self._setup.dataset.train.images, choose_thumbnails(count, scores).tolist()
                image_of = images if callable(images) else images.__getitem__
                self._writer.write_thumbnails({example: encode_png(image_of(example)) for example in chosen})

    def save_last(self) -> None:
        """Write the epoch recorded last as checkpoints/last, unless it stands there: training stops before its end."""
        if self._unsaved is not None:
            write_checkpoint(self.folder / CHECKPOINTS / "last", self._unsaved)
            self._unsaved = None

    def totals(self) -> dict[str, Any]:
        """What `RunWriter.finish` is told."""
        return {"nonfinite_visits": self.nonfinite_visits, "timings": self.clock.seconds}

    @property
    def _has_images(self) -> bool:
        return self._setup.dataset.train.images is not None

    @property
    def _late_images(self) -> bool:
        return callable(self._setup.dataset.train.images) or len(self._setup.examples) > EVERY

    def on_batch(self, index: torch.Tensor, logits: torch.Tensor, targets: torch.Tensor) -> None:
        """Take the forward pass of a training step, for the online measure."""
        self._online.add(index, logits, targets)

    def record_epoch(self, epoch: int, step: int) -> dict[str, float | None]:
        """Measure the model after an epoch and write everything the config asks for.

        Args:
            epoch: 0 is before training: always a sweep.
            step: optimizer updates so far.

        Returns:
            The accuracies of EpochProgress, by name; those of held-out examples on rank 0 alone.
        """
        self._drop_later()
        rows = self._measure_held_out(epoch) if self._leads else []
        held_out = {row["group"]: row["accuracy"] for row in rows}
        self.stopped = self._should_stop(epoch, held_out)
        columns = self._record_signals(epoch)
        if self._config.log:
            self.metrics = [*self._training_metrics(columns), *rows]
        accuracies = self._training_accuracies(columns)  # the ranks meet: all have written the epoch
        if self._leads:
            self._record_probes(epoch, step)
            self._save_checkpoints(epoch, step)
        return {
            **accuracies,
            "validation_accuracy": held_out.get("validation"),
            "test_accuracy": held_out.get("test"),
        }

    def _drop_later(self) -> None:
        """Drop what a resumed run recorded after its checkpoint, once there is something to put in its place."""
        if self._resumes_after is not None:
            self._writer.drop_epochs_after(self._resumes_after)
            self._resumes_after = None

    def _training_accuracies(self, columns: dict[str, np.ndarray]) -> dict[str, float | None]:
        """Shares predicted as given, over what all ranks saw."""
        example = columns["example"]
        noisy = self._noisy[example]
        correct = columns["prediction"] == self._given[example]
        counts = [float(part.sum()) for part in (correct & ~noisy, ~noisy, correct & noisy, noisy)]
        clean_correct, clean, noisy_correct, all_noisy = counts if self._rank is None else add_up(counts)
        return {
            "clean_accuracy": clean_correct / clean if clean else None,
            "noisy_accuracy": noisy_correct / all_noisy if all_noisy else None,
        }

    def _training_metrics(self, columns: dict[str, np.ndarray]) -> list[dict[str, Any]]:
        """What `Run.epochs` will say of the training groups, over what all ranks saw."""
        true = self._setup.dataset.train.true_labels
        truth = None if true is None else true.numpy()
        return group_metrics(columns, self._groups, self._given, truth, several=self._rank is not None)

    def _measure_held_out(self, epoch: int) -> list[dict[str, Any]]:
        with self.clock("measuring_s"):
            rows = [{"epoch": epoch, **held_out_metrics(self._setup.model, part)} for part in self._held_out]
        with self.clock("writing_s"):
            self._writer.append_metrics(rows)
        return rows

    def _should_stop(self, epoch: int, held_out: dict[str, float | None]) -> bool:
        """Rank 0 knows the validation accuracies, and tells the others."""
        if self._config.early_stopping is None or epoch == 0:
            return False
        if self._leads:
            self._validation.append(held_out.get("validation"))
        stop = self._leads and should_stop(self._validation, self._config.early_stopping)
        return stop if self._rank is None else add_up([float(stop)])[0] > 0

    def _is_last(self, epoch: int) -> bool:
        return self.stopped or epoch == self._config.epochs

    def _record_signals(self, epoch: int) -> dict[str, np.ndarray]:
        """Write the epoch's trajectories, the primary ones last: they close it. Return their columns."""
        measure = self._config.measure
        primary = self._swept
        if epoch > 0 and measure == "both":
            self._write_epoch(epoch, self._online.take(), online=True)
        if epoch > 0 and measure == "online":
            primary = self._online
        else:
            with self.clock("measuring_s"):
                sweep(self._setup.model, self._examples, self._swept)
        columns = primary.take()
        self._write_epoch(epoch, columns, online=False)
        return columns

    def _write_epoch(self, epoch: int, columns: dict[str, np.ndarray], *, online: bool) -> None:
        with self.clock("writing_s"):
            self._writer.write_epoch(epoch, columns, online=online, nonfinite_visits=self.nonfinite_visits)

    def _record_probes(self, epoch: int, step: int) -> None:
        asked = self._config.probe_at
        if epoch not in asked and not (self.stopped and self._config.epochs in asked):
            return
        for probe in self._setup.probes:
            with self.clock("probing_s"):
                record_probe(
                    self._writer,
                    probe,
                    self._setup.model,
                    self._setup.examples,
                    epoch=epoch,
                    step=step,
                    learning_rate=self._learning_rate,
                    seed=self._config.seed,
                )

    def _save_checkpoints(self, epoch: int, step: int) -> None:
        """Write what is due; where checkpoints/last is not, hold a copy for `save_last`.

        The copy is as large as a checkpoint (weights, buffers and optimizer state: twice the weights with momentum,
        three times with Adam) and twice that for a moment; made in 0.7 ms for 300,000 weights and 18 ms for 11
        million, ResNet-18's, on a CPU of 2 cores.
        """
        folder, asked = self.folder / CHECKPOINTS, self._config.checkpoint_at
        now = time.monotonic()
        with self.clock("checkpoints_s"):
            held = self._hold(epoch, step)
            if epoch in asked or (self.stopped and self._config.epochs in asked):
                for file in write_checkpoint(folder / epoch_name(epoch), held):
                    self._writer.add_checksum(file)
            self._unsaved = held  # an epoch is done when all of it is written
            if self._is_last(epoch) or now - self._last_saved >= _LAST_EVERY_S:
                self.save_last()
                self._last_saved = now

    def _hold(self, epoch: int, step: int) -> HeldCheckpoint:
        state = {
            "epoch": epoch,
            "step": step,
            "learning_rate": self._learning_rate,
            "nonfinite_visits": self.nonfinite_visits,
            "timings": dict(self.clock.seconds),
            "config": asdict(self._config),
        }
        return hold_checkpoint(self._setup.model, self._optimizer, state)

    @property
    def _learning_rate(self) -> float:
        return float(self._optimizer.param_groups[0]["lr"])
