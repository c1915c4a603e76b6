"""What the comparison says at its top: pure functions of what was read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from probes_reports.comparison.change import Change, points, unpaired_change
from probes_reports.comparison.compared import Compared
from probes_reports.comparison.differences import Difference, without_options
from probes_reports.comparison.headline import learned, memorized
from probes_reports.comparison.pairing import Pairing
from probes_reports.sections.learning_words import Tile
from probes_reports.wording import Clause, Prose, count, muted, noisy, part_of, percent, prose, strong

__all__ = ["answer", "joined", "lede", "same_test_set", "tiles"]

MOST_TOLD = 3  # options that differ, or runs, that the lede tells one by one
LONG = 30  # characters of a value that the lede has room for


def answer(runs: Sequence[Compared]) -> Prose:
    """The computed sentence: test accuracy in the end, and what became of the noise."""
    going = [f"{run.letter} at epoch {count(run.last)}" for run in runs if not run.finished]
    so_far = (muted(f"So far ({', '.join(going)}): "),) if going else ()
    test = _two(runs) if len(runs) == 2 else _several(runs)
    return prose(*so_far, *test, *_noise(runs))


def same_test_set(runs: Sequence[Compared]) -> bool:
    """Whether nothing that is known says that the runs were tested on different examples."""
    facts = (
        {run.dataset for run in runs if run.dataset},
        {run.sizes["test"] for run in runs if "test" in run.sizes},
        {run.config["split_seed"] for run in runs if run.config.get("split_seed") is not None},
    )
    return all(len(values) <= 1 for values in facts)


def lede(runs: Sequence[Compared], told: Sequence[Difference], pairing: Pairing) -> Prose:
    """What differs, what was left out or relabelled, and where the runs end."""
    sentences = [_differ(runs, told), *_left_out(runs, pairing), *_relabelled(runs, pairing), *_ends(runs)]
    if not same_test_set(runs):
        sentences.append(("They were not tested on the same examples. ",))
    return prose(*(piece for sentence in sentences for piece in sentence))


def tiles(runs: Sequence[Compared]) -> tuple[Tile, ...]:
    """Up to four numbers of two runs, from the first to the second, those known of one at least; none for more runs."""
    if len(runs) != 2:
        return ()
    first = runs[0]
    clean, noise = [learned(run) for run in runs], [memorized(run) for run in runs]
    test, looks = (
        [prose(_share(run.summary[name])) for run in runs] for name in ("final_test_accuracy", "estimated_noise_rate")
    )
    fitted = [prose(_share(None if run.end is None else run.end.shares.get("all"))) for run in runs]
    sizes = [prose(count(run.num_examples)) for run in runs]
    own = "the network’s own errors count too"
    found = [
        _tile("Clean examples learned", clean, "90% of them answered as labelled", "clean"),
        _tile(f"{first.words.noisy.capitalize()} memorized", noise, _memorized_note(runs), "noisy"),
        _tile("Test accuracy", test, _gain_note(runs), "ink"),
        _tile("Training examples", sizes, _known_noise(runs), "ink"),
        _tile("Labels that look wrong", looks, f"estimated; {own}", "noisy"),
        _tile("Answered as labelled", fitted, f"of the training examples, {_test_note(runs)}", "ink"),
    ]
    return tuple(tile for tile in found if {tile.value[0].text, tile.value[-1].text} != {"unknown"})[:4]


def joined(names: Sequence[str]) -> str:
    """ "A", "A and B", "A, B and C"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _two(runs: Sequence[Compared]) -> tuple[Clause, ...]:
    first, second = runs
    before, after = (run.summary["final_test_accuracy"] for run in runs)
    if before is None or after is None:
        return _unknown(runs)
    values = f"{percent(before)} in {first.letter}, {percent(after)} in {second.letter}"
    if not same_test_set(runs):
        return (strong("Test accuracy "), Clause(f"was {values}, on different test sets."))
    change = _test_change(runs)
    if not change.tells:
        size = first.sizes.get("test")
        few = "" if size is None else f", which {count(size)} test examples cannot tell apart"
        return (strong("Test accuracy hardly differs: "), Clause(f"{values}{few}."))
    verb = "rose" if change.difference > 0 else "fell"
    return (
        strong(f"Test accuracy {verb} "),
        Clause(f"from {percent(before)} in {first.letter} to {percent(after)} in {second.letter}."),
    )


def _several(runs: Sequence[Compared]) -> tuple[Clause, ...]:
    known = [run for run in runs if run.summary["final_test_accuracy"] is not None]
    if len(known) < 2:
        return _unknown(runs)
    ordered = sorted(known, key=lambda run: -run.summary["final_test_accuracy"])
    best, worst = ordered[0], ordered[-1]
    values = [percent(run.summary["final_test_accuracy"]) for run in (best, worst)]
    high, low = (_tied(known, run) for run in (best, worst))
    missing = [run.letter for run in runs if run not in known]
    unknown = f" It is unknown for {joined(missing)}." if missing else ""
    if not same_test_set(known):
        return (
            strong("Test accuracy "),
            Clause(f"lies between {values[1]} ({low}) and {values[0]} ({high}), "),
            Clause(f"on different test sets.{unknown}"),
        )
    if not _test_change([worst, best]).tells:
        return (
            strong("Test accuracy hardly differs: "),
            Clause(f"from {values[1]} in {low} to {values[0]} in {high}.{unknown}"),
        )
    return (
        strong(f"Test accuracy was highest in {high}, "),
        Clause(f"{values[0]} in the end, and lowest in {low}, {values[1]}.{unknown}"),
    )


def _tied(runs: Sequence[Compared], one: Compared) -> str:
    """The letters of all runs with the same test accuracy as this one."""
    final = one.summary["final_test_accuracy"]
    return joined([run.letter for run in runs if run.summary["final_test_accuracy"] == final])


def _test_change(runs: Sequence[Compared]) -> Change:
    before, after = (run.summary["final_test_accuracy"] for run in runs)
    return unpaired_change(before, after, (runs[0].sizes.get("test"), runs[1].sizes.get("test")))


def _unknown(runs: Sequence[Compared]) -> tuple[Clause, ...]:
    """Why test accuracies cannot be compared, and the training examples instead where both are known."""
    empty = [run.letter for run in runs if run.last == 0]
    if empty:
        return (strong("Cannot tell: "), Clause(f"no epoch of {joined(empty)} has been finished yet."))
    missing = [run.letter for run in runs if run.summary["final_test_accuracy"] is None]
    why = f"no test accuracy was recorded in {joined(missing)}."
    fitted = {run.letter: run.end.shares["all"] for run in runs if run.end is not None and "all" in run.end.shares}
    if len(fitted) < len(runs):
        return (strong("Cannot tell which is better: "), Clause(why))
    values = joined([f"{percent(share)} in {letter}" for letter, share in fitted.items()])
    return (
        strong("Cannot tell which is better: "),
        Clause(f"{why} Of the training examples {values} were answered as labelled in the end."),
    )


def _noise(runs: Sequence[Compared]) -> tuple[Clause, ...]:
    """How much of its noise each run had memorized; nothing unless that is known of all, and one has some."""
    if len(runs) > 3 or any(run.summary["num_noisy"] is None for run in runs):
        return ()
    parts, noun = [], runs[0].words.noisy
    for run in runs:
        if run.summary["num_noisy"] == 0:
            parts.append(f"{run.letter} has none")
            continue
        fitted = run.end.as_given[run.examples.noisy] if run.end is not None else np.array([-1])
        if not (fitted >= 0).any():
            return ()
        whole = part_of(int((fitted == 1).sum()), int((fitted >= 0).sum()))
        named = any("memorized" in part for part in parts)
        parts.append(f"{run.letter} {whole}" if named else f"{run.letter} memorized {whole} {noun}")
    if not any("memorized" in part for part in parts):
        return ()
    return (Clause(" "), noisy(f"{joined(parts)}."))


def _differ(runs: Sequence[Compared], told: Sequence[Difference]) -> tuple[Clause | str, ...]:
    silent = [run.letter for run in without_options(runs)]
    unrecorded = f"The options of {joined(silent)} were not recorded. " if silent else ""
    if not told:
        return ("Nothing that was recorded of their options differs. " + unrecorded,)
    shown = [f"{one.name}{_values(one)}" for one in told[:MOST_TOLD]]
    more = len(told) - len(shown)
    if more:
        shown.append(f"{count(more)} more, listed below" if more > 1 else "one more, listed below")
    return ("They differ in ", strong(joined(shown)), ". ", unrecorded)


def _values(one: Difference) -> str:
    """Its values in brackets, where there are two and they are short."""
    return f" ({'; '.join(one.brief)})" if len(one.brief) == 2 and max(map(len, one.brief)) <= LONG else ""


def _left_out(runs: Sequence[Compared], pairing: Pairing) -> list[tuple[Clause | str, ...]]:
    """Of two runs: what one of them holds and the other does not, and how much of it is noisy."""
    if len(runs) != 2 or not pairing.size:
        return []
    sentences: list[tuple[Clause | str, ...]] = []
    for at, other in ((0, 1), (1, 0)):
        alone = pairing.alone(at, runs[at].num_examples)
        if not alone.any():
            continue
        held = runs[at].examples
        text = f"{count(int(alone.sum()))} of the examples of {runs[at].letter} are not in {runs[other].letter}"
        if held.noisy is None or held.clean is None:
            sentences.append((f"{text}. ",))
            continue
        wrong, known = int((alone & held.noisy).sum()), int((alone & (held.noisy | held.clean)).sum())
        if known:
            share = f"{part_of(wrong, known)} ({percent(wrong / known)})"
            sentences.append((f"{text}; of these ", noisy(share), f" are {runs[at].words.noisy}. "))
        else:
            sentences.append((f"{text}. ",))
    return sentences


def _relabelled(runs: Sequence[Compared], pairing: Pairing) -> list[tuple[Clause | str, ...]]:
    """Of two runs: shared examples with other given labels, and how many were mended or spoilt by that."""
    if len(runs) != 2 or not pairing.size or runs[0].classes != runs[1].classes:
        return []
    given, true = (
        [getattr(run.examples, name)[place] for run, place in zip(runs, pairing.positions, strict=True)]
        for name in ("given", "true")
    )
    changed = (given[0] != given[1]) & (given[0] >= 0) & (given[1] >= 0)
    if not changed.any():
        return []
    known = changed & (true[0] >= 0)
    mended, spoilt = (int((known & (given[at] == true[0])).sum()) for at in (1, 0))
    text = f"{count(int(changed.sum()))} of the {count(pairing.size)} shared examples carry another label"
    if not known.any():
        return [(f"{text}. ",)]
    right = f": {count(mended)} are right in {runs[1].letter} only, {count(spoilt)} in {runs[0].letter} only. "
    return [(text + right,)]


def _ends(runs: Sequence[Compared]) -> list[tuple[Clause | str, ...]]:
    lasts = [run.last for run in runs]
    if len(set(lasts)) == 1:
        return []
    if len(runs) > MOST_TOLD:
        return [(f"They ran {count(min(lasts))} to {count(max(lasts))} epochs; the end is each run’s own. ",)]
    text = joined([f"{run.letter} ran {count(run.last)} epoch{'' if run.last == 1 else 's'}" for run in runs])
    return [(f"{text}; the end is each run’s own. ",)]


def _tile(name: str, values: Sequence[Prose], note: str, tone: Literal["clean", "noisy", "ink"]) -> Tile:
    """From the first value to the second: their first words alone, as a tile has no room for more."""
    first, second = ("never" if value[0].text == "not reached" else value[0].text for value in values)
    if "never" in (first, second):
        note += "; never: not within its epochs"
    if first.startswith("epoch "):
        second = second.removeprefix("epoch ")
    return Tile(name, prose(first, muted(" → "), second), note, tone)


def _share(value: float | None) -> str:
    return "unknown" if value is None else percent(value)


def _test_note(runs: Sequence[Compared]) -> str:
    lasts = [count(run.last) for run in runs]
    return f"after epoch {lasts[0]}" if lasts[0] == lasts[1] else f"after epochs {lasts[0]} and {lasts[1]}"


def _gain_note(runs: Sequence[Compared]) -> str:
    """The change of test accuracy, where it is one of the same test set, and when."""
    known = all(run.summary["final_test_accuracy"] is not None for run in runs) and same_test_set(runs)
    return f"{points(_test_change(runs).difference)} points, {_test_note(runs)}" if known else _test_note(runs)


def _memorized_note(runs: Sequence[Compared]) -> str:
    wrong = [run.summary["num_noisy"] for run in runs]
    return "90% of them" if None in wrong else f"90% of {count(wrong[0])} → 90% of {count(wrong[1])}"


def _known_noise(runs: Sequence[Compared]) -> str:
    wrong = [run.summary["num_noisy"] for run in runs]
    if None in wrong:
        return "how many are wrong is not known of both" if wrong != [None, None] else "true labels unknown"
    noun = runs[0].words.noisy
    return f"{noun}: {count(wrong[0])} → {count(wrong[1])}"
