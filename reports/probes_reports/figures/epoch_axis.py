"""The epoch axis that all figures share: x = log(1 + epoch), so that epoch 0 has a place and early epochs have room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from probes_reports.figures.base import annotation, axis
from probes_reports.palette import LIGHT

__all__ = ["Guide", "epoch_axis", "guide_labels", "guide_lines", "place", "ticks"]


@dataclass(frozen=True)
class Guide:
    """An epoch worth marking in every figure, with a short name and the colours of its line and its text."""

    epoch: int
    label: str
    colour: str
    text_colour: str


def place(epochs: np.ndarray | Sequence[float] | float) -> Any:
    """Position of epochs on the axis: float, same shape, log(1 + epoch)."""
    return np.log1p(np.asarray(epochs, dtype=np.float64))


def ticks(last: int, first: int = 0, *, width: int = 900) -> list[int]:
    """Epochs that get a tick: 0 1 2 5 10 20 50 ... and the last; of two whose labels would touch the lesser one goes.

    Args:
        last: last epoch on the axis.
        first: first epoch on the axis.
        width: px between the two.
    """
    decades = [step * 10**power for power in range(8) for step in (1, 2, 5)]
    span = max(float(place(last) - place(first)), 1e-9)
    chosen = [last] if last == first else [first, last]
    for epoch in decades:
        apart = (
            abs(float(place(epoch) - place(other))) / span * width - 4 * (len(f"{epoch:,}") + len(f"{other:,}"))
            for other in chosen
        )
        if first < epoch < last and min(apart) >= 12:
            chosen.append(epoch)
    return sorted(chosen)


def epoch_axis(last: int, first: int = 0, *, width: int = 900, title: str = "epoch", **settings: Any) -> dict[str, Any]:
    """Settings of the x axis from epoch `first` to `last`.

    Traces on it carry `x=place(epochs)` and `customdata=epochs`: with `hovermode="x unified"` page.js takes the integer
    epoch of the tooltip's title from there (plotly offers the title nothing but x, the logarithm).

    Args:
        last: last epoch on the axis; at least one epoch wide even where a run has none.
        first: first epoch on the axis.
        width: px of the axis, for choosing ticks.
        title: of the axis.
        settings: override anything.
    """
    last = max(last, first + 1)
    shown = ticks(last, first, width=width)
    return axis(
        **{
            "range": [float(place(first)), float(place(last))],
            "tickmode": "array",
            "tickvals": [float(place(epoch)) for epoch in shown],
            "ticktext": [f"{epoch:,}" for epoch in shown],
            "ticks": "outside",
            "ticklen": 5,
            "tickcolor": LIGHT.rule_strong,
            "showline": True,
            "linecolor": LIGHT.rule_strong,
            "showgrid": False,
            "title": title,
            "unifiedhovertitle": {"text": "epoch"},
            **settings,
        }
    )


def guide_lines(guides: Sequence[Guide], *, colour: str | None = None, **settings: Any) -> list[dict[str, Any]]:
    """Thin dotted vertical lines at the guides, over the whole height; `colour` overrides their own."""
    line = {"width": 1, "dash": "dot"}
    return [
        {
            "type": "line",
            "x0": float(place(guide.epoch)),
            "x1": float(place(guide.epoch)),
            "y0": 0,
            "y1": 1,
            "yref": "paper",
            "layer": "above",
            "line": {**line, "color": colour or guide.colour},
            **settings,
        }
        for guide in guides
    ]


def guide_labels(
    guides: Sequence[Guide], last: int, first: int = 0, *, width: int = 900, **settings: Any
) -> list[dict[str, Any]]:
    """Names of the guides above the plot, moved aside where they would touch a more important one.

    One that would have to leave its line for that is left out. The most important are earlier in the list.

    Args:
        guides: in order of importance.
        last, first: epochs at the ends of the axis.
        width: px of the axis.
        settings: override anything of the annotations, such as `y`.
    """
    span = max(float(place(max(last, first + 1)) - place(first)), 1e-9)
    taken: list[tuple[float, float]] = []
    labels = []
    for guide in guides:
        centre = float(place(guide.epoch) - place(first)) / span * width
        half = 3.4 * len(guide.label) + 6
        shift = _aside(centre, half, taken)
        if shift is not None:
            taken.append((centre + shift - half, centre + shift + half))
            labels.append(
                annotation(
                    guide.label,
                    float(place(guide.epoch)),
                    1,
                    guide.text_colour,
                    **{"size": 12, "yref": "paper", "yanchor": "bottom", "xshift": shift, "yshift": 3, **settings},
                )
            )
    return labels


def _aside(centre: float, half: float, taken: Sequence[tuple[float, float]]) -> float | None:
    """The smallest shift of a text, in px, that clears what is taken and keeps it above its line; None: no such."""
    gap = 1.0
    tried = [0.0, *(end for left, right in taken for end in (left - gap - half - centre, right + gap + half - centre))]
    free = [
        shift
        for shift in tried
        if abs(shift) <= half - 6
        and all(centre + shift + half < left or centre + shift - half > right for left, right in taken)
    ]
    return min(free, key=abs, default=None)
