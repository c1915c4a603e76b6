"""How many labels are wrong, and how far to trust that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from probes.audit.noise_model import fit_noise_model, joined, label_posterior, sharpened
from probes.audit.rounds import Rounds
from probes.audit.settings import AuditSettings

__all__ = [
    "dealt",
    "doubts",
    "estimate_errors",
    "fair_beliefs",
    "label_beliefs",
    "noise_posterior",
    "surest_disagreement",
]

_TRUSTED_AGREEMENT = 0.75
_TRUSTED_SPREAD = 0.3
_TRUSTED_PART = 0.5
_MOST_FLAGS = 0.5
_FEW = 100
_HARD = 0.25
_SUREST = 0.25
_TRUSTED_SURE = 2 / 3


def label_beliefs(answers: np.ndarray, told: np.ndarray, settings: AuditSettings) -> np.ndarray:
    """P(true class | input, label), from the answers of all rounds' networks.

    What the first round answers becomes a belief by the noise model. Later rounds have learned such beliefs, so that
    what they answer is one. All are joined by a geometric mean in which the first round counts half: alone it is too
    sure of the labels, which its networks have learned, and later ones are too sure of what they correct.

    Args:
        answers: float, (R, N, K); the first round's first.
        told: int, (N,); what training was told.

    Returns:
        float64, (N, K).
    """
    first = noise_posterior(answers[0], told, told, settings)
    return joined([first, joined(answers[1:], settings.floor)], settings.floor) if len(answers) > 1 else first


def fair_beliefs(rounds: Rounds, told: np.ndarray, settings: AuditSettings) -> np.ndarray:
    """P(true class | input, label) that is fit to be counted: float64, (N, K).

    Beliefs of `label_beliefs` order labels better than these do, and count wrong ones worse, for they hear later rounds
    on what these have learned. Here those are heard on what they have not seen alone, and the noise model reads all.
    """
    heard = joined([rounds.answers[0], *rounds.held_out[1:]], settings.floor)
    return noise_posterior(heard, told, told, settings)


def dealt(probabilities: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The same probabilities, each given to another: the lowest to whom is lowest in `order`. Both float, (N,)."""
    scores = np.empty(len(order))
    scores[np.argsort(order, kind="stable")] = np.sort(probabilities)
    return scores


def noise_posterior(answers: np.ndarray, told: np.ndarray, asked: np.ndarray, settings: AuditSettings) -> np.ndarray:
    """P(true class | input, label) by a noise model that is fitted to answers.

    It is fitted to them sharpened: near an answer of two in three, a network has either seen two classes that look
    alike or two labels for one class, and sharpening decides for the second, which the noise model can use. The belief
    itself is of the answers as they are.

    Args:
        answers: float, (N, K).
        told: int, (N,); what training was told.
        asked: int, (N,); the label that the belief is about.

    Returns:
        float64, (N, K).
    """
    table = fit_noise_model(sharpened(answers, settings.sharpness, settings.floor), told)
    return label_posterior(np.clip(answers, settings.floor, 1), asked, table)


def estimate_errors(
    scores: np.ndarray, by_round: Sequence[np.ndarray], folds: np.ndarray, held_out: np.ndarray, given: np.ndarray
) -> dict[str, Any]:
    """The expected number of wrong labels: the sum of the probabilities that they are.

    Its range reaches over the same sum of each later round alone, and two standard deviations beyond: of its mean over
    folds, of the draw itself, and of a quarter of the labels that the networks disagree with and that pass for hard.
    (The first round's networks have learned the labels that they answer, and count too few.) It reaches down to what
    the networks disagree with where they are surest, too: the rest may be classes that overlap.

    Args:
        scores: float, (N,); probability that the given label is right.
        by_round: the same from the first round alone, and from what each later one answers to the unseen.
        folds: int, (N,); of the last round.
        held_out: float, (R, N, K); each round's answers to the unseen.
        given: int, (N,).
    """
    count = len(scores)
    errors = float((1 - scores).sum())
    rounds = [float((1 - values).sum()) for values in by_round]
    disagreement = float((held_out[-1].argmax(axis=1) != given).mean())
    where_sure = surest_disagreement(held_out[0], given)
    means = np.array([(1 - scores[folds == part]).mean() for part in np.unique(folds)])
    of_folds = count * float(np.std(means, ddof=1)) / len(means) ** 0.5 if len(means) > 1 else 0.0
    of_draw = float((scores * (1 - scores)).sum()) ** 0.5
    of_hard = _HARD * max(0.0, disagreement * count - errors)
    width = 2 * float(np.sqrt(of_folds**2 + of_draw**2 + of_hard**2))
    return {
        "errors": errors,
        "share": errors / count,
        "low": max(0.0, min(errors, where_sure * count, *rounds[1:]) - width),
        "high": min(float(count), max(errors, *rounds[1:]) + width),
        "by_round": rounds,
        "disagreement": disagreement,
        "disagreement_where_sure": where_sure,
    }


def surest_disagreement(held_out: np.ndarray, given: np.ndarray) -> float:
    """The share of labels that would be others than networks say, were all like the quarter that these are surest of.

    A quarter of each class that they name, which counts by its size. Labels that are wrong whatever the example looks
    like are as many there as anywhere; where classes overlap, networks are unsure.

    Args:
        held_out: float, (N, K); answers to the unseen of networks that have learned given labels.
        given: int, (N,).
    """
    named, sureness, expected = held_out.argmax(axis=1), held_out.max(axis=1), 0.0
    for label in np.unique(named):
        members = np.flatnonzero(named == label)
        surest = members[sureness[members] >= np.quantile(sureness[members], 1 - _SUREST, method="higher")]
        expected += len(members) * float((given[surest] != label).mean())
    return expected / len(given)


def doubts(
    estimate: dict[str, Any], held_out: np.ndarray, given: np.ndarray, flagged: np.ndarray, classes: Sequence[str]
) -> tuple[bool, list[str]]:
    """Whether the estimate can be trusted, and sentences that say what the user should know before they do."""
    count, found = len(given), []
    kept = ~flagged
    agreement = float((held_out.argmax(axis=1) == given)[kept].mean()) if kept.any() else 0.0
    estimate["agreement"] = agreement
    if agreement < _TRUSTED_AGREEMENT:
        found.append(
            f"The network answers only {agreement:.0%} of the labels it keeps when it has not seen them: its own "
            "errors are many, and the estimated count is not to be trusted."
        )
    counts = [estimate["errors"], *estimate["by_round"][1:]]
    if max(counts) - min(counts) > _TRUSTED_SPREAD * max(estimate["errors"], 0.01 * count):
        found.append(
            f"All rounds together and later ones alone count from {min(counts):,.0f} to {max(counts):,.0f} wrong "
            "labels: the estimated count is not stable."
        )
    if estimate["share"] < _TRUSTED_PART * estimate["disagreement"] and estimate["disagreement"] > 0.02:
        found.append(
            f"The network disagrees with {estimate['disagreement']:.1%} of the labels, and most of that passes for "
            "examples that are hard: labels that are wrong just where examples look alike would, too. The true count "
            f"may lie anywhere up to {estimate['disagreement'] * count:,.0f}."
        )
    if estimate["disagreement_where_sure"] < _TRUSTED_SURE * estimate["share"] and estimate["share"] > 0.01:
        found.append(
            f"Where the network is surest it disagrees with {estimate['disagreement_where_sure']:.1%} of the labels, "
            f"while {estimate['share']:.1%} of all are counted as wrong: many of those are of examples that it cannot "
            f"tell, as where classes overlap and nobody could. As few as {estimate['low']:,.0f} may be wrong."
        )
    if estimate["share"] > 0.5:
        found.append("More than half of the labels look wrong: the right ones cannot be told from the wrong ones.")
    if count < _FEW:
        found.insert(
            0, f"{count} examples are few: a network learns too little from them to judge any of their labels."
        )
    unlearned = _unlearned(held_out, given, flagged, classes)
    found += unlearned
    return not found, found + _small_classes(given, classes) + (
        [] if unlearned else _one_class(given, flagged, classes)
    )


def _unlearned(held_out: np.ndarray, given: np.ndarray, flagged: np.ndarray, classes: Sequence[str]) -> list[str]:
    """A warning where most labels of a class are flagged, and networks name it less than half as often as they do."""
    sizes, flags, named = (
        np.bincount(labels, minlength=len(classes)) for labels in (given, given[flagged], held_out.argmax(axis=1))
    )
    bad = np.flatnonzero((sizes > 0) & (flags > sizes / 2) & (named < sizes / 2)).tolist()
    if not bad:
        return []
    names = ", ".join(classes[label] for label in bad[:5]) + (", ..." if len(bad) > 5 else "")
    return [
        f"Most labels of {names} are flagged, and the networks name {'it' if len(bad) == 1 else 'them'} less than half "
        "as often as the labels do: a class that they do not learn looks like this, and the count is not to be trusted."
    ]


def _small_classes(given: np.ndarray, classes: Sequence[str]) -> list[str]:
    sizes = np.bincount(given, minlength=len(classes))
    small = [classes[label] for label in np.flatnonzero((sizes > 0) & (sizes < 3)).tolist()]
    if not small:
        return []
    named = ", ".join(small[:5]) + (", ..." if len(small) > 5 else "")
    return [f"Fewer than 3 examples have the label {named}: a network cannot learn it, so flags there mean little."]


def _one_class(given: np.ndarray, flagged: np.ndarray, classes: Sequence[str]) -> list[str]:
    """A warning where one class holds most of the flags, and more than its part of the examples."""
    total = int(flagged.sum())
    if total < 10:
        return []
    flags = np.bincount(given[flagged], minlength=len(classes))
    most = int(flags.argmax())
    size = float((given == most).mean())
    if flags[most] <= _MOST_FLAGS * total or flags[most] / total < 1.5 * size:
        return []
    return [
        f"The class {classes[most]} holds {flags[most]:,} of the {total:,} flags: either its labels are bad as a "
        "whole, or the network does not learn it. Look at some before you exclude them."
    ]
