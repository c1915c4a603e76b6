"""What changed for whom? Shares of each group at the best validation accuracy and in the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from probes_reports.comparison.change import Change, paired_change, points, unpaired_change
from probes_reports.comparison.compared import Compared, Moment
from probes_reports.comparison.group_words import MOMENTS, answer
from probes_reports.comparison.kinds import all_kinds, kinds_alone, shared_kinds
from probes_reports.comparison.pairing import Pairing
from probes_reports.figures.compared_curves import Role
from probes_reports.figures.compared_groups import GroupShares, compared_groups
from probes_reports.sections.section import (
    Absent,
    Cell,
    Column,
    Columns,
    Data,
    Heading,
    Part,
    Plot,
    Section,
    Table,
)
from probes_reports.wording import (
    LABELS,
    Clause,
    Prose,
    clean,
    count,
    muted,
    noisy,
    percent,
    prose,
    strong,
    true,
    wide_only,
)

__all__ = ["GroupRow", "build", "group_rows"]

QUESTION, TITLE = "What changed for whom?", "Change per group"
TONES = {"clean": clean, "noisy": noisy, "true": true}
WITH_ERRORS = 4  # runs beyond which a table has no room for standard errors; they are in its CSV


@dataclass(frozen=True)
class GroupRow:
    """A group at one moment.

    Attributes:
        key: names it in data: "test", "clean", ...
        role: gives the colour.
        label: its name in a line or two.
        sizes: examples in each run, None where unknown; equal where paired.
        shares: in each run, None where unknown.
        changes: from the first run to each; None where a share is unknown, and for the first.
        paired: whether the same examples are compared.
    """

    key: str
    role: Role
    label: tuple[str, ...]
    sizes: tuple[int | None, ...]
    shares: tuple[float | None, ...]
    changes: tuple[Change | None, ...]
    paired: bool


@dataclass(frozen=True)
class _Group:
    """Shared examples that are compared: members bool (S,), and which label they are to be answered with."""

    key: str
    role: Role
    label: tuple[str, ...]
    members: np.ndarray
    answers: str  # "as_given" or "as_true"


def build(runs: Sequence[Compared], pairing: Pairing) -> Section | Absent:
    """A figure and a table for each moment."""
    moments = {name: group_rows(runs, pairing, name) for name in MOMENTS}
    moments = {name: rows for name, rows in moments.items() if rows}
    if not moments:
        return Absent("groups", TITLE, QUESTION, prose("No epoch of two of the runs can be compared yet."))
    pictures = tuple(_picture(runs, name, rows) for name, rows in moments.items())
    tables = tuple(_table(runs, name, rows) for name, rows in moments.items())
    two = len(runs) == 2
    parts: tuple[Part, ...] = (
        (Columns(tuple(picture + table for picture, table in zip(pictures, tables, strict=True))),)
        if two
        else (
            Columns(pictures),
            *(
                part
                for name, table in zip(moments, tables, strict=True)
                for part in (_heading(name, " all runs"), *table)
            ),
        )
    )
    return Section(
        key="groups",
        title=TITLE,
        question=QUESTION,
        answer=answer(runs, moments),
        parts=parts,
        caption=_caption(runs, pairing, moments),
        how_to_read=_how_to_read(pairing),
    )


def group_rows(runs: Sequence[Compared], pairing: Pairing, moment: str) -> list[GroupRow]:
    """Every group with a share in two runs or more.

    Args:
        runs: two or more.
        pairing: the examples that they share.
        moment: "end" or "best", of each run.
    """
    at = [getattr(run, moment) for run in runs]
    rows = [_new_examples(runs, at, name) for name in ("test", "validation")]
    if pairing.size:
        rows += [_paired(group, at, pairing) for group in _shared_groups(runs, pairing)]
    else:
        rows += [_whole(runs, at, role) for role in _whole_roles(runs)]
        rows += [_whole_kind(runs, at, kind, role) for kind, role in all_kinds(runs).items()]
    return [row for row in rows if sum(share is not None for share in row.shares) > 1]


def _new_examples(runs: Sequence[Compared], at: Sequence[Moment | None], name: Role) -> GroupRow:
    sizes = tuple(run.sizes.get(name) for run in runs)
    shares = tuple(None if moment is None else moment.shares.get(name) for moment in at)
    return GroupRow(name, name, (f"{name} set",), sizes, shares, _unpaired_changes(shares, sizes), paired=False)


def _whole_roles(runs: Sequence[Compared]) -> list[Role]:
    roles: list[Role] = ["clean", "noisy"]
    roles += ["true"] if all(run.words is LABELS for run in runs) else []
    return [*roles, "all"] if any(run.examples.noisy is None for run in runs) else roles


def _whole(runs: Sequence[Compared], at: Sequence[Moment | None], role: Role) -> GroupRow:
    """A group of each run's own, where examples cannot be paired."""
    noun = _noun(runs)
    labels: dict[str, tuple[str, ...]] = {
        "clean": ("clean", "as labelled"),
        "noisy": (noun, "as labelled"),
        "true": (noun, "with the true label"),
        "all": ("training examples", "as labelled"),
    }
    sizes = tuple(_size(run, role) for run in runs)
    shares = tuple(None if moment is None else moment.shares.get(role) for moment in at)
    return GroupRow(role, role, labels[role], sizes, shares, _unpaired_changes(shares, sizes), paired=False)


def _whole_kind(runs: Sequence[Compared], at: Sequence[Moment | None], kind: str, role: Role) -> GroupRow:
    """A kind of each run's own."""
    members = [run.examples.kinds.get(kind) for run in runs]
    answers = [
        None if moment is None or held is None else moment.as_given[held & (moment.as_given >= 0)]
        for moment, held in zip(at, members, strict=True)
    ]
    shares = tuple(float(held.mean()) if held is not None and len(held) else None for held in answers)
    sizes = tuple(None if held is None else int(held.sum()) for held in members)
    changes = _unpaired_changes(shares, sizes)
    return GroupRow(kind, role, (kind, "as labelled"), sizes, shares, changes, paired=False)


def _size(run: Compared, role: Role) -> int | None:
    if role == "all":
        return run.num_examples
    members = run.examples.clean if role == "clean" else run.examples.noisy
    return None if members is None else int(members.sum())


def _shared_groups(runs: Sequence[Compared], pairing: Pairing) -> list[_Group]:
    """Clean in every run, noisy in every run, and of two runs those that are noisy in one of them."""
    both = "both" if len(runs) == 2 else "every run"
    everyone = np.ones(pairing.size, dtype=bool)
    groups = []
    if all(run.examples.noisy is not None for run in runs):
        noisy_in = [_members(run.examples.noisy, place) for run, place in zip(runs, pairing.positions, strict=True)]
        clean_in = [_members(run.examples.clean, place) for run, place in zip(runs, pairing.positions, strict=True)]
        one, labels = _noun_one(runs), all(run.words is LABELS for run in runs)
        all_clean, all_noisy = np.all(clean_in, axis=0), np.all(noisy_in, axis=0)
        groups += [
            _Group("clean", "clean", (f"clean in {both}", "as labelled"), all_clean, "as_given"),
            _Group("noisy", "noisy", (f"{one} in {both}", "as labelled"), all_noisy, "as_given"),
        ]
        if labels:
            groups.append(_Group("true", "true", (f"{one} in {both}", "with the true label"), all_noisy, "as_true"))
        if len(runs) == 2:
            answers, how = ("as_true", "with the true label") if labels else ("as_given", "as labelled")
            groups += [
                _Group(
                    f"{one.split()[0]}_in_{runs[at].letter}",
                    "true" if labels else "noisy",
                    (f"{one} in {runs[at].letter} only", how),
                    noisy_in[at] & clean_in[1 - at],
                    answers,
                )
                for at in (0, 1)
            ]
        groups += [
            _Group(
                f"{held.kind} {held.where}",
                held.role,
                (f"{held.kind} {held.where}", "as labelled"),
                held.members,
                "as_given",
            )
            for held in shared_kinds(runs, pairing.positions)
        ]
    else:
        groups.append(_Group("all", "all", ("training examples", "as labelled"), everyone, "as_given"))
    return [group for group in groups if group.members.any()]


def _members(mask: np.ndarray | None, place: np.ndarray) -> np.ndarray:
    return np.zeros(len(place), dtype=bool) if mask is None else mask[place]


def _paired(group: _Group, at: Sequence[Moment | None], pairing: Pairing) -> GroupRow:
    """The group over the examples that each of the runs has an answer of."""
    answers = [
        None if moment is None else getattr(moment, group.answers)[place]
        for moment, place in zip(at, pairing.positions, strict=True)
    ]
    answers = [None if held is None or not (held[group.members] >= 0).any() else held for held in answers]
    known = group.members & np.all([held >= 0 for held in answers if held is not None] or [group.members], axis=0)
    size = int(known.sum())
    values = [None if held is None or not size else held[known] for held in answers]
    first = values[0]
    changes = [None if first is None or held is None else paired_change(first, held) for held in values[1:]]
    return GroupRow(
        key=group.key,
        role=group.role,
        label=group.label,
        sizes=tuple(size for _ in at),
        shares=tuple(None if held is None else float(held.mean()) for held in values),
        changes=(None, *changes),
        paired=True,
    )


def _unpaired_changes(shares: Sequence[float | None], sizes: Sequence[int | None]) -> tuple[Change | None, ...]:
    first = shares[0]
    return (
        None,
        *(
            None if first is None or share is None else unpaired_change(first, share, (sizes[0], size))
            for share, size in zip(shares[1:], sizes[1:], strict=True)
        ),
    )


def _noun(runs: Sequence[Compared]) -> str:
    return runs[0].words.noisy if all(run.words is runs[0].words for run in runs) else "noisy examples"


def _noun_one(runs: Sequence[Compared]) -> str:
    return {"wrong labels": "wrong label", "replaced inputs": "replaced input"}.get(_noun(runs), "noisy")


def _heading(name: str, rest: str = "") -> Heading:
    return Heading(prose(MOMENTS[name], muted(rest)))


def _picture(runs: Sequence[Compared], name: str, rows: Sequence[GroupRow]) -> tuple[Part, ...]:
    shown = [GroupShares(row.role, row.label, row.shares) for row in rows]
    letters = [run.letter for run in runs]
    epochs = [getattr(run, name) for run in runs]
    when = ", ".join(
        f"{run.letter} epoch {count(at.epoch)}" for run, at in zip(runs, epochs, strict=True) if at is not None
    )
    plot = Plot(
        key=f"groups-{name}",
        wide=compared_groups(shown, letters),
        narrow=compared_groups(shown, letters, narrow=True),
        alt=f"{MOMENTS[name]}: share of each group in every run.",
        narrow_below=400,
    )
    return (_heading(name, f" {when}" if len(runs) <= 4 else ""), plot)


def _table(runs: Sequence[Compared], name: str, rows: Sequence[GroupRow]) -> tuple[Part, ...]:
    two = len(runs) == 2
    change = (Column(f"{runs[0].letter} → {runs[1].letter}", "right"),) if two else ()
    table = Table(
        columns=(
            Column("group"),
            Column("examples", "right", keep_narrow=False),
            *(Column(run.letter, "right") for run in runs),
            *change,
        ),
        rows=tuple(_row(row, two=two) for row in rows),
        alt=f"{MOMENTS[name]}: share of each group in every run and its change.",
    )
    columns: dict[str, list[object]] = {"group": [row.key for row in rows]}
    for at, run in enumerate(runs):
        columns[f"examples_{run.letter}"] = [row.sizes[at] for row in rows]
        columns[f"share_{run.letter}"] = [row.shares[at] for row in rows]
        if at:
            columns[f"change_{run.letter}"] = [_field(row.changes[at], "difference") for row in rows]
            columns[f"error_{run.letter}"] = [_field(row.changes[at], "error") for row in rows]
    return (table, Data(f"groups-table-{name}", columns, data_title=MOMENTS[name].lower()))


def _field(change: Change | None, name: str) -> float | None:
    value = None if change is None else float(getattr(change, name))
    return None if value is None or np.isnan(value) else value


def _row(row: GroupRow, *, two: bool) -> tuple[Cell, ...]:
    sizes = list(dict.fromkeys("?" if size is None else count(size) for size in row.sizes))
    values = [
        Cell(
            prose(
                "unknown" if share is None else percent(share),
                *(() if two else _small(change, errors=len(row.shares) <= WITH_ERRORS)),
            )
        )
        for share, change in zip(row.shares, row.changes, strict=True)
    ]
    cells = (Cell(_label(row)), Cell(prose(" / ".join(sizes))), *values)
    return (*cells, Cell(_change(row.changes[1]))) if two else cells


def _label(row: GroupRow) -> Prose:
    first, *rest = row.label
    tone = TONES.get(row.role, strong)
    return prose(tone(first), muted(f", {' '.join(rest)}" if rest else ""))


def _small(change: Change | None, *, errors: bool) -> tuple[Clause, ...]:
    if change is None:
        return ()
    told = muted(f" {points(change.difference)}")
    return (told, wide_only(_error(change))) if errors else (told,)


def _change(change: Change | None) -> Prose:
    if change is None:
        return prose("unknown")
    told = points(change.difference)
    return prose(strong(told) if change.tells else told, muted(_error(change)))


def _error(change: Change) -> str:
    return "" if np.isnan(change.error) else f" ± {change.error * 100:.1f}"


def _caption(runs: Sequence[Compared], pairing: Pairing, moments: Mapping[str, Sequence[GroupRow]]) -> Prose:
    missing = [MOMENTS[name].lower() for name in MOMENTS if name not in moments]
    absent = f" Nothing can be compared {missing[0]}: it is not known of two runs." if missing else ""
    change = (
        "± one standard error over the examples; bold from two on."
        if len(runs) == 2
        else f"The small number is the change from {runs[0].letter}, in points"
        + (
            ", ± one standard error over the examples."
            if len(runs) <= WITH_ERRORS
            else "; its standard error is in the CSV."
        )
    )
    what = (
        f"Training groups hold the {count(pairing.size)} examples that the runs share, matched {pairing.how}."
        if pairing.size
        else f"Each run’s own examples: single ones cannot be paired, because {pairing.reason}."
    )
    return prose(f"{what} Changes are in percentage points. {change}{absent}{kinds_alone(runs, pairing.positions)}")


def _how_to_read(pairing: Pairing) -> tuple[Prose, ...]:
    text = (
        "The standard error speaks of the examples alone: how much the change would vary with another draw of as many. "
        "It does not know how much another seed would change; for that, train several of each."
    )
    paired = (
        "Training groups are paired: an example counts where it is in every run, and the change is the mean over "
        "examples of right in one less right in the other; its error is never taken to be less than one example. "
        "Test and validation accuracies are recorded as shares "
        "only, so their error is that of two independent sets: too large where they are the same examples."
    )
    return (prose(text), *((prose(paired),) if pairing.size else ()))


def _begin(text: str) -> str:
    return text[:1].upper() + text[1:]
