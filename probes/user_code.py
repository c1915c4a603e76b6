"""Finds what a user names as `module:name`, with one clear line where that fails."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from probes.errors import ConfigError

__all__ = ["import_named"]


def import_named(spec: str, what: str) -> Any:
    """Import `module:name`; modules beside the working directory are found, too.

    Args:
        spec: such as "mynets:small_cnn".
        what: what it should be, for the message: "model", "dataset".

    Raises:
        ConfigError: there is no such module, it fails on import, or it has no such name.
    """
    module_name, _, name = spec.partition(":")
    if not module_name or not name:
        raise ConfigError(f"{what} {spec!r} must be written as module:name.")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever the user's own module raises when it is run
        raise ConfigError(
            f"{what} {spec!r}: module {module_name!r} cannot be imported: {type(error).__name__}: {error}."
        ) from error
    try:
        return getattr(module, name)
    except AttributeError:
        raise ConfigError(f"{what} {spec!r}: module {module_name!r} has no {name!r}.") from None
