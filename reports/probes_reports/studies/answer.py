"""What became of the claims, in a sentence: the h1 of a study and of the scoreboard."""

from __future__ import annotations

from collections.abc import Sequence

from probes_reports.sections.learning_words import Tile
from probes_reports.studies.view import OPEN, VERDICTS, BoardView, ClaimView, StudyView, duration, known, size_of
from probes_reports.wording import Clause, Prose, count, muted, noisy, prose, strong, true

__all__ = ["answer", "board_answer", "board_lede", "board_tiles", "lede", "tally", "warnings"]

MOST_NAMED = 3  # claims of a kind that the answer names
FEWEST = 3  # seeds that a verdict needs


def tally(claims: Sequence[ClaimView]) -> dict[str, int]:
    """How often each verdict was given."""
    given = [claim.verdict for claim in claims]
    return {verdict: given.count(verdict) for verdict in VERDICTS}


def answer(view: StudyView) -> Prose:
    """How many claims were reproduced, and which were not."""
    return (*_counted(view.claims), *_named(view.claims))


def lede(view: StudyView) -> Prose:
    """What the paper saw, and how it was measured again."""
    size = ", ".join(size_of(view.scale, view.paths))
    took = duration(known(view.timings.get("seconds")))
    return prose(
        strong("In the paper: "),
        view.effect,
        strong(" Here: "),
        f"{size}; {_work(view)}{f' in {took}' if took else ''}. "
        "Verdicts are computed over the seeds, by the rule that each claim names.",
    )


def _work(view: StudyView) -> str:
    """What was done, such as "9 runs and 1 computation"."""
    kinds = ((len(view.runs), "run"), (view.points - len(view.runs), "computation"))
    return " and ".join(f"{count(number)} {name}{'s' if number > 1 else ''}" for number, name in kinds if number > 0)


def warnings(view: StudyView) -> list[str]:
    """What a reader must know before the verdicts."""
    told = []
    if view.failed:
        points = "point" if view.points == 1 else "points"
        told.append(f"{count(len(view.failed))} of {count(view.points)} {points} failed: what needs them is missing.")
    seeds = len(view.scale.get("seeds") or [])
    if seeds < FEWEST:
        told.append(f"A verdict needs {FEWEST} seeds; with {count(seeds)} the claims stay {OPEN}.")
    return told


def board_answer(view: BoardView) -> Prose:
    """How many of all claims were reproduced."""
    failed, left = _failed(view), _never_run(view)
    many = "study" if failed == 1 else "studies"
    end = f" {count(failed)} {many} could not be carried out." if failed else ""
    end += f" {count(left)} {'has' if left == 1 else 'have'} not been run yet." if left else ""
    return (*_counted(view.claims), *prose(muted(end) if end else ""))


def _failed(view: BoardView) -> int:
    return sum(study.failed for study in view.studies)


def _never_run(view: BoardView) -> int:
    return sum(study.never_run for study in view.studies)


def board_lede(view: BoardView) -> Prose:
    """What the scoreboard shows."""
    many = "study" if len(view.studies) == 1 else "studies"
    return prose(
        f"{count(len(view.studies))} {many}. Each claim is a statement of a paper, or a check where it gives none, "
        "measured over the seeds of its study at a size that two cores finish in minutes. Its verdict is computed from "
        "a rule, whose bounds are drawn beside it, and nothing is left out because it failed.",
    )


def board_tiles(view: BoardView) -> tuple[Tile, ...]:
    """The counts."""
    counts, whole = tally(view.claims), len(view.claims)
    left = _never_run(view)
    studies = f"studies; {count(left)} not run yet" if left else "studies"
    return (
        Tile("reproduced", prose(count(counts[VERDICTS[0]]), muted(f" of {count(whole)}")), "claims", "true"),
        Tile("not reproduced", prose(count(counts[VERDICTS[1]])), "claims", "noisy"),
        Tile("inconclusive", prose(count(counts[OPEN])), "claims: the interval crosses a bound, or too few values"),
        Tile("failed", prose(count(_failed(view)), muted(f" of {count(len(view.studies))}")), studies),
    )


def _counted(claims: Sequence[ClaimView]) -> Prose:
    counts, whole = tally(claims), len(claims)
    held, missed, unsure = (counts[verdict] for verdict in VERDICTS)
    if not whole:
        return prose("No claim could be judged.")
    if held == whole:
        return prose(true("The claim was reproduced." if whole == 1 else f"All {count(whole)} claims were reproduced."))
    if missed == whole:
        alone = "The claim was not reproduced."
        return prose(noisy(alone if whole == 1 else f"None of the {count(whole)} claims was reproduced."))
    pieces: list[Clause] = []
    of = f" of {count(whole)} claim{'s' if whole > 1 else ''}"
    for number, (one, many), tone in (
        (held, ("was reproduced", "were reproduced"), true),
        (missed, ("was not reproduced", "were not reproduced"), noisy),
        (unsure, ("is inconclusive", "are inconclusive"), strong),
    ):
        if number:
            pieces.append(tone(f"{count(number)}{of if not pieces else ''}\u00a0{one if number == 1 else many}"))
    joined = [part for piece in pieces for part in (", ", piece)][1:]
    return prose(*joined, ".")


def _named(claims: Sequence[ClaimView]) -> Prose:
    """Which claims were not reproduced."""
    told = []
    for verdict in VERDICTS[1:]:
        named = [claim.statement.rstrip(". ") for claim in claims if claim.verdict == verdict]
        if named:
            more = f" and {count(len(named) - MOST_NAMED)} more" if len(named) > MOST_NAMED else ""
            told.append(f"{verdict.capitalize()}: {'; '.join(f'“{text}”' for text in named[:MOST_NAMED])}{more}.")
    return prose(muted(" " + " ".join(told))) if told else ()
