"""Several processes, one run: who this process is among those of torch.distributed, and how they open a run together.

What goes between them is a few bytes when a run is opened. While it trains nothing is gathered: each rank writes its
own shards, and rank 0 merges them in the end.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probes import errors
from probes.errors import ProbeError

if TYPE_CHECKING:
    import torch

    from probes.runs.writer import RunWriter

__all__ = ["Rank", "add_up", "current_rank", "launched_rank", "open_together", "wait_for_all"]

_AGREE = timedelta(seconds=300)  # how long the ranks wait for one another where they open a run


@dataclass(frozen=True)
class Rank:
    """One process of several.

    Attributes:
        rank: its number, from 0.
        world_size: how many there are, at least 2.
    """

    rank: int
    world_size: int

    def share(self, count: int) -> slice:
        """This rank's part of `count` things in order: the parts follow one another, and differ by one at most."""
        return slice(count * self.rank // self.world_size, count * (self.rank + 1) // self.world_size)


def current_rank() -> Rank | None:
    """This process among those of the default process group; None where it is alone, or there is no group."""
    torch = sys.modules.get("torch")  # who has not imported it has no process group
    if torch is None or not torch.distributed.is_available() or not torch.distributed.is_initialized():
        return None
    world_size = torch.distributed.get_world_size()
    return Rank(torch.distributed.get_rank(), world_size) if world_size > 1 else None


def launched_rank() -> Rank | None:
    """This process among those that torchrun started, by the environment; None where it is alone."""
    try:
        rank, world_size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    except ValueError:
        return None
    return Rank(rank, world_size) if world_size > 1 else None


def rank_of_run() -> Rank | None:
    """This process among those that write a run with it; None where it is alone.

    Raises:
        ProbeError: it was launched as one of several, but has not joined their process group.
    """
    rank, launched = current_rank(), launched_rank()
    if rank is None and launched is not None:
        raise ProbeError(
            f"this is one of {launched.world_size} processes (WORLD_SIZE), but they form no process group yet: call "
            "torch.distributed.init_process_group before ExampleTracker(run=...), or unset WORLD_SIZE to write a run "
            "of this process alone."
        )
    return rank


def open_together(rank: Rank, lead: Callable[[], RunWriter], join: Callable[[Path, str], RunWriter]) -> RunWriter:
    """Open one run in every rank, or raise in every rank: collective.

    Args:
        rank: this process.
        lead: creates or resumes the run; called on rank 0.
        join: called on the others with rank 0's folder and `launch_id`.

    Raises:
        ProbeError: what `lead` raised, in every rank; or a rank could not join, or never came.
    """
    if rank.rank == 0:
        return _open_first(rank, lead)
    told = json.loads(_broadcast(b""))
    if "error" in told:
        raise _same_error(told)
    try:
        writer = join(Path(told["path"]), told["launch_id"])
    except Exception as error:
        _check_all_joined(rank, error)
        raise
    _check_all_joined(rank, None)
    return writer


def add_up(values: list[float], timeout: timedelta | None = None) -> list[float]:
    """The sum of each value over the ranks: collective.

    Args:
        timeout: how long to wait for the other ranks; None is the process group's own.
    """
    import torch

    tensor = torch.tensor(values, dtype=torch.float64, device=_device())
    _finish(torch.distributed.all_reduce(tensor, async_op=True), timeout)
    return [float(value) for value in tensor.tolist()]


def wait_for_all() -> None:
    """Wait until every rank is here: collective."""
    add_up([0.0])


def _open_first(rank: Rank, lead: Callable[[], RunWriter]) -> RunWriter:
    """Open the run on rank 0, tell the others how it went, and see that they have joined."""
    try:
        writer = lead()
    except BaseException as error:
        _tell({"error": type(error).__name__, "message": str(error)})
        raise
    try:
        _tell({"path": str(writer.shown_path), "launch_id": writer.meta["launch_id"]})
        _check_all_joined(rank, None)
    except BaseException:
        writer.finish("failed")
        raise
    return writer


def _tell(message: dict[str, str]) -> None:
    _broadcast(json.dumps(message).encode())


def _check_all_joined(rank: Rank, failure: Exception | None) -> None:
    """Tell the others of a failure here; raise where another rank failed."""
    with _in_time():
        failed = add_up([float(failure is not None and rank.rank == r) for r in range(rank.world_size)], _AGREE)
    if failure is None and any(failed):
        raise ProbeError(f"rank {failed.index(1.0)} could not join the run; its own message says why.")


def _same_error(told: dict[str, str]) -> ProbeError:
    """What rank 0 raised; what is no ProbeError is told in words."""
    kind = getattr(errors, told["error"], None)
    if isinstance(kind, type) and issubclass(kind, ProbeError):
        error: ProbeError = kind(told["message"])
    else:
        error = ProbeError(f"rank 0 could not open the run: {told['error']}: {told['message']}")
    error.by_rank_0 = True
    return error


def _broadcast(message: bytes) -> bytes:
    """Rank 0's message, in every rank. No pickle, so no broadcast_object_list."""
    import torch

    device = _device()
    with _in_time():
        size = torch.tensor([len(message)], device=device)
        _finish(torch.distributed.broadcast(size, 0, async_op=True), _AGREE)
        content = torch.zeros(int(size), dtype=torch.uint8, device=device)
        if message:
            content.copy_(torch.frombuffer(bytearray(message), dtype=torch.uint8))
        _finish(torch.distributed.broadcast(content, 0, async_op=True), _AGREE)
    return bytes(content.cpu().numpy())


def _finish(work: Any, timeout: timedelta | None) -> None:
    if timeout is None:
        work.wait()
    else:
        work.wait(timeout)


@contextmanager
def _in_time() -> Iterator[None]:
    """What torch says of ranks that do not come along, in words of ours."""
    try:
        yield
    except RuntimeError as error:
        said = str(error).strip().splitlines()[0]
        raise ProbeError(
            "the ranks did not open the run together: every rank has to make its ExampleTracker, at the same place in "
            f"the script, each with run= (torch.distributed: {said})"
        ) from error


def _device() -> torch.device:
    """Where the process group takes tensors: the CPU, unless it is NCCL's."""
    import torch

    if "nccl" in torch.distributed.get_backend() and torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")
