"""Dip, peak and later recovery of a test error, along widths or epochs, and what never counts as a second descent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probes.studies.chart import cell
from probes.studies.claim import at_least

__all__ = [
    "BEYOND",
    "FITTED",
    "MEDIAN",
    "Descent",
    "describe_descent",
    "own_peaks",
    "running_median",
    "spike_words",
    "spikes",
]

BEYOND = 0.005  # of test error: a recovery of nothing is none
FITTED = 0.99  # training accuracy from which a network counts as fitting
MEDIAN = 21  # epochs whose median is read: what lasts ten of them or less makes no peak and no dip


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


def beyond_spread(found: Descent | None) -> tuple[float, ...]:
    """What each seed recovers, less two sd of it over the seeds; nothing of one seed."""
    if found is None or len(found.recovery) < 2:
        return ()
    spread_of = float(np.std(found.recovery, ddof=1))
    return tuple(value - 2 * spread_of for value in found.recovery)


def recovery_words(found: Descent) -> str:
    """What the claim's rule makes of it; what lies between the two is not called a plateau either."""
    verdict = at_least(BEYOND).verdict(beyond_spread(found))
    ending = {
        "reproduced": "a second descent",
        "not reproduced": "no second descent",
        "inconclusive": "these seeds cannot tell whether there is a second descent",
    }[verdict]
    beyond = "more" if found.second else "not more"
    return (
        f"later recovery {cell(found.recovery)} (mean ± sd), {beyond} than two sd over the seeds and {BEYOND}: {ending}"
    )


def own_peaks(errors: np.ndarray) -> list[int | None]:
    """Place of the peak of each seed's own curve; None where it falls all the way, or still rises at the last place.

    Args:
        errors: float, (S, P); of each seed, along widths.
    """
    peaks = [describe_descent(row[None]).peak for row in errors]
    return [peak if 0 < peak < errors.shape[1] - 1 else None for peak in peaks]


def running_median(values: np.ndarray) -> np.ndarray:
    """Medians of 21 epochs in a row, or of all where there are fewer.

    Args:
        values: float, (E,); of each epoch.

    Returns:
        float64, (E - 20,); the first is of epochs 1 to 21.
    """
    windows = np.lib.stride_tricks.sliding_window_view(values, min(MEDIAN, len(values)))
    return np.asarray(np.median(windows, axis=1), dtype=np.float64)


def spikes(fit: np.ndarray) -> list[int]:
    """Epochs, from 1, at which a network that fits its training set for once does not.

    They are those whose training accuracy is below 99 % amid 21 epochs whose median is not.

    Args:
        fit: float, (E,); training accuracy at epochs 1 to E.
    """
    half = min(MEDIAN, len(fit)) // 2
    around = running_median(fit)
    inner = np.asarray(fit)[half : half + len(around)]
    return [int(place) + half + 1 for place in np.flatnonzero((around >= FITTED) & (inner < FITTED))]


def spike_words(seeds: Sequence[int], epochs: Sequence[Sequence[int]]) -> str:
    """Which seeds spiked, and when; "" where none did."""
    told = [f"seed {seed} {_spans(of)}" for seed, of in zip(seeds, epochs, strict=True) if of]
    if not told:
        return ""
    return (
        f"Spikes, where a network that fits for once fits less than {FITTED:.0%} of its training set: "
        f"{'; '.join(told)}. No dip or peak is read from them."
    )


def _spans(epochs: Sequence[int]) -> str:
    """Such as "at epochs 3-5, 9"."""
    spans: list[list[int]] = []
    for epoch in epochs:
        if spans and epoch == spans[-1][-1] + 1:
            spans[-1] = [spans[-1][0], epoch]
        else:
            spans.append([epoch, epoch])
    words = ", ".join(f"{first}" if first == last else f"{first}–{last}" for first, last in spans)
    return f"at epoch{'s' if len(epochs) > 1 else ''} {words}"
