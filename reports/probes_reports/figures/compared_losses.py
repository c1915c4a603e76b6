"""Mean loss of the same examples in two runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from probes_reports.figures.base import annotation, axis, blank_figure, csv
from probes_reports.figures.compared_curves import COLOURS, Role
from probes_reports.palette import LIGHT, fade

__all__ = ["LossCloud", "compared_losses"]

SMALLEST = 1e-6  # what lies below is drawn here
SYMBOLS = {"noisy": "diamond-open"}
LEFT, RIGHT, TOP, BOTTOM = 58, 16, 12, 50


@dataclass(frozen=True)
class LossCloud:
    """A group of examples.

    Attributes:
        role: gives the colour.
        label: names it.
        examples: ids or positions, (n,).
        first, second: float, (n,); mean loss in either run, nats.
    """

    role: Role
    label: str
    examples: Sequence[Any]
    first: np.ndarray
    second: np.ndarray


def compared_losses(clouds: Sequence[LossCloud], letters: tuple[str, str], *, narrow: bool = False) -> go.Figure:
    """A mark an example, one run across, the other up, both logarithmic; the diagonal is no change.

    Args:
        clouds: drawn in this order.
        letters: of the two runs.
        narrow: the layout of a phone.
    """
    values = np.concatenate([np.maximum(part, SMALLEST) for cloud in clouds for part in (cloud.first, cloud.second)])
    low, high = float(np.log10(values.min())) - 0.1, float(np.log10(values.max())) + 0.1
    figure = blank_figure(height=360 if narrow else 440, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM)
    for cloud in clouds:
        figure.add_trace(_marks(cloud, letters))
    figure.update_layout(
        xaxis=_loss_axis(low, high, f"mean loss in {letters[0]}"),
        yaxis=_loss_axis(low, high, f"mean loss in {letters[1]}"),
        shapes=[
            {
                "type": "line", "x0": 10**low, "y0": 10**low, "x1": 10**high, "y1": 10**high, "layer": "below",
                "line": {"color": LIGHT.rule_strong, "width": 1},
            }
        ],
        annotations=[
            _corner(f"higher in {letters[1]}", 0.02, 0.97, "left"),
            _corner(f"higher in {letters[0]}", 0.98, 0.03, "right"),
        ],
    )  # fmt: skip
    return figure


def _marks(cloud: LossCloud, letters: tuple[str, str]) -> go.Scatter:
    return go.Scatter(
        x=np.maximum(cloud.first, SMALLEST),
        y=np.maximum(cloud.second, SMALLEST),
        customdata=list(cloud.examples),
        name=cloud.label,
        mode="markers",
        marker={"size": 5, "color": fade(COLOURS[cloud.role], 0.65), "symbol": SYMBOLS.get(cloud.role, "circle")},
        hovertemplate=(
            f"example %{{customdata}}<br>{letters[0]}: %{{x:.3g}}<br>{letters[1]}: %{{y:.3g}}<extra></extra>"
        ),
        meta=csv(**{"example": "customdata", f"mean_loss_{letters[0]}": "x", f"mean_loss_{letters[1]}": "y"}),
    )


def _loss_axis(low: float, high: float, title: str) -> dict[str, Any]:
    ticks = _ticks(low, high)
    return axis(
        type="log", range=[low, high], title=f"{title} (nats)", showline=True, linecolor=LIGHT.rule_strong,
        tickmode="array", tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks],
    )  # fmt: skip


def _ticks(low: float, high: float) -> list[float]:
    """Powers of ten between two exponents; 1, 2, 5 times those where there are fewer than three."""
    powers = range(int(np.floor(low)), int(np.ceil(high)) + 1)
    steps = (1, 2, 5) if np.floor(high) - np.ceil(low) < 2 else (1,)
    values = [step * 10.0**power for power in powers for step in steps]
    return [value for value in values if low <= np.log10(value) <= high]


def _corner(text: str, x: float, y: float, side: str) -> dict[str, Any]:
    return annotation(
        f"<i>{text}</i>", x, y, LIGHT.ink_3, xref="paper", yref="paper", xanchor=side, yanchor="middle", size=12
    )
