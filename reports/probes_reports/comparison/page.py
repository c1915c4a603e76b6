"""The page that sets several runs side by side."""

from __future__ import annotations

from collections.abc import Sequence

from probes.runs.run import open_run
from probes_reports.assembly import assemble
from probes_reports.comparison import curves, examples, groups, options, provenance
from probes_reports.comparison.answer import answer, joined, lede, tiles
from probes_reports.comparison.compared import Compared
from probes_reports.comparison.differences import Difference, differences
from probes_reports.comparison.headline import headline
from probes_reports.comparison.pairing import Pairing, pair
from probes_reports.sections.learning import Hero
from probes_reports.sections.section import Block, Section
from probes_reports.view import RunView
from probes_reports.wording import count

__all__ = ["render"]


def render(runs: Sequence[Compared], *, stem: str, images: bool = True, paths: bool = True) -> str:
    """Return the whole page as HTML.

    Args:
        runs: two or more.
        stem: names start with it where the page lets its data be saved.
        images: embed thumbnails of the examples that moved most.
        paths: name files and folders.
    """
    told, pairing = differences(runs, paths=paths), pair(runs)
    pictures = RunView(open_run(runs[0].path)) if images and len(runs) == 2 and pairing.size else None
    moved = examples.build(runs, pairing, pictures)
    shown = isinstance(moved, Section) and _has_pictures(moved)
    sections = [
        options.build(runs, told),
        curves.build(runs),
        groups.build(runs, pairing),
        moved,
        provenance.build(runs, pairing, paths=paths, images=shown),
    ]
    return assemble(_title(runs), stem, _hero(runs, told, pairing), sections)


def _title(runs: Sequence[Compared]) -> str:
    names = [run.name or run.letter for run in runs]
    return f"{joined(names)} compared" if len(runs) <= 3 else f"{count(len(runs))} runs compared"


def _hero(runs: Sequence[Compared], told: Sequence[Difference], pairing: Pairing) -> Hero:
    two = len(runs) == 2
    return Hero(
        facts=(f"{count(len(runs))} runs side by side", *_facts(runs)),
        lede=lede(runs, told, pairing),
        tiles=tiles(runs),
        section=Section(
            key="runs",
            title="Runs",
            question=f"What changed from {runs[0].letter} to {runs[1].letter}?"
            if two
            else "How do these runs compare?",
            answer=answer(runs),
            parts=(Block("comparison_runs.html.j2", headline(runs, told)),),
        ),
    )


def _facts(runs: Sequence[Compared]) -> tuple[str, ...]:
    """Data and model where all have the same, then the names of the runs."""
    same = (
        next(iter(values))
        for values in ({run.dataset for run in runs}, {run.model for run in runs})
        if len(values) == 1
    )
    names = [f"{run.letter} {run.name}".strip() for run in runs]
    return (*(fact for fact in same if fact), *(names if len(runs) <= 3 and all(run.name for run in runs) else ()))


def _has_pictures(section: Section) -> bool:
    blocks = [part for part in section.all_parts() if isinstance(part, Block)]
    return any(card.image for block in blocks for card in block.data.cards)
