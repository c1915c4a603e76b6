"""Arpit et al. 2017, section 4.2: memorizing noise makes decision boundaries close in on the data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from probes.runs.run import Run
from probes.studies.chart import LineChart, Mark, Swatch, Table, band, cell
from probes.studies.claim import Claim, above, at_least
from probes.studies.point import Training
from probes.studies.results import Results, curve
from probes.studies.scale import Scale
from probes.studies.study import Findings, Study

__all__ = ["STUDY"]

SOURCE = "Arpit et al. 2017, section 4.2 and figures 7-9"
EPOCHS = (0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 40, 60, 80)  # at which it is measured
HEADLINE = 0.4
RANDOM_INPUTS, RANDOM_LABELS = "random inputs", "random labels"
Ratios = Mapping[str, Sequence[Mapping[int, tuple[float, float]]]]  # condition -> seeds -> epoch -> CSR and its floor


@dataclass(frozen=True)
class _End:
    """How a run ends, a claim's numbers; NaN where it is not there.

    Attributes:
        ratio: critical sample ratio at the last epoch.
        floor: of the random search, then.
        jump: of the ratio since the measured epoch at or next before the validation peak.
    """

    ratio: float = math.nan
    floor: float = math.nan
    jump: float = math.nan


def _shares(scale: Scale) -> tuple[float, ...]:
    return scale.pick((0.0, 0.2, HEADLINE, 0.6, 0.8), (0.0, HEADLINE, 0.8))


def _conditions(scale: Scale) -> dict[str, dict[str, Any]]:
    shares = {_label(share): {"noise": share} for share in _shares(scale)}
    return {**shares, RANDOM_INPUTS: {"corrupt": ("gaussian=1",)}, RANDOM_LABELS: {"noise": 1.0}}


def _label(share: float) -> str:
    return f"{share:.0%} noise" if share else "real data"


def _name(condition: str) -> str:
    return condition.replace(" ", "-").replace("%", "") + "-seed{seed}"


def _points(scale: Scale) -> list[Training]:
    last = scale.pick(80, 40)
    at = tuple(epoch for epoch in EPOCHS if epoch <= last)
    options = {"epochs": last, "probe": ("critical_samples",), "probe_epochs": at}
    return [
        Training(_name(condition).format(seed=seed), scale.config(**noise, **options, seed=seed))
        for condition, noise in _conditions(scale).items()
        for seed in scale.seeds
    ]


def _ratios(run: Run) -> dict[int, tuple[float, float]]:
    """Critical sample ratio on the validation split and its random-search floor, by epoch."""
    frame = run.probe("critical_samples").groupby("epoch")[["critical", "critical_random"]].mean()
    return {int(epoch): (float(row["critical"]), float(row["critical_random"])) for epoch, row in frame.iterrows()}


def _find(results: Results, scale: Scale) -> Findings:
    runs = {condition: results.runs(_name(condition), scale.seeds) for condition in _conditions(scale)}
    ratios = {condition: [_ratios(run) for run in of] for condition, of in runs.items()}
    headline = _label(HEADLINE)
    ends = {
        condition: results.per_seed(_name(condition), scale.seeds, _end, _End()) for condition in _conditions(scale)
    }
    return Findings(
        _claims(ends, scale),
        [_figure(ratios), _beside_accuracy(ratios[headline], runs[headline]), _table(ratios)],
        _notes(),
    )


def _end(run: Run) -> _End:
    ratios = _ratios(run)
    ratio, floor = ratios[max(ratios)]
    return _End(ratio, floor, _jump(ratios, run))


def _claims(ends: Mapping[str, Sequence[_End]], scale: Scale) -> list[Claim]:
    headline, real = ends[_label(HEADLINE)], ends[_label(0.0)]
    by_share = {share: [end.ratio for end in ends[_label(share)]] for share in _shares(scale)}
    told = ", ".join(f"{cell(row, 2)} at {share:.0%}" for share, row in by_share.items())
    return [
        Claim(
            "grows-with-noise",
            "With more wrong labels no fewer validation examples end up close to a boundary.",
            SOURCE,
            "least rise of the critical sample ratio at the end, from one share of noise to the next",
            at_least(0.0),
            "higher for noisier sets; shown as curves",
            tuple(np.diff(np.array(list(by_share.values())), axis=0).min(0).tolist()),
            f"At the end it is {told} noise.",
        ),
        Claim(
            "jumps-while-memorizing",
            "From the validation peak to the end, while noise is memorized, more than another 20 % of the validation "
            "examples come close to a boundary.",
            SOURCE,
            f"critical sample ratio at the end less that at the validation peak, {HEADLINE:.0%} noise",
            above(0.2),
            "rises while noise is fitted, then levels; shown as curves",
            tuple(end.jump for end in headline),
        ),
        *(
            Claim(
                f"higher-than-real-{name}".replace(" ", "-"),
                f"More validation examples end up close to a boundary with {name} than with real data.",
                SOURCE,
                f"critical sample ratio at the end: {name} less real data",
                above(0.0),
                "much higher for random inputs and random labels; shown as curves",
                tuple(end.ratio - low.ratio for end, low in zip(ends[name], real, strict=True)),
                f"{name.capitalize()} {cell([end.ratio for end in ends[name]], 2)}, "
                f"real data {cell([end.ratio for end in real], 2)}.",
            )
            for name in (RANDOM_INPUTS, RANDOM_LABELS)
        ),
        Claim(
            "search-beats-chance",
            "The search finds boundaries that a random search in the same box does not.",
            "Arpit et al. 2017, algorithm 1",
            f"critical sample ratio less its random-search floor at the end, {HEADLINE:.0%} noise",
            above(0.0),
            "not compared",
            tuple(end.ratio - end.floor for end in headline),
            f"The floor is {cell([end.floor for end in headline], 2)}.",
        ),
    ]


def _last(seed: Mapping[int, tuple[float, float]]) -> float:
    return seed[max(seed)][0]


def _jump(ratios: Mapping[int, tuple[float, float]], run: Run) -> float:
    """From the measured epoch at or next before the validation peak to the end."""
    peak = int(np.argmax(curve(run, "validation"))) + 1
    at = max(epoch for epoch in ratios if epoch <= peak)
    return _last(ratios) - ratios[at][0]


def _figure(ratios: Ratios) -> LineChart:
    lines = []
    for condition, of in ratios.items():
        epochs = sorted(of[0]) if of else []
        curves = [[seed[epoch][0] for epoch in epochs] for seed in of]
        lines.append(
            band(
                condition, epochs, curves, swatch=_swatch(condition), dashed=condition in (RANDOM_INPUTS, RANDOM_LABELS)
            )
        )
    ends = "; ".join(f"{condition} {cell([_last(seed) for seed in of], 2)}" for condition, of in ratios.items())
    return LineChart(
        "ratio",
        "How many validation examples lie close to a boundary?",
        "Random inputs and labels far above real data, noisier sets above less noisy ones, all rising (figures 7-9).",
        f"At the end: {ends}.",
        "epoch",
        "critical sample ratio",
        lines,
        log_x=True,
        percent_y=True,
    )


def _swatch(condition: str) -> Swatch:
    """A colour for each, of which there are more than swatch() has."""
    shares: dict[str, Swatch] = {_label(0.2): "1", _label(0.4): "2", _label(0.6): "3", _label(0.8): "4"}
    colours: dict[str, Swatch] = {_label(0.0): "clean", **shares, RANDOM_INPUTS: "test", RANDOM_LABELS: "noisy"}
    return colours[condition]


def _beside_accuracy(ratios: Sequence[Mapping[int, tuple[float, float]]], runs: Sequence[Run]) -> LineChart:
    epochs = sorted(ratios[0]) if ratios else []
    last = range(1, runs[0].num_epochs + 1) if runs else []
    lines = [
        band(
            "critical sample ratio", epochs, [[seed[epoch][0] for epoch in epochs] for seed in ratios], swatch="noisy"
        ),
        band(
            "random search",
            epochs,
            [[seed[epoch][1] for epoch in epochs] for seed in ratios],
            swatch="other",
            dashed=True,
        ),
        band("validation accuracy", list(last), [curve(run, "validation") for run in runs], swatch="test", dashed=True),
        band("noisy, as labelled", list(last), [curve(run, "train/noisy") for run in runs], swatch="1"),
    ]
    peaks = [int(np.argmax(curve(run, "validation"))) + 1 for run in runs]
    marks = [Mark("x", float(np.mean(peaks)), "validation peak")] if peaks else []
    jumps = [_jump(seed, run) for seed, run in zip(ratios, runs, strict=True)]
    return LineChart(
        "ratio-and-accuracy",
        f"When does it rise, with {HEADLINE:.0%} noise?",
        "Validation accuracy peaks before the ratio jumps, which is when noise is fitted (figure 8).",
        f"From the validation peak to the end it rises by {cell(jumps, 2)}.",
        "epoch",
        "share of examples",
        lines,
        marks,
        log_x=True,
        percent_y=True,
    )


def _table(ratios: Ratios) -> Table:
    rows = []
    for condition, of in ratios.items():
        at = [epoch for epoch in (1, 5, 20, 40, 80) if of and epoch in of[0]]
        rows.append(
            [
                condition,
                *(cell([seed[epoch][0] for seed in of], 2) for epoch in at),
                cell([seed[max(seed)][1] for seed in of], 2),
            ]
        )
    epochs = [epoch for epoch in (1, 5, 20, 40, 80) if any(of and epoch in of[0] for of in ratios.values())]
    header = ["data", *(f"epoch {epoch}" for epoch in epochs), "random search, end"]
    return Table("numbers", "The numbers", "None published.", "Critical sample ratio, mean ± sd.", header, rows)


def _notes() -> list[str]:
    from probes.probing.critical_samples import ITERATIONS, NOISE, RADIUS, STEP

    return [
        f"Searched by LASS in a box of r = {RADIUS:g} of the input's range around each validation example, with "
        f"{ITERATIONS} iterations of alpha = {STEP * RADIUS:.3f} and beta = {NOISE * RADIUS:.3f} of it, in eval mode; "
        "on these small images the paper's 0.3/255 finds nothing.",
        "The ratio is a lower bound that depends on the search; the random search in the same box is its floor.",
    ]


STUDY = Study(
    name="critical-samples",
    title="Boundaries close in on the data",
    question="How does memorizing noise change the decision boundaries?",
    source="Arpit et al., ICML 2017, section 4.2, https://arxiv.org/abs/1706.05394",
    effect="Noise puts far more examples close to a decision boundary; their share jumps as the noise is fitted.",
    points=_points,
    find=_find,
)
