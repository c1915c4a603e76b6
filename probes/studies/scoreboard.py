"""All studies at a glance: every claim, its verdict, and where its page is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from probes.errors import ProbeError
from probes.studies.claim import VERDICTS
from probes.studies.folder import REPORT, SCOREBOARD_JSON, STUDY_JSON, read_json, write_json

__all__ = ["write_scoreboard"]


def write_scoreboard(out: Path | str, names: list[str], errors: Mapping[str, str] | None = None) -> dict[str, Any]:
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


def _line(folder: Path, name: str, error: str | None) -> dict[str, Any]:
    """A study as the scoreboard shows it; one that failed is shown with the reason, never left out."""
    line: dict[str, Any] = {"name": name, "page": f"{name}/{REPORT}", "status": "failed", "error": error, "claims": []}
    if error is not None:
        return line
    try:
        study = read_json(folder / name / STUDY_JSON)
    except ProbeError as missing:
        return {**line, "error": str(missing)}
    kept = ("title", "question", "source", "status", "scale", "timings", "claims")
    return {**line, **{key: study[key] for key in kept}}
