"""Readable names for new run folders that never collide."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from probes.errors import ConfigError
from probes.training.config import TrainConfig

__all__ = ["fresh_run_folder"]


def fresh_run_folder(config: TrainConfig, root: Path = Path("runs")) -> Path:
    """Make and return an empty folder such as `runs/20261123-060542-digits-mlp-noise0.4`, `-2` appended if taken.

    Raises:
        ConfigError: no folder can be made there.
    """
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-{config.dataset}-{config.model}-noise{config.noise:g}"
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
