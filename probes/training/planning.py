"""What a config would train, on what, how long and how large: the answer of `probe train --dry-run`."""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from probes.data import ExampleSet
from probes.models import describe, num_parameters
from probes.runs.writer import RunWriter
from probes.training.config import TrainConfig
from probes.training.loop import train_epoch
from probes.training.optimization import configured_optimizer
from probes.training.recording import Recorder
from probes.training.setup import Setup, prepare, using_threads

__all__ = ["Plan", "plan"]

_TRIAL_STEPS = 20


@dataclass(frozen=True)
class Plan:
    """What a run would be.

    Attributes:
        dataset: its name.
        splits: examples by split: train, validation, test.
        classes: K.
        noise: kind, and requested, drawn and realised share.
        model: its description.
        parameters: how many it has.
        epochs: passes over the training set.
        steps: optimizer updates in all.
        probes: names of the probes.
        device: where it would be trained.
        threads: CPU threads.
        seconds: estimated duration, without loading Python's packages.
        size_bytes: estimated size of the run folder.
    """

    dataset: str
    splits: dict[str, int]
    classes: int
    noise: dict[str, Any]
    model: str
    parameters: int
    epochs: int
    steps: int
    probes: tuple[str, ...]
    device: str
    threads: int
    seconds: float
    size_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def plan(config: TrainConfig) -> Plan:
    """Try out at most 20 steps and one recorded epoch, in a temporary folder, and say what the whole run would take.

    Raises:
        ConfigError: the config cannot be carried out here.
    """
    setup = prepare(config)
    dataset = setup.dataset
    steps = config.epochs * math.ceil(len(setup.examples) / config.batch_size)
    with tempfile.TemporaryDirectory() as folder, using_threads(setup.threads):
        seconds, size_bytes = _try_out(setup, Path(folder) / "trial", steps)
    return Plan(
        dataset=dataset.name,
        splits={part.split: len(part) for part in (dataset.train, dataset.validation, dataset.test)},
        classes=len(dataset.classes),
        noise=setup.corruption.rates,
        model=describe(setup.model),
        parameters=num_parameters(setup.model),
        epochs=config.epochs,
        steps=steps,
        probes=config.probe_names,
        device=str(setup.device),
        threads=setup.threads,
        seconds=seconds,
        size_bytes=size_bytes,
    )


def _try_out(setup: Setup, folder: Path, steps: int) -> tuple[float, int]:
    """Return the estimated seconds and bytes of a run of so many steps; uses up the model."""
    config = setup.config
    trial = replace(setup, config=replace(config, probe_epochs=(0,), checkpoint_epochs=(0,)))
    optimizer = configured_optimizer(setup.model, config)
    writer = RunWriter.create(folder, num_examples=len(setup.examples), measure=config.measure)
    recorder = Recorder(trial, optimizer, writer)
    step_s = _seconds_per_step(trial, optimizer)
    recorder.record_examples()
    recorder.record_epoch(0, 0)  # the first time loads packages and warms up caches
    fixed_s = sum(recorder.clock.seconds.values())
    before = dict(recorder.clock.seconds)
    recorder.record_epoch(0, 0)
    each = {name: total - before[name] for name, total in recorder.clock.seconds.items()}
    writer.finish("complete")

    epochs, probed, saved = config.epochs + 1, len(config.probe_at), len(config.checkpoint_at)
    seconds = fixed_s + steps * step_s + epochs * (each["measuring_s"] + each["writing_s"])
    seconds += probed * each.get("probing_s", 0) + saved * each["checkpoints_s"]
    sizes = {name: _size(folder / name) for name in ("trajectories", "probes", "checkpoints/last")}
    tables = epochs + (config.epochs if config.measure == "both" else 0)
    size_bytes = _size(folder) - sum(sizes.values()) - _size(folder / "checkpoints/epoch-00000")
    size_bytes += tables * sizes["trajectories"] + probed * sizes["probes"] + (saved + 1) * sizes["checkpoints/last"]
    return seconds, size_bytes


def _seconds_per_step(setup: Setup, optimizer: Any) -> float:
    few = setup.examples.select(range(min(_TRIAL_STEPS * setup.config.batch_size, len(setup.examples))))
    smoothing = setup.config.label_smoothing

    def go(examples: ExampleSet, batch_size: int) -> int:
        return train_epoch(
            setup.model,
            optimizer,
            examples,
            batch_size,
            augmentation=setup.augmentation,
            label_smoothing=smoothing,
        )

    go(few.select(range(min(2, len(few)))), 2)
    start = time.perf_counter()
    steps = go(few, setup.config.batch_size)
    return (time.perf_counter() - start) / steps


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
