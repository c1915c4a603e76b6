"""Arpit et al. 2017, section 3.4: what less capacity and more data cost, on real inputs and on noise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from probes.runs.run import Run
from probes.studies.chart import Chart, Line, LineChart, Swatch, Table, cell, spread
from probes.studies.claim import Claim, above
from probes.studies.point import Training
from probes.studies.results import Results, curve, epochs_to
from probes.studies.scale import Scale
from probes.studies.study import Findings, Study

__all__ = ["STUDY"]

FIT = 0.999
NARROW, MIDDLE, WIDE = 64, 256, 1024
NOISE = 0.4  # of the labels, where validation accuracy is compared
DATA: dict[str, dict[str, Any]] = {"real inputs": {}, "random inputs": {"corrupt": ("gaussian=1",)}}
# name -> units and options, where the number of examples changes: few units fit random inputs, but not random labels
SIZED: dict[str, tuple[int, dict[str, Any]]] = {
    "real inputs": (NARROW, {}),
    "random inputs": (NARROW, DATA["random inputs"]),
    "real labels": (MIDDLE, {}),
    "random labels": (MIDDLE, {"corrupt": ("uniform_all=1",)}),
}
AGAINST = {"random inputs": "real inputs", "random labels": "real labels"}  # of the same number of units
FIGURE_5 = "Arpit et al. 2017, section 3.4 and figure 5"
FIGURE_6 = "Arpit et al. 2017, section 3.4 and figure 6"
Missed = Mapping[str, "Sequence[_Miss]"]  # by data and width or number of examples, in words
Times = Mapping[str, Mapping[int, Sequence[float]]]  # by data, then by width or number of examples


def _widths(scale: Scale) -> tuple[int, ...]:
    return scale.pick((16, 32, NARROW, MIDDLE, WIDE), (32, NARROW, WIDE))


def _sizes(scale: Scale) -> tuple[int, ...]:
    whole = scale.subset or (1400 if scale.dataset == "digits" else 10_000)
    return scale.pick(tuple(whole // part for part in (7, 4, 2, 1)), (whole // 7, whole))


def _width_name(data: str, width: int) -> str:
    return f"{data}-width{width}".replace(" ", "-") + "-seed{seed}"


def _size_name(data: str, size: int) -> str:
    return f"{data}-n{size}".replace(" ", "-") + "-seed{seed}"


def _best_name(noise: float, width: int) -> str:
    return f"labels{noise:g}-width{width}-seed{{seed}}"


def _points(scale: Scale) -> list[Training]:
    points = []
    for seed in scale.seeds:
        for data, noise in DATA.items():
            for width in _widths(scale):
                epochs = (
                    300 if width <= 32 and noise and not scale.quick else scale.pick(60, 20 if width == WIDE else 40)
                )
                config = scale.config(**noise, width=width, seed=seed, epochs=epochs)
                points.append(Training(_width_name(data, width).format(seed=seed), config))
        for data, (width, noise) in SIZED.items():
            for size in _sizes(scale):
                epochs = scale.pick(120, 80) if data == "random labels" else scale.pick(60, 40)
                config = scale.config(**noise, width=width, subset=size, seed=seed, epochs=epochs)
                points.append(Training(_size_name(data, size).format(seed=seed), config))
        for share in (0.0, NOISE):
            for width in _widths(scale):
                config = scale.config(noise=share, width=width, seed=seed, epochs=scale.pick(60, 20))
                points.append(Training(_best_name(share, width).format(seed=seed), config))
    return points


def _time(run: Run) -> float:
    """Epochs to fit the training set; NaN where it never was."""
    return epochs_to(curve(run, "train/all"), FIT)


def _steps(run: Run) -> float:
    """Optimizer steps to fit the training set: epochs get shorter with fewer examples."""
    return _time(run) * math.ceil(run.num_examples / run.config["batch_size"])


def _best(run: Run) -> float:
    return float(curve(run, "validation").max())


@dataclass(frozen=True)
class _Miss:
    """A run that did not fit: the share of the training set that it predicted as given at its best, and its epochs."""

    best: float
    epochs: int


def _miss(run: Run) -> _Miss | None:
    return _Miss(float(curve(run, "train/all").max()), run.num_epochs) if math.isnan(_time(run)) else None


def _find(results: Results, scale: Scale) -> Findings:
    by_width: Times = {
        data: {
            width: results.per_seed(_width_name(data, width), scale.seeds, _time, math.nan) for width in _widths(scale)
        }
        for data in DATA
    }
    epochs_by_size, by_size = (
        {
            data: {
                size: results.per_seed(_size_name(data, size), scale.seeds, read, math.nan) for size in _sizes(scale)
            }
            for data in SIZED
        }
        for read in (_time, _steps)
    )
    missed = {
        f"{data} with {at} {unit}": [
            miss for miss in results.per_seed(name(data, at), scale.seeds, _miss, None) if miss is not None
        ]
        for unit, times, name in (("units", by_width, _width_name), ("examples", by_size, _size_name))
        for data, of in times.items()
        for at in of
    }
    best = {
        noise: {
            width: results.per_seed(_best_name(noise, width), scale.seeds, _best, math.nan) for width in _widths(scale)
        }
        for noise in (0.0, NOISE)
    }
    charts: list[Chart] = [
        _best_figure(best),
        _width_figure(by_width, missed),
        _size_figure(by_size, missed),
        _table("numbers", "epochs to fit", "units", by_width),
        _table("epoch-numbers", "epochs to fit", "examples", epochs_by_size),
        _table("step-numbers", "steps to fit", "examples", by_size),
    ]
    return Findings(_claims(by_width, by_size, best), charts, _notes(by_width, by_size, missed))


def _claims(by_width: Times, by_size: Times, best: Mapping[float, Mapping[int, Sequence[float]]]) -> list[Claim]:
    slower = {data: _ratios(times[NARROW], times[WIDE]) for data, times in by_width.items()}
    longer = {data: _ratios(times[max(times)], times[min(times)]) for data, times in by_size.items()}
    gains = {noise: _gains(widths) for noise, widths in best.items()}
    steps = "optimizer steps to fit all examples over steps to fit a seventh of them"
    return [
        Claim(
            "capacity-matters-more-for-noise",
            f"Cutting {WIDE} units to {NARROW} multiplies the time to fit by more on random inputs than on real ones.",
            FIGURE_6,
            f"epochs to fit with {NARROW} units over those with {WIDE}: ratio on random inputs less ratio on real ones",
            above(0.0),
            "shown as curves; no number published",
            _differences(slower["random inputs"], slower["real inputs"]),
            f"Ratios: random inputs {cell(slower['random inputs'], 2)}, real ones {cell(slower['real inputs'], 2)}.",
        ),
        *(
            Claim(
                f"size-matters-more-for-{noise}".replace(" ", "-"),
                f"Seven times as many examples multiply the time to fit by more with {noise} than with {real}.",
                FIGURE_6,
                f"{steps}, {SIZED[noise][0]} units: the ratio with {noise} less that with {real}",
                above(0.0),
                "shown as curves for random inputs; no number published",
                _differences(longer[noise], longer[real]),
                f"Ratios: {noise} {cell(longer[noise], 2)}, {real} {cell(longer[real], 2)}.",
            )
            for noise, real in AGAINST.items()
        ),
        Claim(
            "noise-needs-more-units",
            "With noisy labels the best validation accuracy gains more from more units than with clean ones.",
            FIGURE_5,
            f"gain in best validation accuracy from the fewest units to the most, with {NOISE:.0%} noise less without",
            above(0.0),
            "shown as curves; no number published",
            _differences(gains[NOISE], gains[0.0]),
            f"Gains: {cell(gains[NOISE])} with noise, {cell(gains[0.0])} without.",
        ),
    ]


def _best_figure(best: Mapping[float, Mapping[int, Sequence[float]]]) -> LineChart:
    lines = [
        spread("clean labels", list(best[0.0]), list(best[0.0].values()), swatch="clean"),
        spread(f"{NOISE:.0%} noise", list(best[NOISE]), list(best[NOISE].values()), swatch="noisy"),
    ]
    return LineChart(
        "best-by-width",
        "How many units does the best accuracy need?",
        "With noise, the best validation accuracy needs more units (figure 5).",
        f"From the fewest units to the most it rises by {cell(_gains(best[NOISE]))} with noise, "
        f"{cell(_gains(best[0.0]))} without.",
        "units of each hidden layer",
        "best validation accuracy",
        lines,
        log_x=True,
        percent_y=True,
    )


def _width_figure(by_width: Times, missed: Missed) -> LineChart:
    lines = _lines(by_width)
    told = "; ".join(f"{data}: {cell(_ratios(times[NARROW], times[WIDE]), 1)}" for data, times in by_width.items())
    return LineChart(
        "time-by-width",
        "What does less capacity cost?",
        "Time to fit grows much faster for noise as units get fewer (figure 6, left).",
        f"Epochs to fit with {NARROW} units over {WIDE}: {told}.{_not_drawn(by_width, 'units', missed)}",
        "units of each hidden layer",
        "epochs to fit",
        lines,
        log_x=True,
        log_y=True,
    )


def _size_figure(by_size: Times, missed: Missed) -> LineChart:
    lines = _lines(by_size)
    longer = {data: _ratios(times[max(times)], times[min(times)]) for data, times in by_size.items()}
    told = "; ".join(f"{data}: {cell(ratios, 1)}" for data, ratios in longer.items())
    return LineChart(
        "steps-by-size",
        "What do more examples cost?",
        "Time to fit grows faster with the number of examples for noise (figure 6, right).",
        f"Steps to fit all examples over steps to fit the fewest, with {NARROW} units for inputs and {MIDDLE} for "
        f"labels: {told}.{_not_drawn(by_size, 'examples', missed)}",
        "training examples",
        "steps to fit",
        lines,
        log_x=True,
        log_y=True,
    )


def _not_drawn(times: Times, unit: str, missed: Missed) -> str:
    """What the figure leaves out, for want of a time in any seed, or draws of fewer seeds."""
    told = [
        f"{name} ({_reached(missed[name])})"
        for data, of in times.items()
        for at in of
        if missed[name := f"{data} with {at} {unit}"]
    ]
    return f" Not fitted, so without a time and not drawn: {'; '.join(told)}." if told else ""


def _reached(missed: Sequence[_Miss]) -> str:
    """Such as "5 seeds: 41.0 to 43.1 % of the training set after 300 epochs"."""
    best = [100 * miss.best for miss in missed]
    epochs = " or ".join(str(number) for number in sorted({miss.epochs for miss in missed}))
    seeds = f"{len(missed)} seed{'s' if len(missed) > 1 else ''}"
    return f"{seeds}: at best {min(best):.1f} to {max(best):.1f} % of the training set within {epochs} epochs"


def _lines(times: Times) -> list[Line]:
    """Means over the seeds that fitted, one line for each kind of data."""
    colours: dict[str, Swatch] = {"real": "clean", "random": "noisy"}
    return [
        spread(data, list(of), list(of.values()), swatch=colours[data.split()[0]], dashed=data.endswith("labels"))
        for data, of in times.items()
    ]


def _table(id: str, what: str, unit: str, times: Times) -> Table:
    rows = [[data, *(cell(row, 1) for row in of.values())] for data, of in times.items()]
    header = [what, *(f"{at} {unit}" for at in next(iter(times.values())))]
    ours = "Mean ± sd over the seeds that fitted."
    return Table(id, f"The numbers: {what}, by {unit}", "None published.", ours, header, rows)


def _ratios(ones: Sequence[float], others: Sequence[float]) -> tuple[float, ...]:
    return tuple(one / other for one, other in zip(ones, others, strict=True))


def _differences(ones: Sequence[float], others: Sequence[float]) -> tuple[float, ...]:
    return tuple(one - other for one, other in zip(ones, others, strict=True))


def _gains(widths: Mapping[int, Sequence[float]]) -> tuple[float, ...]:
    return _differences(widths[max(widths)], widths[min(widths)])


def _notes(by_width: Times, by_size: Times, missed: Missed) -> list[str]:
    every = {
        f"{data} with {at} {unit}": row
        for unit, times in (("units", by_width), ("examples", by_size))
        for data, of in times.items()
        for at, row in of.items()
    }
    told = [f"{name} ({_reached(of)})" for name, of in missed.items() if of]
    gone = {name: int(np.isnan(row).sum()) - len(missed[name]) for name, row in every.items()}
    failed = [f"{name} ({number} of {len(every[name])} seeds)" for name, number in gone.items() if number]
    return [
        "The paper used MNIST with up to 4,096 units and 50,000 examples.",
        "Steps are compared where the number of examples changes, since an epoch then has another length.",
        f"There real and random inputs are compared with {NARROW} units: with 512, a pilot saw no difference. So few "
        f"units do not fit random labels, which have {MIDDLE}, as do the real labels beside them.",
        *([f"Without a time, since not fitted: {'; '.join(told)}."] if told else []),
        *([f"Without a time, since the run is not there: {', '.join(failed)}."] if failed else []),
    ]


STUDY = Study(
    name="capacity",
    title="Capacity and data, for patterns and for noise",
    question="What do fewer units and more examples cost?",
    source="Arpit et al., ICML 2017, section 3.4, https://arxiv.org/abs/1706.05394",
    effect="Less capacity and more data slow fitting much more on noise than on real data.",
    points=_points,
    find=_find,
)
