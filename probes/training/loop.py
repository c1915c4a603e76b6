"""Train one model and record what happens to every example."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from probes.data import ExampleSet
from probes.errors import RunExistsError
from probes.runs.layout import RUN_JSON
from probes.runs.naming import fresh_run_folder
from probes.runs.run import Run, open_run
from probes.runs.writer import RunWriter
from probes.training.config import TrainConfig
from probes.training.progress import EpochProgress
from probes.training.recording import Recorder
from probes.training.setup import Setup, prepare, run_meta, using_threads

__all__ = ["epoch_order", "make_optimizer", "train", "train_epoch"]

OnEpoch = Callable[[EpochProgress], None]
OnBatch = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], None]


def train(
    config: TrainConfig,
    out: Path | str | None = None,
    *,
    on_epoch: OnEpoch | None = None,
    overwrite: bool = False,
    command: str | None = None,
) -> Run:
    """Train a model as `config` says, recording every example at every epoch.

    Neither `measure` nor probes change the weights: they end bit-identical. No random state outside is touched.

    Args:
        config: what to train, on what, and what to record.
        out: run folder; None makes a fresh one under `runs/`.
        on_epoch: called after each epoch is recorded, epoch 0 (before training) included.
        overwrite: replace a run that is already in `out`.
        command: what was typed, for the record; None stands for the call from Python.

    Raises:
        ConfigError: the config cannot be carried out here.
        RunExistsError: `out` holds something.
    """
    setup = prepare(config)
    optimizer = make_optimizer(setup.model, config)
    name = f"{config.dataset}-{config.model}-noise{config.noise:g}"
    if out is not None and not overwrite and (Path(out) / RUN_JSON).exists():
        raise RunExistsError(f"{out} already holds a run. Choose another folder, or say overwrite=True to replace it.")
    writer = RunWriter.create(
        fresh_run_folder(name) if out is None else out,
        num_examples=len(setup.examples),
        measure=config.measure,
        if_exists="overwrite" if overwrite else "error",
        meta=run_meta(setup, command),
    )
    recorder = Recorder(setup, optimizer, writer)
    status: Literal["complete", "interrupted", "failed"] = "failed"
    try:
        with using_threads(setup.threads):
            _run(setup, optimizer, recorder, on_epoch)
        status = "complete"
    except (KeyboardInterrupt, SystemExit):
        status = "interrupted"
        raise
    finally:
        writer.finish(status, nonfinite_visits=recorder.nonfinite_visits, timings=recorder.clock.seconds)
    return open_run(writer.path)


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """SGD with momentum, as the config says."""
    return torch.optim.SGD(model.parameters(), lr=config.lr, momentum=config.momentum)


def epoch_order(seed: int, epoch: int, num_examples: int) -> torch.Tensor:
    """The order of examples in an epoch, int64 (N,): a function of these numbers alone, so resuming needs no state."""
    return torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(num_examples))


def train_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    examples: ExampleSet,
    batch_size: int,
    on_batch: OnBatch | None = None,
) -> int:
    """Make one pass over the examples, in their order, and return the number of steps.

    Args:
        model: in any mode; left in training mode.
        optimizer: of its parameters.
        examples: the training set, shuffled; batches are views of it.
        batch_size: examples per step.
        on_batch: called with (index, logits, targets) of each step's forward pass.
    """
    model.train()
    steps = 0
    for index, inputs, targets in examples.batches(batch_size):
        logits = model(inputs)
        optimizer.zero_grad(set_to_none=True)
        cross_entropy(logits, targets).backward()
        optimizer.step()
        if on_batch is not None:
            on_batch(index, logits, targets)
        steps += 1
    return steps


def _run(setup: Setup, optimizer: torch.optim.Optimizer, recorder: Recorder, on_epoch: OnEpoch | None) -> None:
    config, examples = setup.config, setup.examples
    recorder.record_examples()
    on_batch = None if config.measure == "sweep" else recorder.on_batch
    started = first_recorded = time.monotonic()
    step = 0
    for epoch in range(config.epochs + 1):
        if epoch > 0:
            with recorder.clock("training_s"):
                shuffled = examples.select(epoch_order(config.seeds["order"], epoch, len(examples)))
                step += train_epoch(setup.model, optimizer, shuffled, config.batch_size, on_batch)
        accuracies = recorder.record_epoch(epoch, step)
        if epoch == 0:
            first_recorded = time.monotonic()  # what is loaded for epoch 0 says nothing of the pace
        if on_epoch is not None:
            now = time.monotonic()
            on_epoch(
                EpochProgress(
                    epoch=epoch,
                    epochs=config.epochs,
                    **accuracies,
                    elapsed_s=now - started,
                    eta_s=(now - first_recorded) / epoch * (config.epochs - epoch) if epoch else None,
                    folder=recorder.folder,
                )
            )
