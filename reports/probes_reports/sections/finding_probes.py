"""What the scores of probes find: AUROC beside the direction that was published, whatever it turns out to be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probes.scores import auroc as area
from probes.scores.probe_scores import checkpoints_in_words
from probes_reports.sections.finding_facts import expected_hits, known_truth
from probes_reports.sections.groups import FEWEST
from probes_reports.sections.probe_columns import ProbeColumn, probe_columns
from probes_reports.sections.probe_frames import frame_of
from probes_reports.sections.section import Caption, Cell, Column, Data, Heading, Part, Table
from probes_reports.view import RunView
from probes_reports.wording import LABELS, Prose, auroc, count, muted, percent, prose, strong

__all__ = ["ProbeRank", "probe_parts", "rank_probe_columns"]


@dataclass(frozen=True)
class ProbeRank:
    """A row of the table.

    Attributes:
        column: the score.
        auroc: of noisy against clean examples, in the published direction.
        among_first: share of the noisy ones among as many most suspicious examples.
        noisy, clean: examples of known truth that have a value.
    """

    column: ProbeColumn
    auroc: float
    among_first: float
    noisy: int
    clean: int

    @property
    def few(self) -> bool:
        """Whether a group has too few examples for an AUROC to say anything."""
        return min(self.noisy, self.clean) < FEWEST


def rank_probe_columns(view: RunView) -> list[ProbeRank]:
    """Every probe score with a defined AUROC, the best first; none where a group is empty or truth unknown."""
    known, noisy = known_truth(view), view.noisy
    if known is None or noisy is None:
        return []
    ranks = []
    for column in probe_columns(view):
        judged = known & np.isfinite(column.suspicion)
        values, wrong = column.suspicion[judged], noisy[judged]
        found = area(values, wrong)
        if found is not None:
            total = int(wrong.sum())
            hits = float(expected_hits(values, wrong, np.array([total]))[0])
            ranks.append(ProbeRank(column, found, hits / total, total, int(judged.sum()) - total))
    return sorted(ranks, key=lambda rank: -rank.auroc)


def probe_parts(view: RunView) -> tuple[Part, ...]:
    """Heading, table, data and caption; nothing where no probe left a score that can be judged."""
    every = rank_probe_columns(view)
    if not every:
        return ()
    heading = Heading(prose("Scores of probes", muted(" in the direction their papers give")))
    few = tuple(Caption(text) for text in [_too_few(view, [rank for rank in every if rank.few])] if text)
    ranks = [rank for rank in every if not rank.few]
    if not ranks:
        return heading, *few
    table = Table(
        columns=(
            Column("score"),
            Column("what it is", keep_narrow=False),
            Column("0.5 1", keep_narrow=False),
            Column("AUROC", "right"),
            Column("noisy + clean", "right"),
            Column("published", "right", keep_narrow=False),
            Column("among as many first", "right"),
        ),
        rows=tuple(_row(rank) for rank in ranks),
        alt=f"Every score of a probe: how well it finds the {view.words.noisy} in its published direction.",
    )
    data = Data(
        "finding-probes",
        {
            "score": [rank.column.name for rank in ranks],
            "published_direction": [rank.column.direction for rank in ranks],
            "auroc": [rank.auroc for rank in ranks],
            "share_among_first": [rank.among_first for rank in ranks],
            "noisy_examples": [rank.noisy for rank in ranks],
            "clean_examples": [rank.clean for rank in ranks],
        },
        data_title="scores of probes",
    )
    texts = (_caption(view, ranks), _vog_warning(view, ranks), _influence_setting(view, ranks))
    return heading, table, data, *(Caption(text) for text in texts if text), *few


def _row(rank: ProbeRank) -> tuple[Cell, ...]:
    place = 2 * rank.auroc - 1
    return (
        Cell(prose(rank.column.label)),
        Cell(prose(rank.column.meaning)),
        Cell(dot=place) if place >= 0 else Cell(prose(muted("‹ below 0.5"))),
        Cell(prose(strong(auroc(rank.auroc)))),
        Cell(prose(f"{count(rank.noisy)}\u00a0+\u00a0{count(rank.clean)}")),
        Cell(prose(rank.column.direction)),
        Cell(prose(percent(rank.among_first))),
    )


def _caption(view: RunView, ranks: list[ProbeRank]) -> Prose:
    known = known_truth(view)
    total = 0 if known is None else int(known.sum())
    partial = any(rank.noisy + rank.clean < total for rank in ranks)
    some = f" Not every score was measured on all {count(total)} examples: beside each AUROC stands on how many."
    return prose(
        "These are measured by probes at a few epochs. AUROC is what was measured here with the end that its paper "
        "calls suspicious; below 0.5 that end is the wrong one for this noise. Last column: share of the measured "
        f"{view.words.noisy} among as many most suspicious examples.{some if partial else ''}"
    )


def _too_few(view: RunView, ranks: list[ProbeRank]) -> Prose:
    """Scores of a handful of examples, which get no AUROC; nothing where there are none."""
    if not ranks:
        return ()
    each = "; ".join(f"{rank.column.label} on {count(rank.noisy)} and {count(rank.clean)}" for rank in ranks)
    return prose(
        f"Measured on too few examples for an AUROC, which takes {FEWEST} {view.words.noisy} and as many clean "
        f"examples: {each}."
    )


def _vog_warning(view: RunView, ranks: list[ProbeRank]) -> Prose:
    """VoG's published direction tends to be inverted for wrong labels: said with what was measured here."""
    found = next((rank for rank in ranks if rank.column.name == "vog"), None)
    if found is None or view.words is not LABELS:
        return ()
    here = "as it is here" if found.auroc < 0.5 else "though not here"
    return prose(
        strong(f"VoG has AUROC {auroc(found.auroc)}."),
        " Its paper calls high values hard; for wrong labels that is often the other way round, "
        f"{here}: the given label is then a class that the input does not look like, and the gradient of its logit "
        "varies less.",
    )


def _influence_setting(view: RunView, ranks: list[ProbeRank]) -> Prose:
    """What self-influence was summed over: other codes take whatever mode the model is in, and a rate of 1."""
    names = [rank.column.name for rank in ranks if "self_influence" in rank.column.name]
    frame = frame_of(view, "self_influence", ["learning_rate"]) if names else None
    return () if frame is None else prose(strong("Self-influence: "), f"{checkpoints_in_words(frame)}.")
