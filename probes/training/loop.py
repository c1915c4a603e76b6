"""Train one model and record what happens to every example."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import nn

from probes.data import ExampleSet, short_name
from probes.errors import RunExistsError
from probes.runs.layout import RUN_JSON
from probes.runs.naming import fresh_run_folder
from probes.runs.run import Run, open_run
from probes.runs.writer import RunWriter
from probes.trackers.distributed import Rank, open_together, wait_for_all
from probes.training.augmentation import Augmentation, epoch_seed
from probes.training.config import TrainConfig
from probes.training.distributed import global_loss, process_group, shared_batches, shared_model
from probes.training.loggers import EpochLog
from probes.training.optimization import configured_optimizer
from probes.training.progress import EpochProgress
from probes.training.recording import Recorder
from probes.training.resuming import Start, check_same_training, is_finished, last_checkpoint, restore
from probes.training.schedules import learning_rate
from probes.training.setup import Setup, prepare, run_meta, using_threads

__all__ = ["epoch_order", "resume", "train", "train_epoch"]

OnStart = Callable[[Path, int], None]
OnEpoch = Callable[[EpochProgress], None]
OnBatch = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], None]


def train(
    config: TrainConfig,
    out: Path | str | None = None,
    *,
    on_start: OnStart | None = None,
    on_epoch: OnEpoch | None = None,
    overwrite: bool = False,
    command: str | None = None,
) -> Run:
    """Train a model as `config` says, recording every example at every epoch.

    Neither `measure` nor probes change the weights: they end bit-identical. No random state outside is touched.
    Under torchrun, or in a process group that is there already, the ranks train one model together: all call it alike.

    Args:
        config: what to train, on what, and what to record.
        out: run folder; None makes a fresh one under `runs/`.
        on_start: called with the run folder and the first epoch to come, once the folder can be read, before any pass
            over the data; of several ranks, on rank 0.
        on_epoch: called after each epoch is recorded, epoch 0 (before training) included; of several ranks, on rank 0.
        overwrite: replace a run that is already in `out`.
        command: what was typed, for the record; None stands for the call from Python.

    Raises:
        ConfigError: the config cannot be carried out here.
        RunExistsError: `out` holds something.
    """
    with process_group(config.device) as rank:
        setup = prepare(config)
        writer = _open(
            rank,
            lead=lambda world_size: _create(setup, out, overwrite, command, world_size=world_size),
        )
        return _train(setup, writer, _Listeners(on_start, on_epoch), rank, Start())


def resume(run: Run, config: TrainConfig, *, on_start: OnStart | None = None, on_epoch: OnEpoch | None = None) -> Run:
    """Go on with a run where its latest checkpoint stands: `last`, or one that is kept.

    Epochs recorded later are trained again; they are dropped once the first of them is. Continued on the same machine
    with as many threads, it ends bit-equal to a run that was never stopped.

    Args:
        run: complete or not, but written by `train` and by nobody now.
        config: of the run; epochs, what is recorded and where it runs may differ.
        on_start: as in `train`.
        on_epoch: as in `train`.

    Raises:
        ConfigError: the config, the data or the noise differ from the run's.
        ProbeError: the run is being written, or its checkpoint cannot be read.
    """
    if is_finished(run, config):
        return run
    with process_group(config.device) as rank:
        setup = prepare(config)
        check_same_training(run, setup)
        start = last_checkpoint(run.path)
        writer = _open(rank, lead=lambda world_size: RunWriter.resume(run.path, world_size=world_size))
        if rank is None or rank.rank == 0:
            writer.update_meta(run_meta(setup, writer.meta.get("command")))
        return _train(setup, writer, _Listeners(on_start, on_epoch), rank, start)


def epoch_order(seed: int, epoch: int, num_examples: int) -> torch.Tensor:
    """The order of examples in an epoch, int64 (N,): a function of these numbers alone, so resuming needs no state."""
    return torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(num_examples))


def train_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    examples: ExampleSet,
    batch_size: int,
    on_batch: OnBatch | None = None,
    rank: Rank | None = None,
    *,
    augmentation: Augmentation | None = None,
    label_smoothing: float = 0.0,
    seed: int = 0,
) -> int:
    """Make one pass over the examples, in their order, and return the number of steps.

    Args:
        model: in any mode; left in training mode.
        optimizer: of its parameters.
        examples: the training set, shuffled; batches are views of it.
        batch_size: examples per step, over all ranks.
        on_batch: called with (index, logits, targets) of each step's forward pass.
        rank: this process among those that share the batches, with a `shared_model`.
        augmentation: changes each batch before the model sees it.
        label_smoothing: of the loss.
        seed: of what augmentation and dropout draw; the global random state is left as it was.
    """
    model.train()
    steps = 0
    generator = torch.Generator(examples.inputs.device).manual_seed(seed)
    change = (lambda inputs: augmentation(inputs, generator)) if augmentation else None
    with _seeded(epoch_seed(seed, 0 if rank is None else rank.rank), examples.inputs.device):
        for (index, inputs, targets), whole in shared_batches(examples, batch_size, rank, change):
            logits = model(inputs)
            optimizer.zero_grad(set_to_none=True)
            global_loss(logits, targets, whole, rank, label_smoothing).backward()
            optimizer.step()
            if on_batch is not None and len(index):
                on_batch(index, logits, targets)
            steps += 1
    return steps


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Random states that begin at `seed` inside the block, as dropout draws from them, and are put back after it."""
    cuda = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if cuda else []):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed accelerators as well
        if cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def _open(rank: Rank | None, lead: Callable[[int], RunWriter]) -> RunWriter:
    """The run's writer; the ranks share the folder that rank 0 chooses and makes."""
    if rank is None:
        return lead(1)
    return open_together(
        rank,
        lead=lambda: lead(rank.world_size),
        join=lambda path, launch_id: RunWriter.join(path, rank=rank.rank, launch_id=launch_id),
    )


def _create(
    setup: Setup, out: Path | str | None, overwrite: bool, command: str | None, *, world_size: int
) -> RunWriter:
    config = setup.config
    if out is not None and not overwrite and (Path(out) / RUN_JSON).exists():
        raise RunExistsError(f"{out} already holds a run. Choose another folder, or say overwrite=True to replace it.")
    noise = f"{sum(config.noise_shares.values()):g}"
    name = f"{short_name(config.dataset)}-{config.model.replace(':', '-')}-noise{noise}"
    return RunWriter.create(
        fresh_run_folder(name) if out is None else out,
        num_examples=len(setup.examples),
        measure=config.measure,
        if_exists="overwrite" if overwrite else "error",
        meta=run_meta(setup, command),
        world_size=world_size,
    )


@dataclass(frozen=True)
class _Listeners:
    """Who is told how training goes, by rank 0."""

    on_start: OnStart | None
    on_epoch: OnEpoch | None


def _train(setup: Setup, writer: RunWriter, listeners: _Listeners, rank: Rank | None, start: Start) -> Run:
    status: Literal["complete", "interrupted", "failed"] = "failed"
    recorder = log = None
    try:
        optimizer = configured_optimizer(setup.model, setup.config)
        restore(start, setup.model, optimizer)
        recorder = Recorder(setup, optimizer, writer, rank, start)
        if setup.config.log and (rank is None or rank.rank == 0):
            log = EpochLog(setup.config.log, writer.path, asdict(setup.config), start.epoch + 1)
        with using_threads(setup.threads):
            _run(setup, optimizer, recorder, log, listeners, rank, start)
        status = "complete"
    except (KeyboardInterrupt, SystemExit):
        status = "interrupted"
        if recorder is not None:
            recorder.save_last()
        raise
    finally:
        known = {} if recorder is None else recorder.totals()
        writer.finish(status, **known)
        if log is not None:
            log.close(status)
    if rank is not None:
        wait_for_all()  # rank 0 has merged what all recorded
    return open_run(writer.shown_path)


def _run(
    setup: Setup,
    optimizer: torch.optim.Optimizer,
    recorder: Recorder,
    log: EpochLog | None,
    listeners: _Listeners,
    rank: Rank | None,
    start: Start,
) -> None:
    config, examples = setup.config, setup.examples
    model = shared_model(setup.model, rank)
    if start.epoch < 0:
        recorder.record_examples()
    leads = rank is None or rank.rank == 0
    if listeners.on_start is not None and leads:
        listeners.on_start(recorder.shown_folder, start.epoch + 1)
    on_batch = None if config.measure == "sweep" else recorder.on_batch
    started = first_recorded = time.monotonic()
    first, step = start.epoch + 1, start.step
    for epoch in range(first, config.epochs + 1):
        if epoch > 0:
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(config.schedule, config.lr, epoch, config.epochs)
            with recorder.clock("training_s"):
                step += train_epoch(
                    model,
                    optimizer,
                    examples.select(epoch_order(config.seeds["order"], epoch, len(examples))),
                    config.batch_size,
                    on_batch,
                    rank,
                    augmentation=setup.augmentation,
                    label_smoothing=config.label_smoothing,
                    seed=epoch_seed(config.seeds["order"], epoch),
                )
        accuracies = recorder.record_epoch(epoch, step)
        if log is not None:
            with recorder.clock("logging_s"):
                log.log(epoch, recorder.metrics)
        now = time.monotonic()
        if epoch == first:
            first_recorded = now  # what is loaded in the first epoch says nothing of the pace
        if listeners.on_epoch is not None and leads:
            done = epoch - first
            listeners.on_epoch(
                EpochProgress(
                    epoch=epoch,
                    epochs=config.epochs,
                    **accuracies,
                    elapsed_s=now - started,
                    eta_s=(now - first_recorded) / done * (config.epochs - epoch) if done else None,
                    folder=recorder.shown_folder,
                    stopped=recorder.stopped,
                )
            )
        if recorder.stopped:
            break
    recorder.record_end()
