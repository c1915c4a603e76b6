"""The words and numbers at the top of the page: header line, lede, four tiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from probes_reports.view import KeyEpochs, RunView
from probes_reports.wording import LABELS, MIXED, Prose, Words, auroc, count, muted, noisy, percent, prose, strong, true

__all__ = ["HeroFacts", "Tile", "header_facts", "hero_facts", "lede", "noisy_group", "tiles"]

TELLS_APART = 0.6  # AUROC below which a share found says little without that of chance


@dataclass(frozen=True)
class HeroFacts:
    """Every number that the lede and the tiles show; None where unknown or not reached."""

    words: Words
    key: KeyEpochs
    num_examples: int
    num_noisy: int | None
    num_wrong: int
    num_replaced: int
    made: bool  # labels were corrupted on purpose, rather than known to be wrong
    labels_differ: bool
    not_finite: str | None
    end: str  # "in the end", "so far" where the run is not finished
    going_on: bool  # more epochs may come
    given_known: bool
    true_at_peak: float | None
    true_peak: float | None
    true_peak_epoch: int | None
    as_given_at_peak: float | None
    noisy_at_end: float | None
    noisy_at_memorized: float | None
    clean_at_end: float | None
    all_at_end: float | None
    all_learned: int | None
    peak_test: float | None
    final_test: float | None
    found_share: float | None
    found_auroc: float | None
    estimated_noise_rate: float | None
    unlearned: str
    unforgettable: float | None


@dataclass(frozen=True)
class Tile:
    """A number under a coloured rule."""

    name: str
    value: Prose
    note: str
    tone: Literal["clean", "noisy", "true", "ink"] = "ink"


def hero_facts(view: RunView) -> HeroFacts:
    """Collect the numbers from the run."""
    summary, key = view.summary, view.key
    detection = (summary["detection"] or {}).get("mean_loss") or {}
    return HeroFacts(
        words=view.words,
        key=key,
        num_examples=view.num_examples,
        num_noisy=view.num_noisy,
        num_wrong=view.num_wrong,
        num_replaced=view.num_replaced,
        made=view.made_noisy,
        labels_differ=view.differs_any,
        not_finite=view.not_finite,
        end="in the end" if view.finished else "so far",
        going_on=view.run.status == "running",
        given_known=view.given is not None,
        true_at_peak=view.hidden_at(key.peak),
        true_peak=summary["noisy_true_label_peak"],
        true_peak_epoch=summary["noisy_true_label_peak_epoch"],
        as_given_at_peak=view.at("train/all", key.peak),
        noisy_at_end=summary["final_noisy_accuracy"],
        noisy_at_memorized=view.at("train/noisy", key.noisy_memorized),
        clean_at_end=summary["final_clean_accuracy"],
        all_at_end=view.at("train/all", key.last),
        all_learned=_first_at_least(view, 0.9),
        peak_test=summary["peak_test_accuracy"],
        final_test=summary["final_test_accuracy"],
        found_share=_found_share(view),
        found_auroc=detection.get("auroc"),
        estimated_noise_rate=summary["estimated_noise_rate"],
        unlearned=view.unlearned,
        unforgettable=_unforgettable(view),
    )


def header_facts(view: RunView) -> tuple[str, ...]:
    """Data and model, noise asked for and realised, seed, measure; what is unknown is left out."""
    first = " · ".join(part for part in (view.dataset_name, view.model_name) if part)
    seed = view.config.get("seed")
    measured = {
        "sweep": "measured in a sweep after every epoch",
        "online": "measured online, while training",
        "both": "measured in sweeps and online",
    }
    facts = [first, _noise(view), "" if seed is None else f"seed {seed}", measured[view.measure]]
    if not view.finished:
        facts.append(view.run.status)
    return tuple(fact for fact in facts if fact)


def lede(facts: HeroFacts) -> Prose:
    """Three sentences that hold the whole story."""
    if facts.key.last == 0:
        if not facts.going_on:
            return prose("Nothing was recorded: the run ended before an epoch was finished.")
        return prose("Nothing has been recorded yet: the page fills as epochs are finished.")
    if facts.not_finite is not None:
        return prose(*_start(facts), "A lower learning rate may keep the outputs finite.")
    if _memorized_first(facts):
        return prose(*_start(facts), *_repeated_then_peak(facts))
    return prose(*_start(facts), *_middle(facts), *_end(facts))


def tiles(facts: HeroFacts) -> tuple[Tile, ...]:
    """Four numbers: learned, memorized, test accuracy, found; other ones where a group is empty or unknown."""
    return (_learned_tile(facts), _memorized_tile(facts), _test_tile(facts), _found_tile(facts))


def _noise(view: RunView) -> str:
    if view.num_noisy is None:
        return "true labels unknown"
    share = percent(view.num_noisy / view.num_examples) if view.num_examples else "0%"
    if view.num_noisy == 0:
        return "every label as it came"
    if view.words is MIXED:
        wrong, replaced = (percent(size / view.num_examples) for size in (view.num_wrong, view.num_replaced))
        return f"{wrong} of labels wrong, {replaced} of inputs replaced"
    asked = _asked(view.config)
    return f"{asked}, {share} wrong" if view.words is LABELS else f"{share} of inputs replaced"


def noisy_group(view: RunView) -> str:
    """The noisy group, told apart where it is mixed: "noisy examples (72 wrong labels, 80 replaced inputs)"."""
    if view.words is not MIXED:
        return view.words.noisy
    wrong = f"{count(view.num_wrong)} wrong label{'' if view.num_wrong == 1 else 's'}"
    replaced = f"{count(view.num_replaced)} replaced input{'' if view.num_replaced == 1 else 's'}"
    return f"{view.words.noisy} ({wrong}, {replaced})"


def _asked(config: dict[str, Any]) -> str:
    """The noise asked for, in words; "" where the run does not say."""
    rate, kind = config.get("noise"), config.get("noise_kind")
    if not rate:
        return "labels partly wrong"
    verb = {"uniform_all": "redrawn", "uniform_other": "moved to another class", "pair": "moved to the next class"}
    return f"{percent(float(rate), 0)} of labels {verb.get(str(kind), 'corrupted')}"


def _start(facts: HeroFacts) -> tuple[Any, ...]:
    if facts.num_noisy is None:
        unknown = "The true labels are" if facts.given_known else "The labels, given and true, are"
        return (f"{unknown} unknown: this page ", strong("cannot tell clean from noisy"), ", and shows what it can. ")
    if facts.num_noisy == 0:
        whole = f"{count(facts.num_examples)} {facts.words.thing}"
        return (f"Each of the {whole} is as it came: there is no noise to memorize. ",)
    if facts.words is MIXED:
        wrong, total = count(facts.num_wrong), count(facts.num_examples)
        one = facts.num_replaced == 1
        made = f"{count(facts.num_replaced)} other input{' was' if one else 's were'} replaced"
        are = "was made" if facts.num_wrong == 1 else "were made"
        if facts.made:
            return ("Before training, ", noisy(f"{wrong} of the {total} labels {are} wrong and {made}"), ". ")
        return (noisy(f"{wrong} of the {total} labels are known to be wrong, and {made}"), ". ")
    whole = f"{count(facts.num_noisy)} of the {count(facts.num_examples)} {facts.words.thing}"
    if facts.num_noisy == facts.num_examples:
        whole = f"all {count(facts.num_examples)} {facts.words.thing}"
    if facts.made:
        return ("Before training, ", noisy(f"{whole} were {facts.words.made}"), ". ")
    return (noisy(f"{whole[0].upper()}{whole[1:]} are known to be wrong"), ". ")


def _middle(facts: HeroFacts) -> tuple[Any, ...]:
    peak = facts.key.peak
    if peak is None:
        if not (facts.num_noisy and facts.labels_differ) or facts.true_peak is None:
            return ()
        return (
            f"At epoch {facts.true_peak_epoch:,} the network answered {percent(facts.true_peak)} of {_those(facts)}, "
            "the most of any epoch, with their ",
            true("true label, which it was never shown"),
            ". ",
        )
    if facts.num_noisy and facts.true_at_peak is not None and facts.labels_differ:
        return (
            f"At epoch {peak:,} the network answered {percent(facts.true_at_peak)} of {_those(facts)} with their ",
            true("true label, which it was never shown"),
            ". ",
        )
    if facts.as_given_at_peak is None:
        return ()
    return (
        f"At epoch {peak:,}, the best on validation, the network answered {percent(facts.as_given_at_peak)} "
        "of the training examples as labelled. ",
    )


def _those(facts: HeroFacts) -> str:
    return "the wrongly labelled examples" if facts.words is MIXED else "those examples"


def _end(facts: HeroFacts) -> tuple[Any, ...]:
    fit = _fit(facts)
    test = _test(facts)
    if fit and test:
        return (*fit, "; ", *test, ".")
    if test:
        first, *rest = test
        return (f"{first[0].upper()}{first[1:]}", *rest, ".")
    return (*fit, ".") if fit else ()


def _fit(facts: HeroFacts) -> tuple[Any, ...]:
    if not facts.num_noisy:
        if facts.all_at_end is None:
            return ()
        return (f"By epoch {facts.key.last:,}, {percent(facts.all_at_end)} of the examples were answered as labelled",)
    memorized = facts.key.noisy_memorized
    epoch = facts.key.last if memorized is None else memorized
    share = facts.noisy_at_end if memorized is None else facts.noisy_at_memorized
    if share is None:
        return ()
    what, verb = f"of the {facts.words.noisy}", "repeated"
    if facts.words is MIXED:
        what, verb = f"of all {count(facts.num_noisy)} {facts.words.noisy} as labelled", "answered"
    elif not facts.labels_differ:
        what, verb = f"of the {facts.words.noisy} as labelled", "answered"
    instead = " instead" if share > 0.5 and facts.true_at_peak is not None and facts.words is not MIXED else ""
    who = "it" if _middle(facts) else "the network"
    return (f"By epoch {epoch:,} {who} {verb} {percent(share)} {what}{instead}",)


def _memorized_first(facts: HeroFacts) -> bool:
    """Whether the noise was memorized before the peak at which the true labels are counted."""
    memorized = facts.key.noisy_memorized
    peak = facts.true_peak_epoch if facts.key.peak is None else facts.key.peak
    return bool(_middle(facts) and _fit(facts)) and memorized is not None and peak is not None and memorized < peak


def _repeated_then_peak(facts: HeroFacts) -> tuple[Any, ...]:
    """The end of the lede in the order of the epochs, where memorizing came first."""
    first, *rest = _fit(facts)
    test = _test(facts)
    start, *others = test or ("",)
    return (
        first.replace(" it ", " the network ", 1).removesuffix(" instead"),
        *rest,
        ". ",
        *(piece.replace("the network", "it", 1) if isinstance(piece, str) else piece for piece in _middle(facts)),
        *((f"{start[0].upper()}{start[1:]}", *others, ".") if test else ()),
    )


def _test(facts: HeroFacts) -> tuple[Any, ...]:
    if facts.final_test is None:
        return ()
    final = strong(percent(facts.final_test))
    if facts.peak_test is None:
        return ("accuracy on new examples was ", final, f" {facts.end}")
    change = facts.final_test - facts.peak_test
    verb = "fell from " if change < -0.0005 else "rose from " if change > 0.0005 else "stayed at "
    if verb == "stayed at ":
        return ("accuracy on new examples stayed at ", final)
    return ("accuracy on new examples ", verb, strong(percent(facts.peak_test)), " to ", final, f" {facts.end}")


def _learned_tile(facts: HeroFacts) -> Tile:
    if facts.num_noisy is None:
        value = prose("unknown") if facts.all_at_end is None else _epoch(facts.all_learned)
        return Tile("Training labels learned", value, f"90% of {count(facts.num_examples)} answered as labelled")
    size = facts.num_examples - facts.num_noisy
    if size == 0:
        return Tile(
            "Clean examples",
            prose("none"),
            f"every one of the {facts.words.thing} is {facts.words.made.split()[-1]}",
            "clean",
        )
    note = f"90% of {count(size)} answered as labelled"
    if facts.key.clean_learned is None and facts.clean_at_end is not None:
        note = f"{percent(facts.clean_at_end)} of {count(size)} {facts.end}, 90% not reached"
    unknown = facts.key.last > 0 and facts.clean_at_end is None
    value = prose("unknown") if unknown else _epoch(facts.key.clean_learned)
    return Tile("Clean examples learned", value, note, "clean")


def _memorized_tile(facts: HeroFacts) -> Tile:
    name = f"{facts.words.noisy.capitalize()} memorized"
    if facts.num_noisy is None:
        value = prose(percent(facts.estimated_noise_rate))
        note = f"estimated; {facts.unlearned or 'the model’s own errors count too'}"
        return Tile("Labels that look wrong", value, note, "noisy")
    if facts.num_noisy == 0:
        return Tile(
            facts.words.noisy.capitalize(),
            prose("none"),
            f"every one of the {facts.words.thing} is as it came",
            "noisy",
        )
    if facts.key.noisy_memorized is not None:
        half = "" if facts.key.noisy_half is None else f"; half by epoch {facts.key.noisy_half:,}"
        return Tile(name, _epoch(facts.key.noisy_memorized), f"90% of {count(facts.num_noisy)}{half}", "noisy")
    end = percent(facts.noisy_at_end)
    missing = "answers not recorded" if facts.not_finite is None else "outputs not finite"
    reached = missing if facts.key.last > 0 and facts.noisy_at_end is None else "90% not reached"
    return Tile(name, prose(end), f"of {count(facts.num_noisy)} by epoch {facts.key.last:,}; {reached}", "noisy")


def _test_tile(facts: HeroFacts) -> Tile:
    if facts.final_test is None:
        value = prose(percent(facts.all_at_end))
        why = "no test set recorded" if facts.not_finite is None else "outputs not finite"
        return Tile("Answered as labelled", value, f"of the training examples at epoch {facts.key.last:,}; {why}")
    final = percent(facts.final_test)
    if facts.peak_test is None:
        return Tile("Test accuracy", prose(final), f"after epoch {facts.key.last:,}")
    value = prose(percent(facts.peak_test), muted(" → "), final)
    return Tile("Test accuracy", value, f"at best validation, then after epoch {facts.key.last:,}")


def _found_tile(facts: HeroFacts) -> Tile:
    if facts.found_share is None or not facts.num_noisy:
        value = prose(percent(facts.unforgettable))
        return Tile("Never forgotten", value, "learned, and answered as labelled ever after")
    note = f"among the {count(facts.num_noisy)} highest mean losses (AUROC {auroc(facts.found_auroc)}){_chance(facts)}"
    return Tile(f"{facts.words.noisy.capitalize()} found", prose(percent(facts.found_share)), note)


def _chance(facts: HeroFacts) -> str:
    """What drawing as many at random would find, where that is close or the ranking is poor."""
    base, found = (facts.num_noisy or 0) / facts.num_examples, facts.found_auroc
    return f"; by chance {percent(base)}" if base > 0.5 or (found is not None and found < TELLS_APART) else ""


def _epoch(epoch: int | None) -> Prose:
    return prose("not reached" if epoch is None else f"epoch {epoch:,}")


def _first_at_least(view: RunView, share: float) -> int | None:
    epochs, values = view.curve("train/all")
    reached = epochs[(values >= share) & (epochs > 0)]
    return int(reached[0]) if len(reached) else None


def _found_share(view: RunView) -> float | None:
    """Share of noisy examples among as many highest mean losses as there are noisy ones; None where undefined."""
    if view.noisy is None or not 0 < view.noisy.sum() < view.num_examples or view.last_epoch == 0:
        return None
    losses = view.scores["mean_loss"].to_numpy(dtype=np.float64)
    if np.isnan(losses).all():
        return None
    k = int(view.noisy.sum())
    highest = np.argsort(-np.where(np.isnan(losses), -np.inf, losses), kind="stable")[:k]
    return float(view.noisy[highest].mean())


def _unforgettable(view: RunView) -> float | None:
    """Share of the examples with a valid visit that were learned and never forgotten; None where there is none."""
    if view.last_epoch == 0:
        return None
    known = view.scores["unforgettable"].dropna()
    return float(known.astype(float).mean()) if len(known) else None
