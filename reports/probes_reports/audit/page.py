"""The page of an audit."""

from __future__ import annotations

from pathlib import Path

from probes_reports.assembly import assemble
from probes_reports.audit import by_class, provenance, review, trust
from probes_reports.audit.answer import answer, lede, tiles
from probes_reports.audit.histogram import histogram
from probes_reports.audit.view import AuditView
from probes_reports.sections.learning import Hero
from probes_reports.sections.section import Block, Plot, Section
from probes_reports.wording import count, percent, prose

__all__ = ["render"]


def render(folder: Path, *, images: bool = True, paths: bool = True) -> str:
    """Return the whole page as HTML.

    Args:
        folder: of an audit.
        images: embed thumbnails.
        paths: name files, folders and the command.

    Raises:
        RunNotFoundError: there is no audit, or a file of it cannot be read.
    """
    view = AuditView(folder, images=images, paths=paths)
    cards = review.build(view)
    held = next(part.data for part in cards.all_parts() if isinstance(part, Block))
    sections = [
        cards,
        by_class.build(view),
        trust.build(view),
        provenance.build(view, cards=len(held.cards), pictures=len(held.pictures)),
    ]
    stem = folder.resolve().name if paths else "audit"
    return assemble(f"{view.name}: which labels look wrong?", stem, _hero(view), sections)


def _hero(view: AuditView) -> Hero:
    model = view.meta.get("model") or {}
    facts = (
        view.name,
        str(model.get("name") or ""),
        f"{count(view.size)} examples",
        f"{count(len(view.classes))} classes",
    )
    warned = (Block("audit_warnings.html.j2", (view.warnings, view.notes)),) if view.warnings or view.notes else ()
    return Hero(
        facts=tuple(fact for fact in facts if fact),
        lede=lede(view),
        tiles=tiles(view),
        section=Section(
            key="answer",
            title="Answer",
            question="How many labels look wrong?",
            answer=answer(view),
            parts=(*warned, _plot(view)),
            caption=prose(
                "All examples by the probability that their label is right; left of the dotted line they are flagged."
            ),
        ),
    )


def _plot(view: AuditView) -> Plot:
    share = view.flagged / view.size if view.size else 0.0
    return Plot(
        key="label-scores",
        wide=histogram(view.scores, view.cutoff),
        narrow=histogram(view.scores, view.cutoff, narrow=True),
        alt=f"Histogram of the probability that labels are right: {percent(share)} of them are below the cut-off.",
    )
