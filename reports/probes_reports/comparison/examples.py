"""How did single examples move? Mean loss, and what was learned, of the same examples in each run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from probes_reports.comparison.compared import Compared
from probes_reports.comparison.kinds import SharedKind, shared_kinds
from probes_reports.comparison.pairing import Pairing
from probes_reports.figures.compared_curves import Role
from probes_reports.figures.compared_losses import LossCloud, compared_losses
from probes_reports.sections.section import (
    Absent,
    Block,
    Caption,
    Cell,
    Column,
    Columns,
    Heading,
    Key,
    Part,
    Plot,
    Section,
    Swatch,
    Table,
)
from probes_reports.view import RunView
from probes_reports.wording import Prose, count, muted, number, prose, strong

__all__ = ["Card", "Cards", "Pair", "build", "pair_of"]

QUESTION, TITLE = "How did single examples move?", "Single examples"
MOST_POINTS = 5_000
CARDS = 6  # of each kind
SHORT = 3  # characters of a class name that is shown large
ALIKE, PARTLY = 0.9, 0.5  # rank correlation


@dataclass(frozen=True)
class Pair:
    """The shared examples of two runs, (S,) each.

    Attributes:
        first, second: runs.
        names: ids, or positions where they have none.
        loss: mean loss in either, NaN where never visited.
        end: int8, answered as given in the end: 1, 0, or -1 where unknown.
        places: where either run holds them.
    """

    first: Compared
    second: Compared
    names: np.ndarray
    loss: tuple[np.ndarray, np.ndarray]
    end: tuple[np.ndarray, np.ndarray]
    places: tuple[np.ndarray, np.ndarray]

    @property
    def both(self) -> np.ndarray:
        """bool, (S,): with a mean loss in either run."""
        return ~np.isnan(self.loss[0]) & ~np.isnan(self.loss[1])

    def correlation(self) -> float | None:
        """Spearman's rank correlation of mean loss; None where undefined."""
        ranks = [pd.Series(loss[self.both]).rank().to_numpy() for loss in self.loss]
        if len(ranks[0]) < 3 or any(np.ptp(rank) == 0 for rank in ranks):
            return None
        return float(np.corrcoef(ranks[0], ranks[1])[0, 1])

    def learned_only(self, place: int) -> int | None:
        """Examples answered as given in the end in one of the runs and not in the other; None where unknown."""
        known = (self.end[0] >= 0) & (self.end[1] >= 0)
        if not known.any():
            return None
        return int((known & (self.end[place] == 1) & (self.end[1 - place] == 0)).sum())


@dataclass(frozen=True)
class Card:
    """An example that moved: picture ("" without), given labels, true label, and its mean losses."""

    name: str
    image: str
    given: str
    true: str
    tone: str
    true_tone: str
    losses: str


@dataclass(frozen=True)
class Cards:
    """Cards in a row; `ink` where the pictures are inverted in the dark theme, `long` where class names are."""

    cards: tuple[Card, ...]
    ink: bool
    long: bool


def pair_of(runs: Sequence[Compared], pairing: Pairing, at: tuple[int, int]) -> Pair:
    """Two of the runs over all shared examples."""
    chosen = (runs[at[0]], runs[at[1]])
    places = (pairing.positions[at[0]], pairing.positions[at[1]])
    ids = runs[0].examples.ids
    names = pairing.positions[0].astype(str) if ids is None else ids[pairing.positions[0]]
    loss = (chosen[0].examples.mean_loss[places[0]], chosen[1].examples.mean_loss[places[1]])
    end = tuple(
        np.full(pairing.size, -1, dtype=np.int8) if run.end is None else run.end.as_given[place]
        for run, place in zip(chosen, places, strict=True)
    )
    return Pair(*chosen, names, loss, (end[0], end[1]), places)


def build(runs: Sequence[Compared], pairing: Pairing, pictures: RunView | None) -> Section | Absent:
    """Two runs: a scatter plot and the examples that moved most. More: a table of every run against the first.

    Args:
        runs: two or more.
        pairing: the examples that they share.
        pictures: the first run, for thumbnails; None leaves them out.
    """
    if not pairing.size:
        return Absent("examples", TITLE, QUESTION, prose(f"Single examples cannot be paired: {pairing.reason}."))
    pairs = [pair_of(runs, pairing, (0, at)) for at in range(1, len(runs))]
    if not any(pair.both.any() for pair in pairs):
        return Absent(
            "examples", TITLE, QUESTION, prose("None of the shared examples has a mean loss in two runs yet.")
        )
    parts = _two(pairs[0], pictures) if len(runs) == 2 else _several(runs, pairing, pairs)
    return Section(
        key="examples",
        title=TITLE,
        question=QUESTION,
        answer=_answer(pairs),
        parts=parts,
        caption=_caption(runs, pairing),
        definition=(
            prose(
                "Mean loss: the mean over a run’s own epochs of the cross-entropy of the given label, in nats; runs of "
                "different length average over different epochs. Spearman’s correlation: that of the ranks, ties at "
                "their mean. Learned: answered with the given label after the last epoch."
            ),
        ),
    )


def _answer(pairs: Sequence[Pair]) -> Prose:
    values = [(pair.correlation(), pair) for pair in pairs]
    known = [(value, pair) for value, pair in values if value is not None]
    if not known:
        return prose("Mean losses cannot be ranked: too few of them differ.")
    value, pair = min(known, key=lambda entry: entry[0])
    how = "much alike" if value >= ALIKE else "partly alike" if value >= PARTLY else "differently"
    subject = "The two runs rank" if len(pairs) == 1 else f"{pair.first.letter} and {pair.second.letter} rank"
    lowest = "" if len(pairs) == 1 else f", the lowest of any run with {pair.first.letter}"
    size = count(int(pair.both.sum()))
    return prose(
        f"{subject} the {size} shared examples {how} by mean loss: Spearman’s correlation is {value:.2f}{lowest}.",
        muted(_moved(pair)),
    )


def _moved(pair: Pair) -> str:
    only = [pair.learned_only(place) for place in (0, 1)]
    if only[0] is None or only[1] is None:
        return ""
    first, second = pair.first.letter, pair.second.letter
    return (
        f" In the end {_examples(only[0])} learned in {first} and not in {second}; "
        f"{_examples(only[1])} learned in {second} and not in {first}."
    )


def _examples(size: int) -> str:
    return "one was" if size == 1 else f"{count(size)} were" if size else "none was"


def _two(pair: Pair, pictures: RunView | None) -> tuple[Part, ...]:
    clouds = _clouds(pair)
    letters = (pair.first.letter, pair.second.letter)
    plot = Plot(
        key="examples-loss",
        wide=compared_losses(clouds, letters),
        narrow=compared_losses(clouds, letters, narrow=True),
        alt=f"Mean loss of each shared example in {letters[1]} over that in {letters[0]}.",
        narrow_below=400,
        data_title="mean losses",
    )
    shown = sum(len(cloud.first) for cloud in clouds)
    total = int(pair.both.sum())
    sampled = f" A sample of {count(shown)} of the {count(total)}." if shown < total else ""
    tones = {"all": "ink_2"}
    key = Key(
        tuple(
            Swatch(cloud.label, tones.get(cloud.role, cloud.role), "diamond" if cloud.role == "noisy" else "area")
            for cloud in clouds
        )
    )
    scatter = (
        Heading(prose("Mean loss of each example", muted(" the line is no change"))),
        key,
        plot,
        Caption(prose(f"Both axes are logarithmic.{sampled}")),
    )
    moved = (
        Heading(prose("Learned in one and not in the other", muted(" after the last epoch of each"))),
        _learned_table(pair),
        *_alone(pair),
    )
    return (Columns((scatter, moved)), *_cards(pair, pictures))


def _clouds(pair: Pair) -> list[LossCloud]:
    """The groups, sampled in proportion where there are too many to draw."""
    both, groups = pair.both, _groups(pair)
    total, random = int(both.sum()), np.random.default_rng(0)
    clouds = []
    for role, label, members in groups:
        found = np.flatnonzero(members & both)
        if total > MOST_POINTS:
            found = np.sort(random.choice(found, len(found) * MOST_POINTS // total, replace=False))
        if len(found):
            clouds.append(LossCloud(role, label, list(pair.names[found]), pair.loss[0][found], pair.loss[1][found]))
    return clouds


def _groups(pair: Pair) -> list[tuple[Role, str, np.ndarray]]:
    """Clean in both, noisy in both, noisy in one of them; all where some truth is unknown."""
    marks = [
        (None, None) if run.examples.noisy is None or run.examples.clean is None
        else (run.examples.noisy[place], run.examples.clean[place])
        for run, place in zip((pair.first, pair.second), pair.places, strict=True)
    ]  # fmt: skip
    (noisy_1, clean_1), (noisy_2, clean_2) = marks
    if noisy_1 is None or noisy_2 is None or clean_1 is None or clean_2 is None:
        return [("all", "examples", np.ones(len(pair.names), dtype=bool))]
    noun = pair.first.words.noisy if pair.first.words is pair.second.words else "noisy"
    clean, noisy = clean_1 & clean_2, noisy_1 & noisy_2
    return [
        ("all", f"{noun} in one run only, or unknown", ~clean & ~noisy),
        ("clean", "clean", clean),
        ("noisy", f"{noun} in both" if (noisy_1 != noisy_2).any() else noun, noisy),
    ]


def _kinds(pair: Pair) -> list[SharedKind]:
    return shared_kinds((pair.first, pair.second), pair.places)


def _learned_table(pair: Pair) -> Table:
    """Four counts for each group."""
    known = (pair.end[0] >= 0) & (pair.end[1] >= 0)
    first, second = pair.first.letter, pair.second.letter
    rows = []
    groups = [(label, members) for _, label, members in reversed(_groups(pair))]
    groups += [(f"{held.kind} {held.where}", held.members) for held in _kinds(pair)]
    for label, members in groups:
        held = known & members
        if held.any():
            sizes = [
                int((held & (pair.end[0] == a) & (pair.end[1] == b)).sum()) for a, b in ((1, 1), (1, 0), (0, 1), (0, 0))
            ]
            rows.append((Cell(prose(label)), *(Cell(prose(count(size))) for size in sizes)))
    return Table(
        columns=(
            Column("examples"),
            Column("in both", "right"),
            Column(f"in {first} only", "right"),
            Column(f"in {second} only", "right"),
            Column("in neither", "right"),
        ),
        rows=tuple(rows),
        alt="Examples learned in both runs, in one of them, and in neither.",
    )


def _alone(pair: Pair) -> tuple[Part, ...]:
    """What only one of the runs holds: left out before the other was trained, for example."""
    rows = []
    for run, place in zip((pair.first, pair.second), pair.places, strict=True):
        alone = np.ones(run.num_examples, dtype=bool)
        alone[place] = False
        if alone.any():
            parts = (run.examples.noisy, run.examples.clean)
            sizes = ["unknown" if part is None else count(int((alone & part).sum())) for part in parts]
            texts = (count(int(alone.sum())), *sizes)
            rows.append((Cell(prose("in ", strong(run.letter), " only")), *(Cell(prose(text)) for text in texts)))
    if not rows:
        return ()
    noun = pair.first.words.noisy if pair.first.words is pair.second.words else "noisy"
    table = Table(
        columns=(Column("examples"), Column("in all", "right"), Column(noun, "right"), Column("clean", "right")),
        rows=tuple(rows),
        alt="Examples that only one of the runs holds.",
    )
    return (Heading(prose("Held by one run alone", muted(" and so not compared"))), table)


def _cards(pair: Pair, pictures: RunView | None) -> tuple[Part, ...]:
    """The shared examples whose rank by mean loss rose and fell most."""
    both = np.flatnonzero(pair.both)
    if len(both) < 2 * CARDS:
        return ()
    ranks = [pd.Series(loss[both]).rank(pct=True).to_numpy() for loss in pair.loss]
    moved = ranks[1] - ranks[0]
    order = np.argsort(moved, kind="stable")
    parts: list[Part] = []
    for title, chosen in (
        (f"Easier in {pair.second.letter}", order[:CARDS]),
        (f"Harder in {pair.second.letter}", order[::-1][:CARDS]),
    ):
        kept = [at for at in chosen if (moved[at] < 0) == title.startswith("Easier") and moved[at] != 0]
        if kept:
            rest = muted(" by the rank of their mean loss among the shared examples")
            parts += [Heading(prose(title, rest)), _row(pair, both[kept], moved[kept], pictures)]
    return tuple(parts)


def _row(pair: Pair, chosen: np.ndarray, moved: np.ndarray, pictures: RunView | None) -> Block:
    first = [int(pair.places[0][at]) for at in chosen]
    images = {} if pictures is None else pictures.images(first)
    cards = tuple(
        Card(
            name=str(pair.names[at]),
            image=images.get(place, ""),
            given=_given(pair, at),
            true=_true(pair, at),
            tone=_tone(pair, at),
            true_tone="ink" if _given(pair, at) == _true(pair, at) else "true",
            losses=f"mean loss {number(float(pair.loss[0][at]))} → {number(float(pair.loss[1][at]))}",
        )
        for at, place in zip(chosen, first, strict=True)
    )
    ink = pictures is not None and pictures.images_are_ink
    long = any(len(name) > SHORT for card in cards for name in (card.given, card.true))
    return Block("comparison_cards.html.j2", Cards(cards, ink, long))


def _given(pair: Pair, at: int) -> str:
    """The label it was given; both where the runs gave it different ones."""
    names = [
        run.class_name(int(run.examples.given[place[at]])) if run.examples.given[place[at]] >= 0 else "?"
        for run, place in zip((pair.first, pair.second), pair.places, strict=True)
    ]
    return names[0] if names[0] == names[1] else " → ".join(names)


def _true(pair: Pair, at: int) -> str:
    label = int(pair.first.examples.true[pair.places[0][at]])
    return pair.first.class_name(label) if label >= 0 else ""


def _tone(pair: Pair, at: int) -> str:
    for role, _, members in _groups(pair):
        if members[at]:
            return role if role in ("clean", "noisy") else "ink"
    return "ink"


def _several(runs: Sequence[Compared], pairing: Pairing, pairs: Sequence[Pair]) -> tuple[Part, ...]:
    """Each run against the first, then the rank correlation of every two."""
    first = runs[0].letter
    against = Table(
        columns=(
            Column(f"against {first}"),
            Column("rank correlation of mean loss", "right"),
            Column(f"learned in {first} only", "right"),
            Column("learned in this run only", "right"),
        ),
        rows=tuple(
            (
                Cell(prose(strong(pair.second.letter), f" {pair.second.name}")),
                Cell(prose(_two_decimals(pair.correlation()))),
                Cell(prose(_known(pair.learned_only(0)))),
                Cell(prose(_known(pair.learned_only(1)))),
            )
            for pair in pairs
        ),
        alt=f"How single examples moved from {first} to each other run.",
    )
    matrix = [
        [None if at == to else pair_of(runs, pairing, (at, to)).correlation() for to in range(len(runs))]
        for at in range(len(runs))
    ]
    every = Table(
        columns=(Column(""), *(Column(run.letter, "right") for run in runs)),
        rows=tuple(
            (
                Cell(prose(strong(run.letter))),
                *(Cell(prose("" if at == to else _two_decimals(value))) for to, value in enumerate(row)),
            )
            for at, (run, row) in enumerate(zip(runs, matrix, strict=True))
        ),
        alt="Spearman's rank correlation of mean loss, of every two runs.",
    )
    return (against, Heading(prose("Rank correlation of mean loss", muted(" every two runs"))), every)


def _two_decimals(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"


def _known(value: int | None) -> str:
    return "unknown" if value is None else count(value)


def _caption(runs: Sequence[Compared], pairing: Pairing) -> Prose:
    alone = [
        f"{count(run.num_examples - pairing.size)} of {run.letter}" for run in runs if run.num_examples > pairing.size
    ]
    outside = f" Left out, as not every run holds them: {', '.join(alone)}." if alone else ""
    everywhere = "both runs" if len(runs) == 2 else "every run"
    return prose(f"{count(pairing.size)} examples, matched {pairing.how}, are in {everywhere}.{outside}")
