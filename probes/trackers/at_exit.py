"""What becomes of a tracker that its script never closes."""

from __future__ import annotations

import atexit
import sys
import weakref
from collections.abc import Callable
from typing import Any, Literal

__all__ = ["call_at_exit", "script_status"]


def call_at_exit(method: Callable[[], Any]) -> Callable[[], None]:
    """Have the interpreter call a method as it exits, without keeping its object alive; undo with `atexit.unregister`.

    Args:
        method: bound.
    """
    found = weakref.WeakMethod(method)

    def call() -> None:
        alive = found()
        if alive is not None:
            alive()

    atexit.register(call)
    return call


def script_status() -> Literal["complete", "interrupted", "failed"]:
    """How the script is ending: `complete`, or `interrupted` or `failed` where an exception ended it."""
    error = None if hasattr(sys, "ps1") else getattr(sys, "last_value", None)
    if error is None:
        return "complete"
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
