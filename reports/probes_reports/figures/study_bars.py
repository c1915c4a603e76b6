"""Bars of a study: upright on a wide screen, lying on a phone, where names need the width."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from probes_reports.figures.base import NARROW_WIDTH, WIDE_WIDTH, annotation, axis, blank_figure, csv, escape
from probes_reports.figures.study_axis import COLOURS, TEXTS, StudyAxis, study_axis, wrapped
from probes_reports.palette import LIGHT

__all__ = ["BarFigure", "StudyBars", "study_bars"]

MOST_VALUES = 28  # bars up to which each has its value beside it
SHARE_OF_SLOT = 0.74  # that the bars of a category fill


@dataclass(frozen=True)
class StudyBars:
    """One bar in each category; float64 (C,), NaN draws none; `low` and `high` may be empty."""

    name: str
    y: np.ndarray
    low: np.ndarray
    high: np.ndarray
    swatch: str = "1"


@dataclass(frozen=True)
class BarFigure:
    """All that a figure of bars needs, whatever its width."""

    y_title: str
    categories: tuple[str, ...]
    bars: tuple[StudyBars, ...]
    log_y: bool = False
    share_y: bool = False

    def y_axis(self, most: int) -> StudyAxis:
        """Of the values; begins at 0 unless it is logarithmic."""
        values = [part for bar in self.bars for part in (bar.y, bar.low, bar.high)]
        return study_axis(values, self.y_title, log=self.log_y, is_share=self.share_y, from_zero=True, most=most)


def study_bars(drawn: BarFigure, *, narrow: bool = False) -> go.Figure:
    """Groups of bars with error bars, and values beside them where there are few.

    Args:
        drawn: at least one value.
        narrow: the layout of a phone: lying bars.
    """
    y = drawn.y_axis(4 if narrow else 5)
    figure = _lying(drawn, y) if narrow else _upright(drawn, y)
    base = 0.0 if y.kind == "linear" else y.low
    width = SHARE_OF_SLOT / max(len(drawn.bars), 1)
    labels = []
    for number, bars in enumerate(drawn.bars):
        at = np.arange(len(drawn.categories)) - SHARE_OF_SLOT / 2 + width * (number + 0.5)
        figure.add_trace(_trace(bars, drawn, at, width, base, y, narrow))
        if len(drawn.bars) * len(drawn.categories) <= MOST_VALUES:
            labels += _values(bars, at, y, narrow)
    figure.update_layout(annotations=[*figure.layout.annotations, *labels], barmode="overlay")
    return figure


def _upright(drawn: BarFigure, y: StudyAxis) -> go.Figure:
    slot = (WIDE_WIDTH - 80) / max(len(drawn.categories), 1)
    names = [wrapped(name, max(8, int(slot / 7.5))) for name in drawn.categories]
    lines = max((name.count("<br>") + 1 for name in names), default=1)
    left = max(48, 14 + 8 * max((len(text) for _, text in y.ticks), default=0))
    figure = blank_figure(height=380 + 17 * lines, left=left, right=16, top=44, bottom=20 + 17 * lines)
    figure.update_layout(xaxis=_categories(names), yaxis=y.settings())
    title = {"xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom", "align": "left"}
    figure.add_annotation(annotation(wrapped(y.title, 120), 0, 1, LIGHT.ink_3, xshift=2 - left, yshift=16, **title))
    return figure


def _lying(drawn: BarFigure, y: StudyAxis) -> go.Figure:
    slot = 26 + 18 * len(drawn.bars)
    names = [wrapped(name, 14) for name in drawn.categories]
    left = 14 + 7 * max((len(line) for name in names for line in name.split("<br>")), default=4)
    left = min(left, NARROW_WIDTH // 3)
    figure = blank_figure(height=70 + slot * len(names), left=left, right=56, top=8, bottom=62)
    figure.update_layout(
        yaxis={**_categories(names), "autorange": False, "range": [len(names) - 0.5, -0.5]},
        xaxis=y.settings(title=wrapped(y.title, 34)),
    )
    return figure


def _categories(names: list[str]) -> dict[str, Any]:
    line = {"showline": True, "linecolor": LIGHT.rule_strong, "tickfont": {"size": 13, "color": LIGHT.ink_2}}
    return axis(
        range=[-0.5, len(names) - 0.5],
        tickmode="array",
        tickvals=list(range(len(names))),
        ticktext=names,
        showgrid=False,
        **line,
    )


def _trace(
    bars: StudyBars, drawn: BarFigure, at: np.ndarray, width: float, base: float, y: StudyAxis, narrow: bool
) -> go.Bar:
    position = y.place(bars.y)
    length = np.where(np.isfinite(position), position - base, np.nan)
    categories = [escape(name) for name in drawn.categories]
    errors = _errors(bars, y, position)
    direction = (
        {"x": length, "y": at, "orientation": "h", "error_x": errors}
        if narrow
        else {"x": at, "y": length, "error_y": errors}
    )
    value = drawn.y_title if drawn.y_title not in ("", "category", "low", "high", "series") else "value"
    return go.Bar(
        **direction,
        base=base,
        width=width * 0.94,
        name=escape(bars.name),
        marker={"color": COLOURS[bars.swatch], "line": {"width": 0}},
        text=[f"{name}<br>{y.text(number)}" for name, number in zip(categories, bars.y, strict=True)],
        textposition="none",
        hovertemplate="%{text}",
        meta={
            **csv(**{"category": "meta.category", value: "meta.value", "low": "meta.low", "high": "meta.high"}),
            "category": list(drawn.categories),
            **{
                name: [float(v) if math.isfinite(v) else None for v in values]
                for name, values in (("value", bars.y), ("low", bars.low), ("high", bars.high))
            },
        },
    )


def _errors(bars: StudyBars, y: StudyAxis, position: np.ndarray) -> dict[str, Any] | None:
    if not len(bars.low) == len(bars.high) == len(bars.y):
        return None
    above, below = (np.nan_to_num(np.abs(y.place(end) - position)) for end in (bars.high, bars.low))
    style = {"color": LIGHT.ink_2, "thickness": 1.3, "width": 4}
    return {"type": "data", "array": above, "arrayminus": below, **style}


def _values(bars: StudyBars, at: np.ndarray, y: StudyAxis, narrow: bool) -> list[dict[str, Any]]:
    """Each value beyond the end of its bar and its error bar; a dash where there is none."""
    labels = []
    for number, (value, place) in enumerate(zip(bars.y, at, strict=True)):
        end = bars.high[number] if len(bars.high) == len(bars.y) else value
        tip = max((p for p in y.place([value, end]) if math.isfinite(p)), default=max(y.low, 0.0))
        text = y.text(value) if math.isfinite(value) else "–"
        outside = {"xanchor": "left", "xshift": 5} if narrow else {"yanchor": "bottom", "yshift": 2}
        where = (float(min(tip, y.high)), float(place)) if narrow else (float(place), float(min(tip, y.high)))
        labels.append(annotation(text, *where, TEXTS[bars.swatch], size=12, **outside))
    return labels
