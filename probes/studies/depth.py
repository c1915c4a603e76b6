"""Does depth help a perceptron whose labels are partly wrong? A question often put to Zhang et al. 2017."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from probes.runs.run import Run
from probes.studies.chart import LineChart, Table, cell, spread, swatch
from probes.studies.claim import Claim, above, between
from probes.studies.point import Training
from probes.studies.results import Results, curve
from probes.studies.scale import Scale
from probes.studies.study import Findings, Study

__all__ = ["STUDY"]

DEPTHS = (1, 2, 3, 5)  # hidden layers
LAST = 5  # epochs whose mean is the final accuracy
EFFECT = 0.05  # of test accuracy: smaller ones are called none
ATTRIBUTED = "none: not tested by the paper, whose figure 1c compares networks that differ in more than depth"
SAID = "often said of Zhang et al. 2017, section 2.2; not by it"
OURS = "our own question, beside what is said of Zhang et al. 2017"
Finals = Mapping[float, Mapping[int, Sequence[float]]]  # final test accuracies by noise and depth


def _noises(scale: Scale) -> tuple[float, ...]:
    return scale.pick((0.0, 0.2, 0.4, 0.6), (0.4,))


def _depths(scale: Scale) -> tuple[int, ...]:
    return scale.pick(DEPTHS, (1, 2, 5))


def _name(noise: float, depth: int) -> str:
    return f"noise{noise:g}-depth{depth}-seed{{seed}}"


def _points(scale: Scale) -> list[Training]:
    return [
        Training(
            _name(noise, depth).format(seed=seed),
            scale.config(noise=noise, depth=depth, seed=seed, epochs=scale.pick(120, 60)),
        )
        for noise in _noises(scale)
        for depth in _depths(scale)
        for seed in scale.seeds
    ]


def _find(results: Results, scale: Scale) -> Findings:
    finals = {
        noise: {depth: results.per_seed(_name(noise, depth), scale.seeds, _final, math.nan) for depth in _depths(scale)}
        for noise in _noises(scale)
    }
    claims = [claim for noise, by_depth in finals.items() if noise for claim in _claims(noise, by_depth)]
    return Findings(
        claims,
        [_figure(finals), _table(finals)],
        [
            "Depths share noise and order of examples, seed by seed.",
            "Of one difference, of the deepest and the shallowest network, two things are asked: its sign, which what "
            "is said of the paper is about, and its size. It can be too small to matter and of the other sign.",
        ],
    )


def _final(run: Run) -> float:
    """Mean test accuracy of the last epochs."""
    return float(curve(run, "test")[-LAST:].mean())


def _claims(noise: float, by_depth: Mapping[int, Sequence[float]]) -> list[Claim]:
    deep, shallow = max(by_depth), min(by_depth)
    gains = tuple(float(one - other) for one, other in zip(by_depth[deep], by_depth[shallow], strict=True))
    ranges = tuple(np.ptp(np.array(list(by_depth.values())), axis=0).tolist())
    quantity = f"final test accuracy with {deep} hidden layers less that with {shallow}, {noise:.0%} noise"
    given, points = f"With {noise:.0%} of the labels redrawn", f"{100 * EFFECT:g} points"
    depths = ", ".join(map(str, by_depth))
    seen = "; ".join(f"{depth}: {cell(values)}" for depth, values in by_depth.items())
    seen = f"Final test accuracy by hidden layers: {seen}."
    return [
        Claim(
            f"deeper-is-better-{noise:g}",
            f"{given}, {deep} hidden layers reach a higher test accuracy than {shallow}, by however little.",
            SAID,
            quantity,
            above(0.0),
            ATTRIBUTED,
            gains,
            seen,
        ),
        Claim(
            f"depth-hardly-matters-{noise:g}",
            f"{given}, the test accuracies of {deep} hidden layers and of {shallow} lie within {points}, whichever is "
            "the higher.",
            OURS,
            quantity,
            between(-EFFECT, EFFECT),
            "none: the paper does not vary depth alone",
            gains,
            seen,
        ),
        Claim(
            f"no-two-depths-differ-{noise:g}",
            f"{given}, no two of {depths} hidden layers differ by more than {points} of test accuracy.",
            OURS,
            f"highest less lowest final test accuracy over {depths} hidden layers, each seed's own, {noise:.0%} noise",
            between(-EFFECT, EFFECT),
            "none: the paper does not vary depth alone",
            ranges,
            f"{seen} The highest and the lowest of a seed differ by chance, too, not by depth alone.",
        ),
    ]


def _figure(finals: Finals) -> LineChart:
    lines = [
        spread(f"{noise:.0%} noise", list(by_depth), list(by_depth.values()), swatch=swatch(place))
        for place, (noise, by_depth) in enumerate(finals.items())
    ]
    known = {noise: [_known(values) for values in of.values()] for noise, of in finals.items()}
    means = {noise: [float(np.mean(values)) for values in of if values] for noise, of in known.items()}
    ranges = ", ".join(f"{100 * np.ptp(of):.1f} points at {noise:.0%} noise" for noise, of in means.items() if of)
    return LineChart(
        "by-depth",
        "Does depth help?",
        "No such figure in the paper: the claim is made about it, not by it.",
        f"Between the best and the worst depth, mean final test accuracy differs by {ranges}.",
        "hidden layers",
        "final test accuracy",
        lines,
        percent_y=True,
    )


def _known(values: Sequence[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]


def _table(finals: Finals) -> Table:
    depths = list(next(iter(finals.values())))
    rows = [[f"{noise:.0%}", *(cell(by_depth[depth]) for depth in depths)] for noise, by_depth in finals.items()]
    header = ["noise", *(f"{depth} hidden" for depth in depths)]
    return Table("numbers", "The numbers", "None published.", "Final test accuracy, mean ± sd.", header, rows)


STUDY = Study(
    name="depth",
    title="Depth under wrong labels",
    question="Does depth help when labels are partly wrong?",
    source="Often said of Zhang et al., ICLR 2017, section 2.2, https://arxiv.org/abs/1611.03530",
    effect="Often said of the paper: deeper networks do better under partial corruption. It does not test that.",
    points=_points,
    find=_find,
)
