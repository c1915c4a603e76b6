"""Confidence against variability: the data map of one window of epochs, with a few examples pulled out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import plotly.graph_objects as go

from probes_reports.figures.base import annotation, axis, blank_figure, csv
from probes_reports.figures.callouts import Box, Slot, free_spot, place_callouts
from probes_reports.figures.direct_labels import box_size
from probes_reports.figures.groups import FILL, SYMBOL, TEXT
from probes_reports.palette import LIGHT, fade

__all__ = ["HALF", "Callout", "Cloud", "data_map"]

HALF = 0.5  # confidence that parts easy from hard
X_RANGE = (-0.012, 0.512)  # variability: half of the way between 0 and 1 is the most there is
Y_RANGE = (-0.09, 1.09)
TESTED = 2000  # points that places are tried against
LINES: dict[str, str] = {**dict(FILL.items()), "ink_3": LIGHT.ink_3}
TEXTS: dict[str, str] = {**dict(TEXT.items()), "ink_3": LIGHT.ink_2}


@dataclass(frozen=True)
class Cloud:
    """A group of examples.

    Attributes:
        name: stands beside it, escaped.
        tone: "clean", "noisy", that of a kind, or "ink_3"; all but clean ones have a marker of their own.
        examples: int, (n,); indices.
        confidence, variability: float, (n,).
        labels: n texts for the tooltip, escaped.
    """

    name: str
    tone: str
    examples: np.ndarray
    confidence: np.ndarray
    variability: np.ndarray
    labels: Sequence[str]


@dataclass(frozen=True)
class Callout:
    """An example pulled out.

    Attributes:
        tone: as in `Cloud`.
        confidence, variability: where it lies.
        lines: what it shows, escaped, the first in ink.
        narrow_lines: the same in more and shorter lines.
        image: data URI, "" where there is none.
    """

    tone: str
    confidence: float
    variability: float
    lines: tuple[str, ...]
    narrow_lines: tuple[str, ...]
    image: str = ""


@dataclass(frozen=True)
class _Frame:
    """Sizes in px: margins of the figure, the plot area, pictures, type."""

    height: int
    left: int
    right: int
    top: int
    bottom: int
    width: int
    picture: int
    type: int

    @property
    def area(self) -> tuple[float, float]:
        return float(self.width - self.left - self.right), float(self.height - self.top - self.bottom)

    def px(self, variability: Any, confidence: Any) -> np.ndarray:
        """Positions in the plot area, (n, 2)."""
        x = (np.asarray(variability) - X_RANGE[0]) / (X_RANGE[1] - X_RANGE[0]) * self.area[0]
        y = (np.asarray(confidence) - Y_RANGE[0]) / (Y_RANGE[1] - Y_RANGE[0]) * self.area[1]
        return np.stack([x, y], axis=-1)

    def data(self, x: float, y: float) -> tuple[float, float]:
        """Variability and confidence at a place in the plot area."""
        across = X_RANGE[0] + x / self.area[0] * (X_RANGE[1] - X_RANGE[0])
        return float(across), float(Y_RANGE[0] + y / self.area[1] * (Y_RANGE[1] - Y_RANGE[0]))


WIDE = _Frame(height=430, left=46, right=8, top=8, bottom=46, width=514, picture=44, type=13)
NARROW = _Frame(height=370, left=40, right=6, top=8, bottom=46, width=343, picture=34, type=12)


def data_map(
    clouds: Sequence[Cloud], callouts: Sequence[Callout], threshold: float, *, narrow: bool = False
) -> go.Figure:
    """Scatter plot of a window of epochs, its regions named in grey.

    Args:
        clouds: groups in drawing order.
        callouts: at most five.
        threshold: variability above which examples are ambiguous.
        narrow: the layout of a phone.
    """
    frame = NARROW if narrow else WIDE
    figure = blank_figure(height=frame.height, left=frame.left, right=frame.right, top=frame.top, bottom=frame.bottom)
    figure.add_traces([_points(cloud) for cloud in clouds])
    if narrow:
        callouts = [replace(callout, lines=callout.narrow_lines) for callout in callouts]
    chosen = _placed(frame, clouds, callouts)
    figure.add_traces([_marked(callout) for callout, _ in chosen])
    figure.update_layout(
        xaxis=axis(
            range=list(X_RANGE), title="variability", tickvals=[0, 0.1, 0.2, 0.3, 0.4, 0.5], showgrid=False,
            showline=True, linecolor=LIGHT.rule_strong,
        ),
        yaxis=axis(range=list(Y_RANGE), title="confidence", tickvals=[0, 0.25, 0.5, 0.75, 1]),
        shapes=[*_borders(threshold), *(shape for pair in chosen for shape in _lines(frame, *pair))],
        images=[_image(frame, *pair) for pair in chosen if pair[0].image],
        annotations=[
            *_regions(frame, threshold),
            *_names(frame, clouds, chosen),
            *(_text(frame, *pair) for pair in chosen),
        ],
    )  # fmt: skip
    return figure


def _points(cloud: Cloud) -> go.Scatter:
    colour = LINES[cloud.tone]
    return go.Scatter(
        x=cloud.variability.astype(np.float32),
        y=cloud.confidence.astype(np.float32),
        customdata=cloud.examples,
        text=list(cloud.labels),
        name=cloud.name,
        mode="markers",
        marker={
            "color": fade(colour, 0.5),
            "size": 7 if cloud.tone in SYMBOL else 6,
            "symbol": SYMBOL.get(cloud.tone, "circle"),
            "line": {"width": 0},
        },
        hovertemplate="example %{customdata:,}<br>%{text}<br>confidence %{y:.2f}, variability %{x:.2f}<extra></extra>",
        meta=csv(example="customdata", labels="text", confidence="y", variability="x"),
    )


def _marked(callout: Callout) -> go.Scatter:
    """The point itself, ringed in the colour of the page."""
    return go.Scatter(
        x=[callout.variability],
        y=[callout.confidence],
        mode="markers",
        marker={
            "color": LINES[callout.tone],
            "size": 10 if callout.tone in SYMBOL else 9,
            "symbol": SYMBOL.get(callout.tone, "circle"),
            "line": {"width": 1.5, "color": LIGHT.page},
        },
        hoverinfo="skip",
    )


def _placed(frame: _Frame, clouds: Sequence[Cloud], callouts: Sequence[Callout]) -> list[tuple[Callout, Slot]]:
    """Callouts with their places; the last ones are left out where not all fit."""
    points = _tested(frame, clouds)
    for shown in range(len(callouts), 0, -1):
        held = callouts[:shown]
        sizes = [box_size(callout.lines, frame.type) for callout in held]
        slots = place_callouts(
            frame.px([callout.variability for callout in held], [callout.confidence for callout in held]),
            points,
            width=frame.area[0],
            height=frame.area[1],
            picture=frame.picture if any(callout.image for callout in held) else 0,
            text=(max(wide for wide, _ in sizes), max(high for _, high in sizes)),
            above=frame.area[1] - float(frame.px(0, 1.0)[1]),
            below=float(frame.px(0, 0.0)[1]),
        )
        if slots:
            return list(zip(held, slots, strict=True))
    return []


def _tested(frame: _Frame, clouds: Sequence[Cloud]) -> np.ndarray:
    """Up to TESTED points of all clouds, in px."""
    if not clouds:
        return np.empty((0, 2))
    points = np.concatenate([frame.px(cloud.variability, cloud.confidence) for cloud in clouds])
    return points[:: max(1, -(-len(points) // TESTED))]


def _borders(threshold: float) -> list[dict[str, Any]]:
    """Thin lines between the regions."""
    line = {"width": 1, "dash": "dot", "color": LIGHT.ink_3}
    half = {"type": "line", "x0": X_RANGE[0], "x1": threshold, "y0": HALF, "y1": HALF, "layer": "below", "line": line}
    return [
        {**half, "x0": threshold, "x1": threshold, "y0": Y_RANGE[0], "y1": Y_RANGE[1]},
        half,
    ]


def _regions(frame: _Frame, threshold: float) -> list[dict[str, Any]]:
    """Names of the regions, above and below all points; short where theirs is narrow."""
    room = float(frame.px(threshold, 0)[0])
    end = "" if room < box_size(("hard to learn",), frame.type)[0] else " to learn"
    left = {"xanchor": "left", "xshift": 3, "size": frame.type}
    names = [
        annotation(f"<i>easy{end}</i>", X_RANGE[0], 1.045, LIGHT.ink_3, **left),
        annotation(f"<i>hard{end}</i>", X_RANGE[0], -0.05, LIGHT.ink_3, **left),
    ]
    if X_RANGE[1] - threshold > 0.1:
        names.append(annotation("<i>ambiguous</i>", threshold, 1.045, LIGHT.ink_3, **{**left, "xshift": 6}))
    return names


def _names(frame: _Frame, clouds: Sequence[Cloud], chosen: Sequence[tuple[Callout, Slot]]) -> list[dict[str, Any]]:
    """Names of two groups beside their points; more than two have a key."""
    if len(clouds) != 2:
        return []
    taken: list[Box] = [slot.box for _, slot in chosen]
    for callout, slot in chosen:
        taken += _along(frame.px(callout.variability, callout.confidence), (slot.x, slot.y))
    edge = float(frame.px(0, 1.0)[1]) + 4, float(frame.px(0, 0.0)[1]) - 4
    taken += [(0, edge[0], frame.area[0], frame.area[1]), (0, 0, frame.area[0], edge[1])]
    points = [_tested(frame, [cloud]) for cloud in clouds]
    names = []
    for place, cloud in enumerate(clouds):
        others = np.concatenate([held for at, held in enumerate(points) if at != place])
        size = box_size((f"<b>{cloud.name}</b>",), frame.type + 1)
        spot = free_spot(points[place], others, taken, width=frame.area[0], height=frame.area[1], size=size)
        if spot is None:
            continue
        taken.append((spot[0] - size[0] / 2, spot[1] - size[1] / 2, spot[0] + size[0] / 2, spot[1] + size[1] / 2))
        x, y = frame.data(*spot)
        names.append(annotation(f"<b>{cloud.name}</b>", x, y, TEXTS[cloud.tone], size=frame.type + 1))
    return names


def _along(start: np.ndarray, end: tuple[float, float]) -> list[Box]:
    """Small boxes along a leader line."""
    shares = np.linspace(0, 1, 30)
    return [
        (x - 3, y - 3, x + 3, y + 3)
        for x, y in zip(start[0] + (end[0] - start[0]) * shares, start[1] + (end[1] - start[1]) * shares, strict=True)
    ]


def _lines(frame: _Frame, callout: Callout, slot: Slot) -> list[dict[str, Any]]:
    """The leader line to the edge of the picture, and the frame, which has the same size in px at any width."""
    start = frame.px(callout.variability, callout.confidence)
    end = frame.data(*_edge(start, slot, frame.picture / 2 + 2 if callout.image else 4))
    leader = {
        "type": "line", "x0": callout.variability, "y0": callout.confidence, "x1": end[0], "y1": end[1],
        "layer": "above", "line": {"width": 1, "color": LIGHT.ink_3},
    }  # fmt: skip
    if not callout.image:
        return [leader]
    half = frame.picture / 2 + 1
    x, y = frame.data(slot.x, slot.y)
    border = {
        "type": "rect", "xsizemode": "pixel", "ysizemode": "pixel", "xanchor": x, "yanchor": y,
        "x0": -half, "x1": half, "y0": -half, "y1": half, "layer": "above",
        "line": {"width": 2, "color": LINES[callout.tone]},
    }  # fmt: skip
    return [leader, border]


def _edge(start: np.ndarray, slot: Slot, half: float) -> tuple[float, float]:
    """Where a line towards the centre of a slot meets the square around it, in px."""
    away = start - np.array([slot.x, slot.y])
    reach = max(float(np.abs(away).max()), 1e-9)
    share = min(1.0, half / reach)
    return float(slot.x + away[0] * share), float(slot.y + away[1] * share)


def _image(frame: _Frame, callout: Callout, slot: Slot) -> dict[str, Any]:
    """The thumbnail: as high as its frame; its box is narrower in x, so that it fits at every width of the figure."""
    x, y = frame.data(slot.x, slot.y)
    high = frame.picture / frame.area[1] * (Y_RANGE[1] - Y_RANGE[0])
    wide = frame.picture / frame.area[0] * (X_RANGE[1] - X_RANGE[0]) * 1.25
    return {
        "source": callout.image, "xref": "x", "yref": "y", "x": x, "y": y, "sizex": wide, "sizey": high,
        "xanchor": "center", "yanchor": "middle", "sizing": "contain", "layer": "above",
    }  # fmt: skip


def _text(frame: _Frame, callout: Callout, slot: Slot) -> dict[str, Any]:
    x, y = frame.data(slot.x, slot.y)
    text = f'<span style="color:{LIGHT.ink}">{callout.lines[0]}</span>' + "".join(
        f"<br>{line}" for line in callout.lines[1:]
    )
    half = frame.picture / 2 if callout.image else 0
    places: dict[str, dict[str, Any]] = {
        "right": {"xanchor": "left", "yanchor": "middle", "xshift": half + 6, "align": "left"},
        "left": {"xanchor": "right", "yanchor": "middle", "xshift": -half - 6, "align": "right"},
        "below": {"xanchor": "center", "yanchor": "top", "yshift": -half - 1, "align": "center"},
    }
    return annotation(text, x, y, LIGHT.ink_2, size=frame.type, **places[slot.side])
