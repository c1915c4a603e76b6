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

from probes.runs.layout import epoch_name
from probes.runs.probe_recording import record_probe
from probes.runs.thumbnails import encode_png
from probes.runs.writer import RunWriter
from probes.trackers.epoch_buffer import EpochBuffer
from probes.training.checkpoint import save_checkpoint
from probes.training.evaluation import SignalCollector, held_out_metrics, sweep
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
    """

    def __init__(self, setup: Setup, optimizer: torch.optim.Optimizer, writer: RunWriter):
        self.clock = Clock()
        self._setup, self._config, self._optimizer, self._writer = setup, setup.config, optimizer, writer
        self._held_out = [part.to(setup.device) for part in (setup.dataset.validation, setup.dataset.test)]
        self._buffer = EpochBuffer(len(setup.examples))
        self._online_buffer = EpochBuffer(len(setup.examples)) if self._config.measure == "both" else self._buffer
        self._swept = SignalCollector(self._buffer)
        self._online = SignalCollector(self._online_buffer)
        self._last_saved = -np.inf

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self._writer.path

    @property
    def nonfinite_visits(self) -> int:
        """Visits so far whose logits could not be used, in the run's only or primary measure."""
        return self._buffer.nonfinite_visits

    def record_examples(self) -> None:
        """Write what never changes: labels, corruption and thumbnails."""
        corruption, dataset = self._setup.corruption, self._setup.dataset
        with self.clock("writing_s"):
            self._writer.write_examples(
                {
                    "given_label": corruption.given_labels,
                    "true_label": corruption.true_labels,
                    "noisy": corruption.noisy,
                    "corruption": corruption.corruption,
                    "id": dataset.ids,
                }
            )
            if dataset.train.images is not None:
                self._writer.write_thumbnails(dict(enumerate(map(encode_png, dataset.train.images))))

    def on_batch(self, index: torch.Tensor, logits: torch.Tensor, targets: torch.Tensor) -> None:
        """Take the forward pass of a training step, for the online measure."""
        self._online.add(index, logits, targets)

    def record_epoch(self, epoch: int, step: int) -> dict[str, float | None]:
        """Measure the model after an epoch and write everything the config asks for.

        Args:
            epoch: 0 is before training: always a sweep.
            step: optimizer updates so far.

        Returns:
            The accuracies of EpochProgress, by name.
        """
        held_out = self._measure_held_out(epoch)
        prediction = self._record_signals(epoch)
        self._record_probes(epoch, step)
        self._save_checkpoints(epoch, step)
        noisy = self._setup.corruption.noisy
        correct = prediction == self._setup.corruption.given_labels
        return {
            "clean_accuracy": _share(correct[~noisy]),
            "noisy_accuracy": _share(correct[noisy]),
            "validation_accuracy": held_out["validation"],
            "test_accuracy": held_out["test"],
        }

    def _measure_held_out(self, epoch: int) -> dict[str, float | None]:
        with self.clock("measuring_s"):
            rows = [{"epoch": epoch, **held_out_metrics(self._setup.model, part)} for part in self._held_out]
        with self.clock("writing_s"):
            self._writer.append_metrics(rows)
        return {row["group"]: row["accuracy"] for row in rows}

    def _record_signals(self, epoch: int) -> np.ndarray:
        """Write the epoch's trajectories, the primary ones last: they close it. Return their predictions, (N,)."""
        measure = self._config.measure
        primary = self._swept
        if epoch > 0 and measure == "both":
            self._write_epoch(epoch, self._online.take(), online=True)
        if epoch > 0 and measure == "online":
            primary = self._online
        else:
            with self.clock("measuring_s"):
                sweep(self._setup.model, self._setup.examples, self._swept)
        columns = primary.take()
        self._write_epoch(epoch, columns, online=False)
        return columns["prediction"]

    def _write_epoch(self, epoch: int, columns: dict[str, np.ndarray], *, online: bool) -> None:
        with self.clock("writing_s"):
            self._writer.write_epoch(epoch, columns, online=online)

    def _record_probes(self, epoch: int, step: int) -> None:
        if epoch not in self._config.probe_at:
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
        state = {"epoch": epoch, "step": step, "learning_rate": self._learning_rate, "config": asdict(self._config)}
        folder = self.folder / "checkpoints"
        now = time.monotonic()
        with self.clock("checkpoints_s"):
            if epoch in self._config.checkpoint_at:
                for file in self._save(folder / epoch_name(epoch), state):
                    self._writer.add_checksum(file)
            if epoch == self._config.epochs or now - self._last_saved >= _LAST_EVERY_S:
                self._save(folder / "last", state)
                self._last_saved = now

    def _save(self, folder: Path, state: dict[str, Any]) -> list[Path]:
        return save_checkpoint(folder, self._setup.model, self._optimizer, state)

    @property
    def _learning_rate(self) -> float:
        return float(self._optimizer.param_groups[0]["lr"])


def _share(correct: np.ndarray) -> float | None:
    return float(correct.mean()) if correct.size else None
