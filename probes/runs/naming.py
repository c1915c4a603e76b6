"""Readable names for new run folders that never collide."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from probes.errors import ConfigError

__all__ = ["fresh_run_folder"]


def fresh_run_folder(name: str, root: Path = Path("runs")) -> Path:
    """Make and return an empty folder such as `runs/20261123-060542-NAME`, `-2` appended if taken.

    Args:
        name: what follows the time; characters other than letters, digits, `.`, `_` and `-` become `-`.
        root: where to make it.

    Raises:
        ConfigError: no folder can be made there.
    """
    tidy = "".join(char if char.isalnum() or char in "._-" else "-" for char in name)
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-{tidy}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        number = 1
        while not _made(folder := root / (stem if number == 1 else f"{stem}-{number}")):
            number += 1
    except OSError as error:
        raise ConfigError(f"cannot make a run folder in {root}: {error.strerror or error}.") from error
    return folder


def _made(folder: Path) -> bool:
    """Make the folder, or say that it was there: of two runs started in the same second only one makes it."""
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True
