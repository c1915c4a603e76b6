"""Limits, what failed, and how it was made."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from probes_reports.sections.provenance import Entry, Provenance
from probes_reports.sections.section import Block, Cell, Column, Section, Table
from probes_reports.studies.view import StudyView, duration, known, size_of
from probes_reports.wording import count, muted, prose

__all__ = ["Runs", "failures", "limits", "link", "provenance"]

RULES = (
    "A verdict is inconclusive with fewer than three values, and where the interval crosses the bound; a small study "
    "at one size speaks of that size."
)


@dataclass(frozen=True)
class Runs:
    """The runs behind a study: name and link, "" where files are not to be named."""

    entries: tuple[tuple[str, str], ...]


def limits(view: StudyView) -> Section:
    """What keeps this from being the paper's experiment."""
    return Section(
        key="limits",
        title="Limits",
        question="What limits this?",
        answer=(),
        parts=(Block("study_notes.html.j2", (*view.notes, RULES)),),
    )


def failures(view: StudyView) -> Section:
    """Which points failed, and why."""
    rows = tuple((Cell(prose(point)), Cell(prose(error))) for point, error in view.failed)
    return Section(
        key="failed",
        title="What failed",
        question="What failed?",
        answer=prose(
            f"{count(len(view.failed))} of {count(view.points)} {'point' if view.points == 1 else 'points'}.",
            muted(" The same command tries them again, and nothing else."),
        ),
        parts=(Table((Column("point"), Column("reason")), rows, "Points that failed, and why."),),
    )


def provenance(view: StudyView, target: Path) -> Section:
    """The footer; links lead from the page's own folder to those of the runs."""
    entries = (
        Entry("Paper", view.source),
        Entry("Size", ", ".join(size_of(view.scale, view.paths))),
        Entry("Work", _work(view)),
        Entry("Versions", ", ".join(f"{name} {version}" for name, version in view.versions.items())),
        Entry("SHA-256 of study.json", view.sha256),
        Entry("This file holds", "the numbers of study.json, no requests to anywhere"),
    )
    parts = [Block("provenance.html.j2", Provenance(tuple(entry for entry in entries if entry.value), ""))]
    if view.runs and view.paths:
        named = tuple((run, link(view.path / run, target)) for run in view.runs)
        parts.append(Block("study_runs.html.j2", Runs(named)))
    return Section(
        key="provenance",
        title="How this was made",
        question="How this was made",
        answer=(),
        parts=tuple(parts),
    )


def link(path: Path, target: Path) -> str:
    """A relative address that leads from the page at `target` to a file or folder."""
    relative = os.path.relpath(path.absolute(), target.absolute().parent).replace(os.sep, "/")
    return "./" + quote(relative, errors="surrogateescape")


def _work(view: StudyView) -> str:
    carried, workers = (known(view.timings.get(name)) for name in ("carried_out", "workers"))
    facts = (
        f"{count(view.points)} points" if view.points != 1 else "1 point",
        f"{count(int(carried))} of them in the last call" if carried is not None else "",
        f"{count(int(workers))} {'worker' if workers == 1 else 'workers'}" if workers is not None else "",
        duration(known(view.timings.get("seconds"))),
    )
    return ", ".join(fact for fact in facts if fact)
