"""Taking hold of a run folder: at most one writer, and never on top of something else."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from probes.errors import ConfigError, RunExistsError, RunLockedError, unknown_name
from probes.runs import layout

__all__ = ["IF_EXISTS", "claim", "locked", "read_meta"]

IF_EXISTS = ("error", "overwrite", "resume")


def claim(folder: Path, if_exists: str) -> FileLock:
    """Make the folder, or empty it of a run, and take its lock.

    Args:
        folder: one that is empty is as good as none.
        if_exists: `error`, or `overwrite`.

    Raises:
        RunExistsError: it holds something and may not be overwritten.
        RunLockedError: it is being written.
        ConfigError: it cannot be made.
    """
    if if_exists not in ("error", "overwrite"):
        raise unknown_name("if_exists", if_exists, IF_EXISTS)
    if folder.exists() and not folder.is_dir():
        raise RunExistsError(f"{folder} is a file. Choose another folder for the run.")
    try:
        held = folder.is_dir() and any(name != layout.LOCK for name in os.listdir(folder))
        if held and if_exists == "error" and _is_run(folder):
            raise RunExistsError(
                f"{folder} already holds a run. Choose another folder, or say if_exists='overwrite' to replace the run "
                "or 'resume' to go on with it."
            )
        if held and not _is_run(folder):
            raise RunExistsError(
                f"{folder} already holds files that are not a run, so it is left alone. Choose another folder."
            )
        folder.mkdir(parents=True, exist_ok=True)
        lock = locked(folder)
        if held:
            _empty(folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    return lock


def locked(folder: Path) -> FileLock:
    """Take the folder's lock.

    Raises:
        RunLockedError: another process, or another tracker of this one, holds it.
        ConfigError: the folder cannot be written to.
    """
    lock = FileLock(folder / layout.LOCK, is_singleton=False)
    try:
        lock.acquire(timeout=1)
    except Timeout as error:
        raise RunLockedError(
            f"{folder} is being written by another process or tracker. Close it, or choose another folder."
        ) from error
    except OSError as error:
        raise _unwritable(folder, error) from error
    return lock


def _unwritable(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(f"cannot write to {folder}: {error.strerror or error}. Choose another folder.")


def read_meta(folder: Path) -> dict[str, Any]:
    """What run.json holds; nothing where it is no JSON object."""
    try:
        meta = json.loads((folder / layout.RUN_JSON).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return meta if isinstance(meta, dict) else {}


def _is_run(folder: Path) -> bool:
    """Whether run.json is ours: what is not may not be overwritten."""
    return "format_version" in read_meta(folder)


def _empty(folder: Path) -> None:
    """Remove a run's own files; run.json first, so that a half-emptied folder never reads as a run."""
    (folder / layout.RUN_JSON).unlink()
    for entry in folder.iterdir():
        if not layout.is_own(entry.name):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
