"""What the study `information-plane` reads off the curves of a network: medians of ten recorded epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["HIDDEN", "NARROW", "OUTPUT", "WINDOW", "beyond_bounds", "fall", "in_the_end", "medians", "signal_fall"]

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


def signal_fall(run: Mapping[str, Any]) -> float:
    """Signal to noise of the gradients of the first layer's weights: first over last ten recorded epochs."""
    first = np.array(run["snr"][0][1:], dtype=float)
    return float(np.median(first[:WINDOW]) / np.median(first[-WINDOW:]))


def beyond_bounds(run: Mapping[str, Any]) -> float:
    """Bits by which the estimate that lies worst is outside [0, 12]; rounding counts as none."""
    found = [value for key in ("i_x", "i_y") for row in run[key] for value in row]
    found += [value for row in run["kde"] for value in (*row["bounds"], row["i_y"])]
    worst = max(-min(found), max(found) - CEILING)
    return float(worst) if worst > ROUNDING else 0.0
