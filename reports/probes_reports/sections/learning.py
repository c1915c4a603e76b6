"""Did the network learn the pattern before it memorized the noise? The top of the page."""

from __future__ import annotations

from dataclasses import dataclass

from probes_reports.figures.learning import Band, Curve, Mark, learning_curves
from probes_reports.majority import majority
from probes_reports.sections.kinds_drawn import kinds_drawn
from probes_reports.sections.learning_words import Tile, header_facts, hero_facts, lede, noisy_group, tiles
from probes_reports.sections.section import Key, Part, Plot, Section, Swatch
from probes_reports.view import RunView
from probes_reports.wording import LABELS, Clause, Prose, Words, muted, noisy, prose, strong, true

__all__ = ["FIGURES", "Hero", "build"]

FIGURES = ("learning",)
QUESTION = "Did the network learn the pattern before it memorized the noise?"


@dataclass(frozen=True)
class Hero:
    """Header line, lede, number tiles, and the section below them, whose answer is the page's h1."""

    facts: tuple[str, ...]
    lede: Prose
    tiles: tuple[Tile, ...]
    section: Section


def build(view: RunView) -> Hero:
    """The top of the page of a run."""
    facts, verdict, parts = hero_facts(view), view.verdict, _parts(view)
    section = Section(
        key="learning",
        title="Learning",
        question=QUESTION,
        answer=prose(*_answer_start(verdict.so_far, verdict.word), *verdict.sentence),
        parts=parts,
        caption=_caption(view) if parts else (),
        how_to_read=_how_to_read(view) if parts else (),
        definition=_definition() if parts else (),
    )
    caution = majority(view.run) if view.last_epoch and view.not_finite is None else ""
    told = prose(*lede(facts), strong(f" {caution}")) if caution else lede(facts)
    return Hero(header_facts(view), told, tiles(facts), section)


def _answer_start(so_far: str, word: str) -> tuple[Clause, ...]:
    return (*((muted(so_far),) if so_far else ()), strong(f"{word}."), Clause(" "))


def _parts(view: RunView) -> tuple[Part, ...]:
    curves = _curves(view)
    if not curves or view.not_finite is not None:
        return ()
    marks, bands = _marks(view), _bands(view)
    wide = learning_curves(curves, marks, bands)
    plot = Plot(
        key="learning",
        wide=wide,
        narrow=learning_curves(curves, marks, bands, narrow=True),
        alt="Shares of examples answered in each way over the epochs: " + ", ".join(curve.name for curve in curves),
    )
    tones = {"test": "ink", "all": "ink_3"}
    swatches = [Swatch(c.name, tones.get(c.role, c.role), "dash" if c.role == "true" else "line") for c in curves]
    order = ("clean", "noisy", "true", "all", "test")
    ordered = sorted(zip(curves, swatches, strict=True), key=lambda pair: order.index(pair[0].role))
    written = {note.text for note in wide.layout.annotations}
    named = all({"<br>".join(curve.label), "<br>".join(curve.short_label)} & written for curve in curves)
    return Key(tuple(swatch for _, swatch in ordered), narrow_only=named), plot


def _curves(view: RunView) -> list[Curve]:
    """In drawing order, the noisy ones on top; a group without members has no line."""
    words = view.words
    named = [
        Curve("test", "test set", *view.drawn_curve("test"), ("<b>test set</b>",), ("<b>test</b>",)),
        Curve(
            "true",
            "wrong labels, answered with the true one",
            *view.drawn_hidden_curve(),
            ("<b>wrong labels,</b>", "answered with the", "<b>true</b> label instead"),
            ("<b>true</b>", "label"),
        ),
        Curve(
            "clean", "clean examples", *view.drawn_curve("train/clean"), ("<b>clean examples</b>",), ("<b>clean</b>",)
        ),
        Curve(
            "noisy",
            f"{words.noisy}, {words.as_given}",
            *view.drawn_curve("train/noisy"),
            *_noisy_label(words),
        ),
    ]
    if view.noisy is None:
        as_given = ("<b>training examples</b>", "answered as labelled")
        named.append(
            Curve(
                "all",
                "training examples, answered as labelled",
                *view.drawn_curve("train/all"),
                as_given,
                ("<b>train</b>",),
            )
        )
    return [curve for curve in named if len(curve.epochs)]


def _noisy_label(words: Words) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The name of the noisy line, wide and narrow."""
    if words is LABELS:
        return ("<b>wrong labels,</b>", "answered with the", "<b>wrong</b> label"), ("<b>wrong</b>", "label")
    first = words.noisy.split()[0]
    return (f"<b>{words.noisy},</b>", "answered as labelled"), (f"<b>{first}</b>",)


def _marks(view: RunView) -> list[Mark]:
    """Marked epochs, the important ones first."""
    key, words = view.key, view.words
    marks = []
    if key.noisy_memorized is not None:
        epoch, at = f"<b>epoch {key.noisy_memorized:,}</b>", view.at("train/noisy", key.noisy_memorized)
        text = (epoch, f"90% of {words.noisy_one.split()[0]}", f"{words.thing} memorized")
        marks.append(Mark("noisy", key.noisy_memorized, _share(at), text, (epoch, "noise", "memorized"), "solid"))
    if key.clean_learned is not None:
        epoch, at = f"<b>epoch {key.clean_learned:,}</b>", view.at("train/clean", key.clean_learned)
        text = (epoch, "90% of clean", "examples learned")
        marks.append(Mark("clean", key.clean_learned, _share(at), text, (epoch, "clean", "learned"), "solid"))
    if key.peak is not None:
        epoch, at = f"<b>epoch {key.peak:,}</b>", view.at("test", key.peak)
        text = (epoch, "best validation", "accuracy")
        marks.append(Mark("test", key.peak, _share(at), text, (epoch, "best val."), "dotted"))
    if key.noisy_half is not None and key.noisy_half != key.noisy_memorized:
        half, at = f"half by {key.noisy_half:,}", view.at("train/noisy", key.noisy_half)
        marks.append(Mark("noisy", key.noisy_half, _share(at), (half,), (), "none"))
    return marks


def _share(value: float | None) -> float:
    return float("nan") if value is None else value


def _bands(view: RunView) -> list[Band]:
    """Learning the pattern: to the validation peak; memorizing the noise: from there until 90% of it is memorized."""
    key, last = view.key, view.last_epoch
    if view.num_noisy is None or key.peak is None or last < 2:
        return []
    start, bands = view.first_epoch, []
    if view.num_noisy < view.num_examples:
        bands.append(Band(start, key.peak, "learning the pattern", ("learning", "the pattern"), "clean"))
        start = key.peak
    end = last if key.noisy_memorized is None else key.noisy_memorized
    if not view.num_noisy or key.noisy_half is None or end <= start:
        return bands
    bands.append(Band(start, end, "memorizing the noise", ("memorizing", "the noise"), "noisy"))
    finals = (view.summary["final_clean_accuracy"], view.summary["final_noisy_accuracy"])
    fitted = all(final is None or final >= 0.995 for final in finals)
    title = ("everything fitted", ("all", "fitted")) if fitted else ("after", ("after",))
    return [*bands, Band(end, last, title[0], title[1], "none")]


def _caption(view: RunView) -> Prose:
    start = f"Share of examples answered in each way {_when_measured(view)}. "
    spaced = "Epochs are spaced as log(1 + epoch)."
    if view.noisy is None:
        return prose(start, "Without the true labels the training examples are one group. ", spaced)
    if view.verdict.word != "Yes" or not view.differs_any or view.key.noisy_half is None:
        return prose(start, spaced)
    return prose(
        start,
        "Clean labels, and the true labels hidden behind the wrong ones, rise together: that is the pattern. ",
        f"Only later does the network {_turns_to(view)}",
        ", and answers on new examples get worse. " if _test_fell(view) else ". ",
        spaced,
    )


def _turns_to(view: RunView) -> str:
    return "turn to the wrong labels" if view.words is LABELS else f"memorize the {view.words.noisy}"


def _test_fell(view: RunView) -> bool:
    peak, final = view.summary["peak_test_accuracy"], view.summary["final_test_accuracy"]
    return peak is not None and final is not None and final < peak - 0.01


def _when_measured(view: RunView) -> str:
    return "in the training passes of each epoch" if view.measure == "online" else "after every epoch"


def _how_to_read(view: RunView) -> tuple[Prose, ...]:
    pointing = "Point at the figure to read all shares of an epoch."
    if view.noisy is None:
        return (prose("Each line is the share of a group that the network answered with its label. " + pointing),)
    learned = prose(
        "Each line is a share of one group. ",
        Clause("Clean examples", "clean"),
        " carry the right label: the line rises when the network answers with it.",
    )
    if not view.num_noisy:
        return (prose(*learned, " " + pointing),)
    alike = " All inputs shuffled alike share a pattern of their own; that can be learned."
    exception = alike if "shuffled_pixels" in kinds_drawn(view) else ""
    hidden = prose(
        "The ",
        true("dashed line"),
        " counts the wrongly labelled examples alone, and asks whether the answer is their true label, which training "
        "never showed. Where it is high, the network has learned what such examples look like and applies it even to "
        "examples that claim otherwise.",
    )
    memorized = noisy(f"The {noisy_group(view)}")
    answer_so = "answer with them" if view.words is LABELS else "answer them as labelled"
    only_way = f" follow no pattern, so the only way to {answer_so} is to memorize them.{exception}"
    return (
        prose(*learned, " ", memorized, only_way),
        *((hidden,) if view.differs_any else ()),
        prose(
            "The shaded stretch on the left ends at the best validation accuracy; the one on the right ends where 90% "
            f"of the {view.words.noisy} are memorized. {pointing}"
        ),
    )


def _definition() -> tuple[Prose, ...]:
    return (
        prose(
            "Answered with a label: the label has the largest logit. Clean learned: the first epoch at which at least "
            "90% of the clean examples are answered as given. Noise memorized: the same for the noisy examples; half "
            "of it: at least 50%. Best validation: the epoch of the highest validation accuracy, the first of equals."
        ),
        prose(
            "Yes: half of the noise was memorized no earlier than three times the epoch at which clean examples were "
            "learned. Only partly: later than that epoch, but earlier than three times it. No: not later."
        ),
        prose(
            "After Arpit et al., A Closer Look at Memorization in Deep Networks, ICML 2017, arxiv.org/abs/1706.05394, "
            "and Zhang et al., Understanding Deep Learning Requires Rethinking Generalization, ICLR 2017, "
            "arxiv.org/abs/1611.03530. The thresholds are this page's own. One run: nothing here is claimed of others."
        ),
    )
