"""Zhang et al. 2017, section 2.3, and Arpit et al. 2017, section 4.3: what regularisers do to patterns and to noise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from probes.runs.run import Run
from probes.studies.chart import Points, ScatterChart, Swatch, Table, cell, swatch
from probes.studies.claim import Claim, above, at_least, at_most, below, between
from probes.studies.point import Training
from probes.studies.results import Results, curve
from probes.studies.scale import Scale
from probes.studies.study import Findings, Study

__all__ = ["STUDY"]

NONE = "none"
# family -> strength -> options
STRENGTHS: dict[str, dict[str, dict[str, Any]]] = {
    "dropout": {f"{p:g}": {"dropout": p} for p in (0.25, 0.5, 0.75, 0.9)},
    "weight decay": {f"{decay:g}": {"weight_decay": decay} for decay in (0.001, 0.01, 0.05)},
    "input noise": {f"{sd:g}": {"input_noise": sd} for sd in (0.5, 1.0)},
    "input dropout": {"0.25": {"input_dropout": 0.25}},
    "both": {"dropout 0.25, decay 0.001": {"dropout": 0.25, "weight_decay": 0.001}},
}
# Zhang's 2 x 2 grid: with and without weight decay, dropout in place of the paper's crops
BOTH = ("both", "dropout 0.25, decay 0.001")
QUICK = (("dropout", "0.25"), ("dropout", "0.5"), ("weight decay", "0.001"), ("weight decay", "0.01"), BOTH)
GRID = ((NONE, ""), ("dropout", "0.25"), ("weight decay", "0.001"), BOTH)
GOOD = 0.97  # test accuracy on true labels of a network that generalises
FREE = 0.02  # of accuracy on true labels: a regulariser that costs no more is free
CURVES = "shown as curves; no number published"
ZHANG = "Zhang et al. 2017, section 2.3 and tables 1-2"
ARPIT = "Arpit et al. 2017, section 4.3 and figures 10-11"
Setting = tuple[str, str]  # family and strength


@dataclass(frozen=True)
class Effect:
    """What one regulariser at one strength does, a value per seed; NaN where its run is not there.

    Attributes:
        memorized: share of training examples with random labels predicted as given, in the end.
        real: best validation accuracy on true labels.
        test: test accuracy on true labels, at that epoch.
    """

    memorized: Sequence[float]
    real: Sequence[float]
    test: Sequence[float]


def _settings(scale: Scale) -> dict[Setting, dict[str, Any]]:
    every = {(family, strength): options for family, of in STRENGTHS.items() for strength, options in of.items()}
    return {(NONE, ""): {}, **(every if not scale.quick else {setting: every[setting] for setting in QUICK})}


def _name(setting: Setting, labels: str) -> str:
    return f"{labels}-{'-'.join(filter(None, setting))}".replace(" ", "-").replace(",", "") + "-seed{seed}"


def _points(scale: Scale) -> list[Training]:
    return [
        Training(
            _name(setting, labels).format(seed=seed), scale.config(**options, noise=noise, seed=seed, epochs=epochs)
        )
        for seed in scale.seeds
        for setting, options in _settings(scale).items()
        for labels, noise, epochs in (("real", 0.0, scale.pick(30, 15)), ("random", 1.0, scale.pick(60, 60)))
    ]


def _find(results: Results, scale: Scale) -> Findings:
    effects = {setting: _effect(results, setting, scale.seeds) for setting in _settings(scale)}
    claims = [*_zhang(effects), *_dropout(effects), *_decay(effects), _best_for_free(effects)]
    return Findings(claims, [_figure(effects), _table(effects)], _notes(scale))


def _effect(results: Results, setting: Setting, seeds: Sequence[int]) -> Effect:
    peaks = results.per_seed(_name(setting, "real"), seeds, _peak, (math.nan, math.nan))
    return Effect(
        memorized=results.per_seed(_name(setting, "random"), seeds, _memorized, math.nan),
        real=[validation for validation, _ in peaks],
        test=[test for _, test in peaks],
    )


def _memorized(run: Run) -> float:
    return float(curve(run, "train/all")[-1])


def _peak(run: Run) -> tuple[float, float]:
    """Best validation accuracy, and test accuracy at that epoch."""
    validation, test = curve(run, "validation"), curve(run, "test")
    at = int(np.argmax(validation))
    return float(validation[at]), float(test[at])


def _zhang(effects: Mapping[Setting, Effect]) -> list[Claim]:
    none = effects[NONE, ""]
    grid = np.array([effects[setting].test for setting in GRID])
    cells = "; ".join(f"{' '.join(filter(None, setting))} {cell(effects[setting].test)}" for setting in GRID)
    mild = {setting: effects[setting] for setting in (("dropout", "0.25"), ("weight decay", "0.001"))}
    return [
        Claim(
            "not-necessary",
            f"Without any explicit regulariser the network generalises: test accuracy is {GOOD:g} or above.",
            ZHANG,
            "test accuracy on true labels without regularisers, at the validation peak",
            at_least(GOOD),
            "CIFAR-10, Inception: 85.75 % without against 89.05 % with crops and weight decay",
            tuple(none.test),
        ),
        Claim(
            "grid-all-good",
            f"With weight decay, dropout, both or neither, test accuracy on true labels stays at {GOOD:g} or above.",
            ZHANG,
            "least test accuracy on true labels over the 2 x 2 grid of dropout 0.25 and weight decay 0.001",
            at_least(GOOD),
            "CIFAR-10, Inception, crops in place of dropout: 85.75 to 89.31 %",
            tuple(grid.min(0).tolist()),
            f"Test accuracy: {cells}.",
        ),
        *(
            Claim(
                f"not-sufficient-{family}".replace(" ", "-"),
                f"With {family} {strength} the network still fits at least 95 % of random labels.",
                ZHANG,
                "share of training examples with random labels predicted as given, in the end",
                at_least(0.95),
                "with weight decay Inception and perceptrons still fit random labels, AlexNet does not",
                tuple(effect.memorized),
            )
            for (family, strength), effect in mild.items()
        ),
    ]


def _dropout(effects: Mapping[Setting, Effect]) -> list[Claim]:
    none, half = effects[NONE, ""], effects["dropout", "0.5"]
    return [
        Claim(
            "dropout-slows-memorizing",
            "Dropout 0.5 slows the memorizing of random labels.",
            ARPIT,
            "training accuracy on random labels without regularisers less that with dropout 0.5",
            above(0.15),
            CURVES,
            _differences(none.memorized, half.memorized),
            f"Random labels memorized: {cell(none.memorized)} without, {cell(half.memorized)} with it.",
        ),
        _for_free("dropout", "0.5", effects),
    ]


def _decay(effects: Mapping[Setting, Effect]) -> list[Claim]:
    """Weight decay by itself, and beside dropout, of which the paper says that it is best."""
    decay, half = effects["weight decay", "0.01"], effects["dropout", "0.5"]
    return [
        Claim(
            "decay-slows-memorizing",
            "Weight decay 0.01, too, slows memorizing: at most half of the random labels are memorized.",
            ARPIT,
            "training accuracy on random labels with weight decay 0.01",
            at_most(0.5),
            CURVES,
            tuple(decay.memorized),
        ),
        _for_free("weight decay", "0.01", effects),
        Claim(
            "dropout-beats-decay",
            "Dropout 0.5 lets fewer random labels be memorized than weight decay 0.01 does.",
            ARPIT,
            "training accuracy on random labels with dropout 0.5 less that with weight decay 0.01",
            below(0.0),
            "dropout best, over a range of strengths; no number published",
            _differences(half.memorized, decay.memorized),
            f"Memorized: {cell(half.memorized)} with dropout, {cell(decay.memorized)} with weight decay.",
        ),
    ]


def _for_free(family: str, strength: str, effects: Mapping[Setting, Effect]) -> Claim:
    none, effect = effects[NONE, ""], effects[family, strength]
    return Claim(
        f"{family.split()[-1]}-for-free",
        f"{family.capitalize()} {strength} changes test accuracy on true labels by at most {100 * FREE:g} points.",
        ARPIT,
        f"test accuracy on true labels with {family} {strength} less that without",
        between(-FREE, FREE),
        CURVES,
        _differences(effect.test, none.test),
        f"Test accuracy on true labels: {cell(none.test)} without, {cell(effect.test)} with it.",
    )


def _best_for_free(effects: Mapping[Setting, Effect]) -> Claim:
    """Dropout against all others, each at the strength that keeps most noise out for free."""
    free = {family: _least_for_free(effects, family) for family in dict.fromkeys(family for family, _ in effects)}
    others = np.array([values for family, values in free.items() if family not in ("dropout", NONE)])
    told = ", ".join(f"{family} {cell(values)}" for family, values in free.items())
    return Claim(
        "dropout-best-for-free",
        f"Of all regularisers that cost at most {100 * FREE:g} points on true labels, dropout lets the fewest random "
        "labels be memorized.",
        ARPIT,
        "training accuracy on random labels, least over the strengths whose best validation accuracy on true labels "
        f"is at most {100 * FREE:g} points below that without: dropout less the least of the others",
        below(0.0),
        "dropout best, next to dropout with adversarial training; regularisers order differently on real and on "
        "random labels",
        _differences(free["dropout"], others.min(0).tolist()),
        f"The least for free: {told}.",
    )


def _least_for_free(effects: Mapping[Setting, Effect], family: str) -> list[float]:
    """Memorized at the best of a family's strengths that are free, seed by seed; 1 where none is.

    NaN where a run is not there: it might have been the best.
    """
    none = np.array(effects[NONE, ""].real)
    own = [effect for (of, _), effect in effects.items() if of == family]
    memorized, real = (np.array([getattr(effect, side) for effect in own]) for side in ("memorized", "real"))
    least = np.where(_is_free(real, none), memorized, 1.0).min(0)
    unknown = np.isnan(memorized).any(0) | np.isnan(real).any(0) | np.isnan(none)
    return np.where(unknown, math.nan, least).tolist()


def _is_free(real: Any, none: Any) -> Any:
    """Whether accuracy on true labels is no more than FREE below that without a regulariser; equal to it counts."""
    return real >= none - FREE - 1e-9


def _differences(ones: Sequence[float], others: Sequence[float]) -> tuple[float, ...]:
    return tuple(one - other for one, other in zip(ones, others, strict=True))


def _figure(effects: Mapping[Setting, Effect]) -> ScatterChart:
    known = {
        setting: effect
        for setting, effect in effects.items()
        if np.isfinite(effect.memorized).any() and np.isfinite(effect.real).any()
    }
    families = list(dict.fromkeys(family for family, _ in known if family != NONE))
    points = [_path(known, family, swatch(place)) for place, family in enumerate(families)]
    if (NONE, "") in known:
        points.append(_path(known, NONE, "test"))
    capped = [setting for setting, effect in known.items() if np.nanmean(effect.memorized) < 0.5]
    limit = np.nanmean(known[NONE, ""].real) if (NONE, "") in known else math.nan
    free = [setting for setting in capped if _is_free(np.nanmean(known[setting].real), limit)]
    paid = [setting for setting in capped if setting not in free]
    return ScatterChart(
        "tradeoff",
        "Which regulariser caps memorizing for free?",
        "Along dropout's curve training accuracy on random labels falls while validation accuracy stays (figure 10).",
        f"Below one half of the random labels memorized, at most {100 * FREE:g} points of validation accuracy below no "
        f"regulariser: {_told(free)}. The same at a higher cost: {_told(paid)}. Means over the seeds.",
        "training accuracy on random labels",
        "best validation accuracy on true labels",
        points,
        percent_x=True,
        percent_y=True,
    )


def _told(settings: Sequence[Setting]) -> str:
    return ", ".join(" ".join(filter(None, setting)) for setting in settings) or "none of them"


def _path(effects: Mapping[Setting, Effect], family: str, colour: Swatch) -> Points:
    """From no regulariser through the strengths of one, in their order."""
    own = [setting for setting in effects if setting[0] == family]
    path = own if family in (NONE, "both") else [*([(NONE, "")] if (NONE, "") in effects else []), *own]
    x, y = ([float(np.nanmean(getattr(effects[at], side))) for at in path] for side in ("memorized", "real"))
    labels = [strength if family not in (NONE, "both") else family for _, strength in path]
    name = "dropout and weight decay" if family == "both" else family
    return Points(name, x, y, labels, colour, joined=len(path) > 1)


def _table(effects: Mapping[Setting, Effect]) -> Table:
    rows = [
        [family, strength, cell(effect.memorized), cell(effect.real), cell(effect.test)]
        for (family, strength), effect in effects.items()
    ]
    header = ["regulariser", "strength", "random labels memorized", "best validation, true labels", "test, true labels"]
    return Table("numbers", "The numbers", "No table in Arpit et al.", "Mean ± sd over the seeds.", header, rows)


def _notes(scale: Scale) -> list[str]:
    return [
        "The effect is on speed: with more epochs networks with regularisers may still fit random labels.",
        f"Random labels are trained on for {scale.pick(60, 60)} epochs, true ones for {scale.pick(30, 15)}.",
        "Validation accuracy is the best over epochs, as in the paper: it uses the validation set repeatedly. Test "
        "accuracy is read at that epoch.",
        "In the figure a strength that finds no room beside its point is left out, as that of a point that lies on "
        "another; the table has them all.",
        "Not part of this study: adversarial training on critical samples, best in the paper, and noise on hidden "
        "units; of input dropout there is one strength.",
    ]


STUDY = Study(
    name="regularization",
    title="Regularisers, patterns and noise",
    question="Do explicit regularisers explain generalisation, and do they keep noise out?",
    source="Zhang et al., ICLR 2017, section 2.3; Arpit et al., ICML 2017, section 4.3",
    effect="Regularisers help, but are neither necessary nor sufficient; dropout slows memorizing at little cost.",
    points=_points,
    find=_find,
)
