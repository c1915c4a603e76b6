"""What the study `information-plane` reads off the curves of a network: medians of ten recorded epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from probes.studies.chart import cell

__all__ = [
    "HIDDEN",
    "NARROW",
    "OUTPUT",
    "WINDOW",
    "beyond_bounds",
    "fall",
    "in_the_end",
    "medians",
    "signal_ends",
    "signal_fall",
    "signal_words",
]

HIDDEN = (10, 7, 5, 4, 3)  # units of the layers
NARROW, OUTPUT = len(HIDDEN) - 1, len(HIDDEN)  # the layers of three units and of the softmax, by number
WINDOW = 10  # recorded epochs whose median is read
CEILING = 12.0  # bits that the inputs have
ROUNDING = 1e-9  # bits


def medians(values: Sequence[float]) -> np.ndarray:
    """Medians of ten recorded epochs in a row."""
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(values, dtype=float), WINDOW)
    return np.asarray(np.median(windows, axis=1))


def fall(run: Mapping[str, Any], layer: int) -> float:
    """Bits by which the binned I(X;T) of a layer falls from its peak to the end."""
    read = medians(run["i_x"][layer])
    return float(read.max() - read[-1])


def in_the_end(values: Sequence[float | None]) -> float:
    """The last median; NaN where a value is unknown."""
    return float(np.median(np.array(values[-WINDOW:], dtype=float)))


def signal_ends(run: Mapping[str, Any], layer: int) -> tuple[float, float]:
    """Signal to noise of the gradients of a layer's weights: medians of the first and last ten recorded epochs."""
    of_layer = np.array(run["snr"][layer][1:], dtype=float)  # epoch 0 has no gradients
    return float(np.median(of_layer[:WINDOW])), float(np.median(of_layer[-WINDOW:]))


def signal_fall(run: Mapping[str, Any]) -> float:
    """Signal to noise of the gradients of the first layer's weights: first over last ten recorded epochs."""
    first, last = signal_ends(run, 0)
    return first / last


def signal_words(runs: Sequence[Mapping[str, Any]]) -> str:
    """From where to where it goes in the first layer and the last, and whether the first ever has more signal."""
    if not runs:
        return ""

    def way(layer: int) -> str:
        first, last = zip(*(signal_ends(run, layer) for run in runs), strict=True)
        return f"goes from {cell(first, 2)} to {cell(last, 2)}"

    highest = max(float(np.max(medians(run["snr"][0][1:]))) for run in runs)
    below = highest < 1
    crossing = (
        f"it is below 1 from the start (no median of {WINDOW} epochs exceeds {highest:.2f}), so there is no passage "
        "from more signal than noise to less"
        if below
        else f"its highest median of {WINDOW} epochs is {highest:.2f}"
    )
    return f"In the first layer it {way(0)}; {crossing}. That of the logits {way(OUTPUT)}."


def beyond_bounds(run: Mapping[str, Any]) -> float:
    """Bits by which the estimate that lies worst is outside [0, 12]; rounding counts as none."""
    found = [value for key in ("i_x", "i_y") for row in run[key] for value in row]
    found += [value for row in run["kde"] for value in (*row["bounds"], row["i_y"])]
    worst = max(-min(found), max(found) - CEILING)
    return float(worst) if worst > ROUNDING else 0.0
