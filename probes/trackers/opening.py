"""Opening the run that a tracker writes: a new one or one to go on with, alone or together with other ranks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from probes.errors import ProbeError
from probes.runs.run import Run
from probes.runs.writer import RunWriter
from probes.trackers.distributed import Rank, open_together

__all__ = ["RunRequest", "open_writer"]


@dataclass(frozen=True)
class RunRequest:
    """The run that a tracker asks for.

    Attributes:
        path: its folder.
        if_exists: `error`, `overwrite` or `resume`.
        num_examples: N.
        classes: K names, or None.
    """

    path: Path
    if_exists: str
    num_examples: int
    classes: list[str] | None


def open_writer(
    request: RunRequest,
    rank: Rank | None,
    *,
    begin: Callable[[RunWriter], None],
    go_on_with: Callable[[Run], None],
) -> RunWriter:
    """The run's writer; with several ranks in each of them: collective.

    Args:
        rank: this process among those that write the run; None where it is alone.
        begin: called with the writer of a new run, in the first rank: writes what is known before any epoch.
        go_on_with: called with a run that is resumed, in every rank; what it raises leaves the run as it was.

    Raises:
        ProbeError: the folder cannot be used, or holds a run of another measure or size.
    """
    if rank is None:
        return _lead(request, begin, go_on_with, world_size=1)
    return open_together(
        rank,
        lead=lambda: _lead(request, begin, go_on_with, world_size=rank.world_size),
        join=lambda _, launch_id: _join(request, go_on_with, rank, launch_id),
    )


def _lead(
    request: RunRequest, begin: Callable[[RunWriter], None], go_on_with: Callable[[Run], None], *, world_size: int
) -> RunWriter:
    if request.if_exists == "resume" and (request.path / "run.json").exists():
        go_on_with(_resumable(request))
        return RunWriter.resume(request.path, world_size=world_size)
    writer = RunWriter.create(
        request.path,
        num_examples=request.num_examples,
        measure="online",
        if_exists="overwrite" if request.if_exists == "overwrite" else "error",
        meta={"command": " ".join(sys.argv), "dataset": {"classes": request.classes}},
        world_size=world_size,
    )
    begin(writer)
    return writer


def _join(request: RunRequest, go_on_with: Callable[[Run], None], rank: Rank, launch_id: str) -> RunWriter:
    writer = RunWriter.join(request.path, rank=rank.rank, launch_id=launch_id)
    if request.if_exists == "resume":
        go_on_with(Run(request.path))
    return writer


def _resumable(request: RunRequest) -> Run:
    """The run in the folder, which a tracker of so many examples can go on with."""
    saved = Run(request.path)
    if saved.measure != "online":
        raise ProbeError(f"{request.path} holds a run measured by {saved.measure}; a tracker goes on with online ones.")
    if saved.num_examples != request.num_examples:
        raise ProbeError(f"{request.path} holds a run of {saved.num_examples} examples, not of {request.num_examples}.")
    return saved
