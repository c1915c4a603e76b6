"""Can the wrong labels be found?"""

from __future__ import annotations

from typing import Literal

import numpy as np

from probes.scores import CATALOGUE
from probes_reports.figures.finding import STRONG, ScoreLine, auroc_by_epoch
from probes_reports.figures.flags import ClassFlags, flags_by_class
from probes_reports.figures.inspection import Inspected, found_by_inspecting
from probes_reports.sections.finding_facts import (
    Curves,
    Flags,
    Rank,
    auroc_curves,
    expected_hits,
    find_flags,
    known_truth,
    rank_scores,
    suspicion,
)
from probes_reports.sections.finding_kinds import kind_parts
from probes_reports.sections.finding_probes import probe_parts
from probes_reports.sections.finding_words import (
    answer_found,
    answer_undefined,
    classes_caption,
    curves_caption,
    definition,
    flags_caption,
    how_to_read,
    table_caption,
    undefined_caption,
    warning,
)
from probes_reports.sections.section import (
    Absent,
    Caption,
    Cell,
    Column,
    Columns,
    Data,
    Heading,
    Key,
    Part,
    Plot,
    Section,
    Swatch,
    Table,
)
from probes_reports.view import RunView
from probes_reports.wording import auroc, count, muted, percent, prose, strong

__all__ = ["FIGURES", "build"]

FIGURES = ("finding", "inspection", "flags")
TITLE = "Finding the noise"
SHORT_LABELS = {"aum": "AUM", "final_loss": "final loss"}  # on a phone
INSPECTED = ("mean_loss", "aum", "final_loss")
SWATCHES: dict[str, tuple[str, Literal["line", "dash"]]] = {
    "mean_loss": ("ink", "line"),
    "aum": ("highlight", "line"),
    "final_loss": ("ink_2", "dash"),
}
POINTS = 300  # of each line of found against inspected
MOST_CLASSES = 20


def build(view: RunView) -> Section | Absent:
    """AUROC by epoch, the table, found against inspected, and what can be said without truth."""
    question = f"Can the {view.words.noisy} be found?"
    if view.nothing is not None:
        return Absent("finding", TITLE, question, prose(view.nothing))
    flags = find_flags(view)
    if known_truth(view) is None:
        return Section(
            key="finding",
            title=TITLE,
            question=question,
            answer=answer_undefined(view, flags),
            parts=(
                Columns(tuple(parts for parts in (_flag_parts(view, flags), _class_parts(view, flags)) if parts)),
                Heading(prose("Why no AUROC?")),
                *undefined_caption(view),
            ),
            how_to_read=how_to_read(view, measurable=False),
            definition=definition(measurable=False),
        )
    curves = auroc_curves(view)
    ranks = rank_scores(view, curves)
    return Section(
        key="finding",
        title=TITLE,
        question=question,
        answer=answer_found(view, curves, ranks),
        parts=(
            *_curve_parts(view, curves),
            *_table_parts(view, ranks),
            *kind_parts(view, [rank.score for rank in ranks]),
            *probe_parts(view),
            Columns((_inspection_parts(view), _flag_parts(view, flags))),
            *_class_parts(view, flags),
        ),
        how_to_read=how_to_read(view, measurable=True),
        definition=definition(measurable=True),
    )


def _curve_parts(view: RunView, curves: Curves) -> tuple[Part, ...]:
    lines = [
        ScoreLine(name, _line_label(name), SHORT_LABELS.get(name, _line_label(name)), curves.ends, values)
        for name, values in curves.aurocs.items()
        if np.isfinite(values).any()
    ]
    if not lines or len(curves.ends) == 1:  # the table says it all
        return ()
    plot = Plot(
        key="finding",
        wide=auroc_by_epoch(lines, view.guides()),
        narrow=auroc_by_epoch(lines, view.guides(), narrow=True),
        alt=f"AUROC of each score for finding {view.words.noisy}, by the last epoch it is computed from.",
        data_title="AUROC by epoch",
    )
    return plot, Caption(curves_caption(view, curves))


def _line_label(name: str) -> str:
    """In the curves the final loss is that of the epoch at which the window ends."""
    return "loss at that epoch" if name == "final_loss" else CATALOGUE[name].label


def _table_parts(view: RunView, ranks: list[Rank]) -> tuple[Part, ...]:
    epochs = "the one epoch" if view.last_epoch == 1 else f"all {count(view.last_epoch)} epochs"
    table = Table(
        columns=(
            Column("score"),
            Column("what it is", keep_narrow=False),
            Column("0.5 1", keep_narrow=False),
            Column("AUROC", "right"),
            Column("at its best", "right", keep_narrow=False),
            Column("average precision", "right", keep_narrow=False),
            Column(f"among first {count(view.num_noisy or 0)}", "right"),
        ),
        rows=tuple(_row(rank) for rank in ranks),
        alt=f"Every score: how well it finds the {view.words.noisy}.",
    )
    data = Data(
        "finding-scores",
        {
            "score": [rank.score.name for rank in ranks],
            "auroc": [rank.auroc for rank in ranks],
            "best_auroc": [rank.best[0] if rank.best else None for rank in ranks],
            "best_epoch": [rank.best[1] if rank.best else None for rank in ranks],
            "average_precision": [rank.average_precision for rank in ranks],
            "share_among_first": [rank.among_first for rank in ranks],
        },
        data_title="every score",
    )
    heading = Heading(prose("Every score", muted(f" over {epochs}")))
    return heading, table, data, Caption(table_caption(view, ranks))


def _row(rank: Rank) -> tuple[Cell, ...]:
    low = " (low)" if rank.score.direction == "low" else ""
    best = () if rank.best is None else prose(auroc(rank.best[0]), muted(f" to epoch {count(rank.best[1])}"))
    hollow = None if rank.best is None else _position(rank.best[0])
    strip = Cell(dot=_position(rank.auroc), hollow=hollow) if rank.auroc >= 0.5 else Cell(prose(muted("‹ below 0.5")))
    precision = "" if rank.average_precision is None else auroc(rank.average_precision)
    return (
        Cell(prose(rank.score.label)),
        Cell(prose(rank.score.meaning + low)),
        strip,
        Cell(prose(strong(auroc(rank.auroc)))),
        Cell(best),
        Cell(prose(precision)),
        Cell(prose(percent(rank.among_first))),
    )


def _position(value: float) -> float:
    """Place of an AUROC on a strip from 0.5 to 1."""
    return max(0.0, 2 * value - 1)


def _inspection_parts(view: RunView) -> tuple[Part, ...]:
    known, noisy = known_truth(view), view.noisy
    assert known is not None
    assert noisy is not None
    total, wrong = int(known.sum()), int(noisy.sum())
    inspected = np.unique(np.append(np.linspace(0, total, POINTS).round().astype(np.int64), wrong))
    lines = [
        Inspected(
            name,
            SHORT_LABELS.get(name, CATALOGUE[name].label),
            inspected,
            expected_hits(suspicion(view, name)[known], noisy[known], inspected) / wrong,
        )
        for name in INSPECTED
    ]
    references = [
        Inspected("ideal", "ideal", inspected, np.minimum(inspected / wrong, 1.0)),
        Inspected("chance", "by chance", inspected, inspected / total),
    ]
    drawn = [*references, *sorted(lines, key=lambda line: -list(STRONG).index(line.name))]
    plot = Plot(
        key="inspection",
        wide=found_by_inspecting(drawn, num_noisy=wrong, num_examples=total),
        narrow=found_by_inspecting(drawn, num_noisy=wrong, num_examples=total, narrow=True),
        alt=f"Share of the {view.words.noisy} found over the number of examples inspected.",
        narrow_below=400,
        data_title="found against inspected",
    )
    heading = Heading(prose("How many must one look at?", muted(" most suspicious first")))
    caption = f"Share of the {count(wrong)} {view.words.noisy} found against the number of examples inspected."
    key = Key(tuple(Swatch(line.label, *SWATCHES[line.name]) for line in lines), narrow_only=True)
    return heading, key, plot, Caption(prose(caption))


def _flag_parts(view: RunView, flags: Flags) -> tuple[Part, ...]:
    heading = Heading(prose("Without knowing the true labels", muted(" mean loss above the suggested cut-off")))
    caution = warning(view, flags)
    captions = tuple(Caption(text) for text in (flags_caption(view, flags), caution) if text)
    rows = _shown(flags)
    if not rows:
        return (heading, *captions)
    noisy_label = f"truly {view.words.made.split()[-1]}"
    plot = Plot(
        key="flags",
        wide=flags_by_class(rows, noisy_label=noisy_label),
        narrow=flags_by_class(rows, noisy_label=noisy_label, narrow=True),
        alt="Share of the examples with each given label that is flagged as noisy.",
        narrow_below=400,
        data_title="flags by label",
    )
    return (heading, plot, *captions)


def _class_parts(view: RunView, flags: Flags) -> tuple[Part, ...]:
    """The table of flags by class."""
    rows = _shown(flags)
    if not rows:
        return ()
    known = view.noisy is not None
    table = Table(
        columns=(
            Column("given label"),
            Column("examples", "right"),
            Column("flagged", "right"),
            Column("share", "right"),
            *((Column(view.words.noisy, "right", keep_narrow=False), Column("rightly", "right")) if known else ()),
        ),
        rows=tuple(_class_row(row, known) for row in rows),
        alt="Examples and flags by given label.",
    )
    heading = Heading(prose("Flags by class", muted(f" {count(flags.above)} in all")))
    return heading, table, _class_data(flags, known), Caption(classes_caption(view, flags, MOST_CLASSES))


def _class_row(row: ClassFlags, known: bool) -> tuple[Cell, ...]:
    judged = (
        Cell(prose("unknown" if row.noisy is None else count(row.noisy))),
        Cell(prose("" if row.precision is None else percent(row.precision))),
    )
    return (
        Cell(prose(row.name)),
        Cell(prose(count(row.examples))),
        Cell(prose(count(row.flagged))),
        Cell(prose(strong(percent(row.flagged / row.examples)))),
        *(judged if known else ()),
    )


def _class_data(flags: Flags, known: bool) -> Data:
    """Every class, not only those that the table shows."""
    columns: dict[str, list[object]] = {
        "given_label": [row.name for row in flags.classes],
        "examples": [row.examples for row in flags.classes],
        "flagged": [row.flagged for row in flags.classes],
    }
    if known:
        columns["noisy"] = [row.noisy for row in flags.classes]
        columns["precision"] = [row.precision for row in flags.classes]
    return Data("finding-classes", columns, data_title="flags of every class")


def _shown(flags: Flags) -> tuple[ClassFlags, ...]:
    """The classes that figure and table show; none where nothing is flagged."""
    if not any(row.flagged for row in flags.classes):
        return ()
    if len(flags.classes) <= MOST_CLASSES:
        return flags.classes
    return tuple(sorted(flags.classes, key=lambda row: -row.flagged)[:MOST_CLASSES])
