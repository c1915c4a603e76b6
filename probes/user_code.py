"""Finds what a user names as `module:name`, with one clear line where that fails."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from probes.errors import ConfigError, unknown_name

__all__ = ["import_named", "one_line"]


def import_named(spec: str, what: str) -> Any:
    """Import the callable `module:name`; modules in the current folder are found, too.

    Args:
        spec: such as "mynets:small_cnn".
        what: what it is, for the message: "model", "function".

    Raises:
        ConfigError: there is no such module, it fails on import, or holds no such callable.
    """
    module_name, _, name = spec.partition(":")
    module = _import(module_name)
    found = getattr(module, name, None)
    if callable(found):
        return found
    known = [other for other in vars(module) if not other.startswith("_") and callable(getattr(module, other))]
    if found is None and known:
        raise unknown_name(f"{what} of {module_name}", name, known)
    raise ConfigError(f"{spec} is not a {what}.")


def one_line(error: BaseException) -> str:
    """What an error of the user's own code says, on one line."""
    return " ".join(str(error).split())


def _import(module_name: str) -> Any:
    here = str(Path.cwd())
    sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        return importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # the user's own code
        why = one_line(error) if isinstance(error, ImportError) else f"{type(error).__name__}: {one_line(error)}"
        raise ConfigError(f"cannot import {module_name!r}, looked for in the current folder too: {why}") from error
    finally:
        sys.path.remove(here)
