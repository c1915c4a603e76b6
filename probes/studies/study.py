"""A study: points to carry out, and what their results say of a paper's claims."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from probes.errors import ProbeError, RunLockedError, cannot_write
from probes.studies.backends import carry_out_all
from probes.studies.chart import Chart
from probes.studies.claim import Claim
from probes.studies.data import check_data
from probes.studies.folder import STUDY_JSON, read_json, write_json
from probes.studies.point import Outcome, Point, Training
from probes.studies.results import Results
from probes.studies.scale import Scale

__all__ = ["Findings", "Study", "StudyProgress", "run_study"]


@dataclass(frozen=True)
class Findings:
    """What a study found.

    Attributes:
        claims: every claim that was checked, whatever came of it.
        charts: in the order of the page.
        notes: limits and departures from the paper, sentences.
    """

    claims: Sequence[Claim]
    charts: Sequence[Chart]
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Study:
    """A published experiment at a size that two cores finish in minutes.

    Attributes:
        name: as `probe study` takes it.
        title: of its page.
        question: that it answers.
        source: the paper, its section and address.
        effect: what the paper saw, a sentence or two.
        points: the work, at a scale; names unique.
        find: claims and charts, from what is done of the points.
        own_data: name of the data, of a study that makes its own whatever the scale says; "" for the scale's.
    """

    name: str
    title: str
    question: str
    source: str
    effect: str
    points: Callable[[Scale], Sequence[Point]]
    find: Callable[[Results, Scale], Findings]
    own_data: str = ""


@dataclass(frozen=True)
class StudyProgress:
    """How far a study has come.

    Attributes:
        study: its name.
        done: points that have ended, those that were there already included.
        points: of all.
        last: the point that ended; None at the start.
        error: why it failed; None where it did not.
        eta_s: seconds that are left, by the pace so far; None before any point was carried out.
    """

    study: str
    done: int
    points: int
    last: str | None = None
    error: str | None = None
    eta_s: float | None = None


@dataclass
class _Clock:
    """Counts points and tells a listener of each."""

    study: str
    points: int
    present: int
    listener: Callable[[StudyProgress], None] | None
    outcomes: list[Outcome] = field(default_factory=list)
    start: float = field(default_factory=lambda: time.monotonic())

    def tell(self, outcome: Outcome | None = None) -> None:
        """Say where we are."""
        if outcome is not None:
            self.outcomes.append(outcome)
        ended, left = len(self.outcomes), self.points - self.present - len(self.outcomes)
        eta = (time.monotonic() - self.start) / ended * left if ended else None
        if self.listener is not None:
            last, error = (None, None) if outcome is None else (outcome.name, outcome.error)
            self.listener(StudyProgress(self.study, self.present + ended, self.points, last, error, eta))


def run_study(
    study: Study,
    out: Path | str = "studies",
    scale: Scale | None = None,
    *,
    backend: str = "loky",
    workers: int = 1,
    on_progress: Callable[[StudyProgress], None] | None = None,
) -> dict[str, Any]:
    """Carry out what is missing of a study, judge its claims and write `OUT/NAME/study.json`.

    Points that are done, from an earlier call at the same scale, are not done again; broken-off runs go on.

    Args:
        study: see `probes.studies.get_study`.
        out: folder of studies.
        scale: seeds, data and size; None is the full study on digits.
        backend: see `BACKENDS`.
        workers: processes at a time.
        on_progress: called at the start and after each point.

    Returns:
        What study.json holds.

    Raises:
        ConfigError: scale, data, backend or folder cannot be used; nothing was done.
        RunLockedError: another process is at this study.
        ProbeError: not one point could be carried out; the first reason.
    """
    scale = scale or Scale()
    if not study.own_data:
        check_data(scale.dataset, scale.subset)
    folder = Path(out) / study.name
    root = folder / scale.label
    points = list(study.points(scale))
    assert len({point.name for point in points}) == len(points), f"{study.name} names two points alike"
    start = time.monotonic()
    with _held(folder):
        missing = [point for point in points if not point.is_done(root)]
        clock = _Clock(study.name, len(points), len(points) - len(missing), on_progress)
        clock.tell()
        carry_out_all(missing, root, backend=backend, workers=workers, on_outcome=clock.tell)
        errors = {outcome.name: outcome.error for outcome in clock.outcomes if outcome.error is not None}
        if errors and len(errors) == len(points):
            raise ProbeError(f"no point of {study.name} could be carried out; the first: {next(iter(errors.values()))}")
        found = study.find(Results(points, root), scale)
        content = {
            **_described(study, scale),
            "status": "incomplete" if errors else "complete",
            "runs": [str(point.folder(root).relative_to(folder)) for point in points if isinstance(point, Training)],
            "failed": [{"point": name, "error": error} for name, error in sorted(errors.items())],
            "claims": [claim.to_dict() for claim in found.claims],
            "charts": [chart.to_dict() for chart in found.charts],
            "notes": list(found.notes),
            "timings": _timings(folder, _scale(study, scale), clock, time.monotonic() - start, workers),
        }
        write_json(folder / STUDY_JSON, content)
    return content


def _described(study: Study, scale: Scale) -> dict[str, Any]:
    from probes.runs.versions import versions

    return {
        "kind": "study",
        "name": study.name,
        "title": study.title,
        "question": study.question,
        "source": study.source,
        "effect": study.effect,
        "scale": _scale(study, scale),
        "versions": versions(),
    }


def _scale(study: Study, scale: Scale) -> dict[str, Any]:
    own = {"dataset": study.own_data} if study.own_data else {}
    return {**scale.to_dict(), **own}


def _timings(folder: Path, scale: dict[str, Any], clock: _Clock, seconds: float, workers: int) -> dict[str, Any]:
    """Seconds of the whole study, over the calls that it took at this scale."""
    before = 0.0
    if clock.present:
        try:
            kept = read_json(folder / STUDY_JSON)
        except ProbeError:
            kept = {}
        if kept.get("scale") == scale:
            before = float(kept.get("timings", {}).get("seconds", 0.0))
    return {"seconds": before + seconds, "points": clock.points, "carried_out": len(clock.outcomes), "workers": workers}


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Within it, this process alone is at the study."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        lock.acquire(timeout=0)
    except Timeout as error:
        raise RunLockedError(f"{folder} is being worked on by another process.") from error
    except OSError as error:
        raise cannot_write(folder, error) from error
    try:
        yield
    finally:
        lock.release()
