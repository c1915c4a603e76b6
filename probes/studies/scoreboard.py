"""All studies at a glance: every claim, its verdict, and where its page is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from probes.errors import ProbeError
from probes.studies.claim import VERDICTS
from probes.studies.folder import REPORT, SCOREBOARD_JSON, STUDY_JSON, read_json, write_json

__all__ = ["refresh_scoreboard", "write_scoreboard"]


def write_scoreboard(out: Path | str, names: Sequence[str], errors: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Write `OUT/scoreboard.json` from the study.json of each study.

    Args:
        out: folder of studies.
        names: of the studies, in order.
        errors: of those that could not be carried out, one line each.

    Returns:
        What scoreboard.json holds: `studies`, each with its `claims`, and `verdicts`, how often each was given.

    Raises:
        ConfigError, ProbeError: it cannot be written.
    """
    folder = Path(out)
    studies = [_line(folder, name, (errors or {}).get(name)) for name in names]
    given = [claim["verdict"] for study in studies for claim in study["claims"]]
    content = {
        "kind": "scoreboard",
        "studies": studies,
        "verdicts": {verdict: given.count(verdict) for verdict in VERDICTS},
    }
    write_json(folder / SCOREBOARD_JSON, content)
    return content


def refresh_scoreboard(out: Path | str, names: Sequence[str], ran: str) -> bool:
    """Write the scoreboard again after one of its studies was run, so that it says what that study's page says.

    Args:
        out: folder of studies.
        names: of the studies, in order.
        ran: the one that was run; what is told of others that failed stays.

    Returns:
        Whether there is a scoreboard; none is begun here.
    """
    try:
        board = read_json(Path(out) / SCOREBOARD_JSON)
        errors = {str(study["name"]): str(study["error"]) for study in board["studies"] if study["status"] == "failed"}
    except (ProbeError, LookupError, TypeError):
        return False
    errors.pop(ran, None)
    write_scoreboard(out, names, errors)
    return True


def _line(folder: Path, name: str, error: str | None) -> dict[str, Any]:
    """A study as the scoreboard shows it; one that failed or was never run is shown with the reason, not left out."""
    line: dict[str, Any] = {"name": name, "page": f"{name}/{REPORT}", "status": "failed", "error": error, "claims": []}
    if error is not None:
        return line
    if not (folder / name / STUDY_JSON).exists():
        return {**line, "status": "not run", "error": f"It has not been run yet: probe study {name}"}
    try:
        study = read_json(folder / name / STUDY_JSON)
        kept = ("title", "question", "source", "status", "scale", "timings", "claims")
        return {**line, **{key: study[key] for key in kept}}
    except ProbeError as unreadable:
        return {**line, "error": str(unreadable)}
    except LookupError as missing:
        return {**line, "error": f"{folder / name / STUDY_JSON} cannot be read: it has no {missing}."}
