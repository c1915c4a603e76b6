"""JSON lines, as training scripts log them: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from probes.errors import ConfigError

__all__ = ["json_lines"]


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number, counted from 1, and object of each line; empty lines are left out.

    Raises:
        ConfigError: the file cannot be read, or a line is no JSON object.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if not line.isspace():
                    yield number, _object(line, path, number)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path} cannot be read: {reason}.") from error


def _object(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise ConfigError(f"line {number} of {path} is not JSON: {error}.") from error
    if not isinstance(record, dict):
        raise ConfigError(f"line {number} of {path} must be a JSON object, got {type(record).__name__}.")
    return record
