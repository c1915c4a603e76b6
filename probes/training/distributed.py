"""`probe train` under torchrun: the same global batches as one process takes, shared out among the ranks."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from probes.data import ExampleSet
from probes.errors import ConfigError, ProbeError
from probes.trackers.distributed import Rank, current_rank, launched_rank

__all__ = ["global_loss", "process_group", "shared_batches", "shared_model"]

_PATIENCE = timedelta(hours=2)  # the others wait while rank 0 probes; of a rank that died torchrun tells sooner

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@contextmanager
def process_group(device: str) -> Iterator[Rank | None]:
    """This process among those that train together; None where it is alone.

    Of processes that torchrun started, and that are in no group yet, it makes one, and ends it with the block: NCCL
    with a GPU for each rank of a machine where `device` leaves the choice, else gloo.

    Args:
        device: "auto", or a device of PyTorch.

    Raises:
        ConfigError: a machine has more ranks than GPUs, or the processes cannot meet.
        ProbeError: another rank has ended.
    """
    ours = launched_rank() is not None and not torch.distributed.is_initialized()
    if ours:
        _join_group(device)
    rank = current_rank()
    try:
        yield rank
    except RuntimeError as error:
        if rank is None or not _is_of_the_group(error):
            raise
        raise ProbeError(
            "another rank has ended: its own message says why. Every epoch that is whole is kept."
        ) from error
    finally:
        if rank is not None:
            # A thread of gloo's that has yet to let go of its last work would abort the process, should it end now
            # (https://github.com/pytorch/pytorch/pull/179291): a moment in which it gets the interpreter's lock.
            time.sleep(0.1)
        if ours:
            torch.distributed.destroy_process_group()


def shared_model(model: nn.Module, rank: Rank | None) -> nn.Module:
    """The model to train with: of several ranks, one that averages their gradients. It has the model's own weights."""
    return model if rank is None else nn.parallel.DistributedDataParallel(model)


def shared_batches(
    examples: ExampleSet,
    batch_size: int,
    rank: Rank | None,
    change: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> Iterator[tuple[Batch, int]]:
    """Yield this rank's part of every batch, perhaps an empty one, and the size of the whole batch.

    Args:
        examples: in the order of the epoch.
        batch_size: examples per step, over all ranks.
        rank: this process; None takes every batch whole.
        change: what becomes of the inputs of a whole batch, the same on every rank.
    """
    for index, inputs, targets in examples.batches(batch_size):
        if change is not None:
            inputs = change(inputs)
        part = slice(None) if rank is None else rank.share(len(index))
        yield (index[part], inputs[part], targets[part]), len(index)


def global_loss(
    logits: torch.Tensor, targets: torch.Tensor, batch_size: int, rank: Rank | None, label_smoothing: float = 0.0
) -> torch.Tensor:
    """A loss whose gradients, averaged over the ranks, are those of the mean loss of the whole batch.

    Args:
        logits: float, (b, K), of this rank's part of the batch; b may be 0.
        targets: int, (b,).
        batch_size: of the whole batch.
        rank: this process; None where its part is the whole.
        label_smoothing: as PyTorch's.
    """
    if rank is None:
        return cross_entropy(logits, targets, label_smoothing=label_smoothing)
    summed = cross_entropy(logits, targets, reduction="sum", label_smoothing=label_smoothing)
    return summed * (rank.world_size / batch_size)


def _join_group(device: str) -> None:
    backend = "nccl" if device in ("auto", "cuda") and torch.cuda.is_available() else "gloo"
    if backend == "nccl":
        here, gpus = int(os.environ.get("LOCAL_WORLD_SIZE", 1)), torch.cuda.device_count()
        if here > gpus:
            raise ConfigError(f"{here} processes on this machine need a GPU each, but it has {gpus}. Start fewer.")
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
    try:
        torch.distributed.init_process_group(backend, timeout=_PATIENCE)
    except ValueError as error:  # MASTER_ADDR and the like are not set
        raise ConfigError(
            f"WORLD_SIZE says that this is one of several processes, but they cannot meet: {error}. Start them with "
            "torchrun, or unset WORLD_SIZE."
        ) from error


def _is_of_the_group(error: RuntimeError) -> bool:
    """Whether it says that the ranks cannot reach one another any more."""
    return isinstance(error, torch.distributed.DistError) or "gloo" in str(error).lower()
