"""What the page says: clauses with a tone, numbers as text, and the verdict. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "LABELS",
    "MIXED",
    "REPLACED_INPUTS",
    "Clause",
    "Facts",
    "Prose",
    "Tone",
    "Verdict",
    "Words",
    "auroc",
    "clean",
    "count",
    "highlight",
    "muted",
    "noisy",
    "number",
    "part_of",
    "percent",
    "plain_text",
    "prose",
    "strong",
    "true",
    "verdict",
    "wide_only",
]

MANY_EPOCHS = 10  # a run of fewer may just have been too short to learn anything

Tone = Literal["plain", "muted", "strong", "clean", "noisy", "true", "highlight", "wide"]


@dataclass(frozen=True)
class Clause:
    """A piece of a sentence and its colour: "plain" inherits, the groups wear their own; "wide": not on a phone."""

    text: str
    tone: Tone = "plain"


Prose = tuple[Clause, ...]


def prose(*pieces: str | Clause) -> Prose:
    """Join pieces into one text; strings are plain.

    Example:
        >>> plain_text(prose("At epoch 5: ", clean("0.52"), "."))
        'At epoch 5: 0.52.'
    """
    return tuple(piece if isinstance(piece, Clause) else Clause(piece) for piece in pieces)


def muted(text: str) -> Clause:
    """The qualification after an answer, in regular weight."""
    return Clause(text, "muted")


def strong(text: str) -> Clause:
    """Bold ink."""
    return Clause(text, "strong")


def clean(text: str) -> Clause:
    """In the colour of clean examples."""
    return Clause(text, "clean")


def noisy(text: str) -> Clause:
    """In the colour of noisy examples and of their given labels."""
    return Clause(text, "noisy")


def true(text: str) -> Clause:
    """In the colour of the true label."""
    return Clause(text, "true")


def highlight(text: str) -> Clause:
    """In the colour of what a figure singles out."""
    return Clause(text, "highlight")


def wide_only(text: str) -> Clause:
    """Left out on a phone, where what it explains is not shown."""
    return Clause(text, "wide")


def plain_text(text: Prose) -> str:
    """The words alone."""
    return "".join(clause.text for clause in text)


def percent(share: float | None, digits: int = 1) -> str:
    """A share in [0, 1] as percent; "100%" and "0%" only where it is exactly that, "unknown" for None or NaN."""
    if share is None or math.isnan(share):
        return "unknown"
    if share in (0.0, 1.0):
        return f"{share * 100:.0f}%"
    smallest, rounded = 10.0**-digits, f"{share * 100:.{digits}f}"
    if float(rounded) == 0:
        return f"<{smallest:.{digits}f}%"
    if float(rounded) == 100:
        return f">{100 - smallest:.{digits}f}%"
    return f"{rounded}%"


def count(value: int) -> str:
    """A number of things, with thousands separated."""
    return f"{value:,}"


def auroc(value: float | None) -> str:
    """Three decimals, "undefined" for None or NaN."""
    return "undefined" if value is None or math.isnan(value) else f"{value:.3f}"


def number(value: float) -> str:
    """A loss or another magnitude: two decimals, small ones with two digits that count."""
    if math.isnan(value):
        return "unknown"
    return f"{value:.2f}" if abs(value) >= 0.01 or value == 0 else f"{value:.2g}"


def part_of(k: int, n: int) -> str:
    """A count out of a total: "all 50", "none of the 50", "47 of the 50"."""
    if n and k == n:
        return f"all {n:,}"
    return f"none of the {n:,}" if k == 0 else f"{k:,} of the {n:,}"


@dataclass(frozen=True)
class Words:
    """What the noisy group is called in a run."""

    noisy: str  # plural: "the wrong labels were memorized"
    noisy_one: str  # "a wrong label"
    made: str  # "492 of the 1,400 labels were made wrong"
    thing: str  # what is counted: "labels"
    all_noisy: str  # where there is no clean group
    others: str  # those they are told from: "right ones"
    as_given: str  # "wrong labels, answered with the wrong one"


LABELS = Words(
    noisy="wrong labels",
    noisy_one="wrong label",
    made="made wrong",
    thing="labels",
    all_noisy="Every label is wrong",
    others="right ones",
    as_given="answered with the wrong one",
)
REPLACED_INPUTS = Words(
    noisy="replaced inputs",
    noisy_one="replaced input",
    made="replaced",
    thing="inputs",
    all_noisy="All inputs are replaced",
    others="the others",
    as_given="answered as labelled",
)
MIXED = Words(  # some labels are wrong, and some inputs with the right label were replaced
    noisy="noisy examples",
    noisy_one="noisy example",
    made="made noisy",
    thing="examples",
    all_noisy="Every example is noisy",
    others="clean ones",
    as_given="answered as labelled",
)


@dataclass(frozen=True)
class Facts:
    """What the verdict depends on; epochs are None where they were not reached.

    `num_noisy` is None where the true labels are unknown; `estimated_noise_rate` then says how much looks wrong.
    `not_finite` says that the logits were not, from the first epoch on, None where some were.
    `unanswered` says why answers cannot be compared with labels, None where they can.
    `unlearned` says why the network's own errors may be most of that estimate, "" where they need not be.
    `finished` is False for a run that is still going, was interrupted or failed.
    """

    num_examples: int
    num_noisy: int | None
    last_epoch: int
    clean_learned_epoch: int | None = None
    noisy_half_memorized_epoch: int | None = None
    noisy_memorized_epoch: int | None = None
    final_clean_accuracy: float | None = None
    final_noisy_accuracy: float | None = None
    estimated_noise_rate: float | None = None
    unanswered: str | None = None
    not_finite: str | None = None
    finished: bool = True
    unlearned: str = ""
    words: Words = LABELS


@dataclass(frozen=True)
class Verdict:
    """The answer to the page's question: one of "Yes", "Only partly", "No", "Cannot tell", and a sentence."""

    word: str
    sentence: Prose
    so_far: str = ""  # "So far (epoch E): " or ""


def verdict(facts: Facts) -> Verdict:
    """Did the network learn the pattern before it memorized the noise?

    Yes where half of the noisy examples were memorized no earlier than 3 x the epoch at which 90% of the clean
    ones were learned (or not at all within so many epochs); only partly between once and 3 x; no before that.
    Ratios are not shown: the epoch of the clean ones is good to one epoch.
    """
    so_far = "" if facts.finished else f"So far (epoch {facts.last_epoch:,}): "
    word, sentence = _judge(facts)
    return Verdict(word, sentence, so_far)


def _judge(facts: Facts) -> tuple[str, Prose]:
    undecided = _undecidable(facts)
    if undecided is not None:
        return "Cannot tell", undecided
    learned, half = facts.clean_learned_epoch, facts.noisy_half_memorized_epoch
    if half is None:
        enough = learned is not None and facts.last_epoch >= 3 * learned
        return ("Yes", _yes(facts)) if enough else ("Cannot tell", _too_early(facts))
    if learned is None or half <= learned:
        return "No", _no(facts)
    return ("Yes", _yes(facts)) if half >= 3 * learned else ("Only partly", _partly(facts))


def _undecidable(facts: Facts) -> Prose | None:
    """The reason why no training, however long, could answer; None where one could."""
    last = facts.last_epoch
    if last == 0:
        return prose("No epoch has been finished yet.")
    if facts.not_finite is not None:
        return prose(facts.not_finite)
    if facts.num_noisy is None:
        rate = facts.estimated_noise_rate
        estimate = "" if rate is None or math.isnan(rate) else f"; an estimated {percent(rate)} look wrong"
        if estimate and facts.unlearned:
            estimate += f", but {facts.unlearned}: many of these may be its own errors"
        return prose(f"The true labels are unknown{estimate}.")
    if facts.unanswered is not None:
        return prose(facts.unanswered)
    if facts.num_noisy == 0:
        return prose(f"Every {facts.words.thing[:-1]} is as it came: ", clean(_clean_learned(facts) + "."))
    if facts.num_noisy == facts.num_examples:
        return prose(f"{facts.words.all_noisy}, there is no clean group: ", noisy(_memorized(facts) + "."))
    return None


def _clean_learned(facts: Facts) -> str:
    if facts.clean_learned_epoch is not None:
        return f"clean examples were learned by epoch {facts.clean_learned_epoch:,}"
    return f"by epoch {facts.last_epoch:,} {percent(facts.final_clean_accuracy)} of the clean examples were learned"


def _memorized(facts: Facts, only: str = "") -> str:
    if facts.noisy_memorized_epoch is not None:
        return f"the {facts.words.noisy} were memorized {only}by epoch {facts.noisy_memorized_epoch:,}"
    share = percent(facts.final_noisy_accuracy)
    return f"by epoch {facts.last_epoch:,} {only}{share} of the {facts.words.noisy} were memorized"


def _yes(facts: Facts) -> Prose:
    return prose(
        clean(f"Clean examples were learned by epoch {facts.clean_learned_epoch:,};"),
        " ",
        noisy(_memorized(facts, only="only ") + "."),
    )


def _partly(facts: Facts) -> Prose:
    return prose(
        clean(f"Clean examples were learned by epoch {facts.clean_learned_epoch:,},"),
        " ",
        noisy(f"half of the {facts.words.noisy} already by epoch {facts.noisy_half_memorized_epoch:,}."),
    )


def _no(facts: Facts) -> Prose:
    learned = facts.clean_learned_epoch
    epochs = "one epoch" if facts.last_epoch == 1 else f"{facts.last_epoch:,} epochs"
    when = f"not within {epochs}" if learned is None else f"epoch {learned:,}"
    return prose(
        noisy(f"Half of the {facts.words.noisy} were memorized by epoch {facts.noisy_half_memorized_epoch:,},"),
        " ",
        clean(f"before 90% of the clean examples were learned ({when})."),
    )


def _too_early(facts: Facts) -> Prose:
    if not facts.finished:
        return prose("It is too early.")
    if facts.clean_learned_epoch is None and facts.last_epoch >= MANY_EPOCHS:
        return prose(
            f"Within {facts.last_epoch:,} epochs neither 90% of the clean examples were learned nor half of the "
            f"{facts.words.noisy} memorized."
        )
    return prose(f"Training ended at epoch {facts.last_epoch:,}, too early.")
