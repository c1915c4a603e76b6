"""Nakkiran et al. 2020: test error peaks where a network just manages to fit its training set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from probes.studies.chart import Chart, HeatMap, LineChart, Mark, Table, band, cell, spread
from probes.studies.claim import Claim, at_least, at_most
from probes.studies.point import Training
from probes.studies.results import Results, curve
from probes.studies.scale import Scale
from probes.studies.study import Findings, Study

__all__ = ["STUDY", "Descent", "describe_descent"]

SOURCE = "Nakkiran et al. 2020, sections 4-6"
NOISE = 0.2
BEYOND = 0.005  # of test error: a recovery of nothing is none
FITTED = 0.99  # training accuracy from which a width counts as fitting
SMOOTH = 5  # epochs that are averaged
COLUMNS = 14  # epochs of the map, at equal ratios
FIGURES = "shown as curves; no number published for this setting"


@dataclass(frozen=True)
class Descent:
    """The course of a test error, mean over seeds.

    Attributes:
        dip: place of the least error before the peak.
        peak: place of the highest error after the dip.
        recovery: fall of the error from the peak to the end, by seed.
        second: whether it is a second descent: the mean recovery exceeds two sd over the seeds by 0.005 at least.
    """

    dip: int
    peak: int
    recovery: tuple[float, ...]
    second: bool


def describe_descent(errors: np.ndarray) -> Descent:
    """Find the first dip, the peak after it and what is recovered later; a plateau is never a second descent.

    Dip and peak are the two places, in this order, between which the mean error rises most. The recovery counts as a
    second descent where its mean exceeds two sd over the seeds, at least two, and by more than rounding. Where the
    error falls all the way there is no peak (dip and peak are 0) and no recovery.

    Args:
        errors: float, (S, P); of each seed, along widths or epochs.
    """
    mean = errors.mean(0)
    dip = peak = 0
    for place in range(len(mean)):
        lowest = int(np.argmin(mean[: place + 1]))
        if mean[place] - mean[lowest] > mean[peak] - mean[dip]:
            dip, peak = lowest, place
    rises = peak > dip  # otherwise it falls all the way, and there is nothing to recover from
    recovery = errors[:, peak] - errors[:, -1] if rises else np.zeros(len(errors))
    second = rises and len(errors) > 1 and recovery.mean() >= 2 * recovery.std(ddof=1) + BEYOND
    return Descent(dip, peak, tuple(recovery.tolist()), bool(second))


@dataclass(frozen=True)
class _Measured:
    """What the runs at one share of noise give, of the seeds that have every width; `over`, of those with the widest.

    Attributes:
        seeds: S of them.
        error: float, (S, W); test error in the end, by width.
        fit: float, (S, W); training accuracy in the end, as labelled.
        courses: by width, the test error of each seed over the epochs.
        over_seeds: those of `over`.
        over: float, (S', P); test error of the widest over the epochs, smoothed.
    """

    seeds: list[int]
    error: np.ndarray
    fit: np.ndarray
    courses: dict[int, list[np.ndarray]]
    over_seeds: list[int]
    over: np.ndarray


def _widths(scale: Scale) -> tuple[int, ...]:
    return scale.pick((2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048), (4, 12, 32, 128, 512, 2048))


def _name(width: int, noise: float) -> str:
    return f"{'' if noise else 'without-noise-'}width{width}-seed{{seed}}"


def _points(scale: Scale) -> list[Training]:
    """Every width with noise, and again without: the same split, starts and orders."""
    options = {"depth": 1, "optimizer": "adam", "lr": 1e-3, "momentum": 0.0, "epochs": scale.pick(300, 100)}
    return [
        Training(
            _name(width, noise).format(seed=seed),
            scale.config(**options, noise=noise, width=width, seed=seed),
        )
        for noise in (NOISE, 0.0)
        for width in _widths(scale)
        for seed in scale.seeds
    ]


def _find(results: Results, scale: Scale) -> Findings:
    noisy, control = (_measure(results, scale, noise) for noise in (NOISE, 0.0))
    widths = list(_widths(scale))
    claims = [*_claims(noisy.error, noisy.fit, noisy.over, widths), *_against_control(noisy, control)]
    charts: list[Chart] = [
        _by_width(noisy, control, widths),
        _by_epoch(noisy.over, control.over, max(widths)),
        _by_both(
            "by-both",
            "And over both at once?",
            "The peak moves with both: it lies where so many epochs just fit so many examples at that width.",
            noisy.courses,
        ),
        _by_both(
            "by-both-without-noise",
            "And over both, without noise?",
            "Without label noise the peak is lower.",
            control.courses,
        ),
        _table(noisy, control, widths),
    ]
    return Findings(claims, charts, _notes(scale))


def _measure(results: Results, scale: Scale, noise: float) -> _Measured:
    seeds = _whole(results, scale, noise)
    runs = {width: results.runs(_name(width, noise), seeds) for width in _widths(scale)}
    courses = {width: [1 - curve(run, "test") for run in of] for width, of in runs.items()}
    error = np.array([[_end(course) for course in of] for of in courses.values()]).T
    fit = np.array([[_end(curve(run, "train/all")) for run in of] for of in runs.values()]).T
    widest = _name(max(runs), noise)
    over_seeds = [seed for seed in scale.seeds if results.run(widest.format(seed=seed)) is not None]
    over = np.array([_smooth(1 - curve(run, "test")) for run in results.runs(widest, over_seeds)])
    return _Measured(seeds, error, fit, courses, over_seeds, over)


def _whole(results: Results, scale: Scale, noise: float) -> list[int]:
    """Seeds that have a run of every width: what one seed recovers is read along its own curve."""
    names = [_name(width, noise) for width in _widths(scale)]
    return [seed for seed in scale.seeds if all(results.run(name.format(seed=seed)) is not None for name in names)]


def _end(values: np.ndarray) -> float:
    return float(values[-SMOOTH:].mean())


def _smooth(values: np.ndarray) -> np.ndarray:
    """Means of five epochs in a row."""
    return np.convolve(values, np.full(SMOOTH, 1 / SMOOTH), mode="valid")


def _claims(error: np.ndarray, fit: np.ndarray, over: np.ndarray, widths: Sequence[int]) -> list[Claim]:
    by_width = describe_descent(error) if len(error) else None
    by_epoch = describe_descent(over) if len(over) else None
    return [
        Claim(
            "second-descent-in-width",
            "Past the width that just fits the noisy training set, test error falls again.",
            SOURCE,
            "fall of the test error from its peak over widths to the widest, less two sd of it over the seeds",
            at_least(BEYOND),
            FIGURES,
            _beyond_spread(by_width),
            _width_seen(by_width, widths, fit),
        ),
        Claim(
            "peak-at-interpolation",
            "The peak is where networks begin to fit the training set.",
            SOURCE,
            "distance between the width of the peak and the first that fits 99 %, in doublings of width",
            at_most(1.0),
            "effective model complexity near the number of examples",
            _distance(error, fit, widths),
        ),
        Claim(
            "rise-in-epochs",
            "Of a wide network test error dips early and rises again while the noise is fitted.",
            SOURCE,
            "test error at its peak after the first dip, less that at the dip",
            at_least(0.05),
            FIGURES,
            () if by_epoch is None else tuple((over[:, by_epoch.peak] - over[:, by_epoch.dip]).tolist()),
        ),
        Claim(
            "second-descent-in-epochs",
            "Trained on, it descends a second time.",
            SOURCE,
            "fall of the test error from that peak to the end, less two sd of it over the seeds",
            at_least(BEYOND),
            "seen after thousands of epochs of ResNet-18",
            _beyond_spread(by_epoch),
            "" if by_epoch is None else _epoch_seen(by_epoch),
        ),
    ]


def _against_control(noisy: _Measured, control: _Measured) -> list[Claim]:
    """That it is label noise that makes test error rise: by how much with it and without, of the same seed."""
    in_width = _paired_rises((noisy.seeds, noisy.error), (control.seeds, control.error))
    in_epochs = _paired_rises((noisy.over_seeds, noisy.over), (control.over_seeds, control.over))
    rows = (
        ("rises-more-with-noise-in-width", "Along the width test error rises more after its dip", "widths", in_width),
        (
            "rises-more-with-noise-in-epochs",
            "Over the epochs test error of a wide network rises more after its dip",
            "epochs",
            in_epochs,
        ),
    )
    return [
        Claim(
            id,
            f"{words} with label noise than without.",
            SOURCE,
            f"rise of the test error from its dip to the highest after it over {along}, with noise less without",
            at_least(BEYOND),
            FIGURES,
            tuple((with_noise - without).tolist()),
            f"The rise is {cell(with_noise.tolist())} with noise and {cell(without.tolist())} without.",
        )
        for id, words, along, (with_noise, without) in rows
    ]


def _paired_rises(
    noisy: tuple[Sequence[int], np.ndarray], control: tuple[Sequence[int], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """`_rise` with noise and without, of the seeds that have both: float, (S,) each."""
    both = [seed for seed in noisy[0] if seed in control[0]]
    first, second = (errors[[seeds.index(seed) for seed in both]] for seeds, errors in (noisy, control))
    return _rise(first), _rise(second)


def _rise(errors: np.ndarray) -> np.ndarray:
    """By seed, from the dip of the mean to its peak; 0 where the mean falls all the way."""
    if not len(errors):
        return np.empty(0)
    found = describe_descent(errors)
    return np.asarray(errors[:, found.peak] - errors[:, found.dip])


def _beyond_spread(found: Descent | None) -> tuple[float, ...]:
    if found is None or len(found.recovery) < 2:
        return ()
    spread_of = float(np.std(found.recovery, ddof=1))
    return tuple(value - 2 * spread_of for value in found.recovery)


def _width_seen(found: Descent | None, widths: Sequence[int], fit: np.ndarray) -> str:
    if found is None:
        return ""
    if found.peak == 0:
        return "Test error falls all the way from the narrowest network to the widest: there is no peak."
    if found.peak == len(widths) - 1:
        return "Test error still rises at the widest network: no peak within these widths."
    return f"Dip at {widths[found.dip]} units, peak at {widths[found.peak]}; {_recovery_words(found)}."


def _epoch_seen(found: Descent) -> str:
    if found.peak == 0:
        return "Test error falls all the way: there is no peak."
    return f"Dip around epoch {found.dip + SMOOTH}, peak around {found.peak + SMOOTH}; {_recovery_words(found)}."


def _recovery_words(found: Descent) -> str:
    """Only dip, peak and later recovery are told; the claim's rule alone calls it a second descent."""
    beyond = "more than" if found.second else "not more than"
    plateau = "" if found.second else ": a plateau, no second descent"
    return f"later recovery {cell(found.recovery)}, {beyond} two sd over the seeds{plateau}"


def _distance(error: np.ndarray, fit: np.ndarray, widths: Sequence[int]) -> tuple[float, ...]:
    """In doublings, by seed, from the peak of the mean; NaN without one, or where no width fits."""
    peak = describe_descent(error).peak if len(error) else 0
    peak = 0 if peak == len(widths) - 1 else peak  # where it still rises at the widest, it is no peak yet
    found = []
    for fits in fit:
        fitted = np.flatnonzero(fits >= FITTED)
        both = peak > 0 and len(fitted) > 0
        found.append(abs(float(np.log2(widths[peak] / widths[fitted[0]]))) if both else float("nan"))
    return tuple(found)


def _by_width(noisy: _Measured, control: _Measured, widths: Sequence[int]) -> LineChart:
    error, fit = noisy.error, noisy.fit
    lines = [
        spread("test error", widths, error.T.tolist(), swatch="test"),
        spread("training error, as labelled", widths, (1 - fit).T.tolist(), swatch="noisy", dashed=True),
        spread("test error without noise", widths, control.error.T.tolist(), swatch="other"),
        spread("training error without noise", widths, (1 - control.fit).T.tolist(), swatch="other", dashed=True),
    ]
    fitting = (fit >= FITTED).mean(0) if len(fit) else np.zeros(len(widths))
    reached = [width for width, share in zip(widths, fitting, strict=True) if share > 0.5]
    marks = [Mark("x", float(reached[0]), "fits 99 % of the noisy")] if reached else []
    found = describe_descent(error) if len(error) else None
    return LineChart(
        "by-width",
        "What happens at the width that just fits?",
        "Test error peaks at the interpolation threshold and falls again for wider networks, more so with label noise.",
        _width_seen(found, widths, fit),
        "units of the hidden layer",
        "error",
        lines,
        marks,
        log_x=True,
        percent_y=True,
    )


def _by_epoch(over: np.ndarray, control: np.ndarray, width: int) -> LineChart:
    lines = [
        band("test error", _epochs(over), list(over), swatch="test"),
        band("test error without noise", _epochs(control), list(control), swatch="other"),
    ]
    found = describe_descent(over) if len(over) else None
    marks = (
        []
        if found is None or not found.peak
        else [Mark("x", float(found.dip + SMOOTH), "dip"), Mark("x", float(found.peak + SMOOTH), "peak")]
    )
    return LineChart(
        "by-epoch",
        f"And over the epochs, with {width} units?",
        "For large networks error dips, rises while noise is fitted, and may descend a second time much later.",
        "" if found is None else _epoch_seen(found),
        "epoch",
        "test error (mean of 5 epochs)",
        lines,
        marks,
        log_x=True,
        percent_y=True,
    )


def _epochs(over: np.ndarray) -> list[int]:
    """Last epoch of each mean of five."""
    return list(range(SMOOTH, SMOOTH + over.shape[1])) if len(over) else []


def _by_both(id: str, question: str, paper: str, errors: Mapping[int, Sequence[np.ndarray]]) -> HeatMap:
    """Mean test error by width and epoch; narrow networks at the bottom."""
    last = min((len(curve) for curves in errors.values() for curve in curves), default=0)
    epochs = np.unique(np.geomspace(1, last, COLUMNS).round().astype(int)) if last else np.empty(0, dtype=int)
    means = {width: np.mean(curves, axis=0)[epochs - 1] for width, curves in errors.items() if last}
    high = max((float(values.max()) for values in means.values()), default=float("nan"))
    low = min((float(values.min()) for values in means.values()), default=float("nan"))
    return HeatMap(
        id,
        question,
        paper,
        f"Mean over the seeds: from {low:.3f} to {high:.3f}.",
        "epoch",
        "units",
        "test error",
        [str(width) for width in reversed(means)],
        [str(epoch) for epoch in epochs],
        [means[width].tolist() for width in reversed(means)],
        log=True,
    )


def _table(noisy: _Measured, control: _Measured, widths: Sequence[int]) -> Table:
    tables = [noisy.error, 1 - noisy.fit, control.error, 1 - control.fit]
    columns = [[cell(of) for of in table.T.tolist()] for table in tables]
    rows = [[width, *cells] for width, *cells in zip(widths, *columns, strict=True)]
    header = ["units", "test error", "training error", "test error without noise", "training error without noise"]
    return Table(
        "numbers", "The numbers", "None published for this setting.", "Mean ± sd over the seeds.", header, rows
    )


def _notes(scale: Scale) -> list[str]:
    return [
        f"One hidden layer, Adam at 0.001, {scale.pick(300, 100)} epochs, {NOISE:.0%} of the labels redrawn; errors "
        "are means of the last 5 epochs.",
        "Without noise: the same widths, starts, orders and epochs on the labels as the data have them. Rises are "
        "compared by seed, each from the dip of the mean to its peak, which is searched for alike in both.",
        "A recovery counts as a second descent only beyond two sd over the seeds: a plateau is never called one.",
        "Along the number of training examples, where the paper sees a peak, too, nothing is measured here.",
        "Published: ResNet-18 of widths 1 to 64 on CIFAR-10 with 15 % noise, 4,000 epochs of Adam.",
    ]


STUDY = Study(
    name="double-descent",
    title="Double descent",
    question="Does test error fall again once a network is more than large enough?",
    source="Nakkiran et al., ICLR 2020, https://arxiv.org/abs/1912.02292",
    effect="Test error peaks where the network can just fit its training set, along width, examples and epochs.",
    points=_points,
    find=_find,
)
