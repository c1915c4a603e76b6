"""What changed for whom, in a sentence or two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from probes_reports.comparison.change import Change, points
from probes_reports.comparison.compared import Compared
from probes_reports.wording import Prose, count, muted, prose

if TYPE_CHECKING:
    from probes_reports.comparison.groups import GroupRow

__all__ = ["MOMENTS", "answer"]

MOMENTS = {"best": "At the best validation accuracy", "end": "In the end"}
_Found = tuple[Change, "GroupRow", Compared, str]  # a change, whose it is, in which run and at which moment


def answer(runs: Sequence[Compared], moments: Mapping[str, Sequence[GroupRow]]) -> Prose:
    """What changed for most examples, then the largest change of a training group that tells, at either moment."""
    found = [
        (change, row, runs[at], name)
        for name, rows in moments.items()
        for row in rows
        for at, change in enumerate(row.changes)
        if change is not None and row.role not in ("test", "validation")
    ]
    if not found:
        return prose("No group of training examples can be compared.", muted(" What can be is below."))
    telling = [entry for entry in found if entry[0].tells]
    if not telling:
        return prose(
            "No group of training examples was answered clearly otherwise.",
            muted(" Every change lies within two standard errors."),
        )
    change, row, run, name = max(telling, key=lambda entry: abs(entry[0].difference))
    widest = max(abs(entry[0].difference) for entry in found)
    beyond = " beyond two standard errors" if widest > abs(change.difference) else ""
    first, *rest = row.label
    largest = (
        f"The largest change of a training group{beyond} is {_lower(MOMENTS[name])}: {first}, answered "
        f"{' '.join(rest)} {_by(change, run, runs[0])}."
    )
    whole = _of_most(found)
    if _most(row) == _most(whole[1]):
        return prose(largest, muted(_counted(row)))
    return prose(_whole_answer(whole, runs[0]), muted(f" {largest}{_counted(row)}"))


def _most(row: GroupRow) -> int:
    """Examples of a group in the run where it has most; 0 where unknown."""
    return max((size or 0 for size in row.sizes), default=0)


def _of_most(found: Sequence[_Found]) -> _Found:
    """Of the training group that holds most examples, the largest change in the end, or where that is unknown."""
    most = max(_most(entry[1]) for entry in found)
    held = [entry for entry in found if _most(entry[1]) == most]
    return max(held, key=lambda entry: (entry[3] == "end", abs(entry[0].difference)))


def _whole_answer(whole: _Found, first_run: Compared) -> str:
    change, row, run, name = whole
    first, *rest = row.label
    told = _by(change, run, first_run) if change.tells else f"about as often in {run.letter} as in {first_run.letter}"
    return f"{MOMENTS[name]} the largest training group, {first}, was answered {' '.join(rest)} {told}."


def _by(change: Change, run: Compared, first_run: Compared) -> str:
    verb = "more often" if change.difference > 0 else "less often"
    by = points(abs(change.difference)).lstrip("+")
    return f"{verb} in {run.letter} than in {first_run.letter}, by {by} points"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _counted(row: GroupRow) -> str:
    if not row.paired:
        return " These are not the same examples in each."
    size = row.sizes[0] or 0
    return f" Counted over the {count(size)} such examples." if size > 1 else " It is a single example."
