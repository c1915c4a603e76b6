"""A matrix of a study in colour, with the number in each cell where there is room."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from probes_reports.figures.base import NARROW_WIDTH, WIDE_WIDTH, annotation, axis, blank_figure, escape
from probes_reports.figures.study_axis import shown, wrapped
from probes_reports.palette import LIGHT

__all__ = ["HEAT_STOPS", "HeatFigure", "study_heat"]

# from little to much: away from the page in both themes
HEAT_STOPS = ("other_area", "series_4")
CELL = 40  # px of height
SMALLEST = 18  # px of height of a cell below which it holds no number
MIDDLE = 0.65  # of the scale, from which numbers are printed in the colour of the page


@dataclass(frozen=True)
class HeatFigure:
    """A matrix: float64 (R, C), NaN leaves a cell empty."""

    x_title: str
    y_title: str
    value_title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: np.ndarray
    log: bool = False

    @property
    def levels(self) -> np.ndarray:
        """What the colour goes by."""
        if not self.log:
            return self.values
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.values > 0, np.log10(self.values), np.nan)

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the largest value that has a colour; NaN without any."""
        known = self.values[np.isfinite(self.levels)]
        return (float(known.min()), float(known.max())) if known.size else (math.nan, math.nan)


def study_heat(drawn: HeatFigure, *, narrow: bool = False) -> go.Figure:
    """The first row on top.

    Args:
        drawn: at least one value.
        narrow: the layout of a phone.
    """
    names = [wrapped(name, 16 if narrow else 34) for name in drawn.rows]
    left = 16 + 7 * max((len(line) for name in names for line in name.split("<br>")), default=4)
    width = (NARROW_WIDTH if narrow else WIDE_WIDTH) - left - 8
    slot = width / max(len(drawn.columns), 1)
    across = [wrapped(name, max(4, int(slot / 7.5))) for name in drawn.columns]
    tall = 17 * max((name.count("<br>") + 1 for name in across), default=1)
    cell = min(CELL, max(6, 560 // max(len(names), 1)))
    figure = blank_figure(height=44 + cell * len(names) + 40 + tall, left=left, right=8, top=36, bottom=44 + tall)
    every = max(1, math.ceil(34 / slot)) if len(across) > 12 else 1
    figure.update_layout(
        xaxis=_named(across, every, title=wrapped(drawn.x_title, 40 if narrow else 110), side="bottom"),
        yaxis={**_named(names, max(1, math.ceil(16 / cell))), "range": [len(names) - 0.5, -0.5]},
    )
    low, high = (float(end) for end in (np.nanmin(drawn.levels), np.nanmax(drawn.levels)))
    figure.add_trace(_cells(drawn, low, high if high > low else low + 1))
    title = {"xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
    labels = [annotation(wrapped(drawn.y_title, 46), 0, 1, LIGHT.ink_3, xshift=2 - left, yshift=6, **title)]
    size = 11 if slot < 46 else 13
    longest = max(len(shown(float(value))) for value in drawn.values.flat if math.isfinite(value))
    if 0.6 * size * longest + 4 <= slot and cell >= SMALLEST:
        labels += _numbers(drawn, low, high, size)
    return figure.update_layout(annotations=labels)


def _named(names: list[str], every: int, **settings: Any) -> dict[str, Any]:
    places = list(range(0, len(names), every))
    return axis(
        range=[-0.5, len(names) - 0.5],
        tickmode="array",
        tickvals=places,
        ticktext=[names[place] for place in places],
        showgrid=False,
        **settings,
    )


def _cells(drawn: HeatFigure, low: float, high: float) -> go.Heatmap:
    text = [
        [
            f"{escape(row)}, {escape(column)}<br>{escape(drawn.value_title)}: {shown(float(value))}"
            for column, value in zip(drawn.columns, values, strict=True)
        ]
        for row, values in zip(drawn.rows, drawn.values, strict=True)
    ]
    stops = [getattr(LIGHT, name) for name in HEAT_STOPS]
    return go.Heatmap(
        z=drawn.levels,
        zmin=low,
        zmax=high,
        text=text,
        hovertemplate="%{text}<extra></extra>",
        hoverongaps=False,
        colorscale=[[place / (len(stops) - 1), colour] for place, colour in enumerate(stops)],
        showscale=False,
        xgap=1,
        ygap=1,
    )


def _numbers(drawn: HeatFigure, low: float, high: float, size: int) -> list[dict[str, Any]]:
    labels = []
    for row, values in enumerate(drawn.values):
        for column, value in enumerate(values):
            level = float(drawn.levels[row, column])
            strength = (level - low) / (high - low) if high > low else 0.0
            colour = LIGHT.on_area if strength > MIDDLE else LIGHT.ink
            known = math.isfinite(value)
            labels.append(
                annotation(
                    shown(float(value)) if known else "–", column, row, colour if known else LIGHT.ink_3, size=size
                )
            )
    return labels
