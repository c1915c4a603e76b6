"""Exit codes: 0 ok, 2 a bad option or argument, 1 a failure after work began, 130 SIGINT, 143 SIGTERM."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click

from probes.errors import ProbeError
from probes.trackers.distributed import launched_rank

__all__ = ["Terminated", "exit_code_of", "interrupt_code", "speechless_rank", "terminable"]


# What goes wrong in every rank, the first says; then torchrun ends the others. Whoever is still there after so long has
# an error of its own to tell; who ended at once would have torchrun end the first before it has spoken.
_FIRST_RANK_S = 3.0


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived: whatever cleans up after Ctrl-C cleans up after it too."""


@contextmanager
def terminable() -> Iterator[None]:
    """Within it, SIGTERM raises `Terminated` instead of ending the process on the spot."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set a handler
        return
    before = signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def speechless_rank() -> int | None:
    """The number of this process among those that torchrun started, if it is not the first: that one speaks for all."""
    rank = launched_rank()
    return rank.rank if rank is not None and rank.rank > 0 else None


def exit_code_of(error: BaseException) -> int:
    """Say on stderr, in one line, what went wrong; return the code to exit with.

    Raises:
        The error itself, where it is neither the user's nor the environment's doing.
    """
    match error:
        case BrokenPipeError():
            _forget_stdout()
            return 0
        case click.ClickException():
            return _say(error.format_message(), error.exit_code)
        case ProbeError(by_rank_0=True):
            time.sleep(_FIRST_RANK_S)
            return error.exit_code
        case ProbeError():
            return _say(str(error), error.exit_code)
        case KeyboardInterrupt() | click.Abort():
            return _say("interrupted.", interrupt_code(error))
        case OSError():
            return _say(_describe(error), 1)
        case MemoryError() | RuntimeError() if "allocate" in str(error) or "out of memory" in str(error):
            return _say("out of memory. A smaller --width, --depth or --batch-size needs less.", 1)
    raise error


def interrupt_code(interrupt: BaseException) -> int:
    """143 for SIGTERM, 130 for Ctrl-C: 128 and the number of the signal, as shells count."""
    return 143 if isinstance(interrupt, Terminated) else 130


def _describe(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {reason}." if error.filename is not None else f"{reason}."


def _say(message: str, code: int) -> int:
    rank = speechless_rank()
    if rank is not None:
        if code > 128:  # a signal, which all ranks get
            return code
        time.sleep(_FIRST_RANK_S)
        message = f"rank {rank}: {message}"
    click.echo(f"Error: {' '.join(message.split())}", err=True)
    return code


def _raise_terminated(number: int, frame: object) -> None:
    raise Terminated


def _forget_stdout() -> None:
    """Whoever read our output has gone (`probe scores | head`): nothing more is to be said to them."""
    with suppress(OSError, ValueError):  # where stdout is no file, nothing is flushed into a closed pipe either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
