"""The scores that probes have added to a run: their names on the page, and their suspicious end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from probes.scores import PROBE_SCORES
from probes_reports.view import RunView

__all__ = ["ProbeColumn", "probe_columns"]

LABELS = {
    "input_grad": "input gradient",
    "gradient_norm": "gradient norm",
    "grand": "GraNd",
    "self_influence": "self-influence",
    "last_layer_self_influence": "last-layer influence",
    "vog": "VoG",
    "vog_early": "VoG, early",
    "vog_late": "VoG, late",
    "loss_curvature": "loss curvature",
    "prediction_depth": "prediction depth",
}
MEANINGS = {  # of those that PROBE_SCORES describes by the entry before them
    "grand": "gradient norm before training",
    "last_layer_self_influence": "self-influence by the last layer’s weights alone",
    "vog_early": "VoG over the first half of the measured epochs",
    "vog_late": "VoG over the last half of the measured epochs",
}


@dataclass(frozen=True)
class ProbeColumn:
    """A score that a probe has added.

    Attributes:
        name: its column.
        label: the name in figures and tables.
        meaning: one short phrase.
        direction: which end is suspicious, as published.
        source: who defined it.
        suspicion: float64, (N,); turned so that high is suspicious, NaN where it was not measured.
    """

    name: str
    label: str
    meaning: str
    direction: Literal["high", "low"]
    source: str
    suspicion: np.ndarray


def probe_columns(view: RunView) -> list[ProbeColumn]:
    """Those that hold a finite value of any example, in the order of PROBE_SCORES."""
    found = []
    for name, score in PROBE_SCORES.items():
        if name not in view.scores:
            continue
        values = view.scores[name].to_numpy(dtype=np.float64, na_value=np.nan)
        values = np.where(np.isfinite(values), values, np.nan)
        if np.isfinite(values).any():
            turned = values if score.direction == "high" else -values
            label = LABELS.get(name, name.replace("_", " "))
            found.append(
                ProbeColumn(name, label, MEANINGS.get(name, score.meaning), score.direction, score.source, turned)
            )
    return found
