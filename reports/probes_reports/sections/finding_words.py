"""The sentences of the section `finding`."""

from __future__ import annotations

import numpy as np

from probes.scores import CATALOGUE
from probes_reports.sections.finding_facts import Curves, Flags, Rank
from probes_reports.sections.section import Caption
from probes_reports.view import RunView
from probes_reports.wording import (
    Clause,
    Prose,
    auroc,
    count,
    muted,
    noisy,
    number,
    part_of,
    percent,
    prose,
    strong,
    wide_only,
)

__all__ = [
    "answer_found",
    "answer_undefined",
    "classes_caption",
    "curves_caption",
    "definition",
    "flags_caption",
    "how_to_read",
    "table_caption",
    "undefined_caption",
    "warning",
]

FOUND, PARTLY = 0.9, 0.7  # AUROC from which the answer is yes, and partly
LOST = 0.02  # drop of AUROC that is worth a sentence


def answer_found(view: RunView, curves: Curves, ranks: list[Rank]) -> Prose:
    """The answer where AUROC is defined: how early mean loss finds the noise, or how well the best score does."""
    if not ranks:
        return prose("Nothing could be ranked: no score is known for both groups.")
    so_far = view.verdict.so_far
    epochs = "one epoch" if view.last_epoch == 1 else f"{count(view.last_epoch)} epochs"
    over = f"{view.words.noisy} above {view.words.others}"
    reached = np.flatnonzero(curves.aurocs["mean_loss"] >= FOUND)
    if len(reached):
        epoch, value = int(curves.ends[reached[0]]), float(curves.aurocs["mean_loss"][reached[0]])
        yes = "Yes, and early" if _is_early(view, epoch) else "Yes"
        after = "one epoch" if epoch == 1 else f"{count(epoch)} epochs"
        first = f"{yes}: after {after} mean loss ranked {over} with AUROC {auroc(value)}."
    else:
        best = ranks[0]
        if best.auroc >= FOUND:
            first = f"Yes: over {epochs} {best.score.label} ranked {over} with AUROC {auroc(best.auroc)}."
        elif best.auroc >= PARTLY:
            first = f"Partly: the best score, {best.score.label}, ranked {over} with AUROC {auroc(best.auroc)}."
        else:
            first = f"Hardly: the best score, {best.score.label}, reaches AUROC {auroc(best.auroc)}; 0.5 is chance."
    return prose(f"{so_far}{first}", muted(_read_at_the_end(view, curves, ranks)))


def answer_undefined(view: RunView, flags: Flags) -> Prose:
    """The answer where a group is empty or truth is unknown."""
    so_far, things = view.verdict.so_far, view.words.thing
    flagged = f"{part_of(flags.mixed, flags.judged)} examples" if flags.judged else "no example"
    if view.num_noisy is None:
        return prose(f"{so_far}Perhaps: ", *_perhaps(view, flags))
    if view.num_noisy == 0:
        return prose(
            f"{so_far}There is nothing to find: every {things[:-1]} is as it came.",
            muted(f" A mixture of two groups still flags {flagged}: it always finds two."),
        )
    return prose(
        f"{so_far}{view.words.all_noisy}, so there is nothing to tell them from.",
        muted(f" A mixture of two groups flags {flagged}."),
    )


def _perhaps(view: RunView, flags: Flags) -> tuple[Clause, ...]:
    """Without truth: the estimate, the cut-off, how many lie above it, and what that counts."""
    rate, cutoff = view.summary["estimated_noise_rate"], view.summary["suggested_cutoff"]
    unchecked = f" The true {view.words.thing} are unknown, so this cannot be checked."
    if rate is None:
        return (Clause("nothing could be estimated."), muted(unchecked))
    estimate = f"an estimated {percent(rate)} of the {view.words.thing} look wrong"
    if cutoff is not None and flags.above:
        estimate += f", the {_examples(flags.above)} above a mean loss of {number(cutoff)}"
    counts = (
        " That is the mean noise probability: a mixture of two groups finds two even where nothing is wrong."
        + (f" Not to be trusted: {view.unlearned}." if view.unlearned else "")
        if view.key.peak is None
        else f" That counts what the network did not answer as labelled at epoch {count(view.key.peak)}, the best on "
        f"validation, its own errors included{': ' + view.unlearned if view.unlearned else ''}."
    )
    return (Clause(f"{estimate}."), muted(counts + unchecked))


def undefined_caption(view: RunView) -> tuple[Caption, ...]:
    """Why there is no AUROC, and what would make it known."""
    compares = "AUROC compares noisy with clean examples and"
    texts = [f"{compares} is undefined here: there is no clean one."]
    if view.num_noisy is None:
        texts = [
            f"{compares} cannot be computed here: no true label was recorded.",
            f"{_how_to_tell_the_truth(view)} They only evaluate; no score ever sees them.",
        ]
    elif view.num_noisy == 0:
        texts = [
            f"{compares} is undefined here: there is no noisy one.",
            "A run of the same data with noise made on purpose (probe train --noise 0.4) shows which score would "
            "find it.",
        ]
    return tuple(Caption(prose(text)) for text in texts)


def _how_to_tell_the_truth(view: RunView) -> str:
    """Where true labels go: into the data of `probe train`, or to one's own tracker."""
    if "noise_kind" not in view.config:
        return "Where they are known, pass them when recording: ExampleTracker(…, true_labels=labels)."
    return (
        "Where they are known, add them to the data: a column true_label of a table, true_labels of an .npz; or let "
        "the data hold the true labels and a file the given ones: probe train --given-labels FILE."
    )


def curves_caption(view: RunView, curves: Curves) -> Prose:
    """What the curves show, and from how many examples."""
    sampled = (
        ""
        if curves.sampled is None
        else f" Computed from a sample of {count(curves.sampled)} of the {count(view.num_examples)} examples; "
        "the values at the right, and the table, from all of them."
    )
    return prose(
        "AUROC of each score computed from epochs 1 to t only. 1 is a perfect ranking, 0.5 is chance; below 0.5 the "
        f"score points the wrong way, and below 0.4 its line leaves the figure.{sampled}"
    )


def table_caption(view: RunView, ranks: list[Rank]) -> Prose:
    """How to read the table."""
    wrong_way = " Below 0.5 a score points the wrong way." if any(rank.auroc < 0.5 for rank in ranks) else ""
    return prose(
        "High values are suspicious, low ones where marked. ",
        wide_only("Filled dot: score over the whole run; hollow: stopped at its best epoch. "),
        f"Last column: share of the {view.words.noisy} among the {count(view.num_noisy or 0)} most "
        f"suspicious examples.{wrong_way}",
    )


def flags_caption(view: RunView, flags: Flags) -> Prose:
    """The estimate, the cut-off, the flags, how right they are where truth is known, and what the mixture says."""
    return prose(_estimate(view) + _cutoff(view, flags) + _mixture(view, flags))


def classes_caption(view: RunView, flags: Flags, most_classes: int) -> Prose:
    """What the table of flags by class counts, and which classes it leaves out."""
    many = len(flags.classes) > most_classes
    shown = f"The {most_classes} labels with the most flags, of {count(len(flags.classes))}. " if many else ""
    counted = "Flagged: mean loss above the suggested cut-off."
    if view.noisy is None:
        return prose(f"{shown}{counted} How many of them are wrong is unknown.")
    return prose(f"{shown}{counted} Last column: share of the flagged that are {view.words.noisy}.")


def warning(view: RunView, flags: Flags) -> Prose:
    """Where one class holds most of the flags: a hard class is not a wrong one."""
    suspect = flags.suspect
    if suspect is None:
        return ()
    known = suspect.noisy is not None
    wrong = f" {_begin(part_of(suspect.noisy or 0, suspect.examples))} are {view.words.noisy}." if known else ""
    total, counted = sum(row.flagged for row in flags.classes), sum(row.examples for row in flags.classes)
    return prose(
        noisy(
            f"Careful: {part_of(suspect.flagged, total)} flags ({percent(suspect.flagged / total)}) "
            f"are examples given {suspect.name}."
        ),
        f" That label makes up {percent(suspect.examples / counted)} of the examples.{wrong} A hard class is not "
        "a wrong one: look before you drop it.",
    )


def how_to_read(view: RunView, *, measurable: bool) -> tuple[Prose, ...]:
    """Paragraphs behind the link."""
    noise = view.words.noisy
    diamond = "" if view.noisy is None else f"; a diamond is the share of {noise}"
    alone = prose(
        "Flags need no true labels. A circle is the share of the examples with that given label whose mean loss "
        f"lies above the suggested cut-off{diamond}. A network is also late on examples that are right but hard, so a "
        "class whose circle stands far to the right may just be a difficult one."
    )
    if not measurable:
        return (alone,)
    return (
        prose(
            f"AUROC: the probability that one of the {noise}, drawn at random, gets a more suspicious value than a "
            "clean example drawn at random. Follow a line from left to right: it tells how well that score would "
            "have ranked had training stopped there. A line that falls belongs to a score that late epochs come to "
            "dominate, when the noise is being memorized."
        ),
        prose(
            f"Found against inspected: look at the examples in order of suspicion, and count the {noise} among them. "
            "The dotted lines are a perfect order and a random one."
        ),
        alone,
    )


def definition(*, measurable: bool) -> tuple[Prose, ...]:
    """Formulas and sources; ranking conventions."""
    mixture = prose(
        strong("Noise probability"),
        ": two Gaussians are fitted to the mean losses of all examples; it is the posterior of the "
        "one with the higher mean, made nondecreasing in the mean loss. After Arazo et al., ICML 2019, "
        "arxiv.org/abs/1904.11238, and Li et al., DivideMix, ICLR 2020, arxiv.org/abs/2002.07394. Estimated noise "
        "rate: the share of examples not answered as given at the best validation accuracy; without validation the "
        "mean noise probability. Suggested cut-off: the mean loss above which that share lies.",
    )
    if not measurable:
        return (mixture,)
    conventions = prose(
        "AUROC and average precision rank noisy above clean examples; ties count half in AUROC. An example that was "
        "never learned counts as the most suspicious of all by learning epoch and by forgetting events; one that was "
        "never visited is left out. Ties among the first are counted in the mean over their orders. True labels only "
        "evaluate a score, they never enter it."
    )
    scores = [score for score in CATALOGUE.values() if score.direction is not None and score.scope == "example"]
    return (
        conventions,
        *(prose(strong(_begin(s.label)), f": {s.formula}. {_begin(s.source)}.") for s in scores),
        mixture,
    )


def _is_early(view: RunView, epoch: int) -> bool:
    """Before half of the noise was memorized; where that never was, in the first third of the run."""
    half = view.key.noisy_half
    return epoch < half if half is not None else 3 * epoch <= view.last_epoch


def _reached(curves: Curves) -> float | None:
    """The first AUROC of mean loss from which the answer is yes; None where it never is."""
    reached = np.flatnonzero(curves.aurocs["mean_loss"] >= FOUND)
    return float(curves.aurocs["mean_loss"][reached[0]]) if len(reached) else None


def _read_at_the_end(view: RunView, curves: Curves, ranks: list[Rank]) -> str:
    """What the loss at the last epoch alone is worth, compared with its mean."""
    values = {rank.score.name: rank.auroc for rank in ranks}
    if view.last_epoch == 1 or not {"final_loss", "mean_loss"} <= set(values):
        return ""
    end, lost = values["final_loss"], values["mean_loss"] - values["final_loss"]
    loss = f"loss at epoch {count(view.last_epoch)} alone reaches {auroc(end)}."
    if lost < LOST:
        return f" The {loss}"
    early = _reached(curves)
    if early is not None and end >= early:
        return f" Read only at the end it is as good: {loss}"
    return f" Read only at the end, {'much' if lost >= 5 * LOST else 'some'} of it is lost: {loss}"


def _estimate(view: RunView) -> str:
    rate, truth = view.summary["estimated_noise_rate"], view.summary["base_rate"]
    if rate is None:
        return "No noise rate could be estimated. "
    known = "" if truth is None else f" (truth: {percent(truth)})"
    doubt = f"Not to be trusted: {view.unlearned}. " if view.unlearned else ""
    if view.key.peak is None:
        return f"Estimated noise rate: {percent(rate)}{known}, the mean noise probability. {doubt}"
    return (
        f"Estimated noise rate: {percent(rate)}{known}, the share not answered as given at epoch "
        f"{count(view.key.peak)}, the best on validation; the network’s own errors are among them. {doubt}"
    )


def _cutoff(view: RunView, flags: Flags) -> str:
    cutoff = view.summary["suggested_cutoff"]
    if cutoff is None or not flags.above:
        return ""
    right = _rightly(flags.above_noisy, flags.above_known)
    return f"The cut-off that goes with it, a mean loss of {number(cutoff)}, marks {_examples(flags.above)}{right}. "


def _mixture(view: RunView, flags: Flags) -> str:
    if not flags.judged:
        return "No mixture could be fitted to the mean losses: fewer than two of them differ."
    right = _rightly(flags.mixed_noisy, flags.mixed_known)
    if right and view.num_noisy:
        right += f", and {percent(flags.mixed_noisy / view.num_noisy)} of all {view.words.noisy}"
    missing = view.num_examples - flags.judged
    unseen = (
        f" {_begin(_examples(missing))} never visited {'is' if missing == 1 else 'are'} left out." if missing else ""
    )
    share = percent(flags.mixed / flags.judged)
    return f"A mixture of two Gaussians on mean loss flags {_examples(flags.mixed)} ({share}){right}.{unseen}"


def _rightly(hits: int, known: int) -> str:
    """How many of so many are truly noisy; "" where none of them is known."""
    if not known:
        return ""
    share = {0: "none", known: "all"}.get(hits, percent(hits / known))
    return f", {share} of them rightly"


def _examples(n: int) -> str:
    return "one example" if n == 1 else f"{count(n)} examples" if n else "no example"


def _begin(text: str) -> str:
    return text[:1].upper() + text[1:]
