"""The hero: shares of examples answered in each way over the epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import plotly.graph_objects as go

from probes_reports.figures.base import NARROW_WIDTH, WIDE_WIDTH, annotation, blank_figure, csv, percent_axis
from probes_reports.figures.direct_labels import Placed, Side, Wanted, box_size, place_labels, spread
from probes_reports.figures.epoch_axis import epoch_axis, place
from probes_reports.palette import LIGHT
from probes_reports.wording import percent

__all__ = ["Band", "Curve", "Mark", "learning_curves"]

Role = Literal["clean", "noisy", "true", "test", "all"]
STYLES = {
    "test": {"color": LIGHT.ink, "width": 1.5},
    "true": {"color": LIGHT.true, "width": 2.2, "dash": "7px,4px"},
    "clean": {"color": LIGHT.clean, "width": 2.6},
    "noisy": {"color": LIGHT.noisy, "width": 2.6},
    "all": {"color": LIGHT.ink_3, "width": 2.6},
}
TEXTS = {
    "test": LIGHT.ink,
    "true": LIGHT.true_text,
    "clean": LIGHT.clean_text,
    "noisy": LIGHT.noisy_text,
    "all": LIGHT.ink_2,
}
TOP = 1.12  # of the y axis: room above 100% for a label
BOTTOM = -0.025


@dataclass(frozen=True)
class Curve:
    """A line: epochs int (T,), shares float (T,), its full name, and the label in each layout (tuples of lines)."""

    role: Role
    name: str
    epochs: np.ndarray
    shares: np.ndarray
    label: tuple[str, ...]
    short_label: tuple[str, ...]


@dataclass(frozen=True)
class Mark:
    """An epoch marked on a line: a dot, perhaps a vertical line, and words. The role gives its colour."""

    role: Role
    epoch: int
    share: float
    label: tuple[str, ...]
    short_label: tuple[str, ...]
    drop: Literal["solid", "dotted", "none"]


@dataclass(frozen=True)
class Band:
    """A stretch of epochs with a wash and a title above."""

    start: int
    end: int
    title: str
    short_title: tuple[str, ...]
    tone: Literal["clean", "noisy", "none"]


@dataclass(frozen=True)
class _Frame:
    """The plot area in px, and how to get there."""

    first: int
    last: int
    left: int
    right: int
    top: int
    bottom: int
    total_width: int
    total_height: int
    size: float

    @property
    def width(self) -> int:
        return self.total_width - self.left - self.right

    @property
    def height(self) -> int:
        return self.total_height - self.top - self.bottom

    def x(self, epochs: np.ndarray | float) -> np.ndarray:
        """Px from the left of epochs."""
        low, high = float(place(self.first)), float(place(max(self.last, self.first + 1)))
        return (place(epochs) - low) / (high - low) * self.width

    def y(self, shares: np.ndarray | float) -> np.ndarray:
        """Px from the bottom of shares."""
        return (np.asarray(shares, dtype=float) - BOTTOM) / (TOP - BOTTOM) * self.height


def learning_curves(
    curves: Sequence[Curve], marks: Sequence[Mark] = (), bands: Sequence[Band] = (), *, narrow: bool = False
) -> go.Figure:
    """Learning curves on the log(1 + epoch) axis with washes, marked epochs, and names beside the lines.

    Args:
        curves: at least one; drawn in this order.
        marks: marked epochs, the most important first.
        bands: washes from left to right.
        narrow: the layout of a phone.
    """
    held = [curve.epochs for curve in curves if len(curve.epochs)]
    first, last = (int(min(e[0] for e in held)), int(max(e[-1] for e in held))) if held else (0, 1)
    frame = (
        _Frame(first, last, 42, 46, 46, 48, NARROW_WIDTH, 440, 12.5)
        if narrow
        else _Frame(first, last, 48, 56, 34, 50, WIDE_WIDTH, 436, 13.0)
    )
    figure = blank_figure(
        height=frame.total_height, left=frame.left, right=frame.right, top=frame.top, bottom=frame.bottom
    )
    figure.update_layout(
        hovermode="x unified",
        hoverdistance=-1,
        xaxis=epoch_axis(last, first, width=frame.width),
        yaxis=_share_axis(),
        shapes=[*_washes(bands), *_drops(marks)],
    )
    for curve in curves:
        figure.add_trace(_line(curve, narrow))
    _add_dots(figure, marks)
    figure.update_layout(
        annotations=[
            *_band_titles(bands, frame, narrow),
            *_end_values(curves, frame),
            *_labels(curves, marks, _middle(bands, frame), frame, narrow),
        ]
    )
    return figure


def _share_axis() -> dict[str, object]:
    return {**percent_axis(), "range": [BOTTOM, TOP]}


def _line(curve: Curve, narrow: bool) -> go.Scatter:
    return go.Scatter(
        x=place(curve.epochs),
        y=curve.shares,
        customdata=curve.epochs,
        name=" ".join(curve.short_label).replace("<b>", "").replace("</b>", "") if narrow else curve.name,
        mode="lines" if len(curve.epochs) > 1 else "markers",
        line=STYLES[curve.role],
        marker={"color": STYLES[curve.role]["color"], "size": 7},
        hovertemplate="%{y:.1%}",
        meta=csv(epoch="customdata", share="y"),
    )


def _washes(bands: Sequence[Band]) -> list[dict[str, object]]:
    colours = {"clean": LIGHT.clean_wash, "noisy": LIGHT.noisy_wash}
    return [
        {
            "type": "rect",
            "x0": float(place(band.start)),
            "x1": float(place(band.end)),
            "y0": 0,
            "y1": 1,
            "yref": "paper",
            "layer": "below",
            "fillcolor": colours[band.tone],
            "line": {"width": 0},
        }
        for band in bands
        if band.tone in colours and band.end > band.start
    ]


def _drops(marks: Sequence[Mark]) -> list[dict[str, object]]:
    shapes: list[dict[str, object]] = []
    for mark in marks:
        if mark.drop == "none":
            continue
        dotted = mark.drop == "dotted"
        shapes.append(
            {
                "type": "line",
                "x0": float(place(mark.epoch)),
                "x1": float(place(mark.epoch)),
                "y0": BOTTOM if dotted else 0,
                "y1": TOP if dotted else mark.share,
                "layer": "below",
                "line": {
                    "color": LIGHT.ink_2 if dotted else STYLES[mark.role]["color"],
                    "width": 1.5 if dotted else 1.2,
                    "dash": "dot" if dotted else "solid",
                },
            }
        )
    return shapes


def _add_dots(figure: go.Figure, marks: Sequence[Mark]) -> None:
    for mark in marks:
        if not np.isfinite(mark.share):
            continue
        figure.add_trace(
            go.Scatter(
                x=[float(place(mark.epoch))],
                y=[mark.share],
                mode="markers",
                marker={
                    "color": STYLES[mark.role]["color"],
                    "size": 10,
                    "symbol": "diamond" if mark.role == "noisy" else "circle",
                    "line": {"color": LIGHT.page, "width": 1.5},
                },
                hoverinfo="skip",
            )
        )


def _band_titles(bands: Sequence[Band], frame: _Frame, narrow: bool) -> list[dict[str, object]]:
    """Titles centred over their bands; pushed apart where they would touch, the last dropped where there is no room."""
    colours = {"clean": LIGHT.clean_text, "noisy": LIGHT.noisy_text, "none": LIGHT.ink_3}
    shown = [band for band in bands if band.end > band.start]
    texts = [band.short_title if narrow else (band.title,) for band in shown]
    widths = [box_size(text, frame.size)[0] + 20 for text in texts]
    while widths and sum(widths) > frame.width + 60:
        shown, texts, widths = shown[:-1], texts[:-1], widths[:-1]
    centres = [float(frame.x(band.start) + frame.x(band.end)) / 2 for band in shown]
    for _ in range(50):
        for at in range(len(centres) - 1):
            overlap = (widths[at] + widths[at + 1]) / 2 - (centres[at + 1] - centres[at])
            if overlap > 0:
                centres[at] -= overlap / 2
                centres[at + 1] += overlap / 2
        centres = [
            min(max(centre, half - 36), frame.width + 44 - half)
            for centre, half in zip(centres, [w / 2 for w in widths], strict=True)
        ]
    return [
        annotation(
            "<br>".join(text),
            centre / frame.width,
            1,
            colours[band.tone],
            size=frame.size,
            xref="paper",
            yref="paper",
            yanchor="bottom",
            yshift=3,
        )
        for band, text, centre in zip(shown, texts, centres, strict=True)
    ]


def _end_values(curves: Sequence[Curve], frame: _Frame) -> list[dict[str, object]]:
    """Final values at the right; lines that end at the same value share one, in ink."""
    ends: dict[str, list[Curve]] = {}
    for curve in curves:
        if len(curve.shares):
            ends.setdefault(percent(float(curve.shares[-1])), []).append(curve)
    texts = list(ends)
    heights = [float(frame.y(ends[text][0].shares[-1])) for text in texts]
    moved = spread(heights, 16, 0, frame.height)
    return [
        annotation(
            text,
            1,
            float(ends[text][0].shares[-1]),
            TEXTS[ends[text][0].role] if len(ends[text]) == 1 else LIGHT.ink,
            size=frame.size,
            xref="paper",
            xanchor="left",
            xshift=6,
            yshift=shifted - height,
        )
        for text, height, shifted in zip(texts, heights, moved, strict=True)
    ]


def _middle(bands: Sequence[Band], frame: _Frame) -> float:
    """Where names should stand if they can, as a share of the width: where the noise is memorized, else the middle."""
    noisy = [float(frame.x(band.start) + frame.x(band.end)) / 2 for band in bands if band.tone == "noisy"]
    return noisy[0] / frame.width if noisy else 0.5


def _labels(
    curves: Sequence[Curve], marks: Sequence[Mark], middle: float, frame: _Frame, narrow: bool
) -> list[dict[str, object]]:
    """Names of the lines and words of the marks, wherever there is room."""
    lines = {f"line {c.role}": np.stack([frame.x(c.epochs), frame.y(c.shares)], 1) for c in curves if len(c.epochs)}
    roles = {f"line {curve.role}": curve.role for curve in curves}
    wanted = [
        Wanted(
            f"line {curve.role}",
            (curve.short_label,) if narrow else (curve.label, curve.short_label),
            f"line {curve.role}",
            prefer={
                "test": (0.93, None, 60.0),
                "true": (middle - 0.05, 0.55, 80.0),
                "noisy": (middle - 0.05, 0.35, 80.0),
            }.get(curve.role, (middle, None, 60.0)),
        )
        for curve in curves
    ]
    for number, mark in enumerate(marks):
        name = f"mark {number}"
        x = float(frame.x(mark.epoch))
        top = TOP if mark.drop == "dotted" else mark.share
        low = top if mark.drop == "none" else BOTTOM
        lines[name] = np.array([[x, float(frame.y(low))], [x, float(frame.y(top))]])
        roles[name] = mark.role if mark.drop != "dotted" else "all"
        brief = (mark.short_label,) if mark.drop == "dotted" else (mark.short_label, mark.short_label[:1])
        variants = brief if narrow else (mark.label, mark.short_label)
        height = 0.55 if mark.role == "clean" else 0.3
        prefer = None if mark.drop == "none" else (x / frame.width, height, 40.0)
        sides: tuple[Side, ...] = ("left", "right") if mark.drop == "dotted" else ("right", "left")
        wanted.append(Wanted(name, tuple(variant for variant in variants if variant), name, sides, prefer))
    rules = [name for name in lines if name.startswith("mark")]
    placed = place_labels(wanted, lines, width=frame.width, height=frame.height, rules=rules, size=frame.size)
    return [_label(label, TEXTS[roles[label.name]], frame) for label in placed]


def _label(label: Placed, colour: str, frame: _Frame) -> dict[str, object]:
    low, high = float(place(frame.first)), float(place(max(frame.last, frame.first + 1)))
    return annotation(
        label.text,
        low + label.x / frame.width * (high - low),
        BOTTOM + label.y / frame.height * (TOP - BOTTOM),
        colour,
        size=frame.size,
        xanchor=label.xanchor,
        yanchor="middle",
        xshift=label.dx,
        yshift=label.dy,
        align={"left": "right", "right": "left"}.get(label.side, "center"),
    )
