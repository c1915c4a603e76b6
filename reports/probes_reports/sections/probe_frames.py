"""What probes have left in a run, as the sections about them read it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from probes_reports.figures.epoch_axis import place
from probes_reports.view import RunView

if TYPE_CHECKING:
    from probes_reports.sections.groups import Group

__all__ = ["frame_of", "main_epoch", "nearest", "quantiles_by_epoch", "setting"]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def frame_of(view: RunView, name: str, columns: Sequence[str]) -> pd.DataFrame | None:
    """What a probe measured, over all its epochs; None where it left nothing, or not these columns."""
    if name not in view.run.probe_names:
        return None
    frame = view.run.probe(name)
    return frame if len(frame) and {"epoch", *columns} <= set(frame.columns) else None


def setting(frame: pd.DataFrame, name: str) -> Any:
    """A value of the file's metadata; None where it is not there."""
    try:
        return json.loads(frame.attrs[name])
    except (KeyError, TypeError, ValueError):
        return None


def nearest(epochs: Sequence[int], epoch: int) -> int:
    """The measured epoch nearest to one, on the log axis."""
    return min((int(other) for other in epochs), key=lambda other: abs(float(place(other) - place(epoch))))


def main_epoch(view: RunView, epochs: Sequence[int]) -> tuple[int, str]:
    """The measured epoch that sentences speak of first, and what it is; epoch 0, before training, only if alone.

    It is the nearest to the best validation accuracy; where that is unknown, to the epoch at which the clean examples
    were learned; else the first.
    """
    trained = [int(epoch) for epoch in epochs if epoch > 0] or [int(epoch) for epoch in epochs]
    for epoch, what in ((view.key.peak, "the best validation accuracy"), (view.key.clean_learned, "clean learned")):
        if epoch is not None:
            found = nearest(trained, epoch)
            return found, f"{'at' if found == epoch else 'the measured epoch nearest to'} {what}"
    return trained[0], "the first measured"


def quantiles_by_epoch(frame: pd.DataFrame, column: str, group: Group, epochs: Sequence[int]) -> np.ndarray:
    """5, 25, 50, 75, 95% of a column over the training examples of a group.

    Args:
        frame: `epoch`, `split`, `example` and the column.
        column: its name; values that are not finite are left out.
        group: whose members count.
        epochs: T of them.

    Returns:
        float64, (T, 5); NaN where there is no value.
    """
    found = np.full((len(epochs), len(QUANTILES)), np.nan)
    trained = frame[(frame["split"] == "train") & frame["example"].between(0, len(group.members) - 1)]
    held = dict(list(trained.groupby("epoch")))
    for row, epoch in enumerate(epochs):
        if epoch not in held:
            continue
        at_epoch = held[epoch]
        values = at_epoch[column].to_numpy(dtype=np.float64)
        values = values[group.members[at_epoch["example"].to_numpy(dtype=np.int64)] & np.isfinite(values)]
        if len(values):
            found[row] = np.quantile(values, QUANTILES)
    return found
