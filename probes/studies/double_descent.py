"""Nakkiran et al. 2020: test error peaks where a network just manages to fit its training set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probes.studies.chart import Chart, LineChart, Mark, Table, band, cell, spread
from probes.studies.claim import Claim, at_least, at_most
from probes.studies.descent import (
    BEYOND,
    FITTED,
    MEDIAN,
    Descent,
    beyond_spread,
    describe_descent,
    own_peaks,
    recovery_words,
    running_median,
    spike_words,
    spikes,
)
from probes.studies.descent_map import descent_map
from probes.studies.point import Training
from probes.studies.results import Results, curve
from probes.studies.scale import Scale
from probes.studies.study import Findings, Study

__all__ = ["STUDY", "Descent", "describe_descent"]

SOURCE = "Nakkiran et al. 2020, sections 4-6"
NOISE = 0.2
SMOOTH = 5  # epochs that are averaged
READ = f"medians of {MEDIAN} epochs"
LEAST = f"{BEYOND} of test error is the least that counts, so that a plateau is no descent"
FIGURES = "shown as curves; no number published for this setting"


@dataclass(frozen=True)
class _Measured:
    """What the runs at one share of noise give, of the seeds that have every width; `over`, of those with the widest.

    Attributes:
        seeds: S of them.
        error: float, (S, W); test error in the end, by width.
        fit: float, (S, W); training accuracy in the end, as labelled.
        courses: by width, the test error of each seed over the epochs.
        over_seeds: those of `over`.
        over: float, (S', P); test error of the widest over the epochs, running medians.
        drawn: float, (S', P'); the same, means of five epochs, as the chart shows it.
        spiked: by seed of `over`, the epochs at which the widest network spikes.
    """

    seeds: list[int]
    error: np.ndarray
    fit: np.ndarray
    courses: dict[int, list[np.ndarray]]
    over_seeds: list[int]
    over: np.ndarray
    drawn: np.ndarray
    spiked: list[list[int]]


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
    claims = [*_claims(noisy.error, noisy.fit, noisy.over, widths, _spiked(noisy)), *_against_control(noisy, control)]
    charts: list[Chart] = [
        _by_width(noisy, control, widths),
        _by_epoch(noisy, control, max(widths)),
        descent_map(
            "by-both",
            "And over both at once?",
            "The peak moves with both: it lies where so many epochs just fit so many examples at that width.",
            noisy.courses,
        ),
        descent_map(
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
    wide = results.runs(widest, over_seeds)
    over = np.array([running_median(1 - curve(run, "test")) for run in wide])
    drawn = np.array([_smooth(1 - curve(run, "test")) for run in wide])
    return _Measured(
        seeds, error, fit, courses, over_seeds, over, drawn, [spikes(curve(run, "train/all")) for run in wide]
    )


def _spiked(measured: _Measured) -> str:
    return spike_words(measured.over_seeds, measured.spiked)


def _whole(results: Results, scale: Scale, noise: float) -> list[int]:
    """Seeds that have a run of every width: what one seed recovers is read along its own curve."""
    names = [_name(width, noise) for width in _widths(scale)]
    return [seed for seed in scale.seeds if all(results.run(name.format(seed=seed)) is not None for name in names)]


def _end(values: np.ndarray) -> float:
    return float(values[-SMOOTH:].mean())


def _smooth(values: np.ndarray) -> np.ndarray:
    """Means of five epochs in a row."""
    return np.convolve(values, np.full(SMOOTH, 1 / SMOOTH), mode="valid")


def _claims(
    error: np.ndarray, fit: np.ndarray, over: np.ndarray, widths: Sequence[int], spiked: str = ""
) -> list[Claim]:
    by_width = describe_descent(error) if len(error) else None
    by_epoch = describe_descent(over) if len(over) else None
    return [
        Claim(
            "second-descent-in-width",
            "Past the width where it peaks, test error falls again, by more than seeds differ.",
            SOURCE,
            "fall of the test error from the width where its mean over the seeds peaks to the widest, less two sd of "
            f"that fall over the seeds; {LEAST}",
            at_least(BEYOND),
            FIGURES,
            beyond_spread(by_width),
            _width_seen(by_width, widths, fit),
        ),
        Claim(
            "peak-at-interpolation",
            "The peak over widths is within a doubling of the width at which networks begin to fit the training set.",
            SOURCE,
            "distance between the width at which a seed's test error peaks and its first that fits 99 %, in doublings",
            at_most(1.0),
            "effective model complexity near the number of examples",
            _distance(error, fit, widths),
            _peaks_seen(error, fit, widths),
        ),
        Claim(
            "rise-in-epochs",
            "Of a wide network trained on noisy labels, test error dips early and rises again by 0.05 or more.",
            SOURCE,
            f"test error where its mean over the seeds peaks after the first dip, less that at the dip; {READ}",
            at_least(0.05),
            FIGURES,
            () if by_epoch is None else tuple((over[:, by_epoch.peak] - over[:, by_epoch.dip]).tolist()),
            spiked,
        ),
        Claim(
            "second-descent-in-epochs",
            "Trained on, it descends a second time, by more than seeds differ.",
            SOURCE,
            f"fall of the test error from that peak to the end, less two sd of that fall over the seeds; {READ}; "
            f"{LEAST}",
            at_least(BEYOND),
            "seen after thousands of epochs of ResNet-18",
            beyond_spread(by_epoch),
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
            f"rise of the test error from its dip to the highest after it over {along}, of the mean over seeds, with "
            f"noise less without{f'; {READ}' if along == 'epochs' else ''}",
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


def _width_seen(found: Descent | None, widths: Sequence[int], fit: np.ndarray) -> str:
    if found is None:
        return ""
    if found.peak == 0:
        return "Test error falls all the way from the narrowest network to the widest: there is no peak."
    if found.peak == len(widths) - 1:
        return "Test error still rises at the widest network: no peak within these widths."
    return f"Dip at {widths[found.dip]} units, peak at {widths[found.peak]}; {recovery_words(found)}."


def _epoch_seen(found: Descent) -> str:
    if found.peak == 0:
        return "Test error falls all the way: there is no peak."
    return f"Dip around epoch {_middle(found.dip)}, peak around {_middle(found.peak)}; {recovery_words(found)}."


def _middle(place: int) -> int:
    """Epoch in the middle of those whose median it is."""
    return place + MEDIAN // 2 + 1


def _distance(error: np.ndarray, fit: np.ndarray, widths: Sequence[int]) -> tuple[float, ...]:
    """In doublings, by seed, from its own peak; NaN where it has none, or where no width fits."""
    found = []
    for peak, first in zip(own_peaks(error), _first_fits(fit), strict=True):
        if peak is None or first is None:
            found.append(float("nan"))
        else:
            found.append(abs(float(np.log2(widths[peak] / widths[first]))))
    return tuple(found)


def _first_fits(fit: np.ndarray) -> list[int | None]:
    """By seed, the place of the first width that fits."""
    return [next(iter(np.flatnonzero(of >= FITTED).tolist()), None) for of in fit]


def _peaks_seen(error: np.ndarray, fit: np.ndarray, widths: Sequence[int]) -> str:
    """Both widths, by seed."""
    if not len(error):
        return ""
    peaks, fits = (
        ", ".join("none" if place is None else f"{widths[place]:,}" for place in places)
        for places in (own_peaks(error), _first_fits(fit))
    )
    return f"By seed, the peak is at {peaks} units, the first fit at {fits}."


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


def _by_epoch(noisy: _Measured, control: _Measured, width: int) -> LineChart:
    lines = [
        band("test error", _epochs(noisy.drawn), list(noisy.drawn), swatch="test"),
        band("test error without noise", _epochs(control.drawn), list(control.drawn), swatch="other"),
    ]
    found = describe_descent(noisy.over) if len(noisy.over) else None
    marks = (
        []
        if found is None or not found.peak
        else [Mark("x", float(_middle(found.dip)), "dip"), Mark("x", float(_middle(found.peak)), "peak")]
    )
    seen = "" if found is None else f"{_epoch_seen(found)} Both are read from {READ}. {_spiked(noisy)}".strip()
    return LineChart(
        "by-epoch",
        f"And over the epochs, with {width} units?",
        "For large networks error dips, rises while noise is fitted, and may descend a second time much later.",
        seen,
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
        f"A recovery counts as a second descent only where it exceeds two sd over the seeds by {BEYOND} or more: two "
        f"sd are what seeds differ by, and {BEYOND} keeps a recovery of nothing, of seeds that agree, from being one.",
        f"Over the epochs dip, peak and end are {READ}, so that one epoch at which training is unstable makes none; "
        "the chart shows means of 5, in which such spikes are to be seen.",
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
