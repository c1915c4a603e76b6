"""What `probe train` says on stderr while it trains: one live line in a terminal, a few plain ones elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from probes_cli.output import duration, percent, say

if TYPE_CHECKING:
    from rich.progress import Progress

    from probes.training import EpochProgress

__all__ = ["Display", "LiveDisplay", "PlainDisplay", "display"]


class Display(Protocol):
    """Shows how far a run has come."""

    def say(self, message: str) -> None:
        """Lines that stay."""

    def show(self, progress: EpochProgress, *, clean: str = "clean") -> None:
        """What is known after an epoch; `clean` names the examples that are not known to be noisy."""


class NoDisplay:
    """Shows nothing."""

    def say(self, message: str) -> None:
        pass

    def show(self, progress: EpochProgress, *, clean: str = "clean") -> None:
        pass


class PlainDisplay:
    """A line at epochs 0, 1, 2, 5, 10, ... and the last, be it the last because of early stopping.

    Args:
        epochs: the last one.
    """

    def __init__(self, epochs: int) -> None:
        from probes.training import log_spaced_epochs

        self._shown = frozenset(log_spaced_epochs(epochs))

    def say(self, message: str) -> None:
        say(message)

    def show(self, progress: EpochProgress, *, clean: str = "clean") -> None:
        if progress.stopped or progress.epoch in self._shown:
            place = str(progress.epoch).rjust(len(str(progress.epochs)))
            say(f"epoch {place} of {progress.epochs}: {_accuracies(progress, clean)}{_left(progress)}")


class LiveDisplay:
    """One line that is redrawn: a bar, the accuracies and the time left.

    Args:
        bar: a started rich progress.
        epochs: the last one.
    """

    def __init__(self, bar: Progress, epochs: int) -> None:
        self._bar = bar
        self._task = bar.add_task("epoch", total=epochs, accuracies="", left="")

    def say(self, message: str) -> None:
        self._bar.console.print(message, markup=False, soft_wrap=True)

    def show(self, progress: EpochProgress, *, clean: str = "clean") -> None:
        self._bar.update(
            self._task,
            completed=progress.epoch,
            accuracies=_accuracies(progress, clean),
            left=_left(progress).lstrip(", "),
        )


@contextmanager
def display(epochs: int, *, quiet: bool) -> Iterator[Display]:
    """The display that suits stderr, running while the block does.

    Args:
        epochs: the last one.
        quiet: show nothing.
    """
    if quiet:
        yield NoDisplay()
        return
    if not sys.stderr.isatty():
        yield PlainDisplay(epochs)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns: tuple[Any, ...] = (
        TextColumn("epoch {task.completed:.0f} of {task.total:.0f}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[accuracies]}", markup=False),
        TextColumn("{task.fields[left]}", markup=False),
    )
    console = Console(stderr=True, highlight=False)
    with Progress(*columns, console=console, refresh_per_second=5, transient=True, redirect_stdout=False) as bar:
        yield LiveDisplay(bar, epochs)


def _accuracies(progress: EpochProgress, clean: str) -> str:
    shown = (
        (clean, progress.clean_accuracy),
        ("noisy", progress.noisy_accuracy),
        ("test", progress.test_accuracy),
    )
    return ", ".join(f"{name} {percent(share):>7}" for name, share in shown if share is not None)


def _left(progress: EpochProgress) -> str:
    if progress.eta_s is None or progress.stopped or progress.epoch == progress.epochs:
        return ""
    return f", {duration(progress.eta_s)} left"
