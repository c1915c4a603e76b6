"""One quantity of a study against another, points with their names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import plotly.graph_objects as go

from probes_reports.figures.base import csv, escape
from probes_reports.figures.study_axis import (
    COLOURS,
    SYMBOLS,
    TEXTS,
    Frame,
    StudyAxis,
    frame_of,
    study_axis,
)
from probes_reports.figures.study_names import Named, Reference, name_everything, reference_lines
from probes_reports.palette import LIGHT, fade

__all__ = ["ScatterFigure", "StudyPoints", "study_scatter"]

MOST_NAMES = 60  # points beyond which names stand in the tooltip alone
LABEL = 24  # characters of a point's name


@dataclass(frozen=True)
class StudyPoints:
    """Points of one colour; float64 (P,), NaN leaves one out; `labels` are empty or one each."""

    name: str
    x: np.ndarray
    y: np.ndarray
    labels: tuple[str, ...] = ()
    swatch: str = "1"
    joined: bool = False


@dataclass(frozen=True)
class ScatterFigure:
    """All that a figure of points needs, whatever its width."""

    x_title: str
    y_title: str
    points: tuple[StudyPoints, ...]
    references: tuple[Reference, ...] = ()
    log_x: bool = False
    log_y: bool = False
    share_x: bool = False
    share_y: bool = False

    def axes(self, narrow: bool) -> tuple[StudyAxis, StudyAxis]:
        """Both."""

        def values(name: str) -> list[np.ndarray]:
            held = [getattr(p, name)[np.isfinite(p.x) & np.isfinite(p.y)] for p in self.points]
            return [*held, *(np.array([r.value]) for r in self.references if r.axis == name)]

        x = study_axis(
            values("x"), self.x_title, log=self.log_x, is_share=self.share_x, room=0.06, most=4 if narrow else 8
        )
        return x, study_axis(values("y"), self.y_title, log=self.log_y, is_share=self.share_y, room=0.06, most=5)


def study_scatter(drawn: ScatterFigure, *, narrow: bool = False) -> go.Figure:
    """Points with names beside them where there is room.

    Args:
        drawn: at least one point.
        narrow: the layout of a phone.
    """
    x, y = drawn.axes(narrow)
    frame = frame_of(y, drawn.x_title, narrow=narrow, height=360 if narrow else 460)
    figure = frame.figure(x, y)
    for points in drawn.points:
        figure.add_trace(_points(points, drawn, x, y))
    figure.update_layout(
        shapes=reference_lines(drawn.references, x, y),
        annotations=[
            frame.y_title(y),
            *_names(drawn, x, y, frame),
        ],
    )
    return figure


def _points(points: StudyPoints, drawn: ScatterFigure, x: StudyAxis, y: StudyAxis) -> go.Scatter:
    labels = points.labels if len(points.labels) == len(points.x) else ("",) * len(points.x)
    told = [
        f"{escape(label)}<br>" * bool(label)
        + f"{escape(drawn.x_title)}: {x.text(a)}<br>{escape(drawn.y_title)}: {y.text(b)}"
        for label, a, b in zip(labels, points.x, points.y, strict=True)
    ]
    across, up = drawn.x_title or "x", drawn.y_title or "y"
    if len({across, up, "point", "series"}) < 4:
        across, up = "x", "y"
    return go.Scatter(
        x=x.place(points.x),
        y=y.place(points.y),
        mode="lines+markers" if points.joined else "markers",
        line={"color": fade(COLOURS[points.swatch], 0.45), "width": 1.5},
        marker={
            "color": COLOURS[points.swatch],
            "size": 9,
            "symbol": SYMBOLS.get(points.swatch, "circle"),
            "line": {"color": LIGHT.page, "width": 1},
        },
        name=escape(points.name),
        text=told,
        hovertemplate="%{text}",
        meta={
            **csv(**{"point": "meta.label", across: "meta.x", up: "meta.y"}),
            "label": list(labels),
            "x": _plain(points.x),
            "y": _plain(points.y),
        },
    )


def _plain(values: np.ndarray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _names(drawn: ScatterFigure, x: StudyAxis, y: StudyAxis, frame: Frame) -> list[dict[str, Any]]:
    things = []
    for points in drawn.points:
        labels = points.labels if len(points.labels) == len(points.x) else ("",) * len(points.x)
        for a, b, label in zip(points.x, points.y, labels, strict=True):
            at = np.array([[float(x.px(a, frame.width)), float(y.px(b, frame.height))]])
            short = label if len(label) <= LABEL else label[: LABEL - 1] + "…"
            variants = ((escape(short),),) if short else ()
            if np.isfinite(at).all():
                things.append(Named(at, variants, TEXTS[points.swatch], ("right", "above", "left", "below")))
    if sum(bool(thing.variants) for thing in things) > MOST_NAMES:
        things = [replace(thing, variants=()) for thing in things]
    return name_everything(things, drawn.references, x, y, frame, frame.size - 1)[0]
