"""Test error over widths and epochs at once, and where its peak goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from probes.studies.chart import HeatMap
from probes.studies.descent import BEYOND, describe_descent

__all__ = ["descent_map"]

COLUMNS = 14  # epochs of the map, at equal ratios


def descent_map(id: str, question: str, paper: str, errors: Mapping[int, Sequence[np.ndarray]]) -> HeatMap:
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
        f"Mean over the seeds: from {low:.3f} to {high:.3f}. {_moves(means, epochs)}".strip(),
        "epoch",
        "units",
        "test error",
        [str(width) for width in reversed(means)],
        [str(epoch) for epoch in epochs],
        [means[width].tolist() for width in reversed(means)],
        log=True,
    )


def _moves(means: Mapping[int, np.ndarray], epochs: np.ndarray) -> str:
    """Where the peak over the widths is at each epoch shown; rises of less than 0.005 are none."""
    widths = list(means)
    peaks: list[tuple[int, int]] = []
    for column, epoch in enumerate(epochs.tolist()):
        along = np.array([means[width][column] for width in widths])
        found = describe_descent(along[None])
        if 0 < found.peak < len(widths) - 1 and along[found.peak] - along[found.dip] >= BEYOND:
            peaks.append((epoch, widths[found.peak]))
    if not peaks:
        return f"At no epoch shown does it peak between two widths by {BEYOND} or more." if widths else ""
    where = ", ".join(f"{width:,} at {epoch}" for epoch, width in peaks)
    first, last = peaks[0][1], peaks[-1][1]
    way = "stays where it is first" if first == last else f"ends at {'narrower' if last < first else 'wider'} networks"
    return (
        f"The peak over the widths {way}; units at epoch: {where}; at the other epochs shown there is none between two "
        "widths."
    )
