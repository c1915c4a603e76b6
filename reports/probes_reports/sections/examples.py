"""Which examples are they? Open rows of cards: those that each score puts at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from probes_reports.figures.example_strips import (
    LossScale,
    Segment,
    answer_codes,
    loss_path,
    loss_scale,
    spaced_epochs,
    strip,
)
from probes_reports.sections.examples_ranking import ranking
from probes_reports.sections.section import Absent, Block, Data, Heading, Key, Part, Section, Swatch
from probes_reports.view import RunView
from probes_reports.wording import LABELS, MIXED, REPLACED_INPUTS, Prose, count, muted, number, part_of, prose

__all__ = ["FIGURES", "Card", "build"]

FIGURES: tuple[str, ...] = ()
TITLE = "Examples"
QUESTION = "Which examples are they?"
ROW = 6  # cards
INSPECTED = 50  # examples that the answer counts among, at most
INSPECTED_SHARE = 10  # and at most one in so many
SHORT_NAME = 3  # characters of a class that are set as large figures
MOST_EPOCHS = 400  # drawn of a line and a strip
BOX = (160.0, 34.0)  # of the line, in SVG units


@dataclass(frozen=True)
class Card:
    """One example and what became of it.

    Attributes:
        example: its index.
        name: what it is called: "example 12", with its id where the page may show it.
        image: thumbnail as a data URI; "" where there is none.
        given, true: names of its labels; "" where unknown.
        tone: group, a colour: "clean", "noisy", or "ink" where the truth is unknown.
        true_tone: colour of the true label.
        line: loss over the epochs as the `d` of an SVG path.
        strip: its answers.
        reason: the one number it was chosen for.
    """

    example: int
    name: str
    image: str
    given: str
    true: str
    tone: str
    true_tone: str
    line: str
    strip: tuple[Segment, ...]
    reason: str


@dataclass(frozen=True)
class Cards:
    """A row of cards.

    Attributes:
        cards: from left to right.
        ink: whether thumbnails are grey-scale: those are inverted in the dark theme.
        long: whether the names of classes are too long for large figures.
    """

    cards: tuple[Card, ...]
    ink: bool
    long: bool


@dataclass(frozen=True)
class _Choice:
    """The examples of a row, the most extreme first, and why each is there."""

    title: str
    rest: str
    examples: tuple[int, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class _Histories:
    """Losses (nats) and answers of the examples shown: (n, T) each, at `epochs` (T,)."""

    epochs: np.ndarray
    losses: np.ndarray
    codes: np.ndarray
    scale: LossScale


def build(view: RunView) -> Section | Absent:
    """The rows of cards and their sentence."""
    if view.nothing is not None:
        return Absent("examples", TITLE, QUESTION, prose(view.nothing))
    if view.given is None:
        return ranking(view, TITLE, QUESTION)
    choices = _choices(view)
    if not choices:
        return Absent("examples", TITLE, QUESTION, prose("No example has been visited yet."))
    shown = sorted({example for choice in choices for example in choice.examples})
    histories = _histories(view, np.array(shown))
    cards = _cards(view, shown, histories)
    return Section(
        key="examples",
        title=TITLE,
        question=QUESTION,
        answer=_answer(view),
        parts=(_key(view, histories), *_rows(view, choices, cards), _data(view, choices)),
        caption=_caption(view, cards),
        how_to_read=_how_to_read(view),
        definition=_definition(),
    )


# which ---------------------------------------------------------------------------------------------------------------


def _hard_not(view: RunView) -> tuple[str, str]:
    """What a clean example is, and what it is not, in the words of the run's noise."""
    if view.words is LABELS:
        return "right", "wrong"
    return "clean", "replaced" if view.words is REPLACED_INPUTS else "noisy"


def _choices(view: RunView) -> list[_Choice]:
    """Rows that have anyone in them."""
    forgotten, learned, loss = (_column(view, n) for n in ("forgetting_events", "learned_epoch", "mean_loss"))
    of_forgotten = _top(np.where(forgotten > 0, forgotten, np.nan), loss)
    of_learned, of_loss = _top(learned, loss), _top(loss, loss)
    rows = [
        _Choice(
            "Most forgotten",
            " answered as labelled, then not any more, most often",
            of_forgotten,
            tuple(f"forgotten {_times(int(forgotten[i]))}" for i in of_forgotten),
        ),
        _Choice(
            "Learned last",
            " the last to stay answered as labelled",
            of_learned,
            tuple(f"from epoch {int(learned[i]):,}" for i in of_learned),
        ),
        _Choice("Most suspicious", " highest mean loss of all examples", of_loss, _loss_reasons(loss, of_loss)),
    ]
    if view.noisy is not None and 0 < int(view.noisy.sum()) < view.num_examples:
        right = _top(np.where(view.noisy, np.nan, loss), loss)
        right_or_clean, thing = _hard_not(view)
        rest = f" highest mean loss among the clean: hard, not {thing}"
        rows.append(_Choice(f"Suspicious but {right_or_clean}", rest, right, _loss_reasons(loss, right)))
    return [row for row in [*rows, _never_learned(view, loss)] if row.examples]


def _never_learned(view: RunView, loss: np.ndarray) -> _Choice:
    never = view.scores["never_learned"].fillna(False).to_numpy(dtype=bool)
    chosen = _top(np.where(never, loss, np.nan), loss)
    total = int(never.sum())
    which = f"; of {count(total)} those with the highest mean loss" if total > len(chosen) else ""
    when = "not answered as labelled after the one epoch"
    if view.last_epoch > 1:
        when = f"answered as labelled after none of {view.last_epoch:,} epochs"
    rest = f" {when}{which}"
    return _Choice("Never learned", rest, chosen, _loss_reasons(loss, chosen))


def _top(values: np.ndarray, loss: np.ndarray) -> tuple[int, ...]:
    """Up to ROW examples with the highest values, none of them missing; of equals the higher mean loss first."""
    order = np.lexsort((np.arange(len(values)), -np.nan_to_num(loss), -np.nan_to_num(values, nan=-np.inf)))[:ROW]
    return tuple(int(example) for example in order if not np.isnan(values[example]))


def _column(view: RunView, name: str) -> np.ndarray:
    """A score as float64, (N,); NaN where missing."""
    column: pd.Series = view.scores[name]
    return column.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)


def _loss_reasons(loss: np.ndarray, examples: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"mean loss {number(float(loss[example]))}" for example in examples)


def _times(events: int) -> str:
    return "once" if events == 1 else f"{events:,} times"


def _epochs(number_of: int) -> str:
    return "one epoch" if number_of == 1 else f"{number_of:,} epochs"


# cards ---------------------------------------------------------------------------------------------------------------


def _histories(view: RunView, shown: np.ndarray) -> _Histories:
    """One pass over the epochs; only the examples shown are kept."""
    assert view.given is not None
    epochs = spaced_epochs(_recorded(view), MOST_EPOCHS)
    given = view.given[shown]
    true = None if view.true is None else view.true[shown]
    noisy = None if view.noisy is None else view.noisy[shown]
    losses = np.empty((len(shown), len(epochs)))
    codes = np.empty(losses.shape, dtype=np.int8)
    for column, epoch in enumerate(epochs):
        held = view.epoch(int(epoch))
        losses[:, column] = held["loss"][shown]
        codes[:, column] = answer_codes(held["prediction"][shown], given, true, noisy)
    return _Histories(epochs, losses, codes, loss_scale(losses))


def _recorded(view: RunView) -> list[int]:
    """Epochs that the run holds; one whose file was removed is not among them."""
    return [*([0] if view.run.has_initial else []), *view.run.closed_epochs]


def _cards(view: RunView, shown: Sequence[int], histories: _Histories) -> dict[int, Card]:
    """A card for each example, without the reason it was chosen for."""
    images = view.images(shown)
    cards = {}
    for place, example in enumerate(shown):
        line = loss_path(histories.losses[place], histories.epochs, histories.scale, *BOX)
        answers = strip(histories.codes[place], histories.epochs)
        tone, true_tone = _tones(view, example)
        cards[example] = Card(
            example=example,
            name=_name(view, example),
            image=images.get(example, ""),
            given=_class(view, view.given, example),
            true=_class(view, view.true, example),
            tone=tone,
            true_tone=true_tone,
            line=line,
            strip=answers,
            reason="",
        )
    return cards


def _tones(view: RunView, example: int) -> tuple[str, str]:
    """Colours of the given and of the true label: the true one is green where it is another."""
    if view.noisy is None:
        return "ink", "ink"
    differs = view.differs is not None and bool(view.differs[example])
    tone = "noisy" if view.noisy[example] else "clean"
    return tone, "true" if differs else tone


def _class(view: RunView, labels: np.ndarray | None, example: int) -> str:
    known = labels is not None and labels[example] >= 0
    return view.class_name(int(labels[example])) if labels is not None and known else ""


def _name(view: RunView, example: int) -> str:
    """Its index, and its id where it has one of its own that may be shown (an id may be a path)."""
    name = f"example {example:,}"
    if not view.with_paths or "id" not in view.examples:
        return name
    identity = view.examples["id"].iloc[example]
    return name if pd.isna(identity) or str(identity) == str(example) else f"{name}, id {identity}"


# parts ---------------------------------------------------------------------------------------------------------------


def _key(view: RunView, histories: _Histories) -> Key:
    """The colours that occur in the strips."""
    names = {
        "clean": "as labelled" if view.noisy is None else "right",
        "true_area": "true label",
        "noisy": view.words.noisy_one if view.words.thing == "labels" else f"{view.words.noisy_one}, as labelled",
        "other_area": "other",
    }
    shown = {part.tone for codes in histories.codes for part in strip(codes, histories.epochs)}
    low, high = (f"{end:.5f}".rstrip("0").rstrip(".") for end in (histories.scale.low, histories.scale.high))
    swatches = tuple(Swatch(name, tone) for tone, name in names.items() if tone in shown)
    strips = " Strip: answer at each epoch," if swatches else ""
    return Key(swatches, lead=f"Line: loss over the epochs, log scale from {low} to {high}.{strips}")


def _rows(view: RunView, choices: Sequence[_Choice], cards: dict[int, Card]) -> list[Part]:
    parts: list[Part] = []
    long = any(max(len(card.given), len(card.true)) > SHORT_NAME for card in cards.values())
    for choice in choices:
        pairs = zip(choice.examples, choice.reasons, strict=True)
        chosen = tuple(replace(cards[example], reason=reason) for example, reason in pairs)
        parts.append(Heading(prose(choice.title, muted(choice.rest))))
        parts.append(Block("examples.html.j2", Cards(chosen, view.images_are_ink, long)))
    return parts


def _data(view: RunView, choices: Sequence[_Choice]) -> Data:
    """What the cards say, one line a card."""
    pairs = [(choice, example) for choice in choices for example in choice.examples]
    examples = [example for _, example in pairs]
    return Data(
        "examples",
        {
            "row": [choice.title for choice, _ in pairs],
            "example": examples,
            "given_label": [_class(view, view.given, example) for example in examples],
            "true_label": [_class(view, view.true, example) for example in examples],
            **{
                name: [float(value) for value in _column(view, name)[examples]]
                for name in ("forgetting_events", "learned_epoch", "mean_loss")
            },
        },
    )


# words ---------------------------------------------------------------------------------------------------------------


def _answer(view: RunView) -> Prose:
    """How many of the highest mean losses are noisy, and what the network once answered to those."""
    loss = _column(view, "mean_loss")
    seen = np.flatnonzero(~np.isnan(loss))
    inspected = seen[np.argsort(-loss[seen], kind="stable")][: max(1, min(INSPECTED, len(seen) // INSPECTED_SHARE))]
    if view.noisy is None or not view.num_noisy or view.num_noisy == view.num_examples:
        return _plain_answer(view, loss[seen], len(inspected))
    found = int(view.noisy[inspected].sum())
    labels = view.words.thing == "labels"
    if len(inspected) == 1:
        is_noisy = ("has" if found else "does not have") if labels else ("is" if found else "is not")
        return prose(
            f"The example with the highest mean loss {is_noisy} a {view.words.noisy_one}.", *_once_true(view, inspected)
        )
    counted = part_of(found, len(inspected))
    are = "have wrong labels" if labels else f"are {view.words.noisy}"
    if found == 1:
        are = "has a wrong label" if labels else f"is a {view.words.noisy_one}"
    start = f"{counted[:1].upper()}{counted[1:]} examples with the highest mean loss {are}."
    return prose(start, *_once_true(view, inspected))


def _once_true(view: RunView, inspected: np.ndarray) -> Prose:
    """At the validation peak, how many of the wrong labels among them were answered with the true one."""
    if view.key.peak not in view.run.closed_epochs or view.differs is None or view.true is None:
        return ()
    wrong = inspected[view.differs[inspected]]
    if not len(wrong):
        return ()
    answered = int((view.epoch(view.key.peak)["prediction"][wrong] == view.true[wrong]).sum())
    whom = (
        f"{count(answered)} of these" if 0 < answered < len(wrong) else "all of these" if answered else "none of these"
    )
    if view.words is MIXED:
        whom = f"{part_of(answered, len(wrong))} that have a wrong label"
    if len(inspected) == 1:
        return prose(
            muted(
                f" At epoch {view.key.peak:,} the network {'answered' if answered else 'did not answer'} it with "
                "the true one."
            )
        )
    return prose(muted(f" At epoch {view.key.peak:,} the network answered {whom} with the true one."))


def _plain_answer(view: RunView, losses: np.ndarray, inspected: int) -> Prose:
    """Where there are no two groups to tell apart: how far the highest losses stand from the rest."""
    highest = np.sort(losses)[::-1][:inspected]
    which = (
        "The example with the highest mean loss has" if inspected == 1 else f"The {inspected} highest mean losses are"
    )
    start = f"{which} {number(float(highest[-1]))}{'' if inspected == 1 else ' or more'};"
    middle = muted(f" the median of all {count(len(losses))} examples is {number(float(np.median(losses)))}.")
    if len(losses) == 1:
        return prose(start[:-1] + ".")
    if view.noisy is None:
        return prose(start, middle)
    if not view.num_noisy:
        every = f" Every {view.words.thing[:-1]} is as it came: what has a high loss here is hard, not wrong."
    else:
        every = f" {view.words.all_noisy}."
    return prose(start, middle, muted(every))


def _caption(view: RunView, cards: dict[int, Card]) -> Prose:
    pictured = any(card.image for card in cards.values())
    start = "Up to six examples at the end of each score. "
    if not pictured:
        start += "Without thumbnails a card shows the number of its example. "
    return prose(start, "The same example may stand in several rows. All lines share one scale.")


def _how_to_read(view: RunView) -> tuple[Prose, ...]:
    strips = "The strip has the colours and the epoch axis of the fate map: log(1 + epoch), each epoch up to the next."
    cards = (
        "Each card is one training example: the labels it has, its loss after every epoch, and below that what the "
        "network answered. Under the strip stands the number for which it was chosen, and its position in the data."
    )
    texts = [prose(cards), prose(strips)]
    if view.noisy is not None and view.num_noisy and view.num_noisy < view.num_examples:
        texts.append(
            prose(
                f"Suspicious but {_hard_not(view)[0]}: clean examples that a list sorted by mean loss would call "
                f"{_hard_not(view)[1]} first. They "
                "show where that score errs."
            )
        )
    return tuple(texts)


def _definition() -> tuple[Prose, ...]:
    return (
        prose(
            "Forgotten: answered with the given label at one visited epoch and not at the next. Learned: the first "
            "epoch from which the answer stays the given label. Mean loss: mean over the epochs of -ln p(given label), "
            "in nats; epoch 0, before training, counts nowhere. Of equals the higher mean loss comes first."
        ),
        prose(
            "Forgetting after Toneva et al., ICLR 2019, arxiv.org/abs/1812.05159 (published counts are taken "
            "online, during the training passes); learned for good after Baldock et al., NeurIPS 2021, "
            "arxiv.org/abs/2106.09647; mean loss after Arazo et al., ICML 2019, arxiv.org/abs/1904.11238."
        ),
    )
