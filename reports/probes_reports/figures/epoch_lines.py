"""Lines over the epochs, with quantile ribbons where there are any, named beside the stretch where each runs alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

from probes_reports.figures.base import NARROW_WIDTH, WIDE_WIDTH, annotation, axis, blank_figure, csv, escape
from probes_reports.figures.direct_labels import Placed, Wanted, box_size, place_labels, spread
from probes_reports.figures.epoch_axis import Guide, epoch_axis, guide_labels, guide_lines, place
from probes_reports.figures.groups import FILL, TEXT
from probes_reports.figures.log_ticks import log_ticks
from probes_reports.palette import LIGHT, fade

__all__ = ["SERIES", "Line", "Scale", "Size", "epoch_lines"]

Tone = Literal[
    "clean", "noisy", "all", "test", "highlight", "floor", "series_1", "series_2", "series_3", "series_4", "series_5"
]
SERIES: tuple[Tone, ...] = (
    "series_1",
    "series_2",
    "series_3",
    "series_4",
    "series_5",
)  # for what is none of the groups
Size = Literal["wide", "half", "narrow", "narrow_half"]
STYLES: dict[Tone, tuple[dict[str, Any], str]] = {  # the line, and the colour of its name
    "clean": ({"color": FILL["clean"], "width": 2.6}, TEXT["clean"]),
    "noisy": ({"color": FILL["noisy"], "width": 2.6}, TEXT["noisy"]),
    "all": ({"color": FILL["all"], "width": 2.6}, TEXT["all"]),
    "test": ({"color": LIGHT.ink, "width": 1.5}, LIGHT.ink),
    "highlight": ({"color": LIGHT.highlight, "width": 2.6}, LIGHT.highlight_text),
    "floor": ({"color": LIGHT.ink_3, "width": 2, "dash": "dot"}, LIGHT.ink_3),
    **{name: ({"color": getattr(LIGHT, name), "width": 2.2}, getattr(LIGHT, name)) for name in SERIES},
}
QUANTILES = ("quantile_05", "quantile_25", "quantile_75", "quantile_95")  # of a ribbon, in the CSV
Pair = tuple[tuple[int, int], float, int]
PAIRS: tuple[Pair, ...] = (((0, 3), 0.13, 6), ((1, 2), 0.26, 12))  # quantiles, opacity, px where they are bars
MOST_DOTS = 40  # measurements that are marked by a dot each


@dataclass(frozen=True)
class Line:
    """Values of one thing at some epochs.

    Attributes:
        tone: gives the colours and the dash.
        name: in tooltips and in the CSV.
        label: beside the line; "" for none.
        epochs: int, (T,), ascending.
        values: float, (T,); NaN where missing.
        ribbon: float, (T, 4); 5, 25, 75, 95% quantiles around the values; None where there is none.
        measured: whether the values were measured at these epochs only, so that each gets a dot.
        dash: of the line; "" for that of its tone.
    """

    tone: Tone
    name: str
    label: str
    epochs: np.ndarray
    values: np.ndarray
    ribbon: np.ndarray | None = None
    measured: bool = True
    dash: str = ""

    @property
    def known(self) -> np.ndarray:
        """bool, (T,): where there is a value."""
        return np.isfinite(self.values)


@dataclass(frozen=True)
class Scale:
    """The y axis.

    Attributes:
        low, high: ends, in the units of the values.
        text: a value in tooltips and at the end of its line.
        column: of the values in the CSV.
        percent: shares, with ticks in percent.
        log: whether it is logarithmic; then `low` is above 0, and what lies below is drawn on the lower edge.
        unit: at the lower left, "" for none.
        reference: a value with a line across and its name, such as (0.0, "at right angles").
    """

    low: float
    high: float
    text: Callable[[float], str]
    column: str
    percent: bool = False
    log: bool = False
    unit: str = ""
    reference: tuple[float, str] | None = None

    def place(self, values: np.ndarray | float) -> Any:
        """Where values lie on the axis."""
        if not self.log:
            return np.asarray(values, dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log10(np.clip(np.asarray(values, dtype=np.float64), self.low, None))

    @property
    def ends(self) -> tuple[float, float]:
        """The ends on the axis."""
        return float(self.place(self.low)), float(self.place(self.high))


@dataclass(frozen=True)
class _Frame:
    """The plot area in px, and how to get there."""

    first: int
    last: int
    scale: Scale
    left: int
    right: int
    top: int
    bottom: int
    total_width: int
    total_height: int

    @property
    def width(self) -> int:
        return self.total_width - self.left - self.right

    @property
    def height(self) -> int:
        return self.total_height - self.top - self.bottom

    def x(self, epochs: np.ndarray | float) -> Any:
        """Px from the left."""
        low, high = float(place(self.first)), float(place(max(self.last, self.first + 1)))
        return (place(epochs) - low) / (high - low) * self.width

    def y(self, values: np.ndarray | float) -> Any:
        """Px from the bottom."""
        low, high = self.scale.ends
        return (self.scale.place(values) - low) / (high - low) * self.height


def epoch_lines(lines: Sequence[Line], scale: Scale, guides: Sequence[Guide] = (), *, size: Size = "wide") -> go.Figure:
    """Lines on the log(1 + epoch) axis, with a dot at every epoch that was measured, and end values at the right.

    Args:
        lines: at least one with a value; drawn in this order.
        scale: the y axis.
        guides: epochs to mark.
        size: for the full column, for half of it, or the same on a phone.
    """
    shown = [line for line in lines if line.known.any()]
    first = min(int(line.epochs[0]) for line in shown)
    last = max(int(line.epochs[-1]) for line in shown)
    frame = _frame(size, first, last, scale)
    figure = blank_figure(
        height=frame.total_height, left=frame.left, right=frame.right, top=frame.top, bottom=frame.bottom
    )
    figure.update_layout(
        hovermode="x unified",
        hoverdistance=-1,
        xaxis=epoch_axis(last, first, width=frame.width),
        yaxis=_value_axis(scale),
        shapes=[*_reference_line(scale), *guide_lines(guides, layer="below")],
    )
    several = sum(line.ribbon is not None for line in shown) > 2
    for line in shown:
        figure.add_traces(_ribbons(line, scale, PAIRS[1:] if several else PAIRS))
    for line in shown:
        figure.add_trace(_trace(line, scale))
    figure.update_layout(
        annotations=[
            *_guide_names(guides, frame),
            *_end_values(shown, frame),
            *_names(shown, guides, frame),
            *([_unit(scale)] if scale.unit else []),
        ]
    )
    return figure


def _frame(size: Size, first: int, last: int, scale: Scale) -> _Frame:
    if size in ("narrow", "narrow_half"):
        return _Frame(first, last, scale, 42, 50, 26, 48, NARROW_WIDTH, 360 if size == "narrow" else 290)
    if size == "half":
        return _Frame(first, last, scale, 48, 56, 26, 50, (WIDE_WIDTH - 24) // 2, 320)
    return _Frame(first, last, scale, 48, 56, 26, 50, WIDE_WIDTH, 420)


def _value_axis(scale: Scale) -> dict[str, Any]:
    low, high = scale.ends
    if scale.log:
        values, texts = log_ticks(low, high)
        return axis(range=[low, high], tickmode="array", tickvals=values, ticktext=texts)
    if scale.percent:
        values = [share / 4 for share in range(5)]
        return axis(
            range=[low, high], tickmode="array", tickvals=values, ticktext=[f"{value * 100:.0f}%" for value in values]
        )
    return axis(range=[low, high], nticks=6)


def _reference_line(scale: Scale) -> list[dict[str, Any]]:
    if scale.reference is None:
        return []
    at, line = float(scale.place(scale.reference[0])), {"color": LIGHT.ink_3, "width": 1}
    return [{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": at, "y1": at, "layer": "below", "line": line}]


def _trace(line: Line, scale: Scale) -> go.Scatter:
    style, known = STYLES[line.tone][0], line.known
    epochs, values = line.epochs[known], line.values[known]
    dots = (line.measured and len(epochs) <= MOST_DOTS) or len(epochs) == 1
    columns = {scale.column: values.tolist()}
    if line.ribbon is not None:
        columns |= {name: line.ribbon[known, at].tolist() for at, name in enumerate(QUANTILES)}
    return go.Scatter(
        x=place(epochs),
        y=scale.place(values),
        customdata=epochs,
        text=[_tooltip(line, scale, int(at)) for at in np.flatnonzero(known)],
        name=escape(line.name),
        mode="lines+markers" if dots else "lines",
        line={**style, "dash": line.dash} if line.dash else style,
        marker={
            "color": style["color"],
            "size": 8 if line.tone == "noisy" else 7,
            "symbol": "diamond" if line.tone == "noisy" else "circle",
            "line": {"color": LIGHT.page, "width": 1},
        },
        cliponaxis=False,
        hovertemplate="%{text}",
        meta={**csv(epoch="customdata", **{name: f"meta.{name}" for name in columns}), **columns},
    )


def _tooltip(line: Line, scale: Scale, at: int) -> str:
    text = scale.text(float(line.values[at]))
    if line.ribbon is None:
        return text
    return f"{text} (middle half {scale.text(float(line.ribbon[at, 1]))} to {scale.text(float(line.ribbon[at, 2]))})"


def _ribbons(line: Line, scale: Scale, pairs: Sequence[Pair]) -> list[go.Scatter]:
    """The middle 90% and the middle half, or one of them; of a single epoch bars: a ribbon has no width there."""
    if line.ribbon is None:
        return []
    known, colour = line.known, STYLES[line.tone][0]["color"]
    x, quantiles = place(line.epochs[known]), scale.place(line.ribbon[known])
    if len(x) == 1:
        return [
            go.Scatter(
                x=[x[0], x[0]],
                y=quantiles[0, list(pair)],
                mode="lines",
                line={"color": fade(colour, 2 * alpha), "width": width},
                hoverinfo="skip",
            )
            for pair, alpha, width in pairs
        ]
    return [
        go.Scatter(
            x=np.concatenate([x, x[::-1]]),
            y=np.concatenate([quantiles[:, high], quantiles[::-1, low]]),
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=fade(colour, alpha),
            hoverinfo="skip",
            name=f"{line.name}, ribbon",
        )
        for (low, high), alpha, _ in pairs
    ]


def _guide_names(guides: Sequence[Guide], frame: _Frame) -> list[dict[str, Any]]:
    """Names above the plot, moved inwards where the figure ends; one that would then touch another is left out."""
    texts: list[dict[str, Any]] = []
    taken: list[tuple[float, float]] = []
    for label in guide_labels(guides, frame.last, frame.first, width=frame.width):
        centre, half = float(frame.x(np.expm1(label["x"]))) + label["xshift"], box_size((label["text"],), 12)[0] / 2
        shift = min(0.0, frame.width + frame.right - centre - half) + max(0.0, half - centre - frame.left)
        left, right = centre + shift - half, centre + shift + half
        if all(left > other[1] or right < other[0] for other in taken):
            taken.append((left, right))
            texts.append({**label, "xshift": label["xshift"] + shift})
    return texts


def _end_values(lines: Sequence[Line], frame: _Frame) -> list[dict[str, Any]]:
    """Final values at the right; lines that end at the same one share it, in ink."""
    ends: dict[str, list[Line]] = {}
    for line in lines:
        ends.setdefault(frame.scale.text(_last(line)), []).append(line)
    heights = [float(np.clip(frame.y(_last(group[0])), 0, frame.height)) for group in ends.values()]
    moved = spread(heights, 16, 0, frame.height)
    return [
        annotation(
            text, 1, height / frame.height, STYLES[group[0].tone][1] if len(group) == 1 else LIGHT.ink,
            xref="paper", yref="paper", xanchor="left", xshift=8,
        )
        for (text, group), height in zip(ends.items(), moved, strict=True)
    ]  # fmt: skip


def _last(line: Line) -> float:
    return float(line.values[line.known][-1])


def _names(lines: Sequence[Line], guides: Sequence[Guide], frame: _Frame) -> list[dict[str, Any]]:
    """Names of the lines and of the reference, wherever there is room."""
    corners = {
        line.name: np.stack([frame.x(line.epochs[line.known]), frame.y(line.values[line.known])], 1) for line in lines
    }
    rules = [f"guide {guide.epoch}" for guide in guides]
    for rule, guide in zip(rules, guides, strict=True):
        x = float(frame.x(guide.epoch))
        corners[rule] = np.array([[x, 0.0], [x, float(frame.height)]])
    wanted = [
        Wanted(line.name, _variants(line.label), line.name, prefer=(0.42, None, 60.0)) for line in lines if line.label
    ]
    colours = {line.name: STYLES[line.tone][1] for line in lines}
    if frame.scale.reference is not None:
        value, name = frame.scale.reference
        corners["reference"] = np.array([[0.0, float(frame.y(value))], [float(frame.width), float(frame.y(value))]])
        wanted.append(Wanted("reference", ((name,),), "reference", ("above", "below"), (0.9, None, 60.0)))
        colours["reference"] = LIGHT.ink_3
    placed = place_labels(wanted, corners, width=frame.width, height=frame.height, rules=rules)
    return [_name(label, colours[label.name], frame) for label in placed]


def _variants(label: str) -> tuple[tuple[str, ...], ...]:
    """A name on one line; beside a slope there is more room for one on two."""
    label = escape(label)
    words = label.split(" ")
    one = (f"<b>{label}</b>",)
    if len(words) == 1:
        return (one,)
    half = (len(words) + 1) // 2
    return one, (f"<b>{' '.join(words[:half])}</b>", f"<b>{' '.join(words[half:])}</b>")


def _name(label: Placed, colour: str, frame: _Frame) -> dict[str, Any]:
    return annotation(
        label.text, (label.x + label.dx) / frame.width, (label.y + label.dy) / frame.height, colour,
        xref="paper", yref="paper", xanchor=label.xanchor, size=12 if label.name == "reference" else 13,
    )  # fmt: skip


def _unit(scale: Scale) -> dict[str, Any]:
    return annotation(
        scale.unit, 0, 0, LIGHT.ink_3, size=12,
        xref="paper", yref="paper", xanchor="left", xshift=6, yanchor="bottom", yshift=3,
    )  # fmt: skip
