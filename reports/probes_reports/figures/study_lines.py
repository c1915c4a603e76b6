"""Lines of a study with their bands over seeds, each named beside the stretch where it runs alone."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from probes_reports.figures.base import annotation, csv, escape
from probes_reports.figures.direct_labels import spread
from probes_reports.figures.study_axis import (
    COLOURS,
    DASHES,
    SYMBOLS,
    TEXTS,
    Frame,
    StudyAxis,
    frame_of,
    study_axis,
)
from probes_reports.figures.study_names import Named, Reference, name_everything, reference_lines
from probes_reports.palette import LIGHT, fade

__all__ = ["LineFigure", "StudyLine", "named_beside", "study_lines"]

FEW = 16  # points of a line up to which each is marked
MOST_ENDS = 6  # lines up to which each has its last value at the right
LABEL = 30  # characters of a name beside a line


@dataclass(frozen=True)
class StudyLine:
    """A line or points; float64 (P,) each, NaN leaves a gap; `low` and `high` may be empty.

    `points`: no line, and error bars rather than a band.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    low: np.ndarray
    high: np.ndarray
    swatch: str = "1"
    dashed: bool = False
    points: bool = False

    @property
    def has_band(self) -> bool:
        """Whether both ends are there."""
        return len(self.low) == len(self.high) == len(self.x)


@dataclass(frozen=True)
class LineFigure:
    """All that a figure of lines needs, whatever its width."""

    x_title: str
    y_title: str
    lines: tuple[StudyLine, ...]
    references: tuple[Reference, ...] = ()
    log_x: bool = False
    log_y: bool = False
    share_x: bool = False
    share_y: bool = False

    def x_axis(self, most: int) -> StudyAxis:
        """Horizontal, for so many ticks."""
        values = [line.x[np.isfinite(line.y)] for line in self.lines]
        values += [np.array([r.value]) for r in self.references if r.axis == "x"]
        return study_axis(values, self.x_title, log=self.log_x, is_share=self.share_x, at_values=True, most=most)

    def y_axis(self) -> StudyAxis:
        """Upright."""
        values = [part for line in self.lines for part in (line.y, line.low, line.high)]
        values += [np.array([r.value]) for r in self.references if r.axis == "y"]
        return study_axis(values, self.y_title, log=self.log_y, is_share=self.share_y, most=5)


def study_lines(drawn: LineFigure, *, narrow: bool = False) -> go.Figure:
    """Lines, bands, references; names beside the lines on a wide screen, final values at the right.

    Args:
        drawn: at least one line with a value.
        narrow: the layout of a phone, without names: a key above takes their place.
    """
    x, y = drawn.x_axis(5 if narrow else 12), drawn.y_axis()
    frame = frame_of(y, drawn.x_title, narrow=narrow, height=350 if narrow else 440, right=52 if narrow else 64)
    figure = frame.figure(x, y)
    for line in drawn.lines:
        if line.has_band and not line.points:
            figure.add_traces(_band(line, x, y))
    for line in drawn.lines:
        figure.add_trace(_line(line, drawn, x, y))
    ends = _end_values(drawn.lines, x, y, frame) if len(drawn.lines) <= MOST_ENDS else []
    names, _ = _names(drawn, x, y, frame, lines=not narrow)
    figure.update_layout(
        hovermode="x unified" if x.kind == "epochs" else "closest",
        hoverdistance=-1 if x.kind == "epochs" else 24,
        shapes=reference_lines(drawn.references, x, y),
        annotations=[frame.y_title(y), *ends, *names],
    )
    if x.kind == "epochs":
        figure.update_xaxes(unifiedhovertitle={"text": "epoch"})
    return figure


def named_beside(drawn: LineFigure) -> bool:
    """Whether every line finds room for its name on a wide screen."""
    x, y = drawn.x_axis(12), drawn.y_axis()
    frame = frame_of(y, drawn.x_title, narrow=False, height=440, right=64)
    return _names(drawn, x, y, frame, lines=True)[1] == 0


def _line(line: StudyLine, drawn: LineFigure, x: StudyAxis, y: StudyAxis) -> go.Scatter:
    known = int(np.isfinite(line.y).sum())
    mode = "markers" if line.points or known == 1 else "lines+markers" if known <= FEW else "lines"
    dash = "6px,4px" if line.dashed else DASHES.get(line.swatch, "solid")
    told = [y.text(value) for value in line.y]
    if line.has_band:
        told = [f"{t} ({y.text(a)} to {y.text(b)})" for t, a, b in zip(told, line.low, line.high, strict=True)]
    over_epochs = x.kind == "epochs"
    hover = (
        "%{text}" if over_epochs else f"{escape(drawn.x_title)}: %{{customdata}}<br>{escape(drawn.y_title)}: %{{text}}"
    )
    columns = _columns(drawn)
    meta: dict[str, Any] = {"value": line.y, "low": line.low, "high": line.high}
    return go.Scatter(
        x=x.place(line.x),
        y=y.place(line.y),
        customdata=[int(v) if np.isfinite(v) and v == int(v) else v for v in line.x] if over_epochs else line.x,
        text=told,
        name=escape(line.name if len(line.name) <= LABEL else line.name[: LABEL - 1] + "…"),
        mode=mode,
        connectgaps=False,
        line={"color": COLOURS[line.swatch], "width": 2.2, "dash": dash},
        marker={"color": COLOURS[line.swatch], "size": 8, "symbol": SYMBOLS.get(line.swatch, "circle")},
        error_y=_error_bars(line, y),
        hovertemplate=hover,
        meta={**columns, **{name: _plain(values) for name, values in meta.items()}},
    )


def _columns(drawn: LineFigure) -> dict[str, dict[str, str]]:
    """Which columns of the CSV hold what."""
    x, y = drawn.x_title or "x", drawn.y_title or "y"
    if len({x, y, "low", "high", "series"}) < 5:
        x, y = "x", "y"
    return csv(**{x: "customdata", y: "meta.value", "low": "meta.low", "high": "meta.high"})


def _plain(values: np.ndarray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _error_bars(line: StudyLine, y: StudyAxis) -> dict[str, Any] | None:
    if not (line.points and line.has_band):
        return None
    at = y.place(line.y)
    above, below = (np.nan_to_num(np.abs(y.place(end) - at)) for end in (line.high, line.low))
    return {"type": "data", "array": above, "arrayminus": below, "thickness": 1.4, "width": 4}


def _band(line: StudyLine, x: StudyAxis, y: StudyAxis) -> list[go.Scatter]:
    """A filled band for each stretch without a gap."""
    across, low, high = x.place(line.x), y.place(line.low), y.place(line.high)
    low = np.where(np.isnan(low) & np.isfinite(high), y.low, low)  # below what a logarithm can show
    known = np.isfinite(across) & np.isfinite(low) & np.isfinite(high)
    edges = np.flatnonzero(np.diff(np.r_[False, known, False]))
    return [
        go.Scatter(
            x=np.r_[across[start:end], across[start:end][::-1]],
            y=np.r_[high[start:end], low[start:end][::-1]],
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=fade(COLOURS[line.swatch], 0.16),
            hoverinfo="skip",
        )
        for start, end in zip(edges[::2], edges[1::2], strict=True)
    ]


def _end_values(lines: Sequence[StudyLine], x: StudyAxis, y: StudyAxis, frame: Frame) -> list[dict[str, Any]]:
    """The last value of each line that reaches the right end; lines that end alike share one, in ink."""
    ends: dict[str, tuple[float, list[StudyLine]]] = {}
    furthest = max((float(np.nanmax(x.place(line.x))) for line in lines if np.isfinite(line.x).any()), default=0.0)
    for line in lines:
        known = np.flatnonzero(np.isfinite(line.y) & np.isfinite(line.x))
        if len(known) and not line.points and np.isclose(float(x.place(line.x[known[-1]])), furthest):
            value = float(line.y[known[-1]])
            ends.setdefault(y.text(value), (value, []))[1].append(line)
    heights = [float(y.px(value, frame.height)) for value, _ in ends.values()]
    moved = spread(heights, 16, 0, frame.height)
    return [
        annotation(
            text, 1, float(y.place(value)), TEXTS[held[0].swatch] if len(held) == 1 else LIGHT.ink,
            size=frame.size, xref="paper", xanchor="left", xshift=6, yshift=shifted - height,
        )
        for (text, (value, held)), height, shifted in zip(ends.items(), heights, moved, strict=True)
    ]  # fmt: skip


def _names(
    drawn: LineFigure, x: StudyAxis, y: StudyAxis, frame: Frame, *, lines: bool
) -> tuple[list[dict[str, Any]], int]:
    """Names of the references, and of the lines where wanted; and how many of those found no room."""
    things = []
    for line in drawn.lines:
        at = np.stack([x.px(line.x, frame.width), y.px(line.y, frame.height)], 1)
        short = line.name if len(line.name) <= LABEL else line.name[: LABEL - 1] + "…"
        broken = tuple(textwrap.wrap(short, max(12, len(short) // 2 + 3)))
        variants = tuple(tuple(f"<b>{escape(part)}</b>" for part in variant) for variant in ((short,), broken))
        things.append(Named(at[np.isfinite(at).all(1)], variants if lines else (), TEXTS[line.swatch], across=0.6))
    return name_everything(things, drawn.references, x, y, frame, frame.size)
