"""Data from the user's own function: `module:function`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Any

from probes.data.npz import KEYS, arrays_source
from probes.data.source import Source
from probes.errors import ConfigError, ProbeError, unknown_name
from probes.user_code import import_named, one_line

__all__ = ["call_user_function"]


def call_user_function(name: str) -> Source:
    """Call `module:function`, imported from the current folder too, which returns (X, y) or a dict named as in an .npz.

    Raises:
        ConfigError: it cannot be imported, or returns something else.
        ProbeError: it fails.
    """
    try:
        with redirect_stdout(sys.stderr):  # what it prints is no part of our answer
            returned = import_named(name, "function")()
    except ProbeError:
        raise
    except SystemExit as end:
        raise ProbeError(f"{name} ended the program (exit code {end.code}): it should return its data.") from end
    except Exception as error:  # the user's own code
        raise ProbeError(f"{name} failed: {type(error).__name__}: {one_line(error)}") from error
    return arrays_source(_arrays(returned, name), name=name, where=name)


def _arrays(returned: Any, name: str) -> Mapping[str, Any]:
    if isinstance(returned, Mapping):
        unknown = [str(key) for key in returned if key not in KEYS]
        if unknown and "X" in returned and "y" in returned:
            raise unknown_name(f"key of what {name} returned", unknown[0], KEYS)
        return returned
    if isinstance(returned, tuple | list) and len(returned) == 2:
        return {"X": returned[0], "y": returned[1]}
    name_of_type = type(returned).__name__
    article = "an" if name_of_type[0] in "aeiouAEIOU" else "a"
    kind = f"{article} {name_of_type}" + (f" of {len(returned)}" if isinstance(returned, tuple | list) else "")
    raise ConfigError(f"{name} must return (X, y) or a dict with {', '.join(KEYS)}, got {kind}.")
