"""In which classes are the flags?"""

from __future__ import annotations

from typing import Any

from probes_reports.audit.view import AuditView
from probes_reports.sections.section import Absent, Cell, Column, Data, Section, Table
from probes_reports.wording import count, muted, noisy, part_of, percent, prose

__all__ = ["build"]

MOST = 40  # rows
FEW = 10  # flags below which nothing is said about where they are
HELD, LARGER = 0.5, 1.5  # a class that holds more of the flags, and so much more than its part of the examples
COLUMNS = (
    Column("given label"),
    Column("examples", "right", keep_narrow=False),
    Column("flagged", "right"),
    Column("of its examples", "right"),
    Column("of all flags", "right", keep_narrow=False),
    Column("estimated wrong", "right", keep_narrow=False),
    Column("mostly look like", "left"),
)


def build(view: AuditView) -> Section | Absent:
    """A table: the classes with most flags first."""
    question = "In which classes are they?"
    rows = sorted(view.by_class, key=lambda row: (-row["flagged"], -row["expected_errors"]))
    if not rows:
        return Absent("classes", "By class", question, prose("This audit does not say."))
    shown = rows[:MOST]
    most = rows[0]
    rest = f" {count(len(rows) - MOST)} classes with fewer are in the data below." if len(rows) > MOST else ""
    return Section(
        key="classes",
        title="By class",
        question=question,
        answer=_answer(view, most),
        parts=(
            Table(COLUMNS, tuple(_row(row) for row in shown), "Flags by class of given labels."),
            Data("classes", _columns(rows)),
        ),
        caption=prose(
            "Examples by the label they were given. The estimate adds up, over all of a class, the probability that "
            f"the label is wrong; flags count those that are more likely wrong than right.{rest}"
        ),
    )


def _answer(view: AuditView, most: dict[str, Any]) -> Any:
    if not view.flagged:
        return prose("Nowhere: no example is flagged.")
    name = _name(most)
    part = f"{count(most['flagged'])} of the {count(view.flagged)}"
    size = most["examples"] / max(view.size, 1)
    held = most["share_of_flags"] > HELD and most["share_of_flags"] >= LARGER * size and view.flagged >= FEW
    if held:
        return prose(
            noisy(f"Most are in one class: {name} holds {part} flags. "),
            muted(
                "Either its labels are bad as a whole, or the network does not learn it: a hard class is not a wrong "
                "one. Look at some before you exclude them."
            ),
        )
    several = sum(row["flagged"] > 0 for row in view.by_class)
    return prose(
        f"Flags are in {part_of(several, len(view.by_class))} classes. ",
        muted(f"The most, {part}, are of examples given {name}."),
    )


def _row(row: dict[str, Any]) -> tuple[Cell, ...]:
    looks = "" if row["looks_like"] is None else f"{_cut(row['looks_like'])} ({count(row['looks_like_count'])})"
    texts = (
        _name(row),
        count(row["examples"]),
        count(row["flagged"]),
        percent(row["flagged_share"]),
        percent(row["share_of_flags"]),
        f"{row['expected_errors']:,.1f}",
        looks,
    )
    return tuple(Cell(prose(text)) for text in texts)


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = ("label", "class", "examples", "flagged", "expected_errors", "looks_like", "looks_like_count")
    return {name: [row[name] for row in rows] for name in names}


def _name(row: dict[str, Any]) -> str:
    return _cut(row["class"])


def _cut(name: object) -> str:
    text = str(name)
    return text if len(text) <= 60 else text[:59] + "…"
