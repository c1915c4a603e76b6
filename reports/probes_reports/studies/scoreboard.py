"""The scoreboard: every claim of every study on one page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from probes_reports.assembly import assemble
from probes_reports.sections.learning import Hero
from probes_reports.sections.provenance import Entry, Provenance
from probes_reports.sections.section import Block, Chooser, Section
from probes_reports.studies.answer import board_answer, board_lede, board_tiles, tally
from probes_reports.studies.claims import ClaimLine, claim_lines
from probes_reports.studies.provenance import link
from probes_reports.studies.view import OPEN, VERDICTS, BoardStudy, BoardView
from probes_reports.wording import count

__all__ = ["BoardLine", "render"]

TITLE = 26  # characters in the navigation


@dataclass(frozen=True)
class BoardLine:
    """A study as the template shows it; `page` is "" where there is none to link."""

    key: str
    study: BoardStudy
    lines: tuple[ClaimLine, ...]
    held: str
    page: str


def render(folder: Path, target: Path, *, paths: bool = True) -> str:
    """Return the whole page as HTML.

    Args:
        folder: that holds scoreboard.json.
        target: where the page will be: links lead from there.
        paths: name files and folders.

    Raises:
        RunNotFoundError: there is no scoreboard, or its file cannot be read.
    """
    view = BoardView(folder, paths=paths)
    lines = [_line(place, study, folder, target) for place, study in enumerate(view.studies, 1)]
    sections = [*(_section(line) for line in lines), _provenance(view)]
    return assemble("Scoreboard: which claims were reproduced?", "scoreboard", _hero(view, lines), sections)


def _line(place: int, study: BoardStudy, folder: Path, target: Path) -> BoardLine:
    key = f"study-{place}"
    held = tally(study.claims)[VERDICTS[0]]
    told = f"{count(held)} of {count(len(study.claims))}" if study.claims else _without_claims(study)
    page = link(folder / study.page, target) if study.page else ""
    return BoardLine(key, study, claim_lines(study.claims, key), told, page)


def _without_claims(study: BoardStudy) -> str:
    return "failed" if study.failed else "not run" if study.never_run else "no claim"


def _section(line: BoardLine) -> Section:
    title = line.study.title
    return Section(
        key=line.key,
        title=title if len(title) <= TITLE else title[: TITLE - 1] + "…",
        question=line.study.question,
        answer=(),
        parts=(Block("study_board.html.j2", line),),
    )


def _hero(view: BoardView, lines: list[BoardLine]) -> Hero:
    claims = "claim" if len(view.claims) == 1 else "claims"
    return Hero(
        facts=("Scoreboard", f"{count(len(view.studies))} studies", f"{count(len(view.claims))} {claims}"),
        lede=board_lede(view),
        tiles=board_tiles(view),
        section=Section(
            key="overview",
            title="Overview",
            question="Which published claims hold when they are measured again?",
            answer=board_answer(view),
            parts=(Block("study_overview.html.j2", lines), _filter(view)),
        ),
    )


def _filter(view: BoardView) -> Chooser:
    """What is shown below; the style sheet does the work."""
    counts = tally(view.claims)
    failed = sum(bool(study.error) for study in view.studies)
    left = any(study.never_run for study in view.studies)
    return Chooser(
        "verdict",
        "Show",
        (
            ("all", "everything"),
            ("reproduced", f"reproduced ({count(counts[VERDICTS[0]])})"),
            ("not", f"not reproduced ({count(counts[VERDICTS[1]])})"),
            ("open", f"inconclusive ({count(counts[OPEN])})"),
            ("failed", f"failed{' or not run' if left else ' studies'} ({count(failed)})"),
        ),
    )


def _provenance(view: BoardView) -> Section:
    entries = (
        Entry("Made by", "probe study all; each study has a page of its own with its figures, limits and runs"),
        Entry(
            "Verdicts",
            "reproduced: the 95 % interval of the mean lies within the bound, or every value does where the rule says "
            "so; not reproduced: it lies outside; inconclusive: it crosses the bound, or there are fewer than three "
            "values",
        ),
        Entry("This file holds", "the numbers of scoreboard.json, no requests to anywhere"),
    )
    return Section(
        key="provenance",
        title="How this was made",
        question="How this was made",
        answer=(),
        parts=(Block("provenance.html.j2", Provenance(entries, "")),),
    )
