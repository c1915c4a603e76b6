"""Following a run of `probe train`: what is said while it trains, and of what stops it."""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from probes.errors import ProbeError
from probes.runs.layout import RUN_JSON
from probes_cli.exits import interrupt_code, speechless_rank
from probes_cli.introduction import going_on, introduction
from probes_cli.output import say
from probes_cli.progress import Display, NoDisplay

if TYPE_CHECKING:
    from probes.runs.run import Run
    from probes.training import EpochProgress

__all__ = ["Follower", "followed"]

_FULL = (errno.ENOSPC, errno.EDQUOT)


class Follower:
    """Introduces the run once it exists, then shows each of its epochs, and knows how far it came.

    Attributes:
        display: where to.
        out: the run folder that was asked for, if any.
        folder: of the run; None before training begins.
        last: what is known after the last epoch; None before there is one.
        resumed: the run that is gone on with, if any.
        recorded: epochs that it had.
    """

    def __init__(self, out: Path | None = None) -> None:
        self.out = out
        self.display: Display = NoDisplay()
        self.folder: Path | None = None
        self.last: EpochProgress | None = None
        self.resumed: Run | None = None
        self.recorded = 0
        self._clean = "clean"

    def start(self, folder: Path, epoch: int) -> None:
        """Take the run's folder and the first epoch to come."""
        from probes import open_run

        self.folder = folder
        run = open_run(folder)
        self._clean = "train" if run.noisy is None else "clean"  # without the truth nothing is known to be clean
        lines = introduction(run)
        if self.resumed is not None:
            lines.append(going_on(epoch, self.recorded))
        self.display.say("\n".join(lines))

    def __call__(self, progress: EpochProgress) -> None:
        self.last = progress
        self.display.show(progress, clean=self._clean)

    def stopped(self, code: int) -> str:
        """What to say of a run that was stopped."""
        what = "Terminated" if code == 143 else "Interrupted"
        from probes import open_run

        if self.last is not None:
            folder = self.last.folder
            kept = f"after epoch {open_run(folder).num_epochs:,}, which is kept"  # perhaps one more than was shown
        elif self.resumed is not None:
            folder = self.resumed.path
            kept = f"before a new epoch: all {open_run(folder).num_epochs:,} epochs are kept"
        elif self.folder is not None:
            folder = self.folder
            kept = "before the first epoch was recorded"
        else:
            return f"{what} before training began."
        return f"{what} {kept}. Go on with: probe train --resume {shlex.quote(str(folder))}"

    def unwritten(self, error: OSError) -> ProbeError | None:
        """What to say where a file of the run cannot be written; None where it may be another file's fault."""
        full = error.errno in _FULL
        if self.last is None and not full:
            return None  # perhaps data that cannot be read
        reason = os.strerror(error.errno) if error.errno else str(error)  # pyarrow has words of its own
        folder = self.folder or (self.out if self.resumed is None else self.resumed.path)
        if folder is None or not (folder / RUN_JSON).exists():
            return ProbeError(
                f"cannot write {folder or 'to runs/'}: {reason}. Nothing was trained: make room and start again."
            )
        kept = "No epoch was recorded"
        if self.last is not None:
            kept = f"Everything up to epoch {self.last.epoch} is kept"
        elif self.resumed is not None:
            kept = f"All {self.recorded:,} epochs that were recorded are kept"
        room = " with more room" if full else ""
        again = f"probe train --resume {shlex.quote(str(folder))}"
        return ProbeError(f"cannot write {folder}: {reason}. {kept}; go on{room}: {again}")


def followed(go: Callable[[Follower], Run], out: Path | None = None) -> Run:
    """Train; of what stops it on the way, say how far it came and how to go on.

    Args:
        go: trains, and lets a follower follow.
        out: the run folder that was asked for, if any.
    """
    follower = Follower(out)
    try:
        return go(follower)
    except OSError as error:
        told = follower.unwritten(error)
        if told is None:
            raise
        raise told from error
    except KeyboardInterrupt as interrupt:
        if speechless_rank() is None:
            say(follower.stopped(interrupt_code(interrupt)))
        raise click.exceptions.Exit(interrupt_code(interrupt)) from interrupt
