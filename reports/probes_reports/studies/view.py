"""What the pages need of study.json and scoreboard.json, read once. Whatever is missing there becomes None."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from probes.errors import RunNotFoundError
from probes.studies import read_json

__all__ = ["OPEN", "VERDICTS", "BoardStudy", "BoardView", "ClaimView", "StudyView", "duration", "known", "size_of"]

VERDICTS = ("reproduced", "not reproduced", "inconclusive")
OPEN = VERDICTS[2]
LEFT_OUT = "left out: it names files"


@dataclass(frozen=True)
class ClaimView:
    """A claim as the page shows it; numbers are None where they are unknown."""

    statement: str
    source: str
    quantity: str
    rule: str
    published: str
    seen: str
    verdict: str
    bounds: tuple[float | None, float | None]
    mean: float | None
    sd: float | None
    low: float | None
    high: float | None
    values: tuple[float | None, ...]
    strict: bool = False
    exact: bool = False  # every value is judged, not the interval of their mean

    @property
    def count(self) -> int:
        """Values that are there."""
        return sum(value is not None for value in self.values)


class StudyView:
    """A study's findings.

    Args:
        path: the folder.
        images: show pictures where there are any.
        paths: name files and folders.

    Raises:
        RunNotFoundError: there is no study, or its file cannot be read.
    """

    def __init__(self, path: Path, *, images: bool = True, paths: bool = True) -> None:
        file = path / "study.json"
        self.path, self.images, self.paths = path, images, paths
        self.meta = read_json(file)
        with readable(path):
            self.sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
            self.name, self.title = str(self.meta["name"]), str(self.meta["title"])
            self.question, self.source = str(self.meta["question"]), str(self.meta["source"])
            self.effect = str(self.meta["effect"])
            self.scale: dict[str, Any] = dict(self.meta["scale"])
            self.claims = _claims(self.meta["claims"])
            self.charts: list[dict[str, Any]] = [dict(chart) for chart in self.meta["charts"]]
            self.notes = [str(note) for note in self.meta.get("notes") or []]
            self.runs = [str(run) for run in self.meta.get("runs") or []]
            self.timings: dict[str, Any] = dict(self.meta.get("timings") or {})
            self.versions: dict[str, Any] = dict(self.meta.get("versions") or {})
            self.failed = [
                (str(entry["point"]), _without_paths(str(entry["error"]), paths))
                for entry in self.meta.get("failed") or []
            ]

    @property
    def points(self) -> int:
        """Of the whole study; as many as are known where it does not say."""
        return int(known(self.timings.get("points")) or len(self.runs) + len(self.failed))


@dataclass(frozen=True)
class BoardStudy:
    """A study on the scoreboard; `error` is "" where it was carried out, `page` where there is none to link.

    `error` says so, too, of a study that was never run; that is no failure.
    """

    name: str
    title: str
    question: str
    source: str
    error: str
    never_run: bool
    incomplete: bool
    size: str
    took: str
    page: str
    claims: tuple[ClaimView, ...]

    @property
    def failed(self) -> bool:
        """Whether it was run in vain."""
        return bool(self.error) and not self.never_run


class BoardView:
    """All studies of a folder.

    Args:
        path: the folder that holds scoreboard.json.
        paths: name files and folders, and link to them.

    Raises:
        RunNotFoundError: there is no scoreboard, or its file cannot be read.
    """

    def __init__(self, path: Path, *, paths: bool = True) -> None:
        self.path, self.paths = path, paths
        self.meta = read_json(path / "scoreboard.json")
        with readable(path):
            self.studies = [_board_study(dict(study), paths) for study in self.meta["studies"]]
        self.claims = [claim for study in self.studies for claim in study.claims]


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Within it, content of another shape than expected is one clear line.

    Raises:
        RunNotFoundError: it was.
    """
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise RunNotFoundError(f"the study in {path} cannot be read: {reason}") from error


def known(value: object) -> float | None:
    """A finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def duration(seconds: float | None) -> str:
    """45 as "45 s", 130 as "2 min 10 s"; "" where it is unknown."""
    if seconds is None:
        return ""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}\u00a0s"
    return (
        f"{whole // 60}\u00a0min {whole % 60}\u00a0s"
        if whole < 3600
        else f"{whole // 3600}\u00a0h {whole % 3600 // 60}\u00a0min"
    )


def size_of(scale: Mapping[str, Any], paths: bool) -> tuple[str, ...]:
    """How large a study was: quick or full, data, seeds."""
    subset, seeds = known(scale.get("subset")), [int(seed) for seed in scale.get("seeds") or []]
    data = str(scale.get("dataset") or "")
    data = data if paths or not set(data) & set("/\\") else "own data"
    whole = (
        "quick size" if scale.get("quick") else "full size",
        f"{data}, {int(subset):,} examples" if subset is not None else data,
        _seeds(seeds),
    )
    return tuple(fact for fact in whole if fact)


def _seeds(seeds: Sequence[int]) -> str:
    if not seeds:
        return ""
    if len(seeds) == 1:
        return f"one seed ({seeds[0]})"
    in_a_row = list(seeds) == list(range(seeds[0], seeds[0] + len(seeds)))
    named = f"{seeds[0]}–{seeds[-1]}" if in_a_row else ", ".join(map(str, seeds[:8])) + (", …" if seeds[8:] else "")
    return f"{len(seeds)} seeds ({named})"


def _claims(found: Sequence[Mapping[str, Any]]) -> tuple[ClaimView, ...]:
    return tuple(_claim(claim) for claim in found)


def _claim(claim: Mapping[str, Any]) -> ClaimView:
    measured, bounds = claim["measured"], list(claim["bounds"])
    low, high = (known(bound) for bound in bounds)
    return ClaimView(
        statement=str(claim["statement"]),
        source=str(claim["source"]),
        quantity=str(claim["quantity"]),
        rule=str(claim["rule"]),
        published=str(claim["published"]),
        seen=str(claim.get("seen") or ""),
        verdict=claim["verdict"] if claim["verdict"] in VERDICTS else OPEN,
        bounds=(low, high),
        mean=known(measured.get("mean")),
        sd=known(measured.get("sd")),
        low=known(measured.get("low")),
        high=known(measured.get("high")),
        values=tuple(known(value) for value in measured["values"]),
        strict=bool(claim.get("strict")),
        exact=bool(claim.get("exact")),
    )


def _board_study(study: Mapping[str, Any], paths: bool) -> BoardStudy:
    name = str(study["name"])
    seconds = known((study.get("timings") or {}).get("seconds"))
    failed = study.get("error") is not None
    return BoardStudy(
        name=name,
        title=str(study.get("title") or name),
        question=str(study.get("question") or name),
        source=str(study.get("source") or "").partition(", http")[0],
        error=_without_paths(str(study["error"]), paths) if failed else "",
        never_run=study.get("status") == "not run",
        incomplete=not failed and study.get("status") != "complete",
        size=", ".join(size_of(study["scale"], paths)) if study.get("scale") else "",
        took=duration(seconds),
        page=str(study.get("page") or "") if paths and not failed else "",
        claims=_claims(study.get("claims") or []),
    )


def _without_paths(text: str, paths: bool) -> str:
    return text if paths or not set(text) & set("/\\") else LEFT_OUT
