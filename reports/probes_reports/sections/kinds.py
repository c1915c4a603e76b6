"""Which kind of noise was memorized when? Of a run with several kinds: a line and a row for each by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probes.runs.kinds import kinds_of
from probes_reports.figures.base import escape
from probes_reports.figures.epoch_lines import Line, Scale, epoch_lines
from probes_reports.figures.groups import kind_line
from probes_reports.sections.groups import SHAPES, joined
from probes_reports.sections.kinds_drawn import kind_name
from probes_reports.sections.section import Absent, Cell, Column, Key, Part, Plot, Section, Swatch, Table
from probes_reports.view import RunView
from probes_reports.wording import Prose, count, muted, percent, prose

__all__ = ["FIGURES", "build"]

FIGURES = ("kinds",)
TITLE = "Kinds"
QUESTION = "Which kind of noise was memorized when?"
MEMORIZED, HALF = 0.9, 0.5
SHARES = Scale(0.0, 1.02, percent, "share", percent=True)


@dataclass(frozen=True)
class Kind:
    """One kind of corruption by itself.

    Attributes:
        name: as `--corrupt` takes it.
        drawn: examples it was drawn for.
        wrong: of these, given labels that are not the true ones.
        replaced: of these, noisy examples with their true label: their inputs were replaced.
        epochs: int, (T,).
        shares: float, (T,); of those drawn, answered as labelled.
        true_peak: highest share of its wrong labels that were answered with the true one; NaN where it has none.
        true_peak_epoch: when; None where it has none.
    """

    name: str
    drawn: int
    wrong: int
    replaced: int
    epochs: np.ndarray
    shares: np.ndarray
    true_peak: float
    true_peak_epoch: int | None

    def reached(self, share: float) -> int | None:
        """The first epoch after epoch 0 at which such a share was answered as labelled; None where none was."""
        found = self.epochs[(self.shares >= share) & (self.epochs > 0)]
        return int(found[0]) if len(found) else None

    @property
    def final(self) -> float:
        """The share at the last epoch."""
        return float(self.shares[-1])


def build(view: RunView) -> Section | Absent:
    """The section; absent, and not on the page, where there are not two kinds to tell apart."""
    if view.nothing is not None:
        return Absent("kinds", "", QUESTION, prose(view.nothing))
    kinds = _kinds(view)
    if len(kinds) < 2:
        return Absent("kinds", "", QUESTION, prose("There are not several kinds of noise to tell apart."))
    return Section(
        key="kinds",
        title=TITLE,
        question=QUESTION,
        answer=_answer(view, kinds),
        parts=(*_drawn(view, kinds), _table(view, kinds)),
        caption=_caption(kinds),
        how_to_read=(prose(HOW_TO_READ),),
        definition=(prose(DEFINITION),),
    )


HOW_TO_READ = (
    "Each line is the share of the examples of one kind that the network answered with the label they were given, and "
    "the clean examples beside them. A kind whose line stays low follows no pattern that helps: its examples have to "
    "be memorized one by one. A kind whose line rises with the clean one can be answered by the pattern."
)
DEFINITION = (
    "The share counts every example that a kind was drawn for, also those that a draw left as they were: a label "
    "redrawn from all classes may be its own again. Half, 90%: the first epoch at which so many of them are answered "
    "as labelled. Made noisy: the label is not the true one, or the input was replaced. True label, at most: the "
    "highest share of its wrong labels that were answered with the true label instead; a replaced input has its right "
    "label, so a kind of those has no such share."
)


def _kinds(view: RunView) -> list[Kind]:
    """Those that were drawn and answered, in the order of their epochs in the table."""
    found = []
    for name, row in kinds_of(view.run).iterrows():
        epochs, shares = view.drawn_curve(f"train/{name}")
        if len(epochs):
            peak = row["true_label_peak_epoch"]
            when = None if np.isnan(row["true_label_peak"]) else int(peak)
            drawn, wrong, replaced = (int(row[column]) for column in ("drawn", "wrong", "replaced"))
            found.append(Kind(str(name), drawn, wrong, replaced, epochs, shares, float(row["true_label_peak"]), when))
    return sorted(found, key=_order)


def _order(kind: Kind) -> tuple[float, float]:
    """The earliest memorized first; of those that were not, the one that came farthest."""
    epoch = kind.reached(MEMORIZED)
    return (np.inf if epoch is None else epoch, -kind.final)


def _drawn(view: RunView, kinds: Sequence[Kind]) -> tuple[Part, ...]:
    names = [*view.kinds, *(kind.name for kind in kinds if kind.name not in view.kinds)]
    styles = {name: kind_line(place) for place, name in enumerate(names)}
    lines = [
        Line(tone, kind.name, kind.name, kind.epochs, kind.shares, measured=False, dash=dash)
        for kind, (tone, dash) in ((kind, styles[kind.name]) for kind in kinds)
    ]
    epochs, shares = view.drawn_curve("train/clean")
    if len(epochs):
        lines.insert(0, Line("clean", "clean", "clean", epochs, shares, measured=False))
    plot = Plot(
        key="kinds",
        wide=epoch_lines(lines, SHARES, view.guides()),
        narrow=epoch_lines(lines, SHARES, view.guides(), size="narrow"),
        alt=f"Share answered as labelled over the epochs, of clean examples and of {joined([k.name for k in kinds])}.",
        data_title="share answered as labelled, by kind",
    )
    written = " ".join(str(note.text) for note in plot.wide.layout.annotations)
    key = tuple(Swatch(line.name, line.tone, SHAPES.get(line.dash, "dash") if line.dash else "line") for line in lines)
    return Key(key, narrow_only=all(escape(line.name) in written for line in lines)), plot


def _table(view: RunView, kinds: Sequence[Kind]) -> Table:
    columns = (
        Column("kind"),
        Column("drawn", "right", keep_narrow=False),
        Column("made noisy", "right"),
        Column("half by", "right", keep_narrow=False),
        Column("90% by", "right"),
        Column(f"at epoch {count(view.last_epoch)}", "right"),
        *((Column("true label, at most", "right", keep_narrow=False),) if _any_wrong(kinds) else ()),
    )
    return Table(
        columns,
        tuple(_row(view, kind, wrong=_any_wrong(kinds)) for kind in kinds),
        alt="Every kind of noise by itself.",
    )


def _any_wrong(kinds: Sequence[Kind]) -> bool:
    return any(kind.true_peak_epoch is not None for kind in kinds)


def _row(view: RunView, kind: Kind, *, wrong: bool) -> tuple[Cell, ...]:
    size = max(view.num_examples, 1)
    peak = prose("–")
    if kind.true_peak_epoch is not None:
        peak = prose(percent(kind.true_peak), muted(f" epoch {count(kind.true_peak_epoch)}"))
    return (
        Cell(prose(kind_name(kind.name))),
        Cell(prose(count(kind.drawn), muted(f" {percent(kind.drawn / size)}"))),
        Cell(prose(_made(kind), muted(f" {percent((kind.wrong + kind.replaced) / size)}"))),
        Cell(prose(_epoch(kind.reached(HALF)))),
        Cell(prose(_epoch(kind.reached(MEMORIZED)))),
        Cell(prose(percent(kind.final))),
        *((Cell(peak),) if wrong else ()),
    )


def _made(kind: Kind) -> str:
    """ "72 wrong labels", "40 replaced inputs"; both where inputs with a wrong label were replaced."""
    wrong = f"{count(kind.wrong)} wrong label{'' if kind.wrong == 1 else 's'}"
    replaced = f"{count(kind.replaced)} replaced input{'' if kind.replaced == 1 else 's'}"
    parts = [text for text, size in ((wrong, kind.wrong), (replaced, kind.replaced)) if size]
    return ", ".join(parts) or "none"


def _epoch(epoch: int | None) -> str:
    return "not reached" if epoch is None else f"epoch {count(epoch)}"


def _answer(view: RunView, kinds: Sequence[Kind]) -> Prose:
    """Which kind was answered as labelled first and which last, or how far each came."""
    so_far, last = view.verdict.so_far, count(view.last_epoch)
    reached = {kind.name: kind.reached(MEMORIZED) for kind in kinds}
    known = [(epoch, name) for name, epoch in reached.items() if epoch is not None]
    missing = [kind for kind in kinds if reached[kind.name] is None]
    shares = joined([f"{percent(kind.final)} of {kind.name}" for kind in missing])
    verb = "was" if len(missing) == 1 else "were"
    if not known:
        return prose(f"{so_far}By epoch {last} none was memorized.", muted(f" Answered as labelled: {shares}."))
    (first, name), *others = known
    rest_told = [f"of {other} by epoch {count(epoch)}" for epoch, other in others]
    told = joined([f"90% of {name} were answered as labelled by epoch {count(first)}", *rest_told])
    rest = f" {shares} {verb} answered so by epoch {last}." if missing else ""
    return prose(f"{so_far}{told}.", muted(rest))


def _caption(kinds: Sequence[Kind]) -> Prose:
    kept = [(kind.drawn - kind.wrong - kind.replaced, kind.name) for kind in kinds]
    same = joined([f"{count(size)} of {name}" for size, name in kept if size > 0])
    left = f" Drawn but left as they were: {same}; they count too." if same else ""
    return prose(f"Share of the examples of each kind that are answered as labelled.{left}")
