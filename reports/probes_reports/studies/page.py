"""The page of a study."""

from __future__ import annotations

from pathlib import Path

from probes_reports.assembly import assemble
from probes_reports.sections.learning import Hero
from probes_reports.sections.section import Block, Part, Section
from probes_reports.studies.answer import answer, lede, warnings
from probes_reports.studies.charts import build_charts
from probes_reports.studies.claims import claim_lines
from probes_reports.studies.provenance import failures, limits, provenance
from probes_reports.studies.view import StudyView, duration, known, size_of

__all__ = ["render"]


def render(folder: Path, target: Path, *, images: bool = True, paths: bool = True) -> str:
    """Return the whole page as HTML.

    Args:
        folder: of a study.
        target: where the page will be: links lead from there.
        images: embed pictures.
        paths: name files and folders.

    Raises:
        RunNotFoundError: there is no study, or its file cannot be read.
    """
    view = StudyView(folder, images=images, paths=paths)
    failed = [failures(view)] if view.failed else []
    sections = [*build_charts(view), *failed, limits(view), provenance(view, target)]
    return assemble(f"{view.title}: what was reproduced", view.name, _hero(view), sections)


def _hero(view: StudyView) -> Hero:
    took = duration(known(view.timings.get("seconds")))
    paper = view.source.partition(", http")[0]
    facts = (view.title, paper, *size_of(view.scale, view.paths), took)
    told = warnings(view)
    parts: list[Part] = [Block("audit_warnings.html.j2", (told, []))] if told else []
    if view.claims:
        parts.append(Block("study_claims.html.j2", claim_lines(view.claims, "claim")))
    return Hero(
        facts=tuple(fact for fact in facts if fact),
        lede=lede(view),
        tiles=(),
        section=Section(key="claims", title="Claims", question=view.question, answer=answer(view), parts=tuple(parts)),
    )
