"""What became of each example?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from probes_reports.figures.base import escape
from probes_reports.figures.example_strips import AS_LABELLED, OTHER, TRUE, UNSEEN, WRONG, answer_codes
from probes_reports.figures.fate import Block, fate_map
from probes_reports.sections.groups import Group, groups_by_kind, kinds_note
from probes_reports.sections.section import Absent, Key, Plot, Section, Swatch
from probes_reports.view import RunView
from probes_reports.wording import LABELS, REPLACED_INPUTS, Prose, count, muted, noisy, percent, prose, true

__all__ = ["FIGURES", "build"]

FIGURES = ("fate",)
QUESTION = "What became of each example?"
MOST_ROWS = 2000
MOST_COLUMNS = 200


def build(view: RunView) -> Section | Absent:
    """The fate map and its sentence."""
    if view.nothing is not None:
        return Absent("fate", "Fate of each example", QUESTION, prose(view.nothing))
    if view.no_answers is not None:
        return Absent("fate", "Fate of each example", QUESTION, prose(view.no_answers))
    sample = view.sample(MOST_ROWS)
    epochs = _columns(view)
    blocks = _blocks(view, sample, epochs)
    guides = view.guides()
    return Section(
        key="fate",
        title="Fate of each example",
        question=QUESTION,
        answer=_answer(view),
        parts=(
            Key(_swatches(view, blocks)),
            Plot(
                key="fate",
                wide=fate_map(blocks, epochs, guides),
                narrow=fate_map(blocks, epochs, guides, narrow=True),
                alt="Heat map of the answer to each example at each epoch.",
                halo=False,
            ),
        ),
        caption=_caption(view, len(sample), epochs),
        how_to_read=_how_to_read(view),
        definition=_definition(),
    )


@dataclass(frozen=True)
class _Fate:
    """What the sentence says of the examples whose given label is wrong.

    Attributes:
        first_true: share answered with the true label before they were ever answered with the given one.
        half: epoch at which half were answered with the given label.
        last_for_good: epoch from which the last of them stayed; None where some had not by the end.
        unlearned: share that was not answered with the given label at the last epoch.
    """

    first_true: float
    half: int | None
    last_for_good: int | None
    unlearned: float


def _columns(view: RunView) -> np.ndarray:
    """Epochs that get a column: all, or MOST_COLUMNS spaced as on the axis."""
    epochs = np.array(view.epoch_numbers)
    if len(epochs) <= MOST_COLUMNS:
        return epochs
    spaced = np.expm1(np.linspace(np.log1p(epochs[0]), np.log1p(epochs[-1]), MOST_COLUMNS))
    return np.unique(spaced.round().astype(np.int64))


def _blocks(view: RunView, sample: np.ndarray, epochs: np.ndarray) -> list[Block]:
    """Noisy, or each of its kinds, above, clean below; one block where that is not known. Rows by the epoch learned
    for good."""
    answers = np.stack([_answers(view, sample, int(epoch)) for epoch in epochs], axis=1)
    order = _order(view, sample)
    groups = [("examples", np.ones(len(sample), dtype=bool))]
    if view.noisy is not None:
        noise = [group for group in groups_by_kind(view) if group.role != "clean"]
        groups = [(_block_name(view, group), group.members[sample]) for group in noise]
        groups.append(("clean", ~view.noisy[sample]))
    blocks = []
    for name, members in groups:
        rows = order[members[order]]
        if len(rows):
            labels = [_label(view, int(example)) for example in sample[rows]]
            blocks.append(Block(f"{count(len(rows))} {name}", sample[rows], answers[rows], labels))
    return blocks


def _block_name(view: RunView, group: Group) -> str:
    """ "wrong labels", or with the kind: "wrong labels: uniform_all"; escaped, plotly renders a subset of HTML."""
    if not view.kinds:
        return group.name
    wrong = view.differs is not None and view.differs[group.members]
    what = LABELS if np.all(wrong) else REPLACED_INPUTS if not np.any(wrong) else view.words
    return escape(f"{what.noisy}: {group.label}")


def _order(view: RunView, sample: np.ndarray) -> np.ndarray:
    """Positions in the sample by the epoch learned for good, then first learned; never learned last."""
    columns = [
        view.scores[name].iloc[sample].astype("Float64").fillna(np.inf).to_numpy(dtype=np.float64)
        for name in ("first_learned_epoch", "learned_epoch")
    ]
    return np.lexsort(columns)


def _answers(view: RunView, examples: np.ndarray, epoch: int) -> np.ndarray:
    """int8, (n,): positions in ANSWERS."""
    assert view.given is not None
    known = [None if labels is None else labels[examples] for labels in (view.true, view.noisy)]
    return answer_codes(view.epoch(epoch)["prediction"][examples], view.given[examples], *known)


def _label(view: RunView, example: int) -> str:
    """Words of the tooltip: escaped, plotly renders a subset of HTML."""
    assert view.given is not None
    text = f"example {example:,}<br>given {escape(view.class_name(int(view.given[example])))}"
    kind = view.kind_of(example)
    made = f"<br>{escape(kind)}" if kind else ""
    if view.true is None or view.true[example] < 0:
        return text + made
    return f"{text}, true {escape(view.class_name(int(view.true[example])))}{made}"


def _swatches(view: RunView, blocks: list[Block]) -> tuple[Swatch, ...]:
    """The colours that occur."""
    shown = {int(answer) for block in blocks for answer in np.unique(block.answers)}
    words = view.words
    as_labelled = "answered as labelled" if view.noisy is None else "clean, answered right"
    memorized = f"{words.noisy_one}, {words.as_given}"
    names = {
        AS_LABELLED: Swatch(as_labelled, "clean"),
        TRUE: Swatch("wrong label, answered with the true one", "true_area"),
        WRONG: Swatch(memorized, "noisy"),
        OTHER: Swatch("any other answer", "other_area"),
        UNSEEN: Swatch("not visited", "page"),
    }
    return tuple(swatch for answer, swatch in names.items() if answer in shown)


def _fate(view: RunView) -> _Fate | None:
    """The sentence's numbers, over all wrongly labelled examples that were visited; None where there are none."""
    if view.differs is None or view.true is None or view.given is None or not view.differs_any:
        return None
    wrong = np.flatnonzero(view.differs)
    given, truth = view.given[wrong], view.true[wrong]
    first = np.zeros(len(wrong), dtype=np.int8)  # 1: the true label came first, 2: the given one, 0: neither yet
    half = None
    for epoch in view.run.closed_epochs:
        prediction = view.epoch(epoch)["prediction"][wrong]
        visited = prediction >= 0
        if half is None and visited.any() and (prediction == given)[visited].mean() >= 0.5:
            half = int(epoch)
        first = np.where((first == 0) & (prediction == truth), 1, first)
        first = np.where((first == 0) & (prediction == given), 2, first)
    learned = view.scores["learned_epoch"].iloc[wrong]
    seen = view.scores["visits"].iloc[wrong].fillna(0).to_numpy(dtype=np.float64) > 0
    if not seen.any():
        return None
    unlearned = float(learned[seen].isna().mean())
    last = None if unlearned else int(learned[seen].max())
    return _Fate(float((first[seen] == 1).mean()), half, last, unlearned)


def _answer(view: RunView) -> Prose:
    fate = _fate(view)
    if fate is None:
        return _plain_answer(view)
    end = f"epoch {view.last_epoch:,}"
    only = "" if fate.first_true >= 0.5 else "Only "
    start = prose(
        f"{only}{percent(fate.first_true)} of the wrongly labelled examples were first answered with their ",
        true("true label"),
    )
    if fate.half is None:
        stayed = f"{percent(fate.unlearned)} had not turned to the wrong one for good by {end}."
        return (*start, *prose("; ", muted(stayed)))
    turned = prose("; one by one they turned to the ", noisy("wrong one"), ". ")
    if fate.first_true < 0.5:
        turned = prose("; one by one ", noisy("the wrong labels were memorized"), ". ")
    if fate.last_for_good is not None:
        rest = f"Half had turned by epoch {fate.half:,}, the last for good at epoch {fate.last_for_good:,}."
    else:
        rest = f"Half had turned by epoch {fate.half:,}; {percent(fate.unlearned)} had not for good by {end}."
    return (*start, *turned, muted(rest))


def _plain_answer(view: RunView) -> Prose:
    """Where no label is known to be wrong: how many were answered as labelled for good, and when half of them were."""
    learned = view.scores["learned_epoch"]
    seen = view.scores["visits"].fillna(0).to_numpy(dtype=np.float64) > 0
    share = float(learned[seen].notna().mean()) if seen.any() else float("nan")
    start = f"{percent(share)} of the examples were answered as labelled for good by epoch {view.last_epoch:,}."
    if not seen.any() or learned.dropna().empty or view.last_epoch == 1:
        return prose(start)
    first = int(np.ceil(float(learned.dropna().median())))
    return prose(start, muted(f" Half of those stayed so from epoch {first:,}."))


def _caption(view: RunView, rows: int, epochs: np.ndarray) -> Prose:
    drawn = f"One row per example, {count(rows)} in all"
    if rows < view.num_examples:
        whole = count(view.num_examples)
        drawn = f"One row per example: a random {count(rows)} of {whole}, each group by its share (seed 0)"
    columns = "one column per epoch" if len(epochs) == len(view.epoch_numbers) else f"{len(epochs)} epochs as columns"
    blocks = "Within each block, rows" if view.noisy is not None else "Rows"
    text = f"{drawn}; {columns}. {blocks} are sorted by the epoch from which the given label is answered for good."
    lost = " Grey in the clean block: clean examples lost again while the noise was being memorized."
    both = _fate(view) is not None and view.clean is not None and bool(view.clean.any())
    return prose(text + (lost if both and view.key.noisy_half is not None else "") + kinds_note(view))


def _how_to_read(view: RunView) -> tuple[Prose, ...]:
    first = prose(
        "Follow a row from left to right: it is one example, and its colour is the label the network answered with at "
        "that epoch. Point at a cell to read which example it is."
    )
    if _fate(view) is None:
        return (first,)
    second = prose(
        true("Green"),
        " means that the network answered with the true label although training only ever showed the wrong one: it "
        "goes by the pattern. Where a row turns ",
        noisy("vermillion"),
        ", it has memorized that one wrong label.",
    )
    if view.num_replaced:
        replaced = " A replaced input has no other label than its own, so its row is grey until it is vermillion."
        second = (*second, *prose(replaced))
    return first, second


def _definition() -> tuple[Prose, ...]:
    return (
        prose(
            "Answer: the label with the largest logit after the epoch (while training, in a run measured online). "
            "Learned for good: the first epoch from which the answer is the given label at every later visit."
        ),
        prose(
            "The epoch learned for good is the iteration learned of Baldock et al., Deep Learning Through the Lens of "
            "Example Difficulty, NeurIPS 2021, arxiv.org/abs/2106.09647, read once per epoch. The map itself is this "
            "page's own."
        ),
    )
