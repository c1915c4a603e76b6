"""The folder of a study: study.json, and the points beside it. Light to import: pages read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from probes.errors import RunNotFoundError, cannot_write
from probes.runs.layout import atomic_write

__all__ = ["FORMAT_VERSION", "REPORT", "SCOREBOARD_HTML", "SCOREBOARD_JSON", "STUDY_JSON", "read_json", "write_json"]

FORMAT_VERSION = 1
STUDY_JSON = "study.json"
REPORT = "report.html"
SCOREBOARD_JSON = "scoreboard.json"
SCOREBOARD_HTML = "scoreboard.html"


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write study.json or scoreboard.json, under a temporary name first.

    Raises:
        ConfigError, ProbeError: it cannot be written.
    """
    text = json.dumps({"format_version": FORMAT_VERSION, **content}, indent=1, allow_nan=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise cannot_write(path, error) from error


def read_json(path: Path) -> dict[str, Any]:
    """Read study.json or scoreboard.json.

    Raises:
        RunNotFoundError: it is not there, cannot be read, or a newer version wrote it.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunNotFoundError(f"there is no study in {path.parent}: {path.name} cannot be read.") from error
    version = content.get("format_version") if isinstance(content, dict) else None
    if not isinstance(version, int):
        raise RunNotFoundError(f"there is no study in {path.parent}: {path.name} has no format_version.")
    if version > FORMAT_VERSION:
        raise RunNotFoundError(f"{path} has study format {version}, this version reads {FORMAT_VERSION}: update.")
    return dict(content)
