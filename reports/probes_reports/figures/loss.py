"""How the loss sinks: quantile ribbons on a log scale, and on the same scale a slice through one epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from probes_reports.figures.base import (
    NARROW_WIDTH,
    WIDE_WIDTH,
    annotation,
    axis,
    blank_figure,
    csv,
    escape,
    percent_axis,
)
from probes_reports.figures.direct_labels import box_size
from probes_reports.figures.epoch_axis import Guide, epoch_axis, guide_labels, guide_lines, place
from probes_reports.figures.groups import DASH, FILL, TEXT, Role
from probes_reports.figures.log_ticks import log_ticks
from probes_reports.palette import LIGHT, fade
from probes_reports.wording import percent

__all__ = ["LossBand", "loss_ribbons", "slice_layouts"]

WIDE_SPLIT, NARROW_SPLIT = (0.69, 0.72), (0.47, 0.34)  # where the ribbons end and the slice starts: width, height
SEVERAL_SPLIT, BETWEEN = (0.57, 0.6), 0.06  # of more than two groups; and between their histograms, of one's width
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)  # shares that a slice's scale may be marked with
COLUMNS = ("quantile_05", "quantile_25", "median", "quantile_75", "quantile_95")  # of the CSV, in nats
SLICE_SHAPE, SLICE_NAME, SLICE_TITLE, SLICE_LOWER = 0, 0, 1, 2  # places among shapes and annotations; LOWER + group


@dataclass(frozen=True)
class LossBand:
    """The losses of one group.

    Attributes:
        role: gives the colour.
        label: names it.
        quantiles: float, (T, 5); 5, 25, 50, 75, 95% of its losses in nats per epoch; NaN where it has none.
        slices: float, (T, B); share of the group in each bin per epoch.
        lower: float, (T,); share of the group below the lowest bin.
    """

    role: Role
    label: str
    quantiles: np.ndarray
    slices: np.ndarray
    lower: np.ndarray


@dataclass(frozen=True)
class _Frame:
    """Margins, px of the ribbons, and the domains of both panels."""

    height: int
    left: int
    right: int
    top: int
    bottom: int
    ribbons: tuple[float, float]  # px
    ribbon_domain: tuple[tuple[float, float], tuple[float, float]]  # x, y
    slice_domain: tuple[tuple[float, float], tuple[float, float]]


def loss_ribbons(
    bands: Sequence[LossBand],
    epochs: np.ndarray,
    edges: np.ndarray,
    at: int,
    guides: Sequence[Guide] = (),
    *,
    narrow: bool = False,
) -> go.Figure:
    """Ribbons of groups over the epochs, and their histograms at one of these.

    Args:
        bands: one or two groups, whose histograms are back to back; of more these stand side by side, and the ribbons
            hold the middle half alone.
        epochs: int, (T,), ascending.
        edges: float, (B + 1,); edges of the histogram's bins, log10 of the loss in nats; they span the axis.
        at: position in `epochs` of the slice.
        guides: epochs to mark.
        narrow: the layout of a phone: the slice stands below the ribbons.
    """
    frame = _narrow_frame(len(bands)) if narrow else _wide_frame(len(bands))
    pairs = (((0, 4), 0.13), ((1, 3), 0.26)) if len(bands) < 3 else (((1, 3), 0.17),)
    first, last = int(epochs[0]), int(epochs[-1])
    figure = blank_figure(height=frame.height, left=frame.left, right=frame.right, top=frame.top, bottom=frame.bottom)
    for number, band in enumerate(bands):  # these come first: the slider knows them by their place
        figure.add_trace(_histogram(band, edges, at, f"x{number + 2}"))
    for band in bands:
        figure.add_traces([_ribbon(band, epochs, edges, pair, alpha) for pair, alpha in pairs])
    for band in bands:
        figure.add_trace(_median(band, epochs, edges))
    figure.update_layout(
        barmode="overlay",
        hovermode="x unified",
        hoverdistance=-1,
        xaxis=epoch_axis(
            last,
            first,
            width=int(frame.ribbons[0]),
            domain=list(frame.ribbon_domain[0]),
            anchor="y",
        ),
        yaxis=_loss_axis(edges, frame, labels=True),
        yaxis2={**_loss_axis(edges, frame, labels=narrow), "domain": list(frame.slice_domain[1]), "anchor": "x2"},
        **_slice_axes(bands, frame),
        shapes=[_slice_line(), *_zero_lines(bands), *guide_lines(guides, yref="y domain", layer="below")],
        annotations=[
            *_slice_texts(bands, frame),
            *_guide_texts(guides, first, last, frame),
            *_side_names(bands, frame),
            _unit(edges, narrow),
            *(
                _names(bands, epochs, edges, frame, [int(epochs[at]), *(guide.epoch for guide in guides)])
                if len(bands) < 3
                else []  # too many to stand clear of each other: they have a key
            ),
        ],
    )
    for path, states in slice_layouts(bands, epochs, narrow=narrow).items():
        figure.layout[path] = states[at]
    return figure


def slice_layouts(bands: Sequence[LossBand], epochs: np.ndarray, *, narrow: bool = False) -> dict[str, list[Any]]:
    """What changes in a layout from slice to slice: path -> (T,) states."""
    highest = np.max([band.slices.max(axis=1) for band in bands], axis=0)
    highest = np.where(highest > 0, highest, 1.0)
    ticks = [max([tick for tick in TICKS if tick <= top] or [TICKS[0]]) for top in highest]
    positions = [float(x) for x in place(epochs)]
    states: dict[str, list[Any]] = {
        f"shapes[{SLICE_SHAPE}].x0": positions,
        f"shapes[{SLICE_SHAPE}].x1": positions,
        f"annotations[{SLICE_NAME}].x": positions,
        f"annotations[{SLICE_NAME}].xanchor": [
            "right" if narrow and x > 0.93 * positions[-1] else "center" for x in positions
        ],
        f"annotations[{SLICE_NAME}].text": [f"<b>epoch {epoch:,}</b>" for epoch in epochs],
        f"annotations[{SLICE_TITLE}].text": [f"<b>at epoch {epoch:,}</b>" for epoch in epochs],
    }
    for number, band in enumerate(bands):
        low = "{} lower ↓" if len(bands) < 3 else "{} ↓"
        lower = [low.format(percent(float(share))) if share > 0 else "" for share in band.lower]
        states[f"annotations[{SLICE_LOWER + number}].text"] = lower
        ends = [[0.0, round(float(top) * 1.06, 4)] for top in highest]
        reverse = number == 0 and len(bands) == 2
        states[f"xaxis{number + 2}.range"] = [end[::-1] for end in ends] if reverse else ends
        states[f"xaxis{number + 2}.tickvals"] = [[tick] for tick in ticks]
        states[f"xaxis{number + 2}.ticktext"] = [[f"{tick * 100:.0f}%"] for tick in ticks]
    return states


def _wide_frame(groups: int) -> _Frame:
    left, right, top, bottom = 52, 16, 46, 66 if groups < 3 else 82
    total = 414 + bottom
    width, height = WIDE_WIDTH - left - right, total - top - bottom
    end, start = WIDE_SPLIT if groups < 3 else SEVERAL_SPLIT
    return _Frame(
        total, left, right, top, bottom, (width * end, height), ((0.0, end), (0.0, 1.0)), ((start, 1.0), (0.0, 1.0))
    )


def _narrow_frame(groups: int) -> _Frame:
    left, right, top, bottom = 48, 12, 46, 66 if groups < 3 else 82
    total = 634 + bottom
    width, height = NARROW_WIDTH - left - right, total - top - bottom
    start, end = NARROW_SPLIT
    return _Frame(
        total,
        left,
        right,
        top,
        bottom,
        (width, height * (1 - start)),
        ((0.0, 1.0), (start, 1.0)),
        ((0.0, 1.0), (0.0, end)),
    )


def _clipped(losses: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """log10 of losses, within the axis; NaN stays."""
    with np.errstate(divide="ignore"):
        return np.clip(np.log10(losses), edges[0], edges[-1])


def _histogram(band: LossBand, edges: np.ndarray, at: int, xaxis: str) -> go.Bar:
    return go.Bar(
        x=band.slices[at],
        y=(edges[:-1] + edges[1:]) / 2,
        width=np.diff(edges) * 0.9,
        orientation="h",
        marker={"color": FILL[band.role], "line": {"width": 0}},
        hoverinfo="skip",
        name=f"{escape(band.label)}, slice",
        xaxis=xaxis,
        yaxis="y2",
    )


def _ribbon(band: LossBand, epochs: np.ndarray, edges: np.ndarray, pair: tuple[int, int], alpha: float) -> go.Scatter:
    """The area between two quantiles."""
    held = np.isfinite(band.quantiles[:, 2])
    low, high = (_clipped(band.quantiles[held, column], edges) for column in pair)
    x = place(epochs[held])
    return go.Scatter(
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([high, low[::-1]]),
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=fade(FILL[band.role], alpha),
        hoverinfo="skip",
        name=f"{escape(band.label)}, ribbon",
    )


def _median(band: LossBand, epochs: np.ndarray, edges: np.ndarray) -> go.Scatter:
    held = np.isfinite(band.quantiles[:, 2])
    shown, losses = epochs[held], band.quantiles[held]
    columns = {name: losses[:, at].tolist() for at, name in enumerate(COLUMNS)}
    return go.Scatter(
        x=place(shown),
        y=_clipped(losses[:, 2], edges),
        customdata=shown,
        text=[f"{median:.2g} (middle half {low:.2g} to {high:.2g})" for _, low, median, high, _ in losses],
        mode="lines" if len(shown) > 1 else "markers",
        line={"color": FILL[band.role], "width": 2.6, **({"dash": DASH[band.role]} if band.role in DASH else {})},
        marker={"color": FILL[band.role], "size": 8},
        cliponaxis=False,
        name=escape(band.label),
        hovertemplate="%{text}",
        meta={**csv(epoch="customdata", **{name: f"meta.{name}" for name in COLUMNS}), **columns},
    )


def _loss_axis(edges: np.ndarray, frame: _Frame, *, labels: bool) -> dict[str, Any]:
    values, texts = log_ticks(float(edges[0]), float(edges[-1]))
    return axis(
        range=[float(edges[0]), float(edges[-1])],
        domain=list(frame.ribbon_domain[1]),
        tickmode="array",
        tickvals=values,
        ticktext=texts,
        showticklabels=labels,
    )


def _slice_axes(bands: Sequence[LossBand], frame: _Frame) -> dict[str, Any]:
    """One x axis a group; of two the first runs to the left, so that both hold positive shares."""
    marks: dict[str, Any] = {"ticks": "outside", "ticklen": 4, "tickcolor": LIGHT.rule_strong}
    return {
        f"xaxis{number + 2}": percent_axis(domain=list(domain), anchor="y2", showgrid=False, **marks)
        for number, domain in enumerate(_slice_domains(len(bands), frame))
    }


def _slice_domains(groups: int, frame: _Frame) -> list[tuple[float, float]]:
    """Where the histogram of each group stands: two touch, more have space between."""
    low, high = frame.slice_domain[0]
    gap = BETWEEN * (high - low) / groups if groups > 2 else 0.0
    width = (high - low - gap * (groups - 1)) / groups
    return [(low + place * (width + gap), min(1.0, low + place * (width + gap) + width)) for place in range(groups)]


def _slice_line() -> dict[str, Any]:
    """At the epoch of the slice; its place is a state of the slider."""
    line = {"color": LIGHT.ink, "width": 1.6}
    return {"type": "line", "y0": 0, "y1": 1, "yref": "y domain", "layer": "above", "line": line}


def _zero_lines(bands: Sequence[LossBand]) -> list[dict[str, Any]]:
    """One between two groups, or one for each of more."""
    line: dict[str, Any] = {"type": "line", "x0": 0, "x1": 0, "y0": 0, "y1": 1, "layer": "above"}
    line |= {"yref": "y2 domain", "line": {"color": LIGHT.ink_3, "width": 1}}
    return [{**line, "xref": f"x{number + 2}"} for number in range(len(bands) if len(bands) > 2 else 1)]


def _slice_texts(bands: Sequence[LossBand], frame: _Frame) -> list[dict[str, Any]]:
    """Epoch at the line, title of the histogram, shares below it; their words and places are states of the slider."""
    (low, high), (bottom, top) = frame.slice_domain
    paper: dict[str, Any] = {"xref": "paper", "yref": "paper", "yanchor": "bottom", "yshift": 3, "size": 12}
    below = {**paper, "yanchor": "top", "yshift": -45 if len(bands) < 3 else -60}  # under the names of the groups
    return [
        annotation("", 0, 1, LIGHT.ink, size=12, yref="y domain", yanchor="bottom", yshift=20),
        annotation("", (low + high) / 2, top, LIGHT.ink, **paper),
        *(
            annotation("", (domain[0] + domain[1]) / 2, bottom, TEXT[band.role], **below)
            for band, domain in zip(bands, _slice_domains(len(bands), frame), strict=True)
        ),
    ]


def _guide_texts(guides: Sequence[Guide], first: int, last: int, frame: _Frame) -> list[dict[str, Any]]:
    """Names of the guides, moved inwards where the page ends; one that would then touch another is left out."""
    width = frame.ribbons[0]
    low, high = float(place(first)), float(place(max(last, first + 1)))
    room = frame.right + (1 - frame.ribbon_domain[0][1]) / frame.ribbon_domain[0][1] * width
    texts: list[dict[str, Any]] = []
    taken: list[tuple[float, float]] = []
    for label in guide_labels(guides, last, first, width=int(width), yref="y domain"):
        centre, half = (
            (label["x"] - low) / (high - low) * width + label["xshift"],
            box_size((label["text"],), 12)[0] / 2,
        )
        shift = min(0.0, width + room - centre - half) + max(0.0, half - centre - frame.left)
        left, right = centre + shift - half, centre + shift + half
        if all(left > other[1] or right < other[0] for other in taken):
            taken.append((left, right))
            texts.append({**label, "xshift": label["xshift"] + shift})
    return texts


def _side_names(bands: Sequence[LossBand], frame: _Frame) -> list[dict[str, Any]]:
    """The groups below their sides of the histogram; of many, a name is on two lines where it can be."""
    several = len(bands) > 2
    return [
        annotation(
            f"<b>{_broken(escape(band.label)) if several else escape(band.label)}</b>",
            (domain[0] + domain[1]) / 2,
            frame.slice_domain[1][0],
            TEXT[band.role],
            xref="paper",
            yref="paper",
            yanchor="top",
            yshift=-29,
            **({"size": 12} if several else {}),
        )
        for band, domain in zip(bands, _slice_domains(len(bands), frame), strict=True)
    ]


def _broken(name: str) -> str:
    """On two lines where it has an underscore or a space; "3 other kinds" before its last word."""
    if "_" in name:
        return name.replace("_", "_<br>")
    return "<br>".join(name.rsplit(" ", 1))


def _unit(edges: np.ndarray, narrow: bool) -> dict[str, Any]:
    text = "loss in nats" if narrow else "loss in nats, log scale"
    corner: dict[str, Any] = {"xref": "paper", "xanchor": "left", "xshift": 6, "yanchor": "bottom", "yshift": 3}
    return annotation(text, 0, float(edges[0]), LIGHT.ink_3, size=12, **corner)


def _names(
    bands: Sequence[LossBand], epochs: np.ndarray, edges: np.ndarray, frame: _Frame, marked: Sequence[int]
) -> list[dict[str, Any]]:
    """The name of each group above or below its median, clear of the other one and of the marked epochs."""
    width, height = frame.ribbons
    low, high = float(place(int(epochs[0]))), float(place(max(int(epochs[-1]), int(epochs[0]) + 1)))
    across = np.linspace(0, width, 400)
    lines: list[np.ndarray] = []
    points: list[float] = []
    for band in bands:
        held = np.isfinite(band.quantiles[:, 2])
        x = (place(epochs[held]) - low) / (high - low) * width
        y = (_clipped(band.quantiles[held, 2], edges) - edges[0]) / (edges[-1] - edges[0]) * height
        points.append(float(x[0]))
        lines.append(np.interp(across, x, y))
    marks = (place(np.asarray(marked)) - low) / (high - low) * width
    upper = int(np.argmax([line.mean() for line in lines]))
    texts = []
    for number, band in enumerate(bands):
        text, others = f"<b>{escape(band.label)}</b>", [line for at, line in enumerate(lines) if at != number]
        extent = box_size((text,))
        if np.isfinite(band.quantiles[:, 2]).sum() == 1:
            x, y = points[number] + 10 + extent[0] / 2, lines[number][0]
        else:
            x, y = _beside(across, lines[number], others, marks, extent, height, up=number == upper)
        at = (low + x / width * (high - low), float(edges[0]) + y / height * float(edges[-1] - edges[0]))
        texts.append(annotation(text, *at, TEXT[band.role]))
    return texts


def _beside(
    across: np.ndarray,
    line: np.ndarray,
    others: Sequence[np.ndarray],
    marks: np.ndarray,
    extent: tuple[float, float],
    height: float,
    *,
    up: bool,
) -> tuple[float, float]:
    """Centre in px of a name beside a line; best near a third of the width, where the line is flat."""
    wide, high = extent
    best = (float("inf"), 0.0, 0.0)
    for x in np.arange(wide / 2 + 4, across[-1] - wide / 2 - 4, 4.0):
        near = np.abs(across - x) <= wide / 2
        y = float(line[near].max() + 3 + high / 2 if up else line[near].min() - 3 - high / 2)
        gap = min([float(np.abs(other[near] - y).min()) - high / 2 for other in others], default=100.0)
        outside = max(0.0, y + high / 2 - height, high / 2 - y)
        crossed = np.count_nonzero(np.abs(marks - x) <= wide / 2 + 4)
        cost = 50 * crossed + 4 * max(0.0, 14 - gap) + 10 * outside + float(np.ptp(line[near]))
        best = min(best, (cost + 100 * abs(float(x) / across[-1] - 0.33), float(x), y))
    return best[1:]
