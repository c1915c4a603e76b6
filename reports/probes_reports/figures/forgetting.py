"""How often examples are forgotten: paired columns, the never learned ones apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from probes_reports.figures.base import NARROW_WIDTH, annotation, axis, blank_figure, csv
from probes_reports.figures.direct_labels import Placed, Side, Wanted, box_size, place_labels
from probes_reports.figures.groups import FILL, TEXT, Role
from probes_reports.palette import LIGHT
from probes_reports.wording import percent

__all__ = ["APART", "ForgettingShares", "count_axis", "counts_title", "forgetting_columns", "in_words"]

HALF_WIDTH = 506  # px, half the column of a wide screen
HEIGHT = 392
LEFT, RIGHT, TOP, BOTTOM = 8, 8, 16, 56
APART = 0.3  # extra space before the never learned, in columns
HEADROOMS = (1.14, 1.3, 1.6)  # of the highest column, for its number, and for the names where they need more
PAIR = 0.78  # of a column's place that its bars fill

Box = tuple[float, float, float, float]  # left, bottom, right, top


@dataclass(frozen=True)
class ForgettingShares:
    """One group.

    Attributes:
        role: gives the colour.
        label: names its columns.
        shares: float, (C,); of the group, by number of forgetting events.
        never: share of the group that was never learned; with `shares` it sums to 1.
    """

    role: Role
    label: str
    shares: np.ndarray
    never: float


@dataclass(frozen=True)
class _Bar:
    """A drawn column: its group, centre and height in data units, and what it counts."""

    group: int
    x: float
    share: float
    counts: str


@dataclass(frozen=True)
class _Frame:
    """Data units to px of the plot area."""

    width: float
    height: float
    low: float
    high: float
    top: float
    size: float

    def x(self, x: float) -> float:
        return (x - self.low) / (self.high - self.low) * self.width

    def y(self, share: float) -> float:
        return share / self.top * self.height


def forgetting_columns(groups: Sequence[ForgettingShares], counts: Sequence[str], *, narrow: bool = False) -> go.Figure:
    """Share of each group by number of forgetting events; the never learned stand apart where there are any.

    Args:
        groups: one or two, equally long.
        counts: C texts: the numbers of events that a column stands for, such as "0" or "6+".
        narrow: the layout of a phone.
    """
    never = any(group.never > 0 for group in groups)
    bars = _bars(groups, counts, never)
    frame, texts = _frame_with_room(groups, bars, len(counts) - 1 + ((1 + APART) if never else 0), narrow)
    figure = blank_figure(height=HEIGHT, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM)
    for number, group in enumerate(groups):
        figure.add_trace(_columns(group, [bar for bar in bars if bar.group == number], PAIR / len(groups)))
    figure.update_layout(
        barmode="overlay",
        xaxis=count_axis(counts, never, narrow=narrow),
        yaxis=axis(range=[0, frame.top], visible=False),
        annotations=[*texts, counts_title(counts)],
    )
    return figure


def _frame_with_room(
    groups: Sequence[ForgettingShares], bars: Sequence[_Bar], last: float, narrow: bool
) -> tuple[_Frame, list[dict[str, object]]]:
    """The frame with the highest columns that leave room for the names of the groups, and all texts."""
    highest = max([bar.share for bar in bars if np.isfinite(bar.share)] + [0.01])
    for headroom in HEADROOMS:
        frame = _Frame(
            width=(NARROW_WIDTH if narrow else HALF_WIDTH) - LEFT - RIGHT,
            height=HEIGHT - TOP - BOTTOM,
            low=-0.5,
            high=last + 0.5,
            top=highest * headroom,
            size=11.5 if narrow else 12.5,
        )
        numbers, boxes = _numbers(groups, bars, frame)
        names = _names(groups, bars, frame, boxes)
        if len(names) == len(groups):
            break
    return frame, [*numbers, *names]


def _bars(groups: Sequence[ForgettingShares], counts: Sequence[str], never: bool) -> list[_Bar]:
    width = PAIR / len(groups)
    bars = []
    for number, group in enumerate(groups):
        shift = (number - (len(groups) - 1) / 2) * width
        bars += [_Bar(number, at + shift, float(s), counts[at]) for at, s in enumerate(group.shares)]
        if never:
            bars.append(_Bar(number, len(counts) + APART + shift, group.never, "never learned"))
    return bars


def _columns(group: ForgettingShares, bars: Sequence[_Bar], width: float) -> go.Bar:
    return go.Bar(
        x=[bar.x for bar in bars],
        y=[bar.share for bar in bars],
        customdata=[bar.counts for bar in bars],
        text=[in_words(bar.counts) for bar in bars],
        textposition="none",
        width=width * 0.94,
        marker={"color": FILL[group.role], "line": {"width": 0}},
        name=group.label,
        hovertemplate="%{y:.1%} %{text}",
        meta=csv(forgetting_events="customdata", share="y"),
    )


def in_words(counts: str) -> str:
    if counts == "never learned":
        return counts
    return "learned, never forgotten" if counts == "0" else f"forgotten {counts} time{'' if counts == '1' else 's'}"


def count_axis(counts: Sequence[str], never: bool, *, narrow: bool) -> dict[str, object]:
    values = [float(at) for at in range(len(counts))] + ([len(counts) + APART] if never else [])
    return axis(
        range=[-0.5, values[-1] + 0.5],
        tickmode="array",
        tickvals=values,
        ticktext=[*counts, *(["never<br>learned"] if never else [])],
        showgrid=False,
        showline=True,
        linecolor=LIGHT.rule_strong,
        tickfont={"size": 12 if narrow else 13, "color": LIGHT.ink_3},
    )


def counts_title(counts: Sequence[str]) -> dict[str, object]:
    """The axis title, centred below the counts alone: the never learned have none."""
    return annotation(
        "forgetting events", (len(counts) - 1) / 2, 0, LIGHT.ink_3, yref="paper", yanchor="top", yshift=-26
    )


def _numbers(
    groups: Sequence[ForgettingShares], bars: Sequence[_Bar], frame: _Frame
) -> tuple[list[dict[str, object]], list[Box]]:
    """A percentage on each column, and the boxes these take; where two would touch, the second stands above.

    One wider than its column leans away from a taller partner.
    """
    texts: list[dict[str, object]] = []
    boxes: list[Box] = []
    width = PAIR / len(groups) / (frame.high - frame.low) * frame.width
    tallest = {counts: max(bar.share for bar in bars if bar.counts == counts) for counts in {b.counts for b in bars}}
    for bar in sorted(bars, key=lambda bar: bar.x):
        if not bar.share > 0:
            continue
        text = percent(bar.share, 0) if bar.share > 0.005 else "<1%"
        wide, high = box_size((text,), frame.size)
        lean = max(0.0, (wide - width) / 2) if bar.share < tallest[bar.counts] else 0.0
        lean *= 1 if bar.group else -1
        x, bottom = frame.x(bar.x) + lean, frame.y(bar.share) + 1
        for left, low, right, top in boxes[-1:]:
            if x - wide / 2 < right and x + wide / 2 > left and bottom < top - 3 and bottom + high > low + 3:
                bottom = top - 3
        boxes.append((x - wide / 2, bottom, x + wide / 2, bottom + high))
        texts.append(
            annotation(
                text,
                bar.x,
                bar.share,
                TEXT[groups[bar.group].role],
                size=frame.size,
                yanchor="bottom",
                xshift=lean,
                yshift=bottom - frame.y(bar.share) - 1,
            )
        )
    return texts, boxes


def _names(
    groups: Sequence[ForgettingShares], bars: Sequence[_Bar], frame: _Frame, boxes: Sequence[Box]
) -> list[dict[str, object]]:
    """The name of each group: beside one of its columns, else above the number of one; maybe nowhere."""
    beside = _outlines(groups, bars, frame, 0)
    placed = _placed(groups, beside, ("right", "left"), frame, boxes)
    rest = [group for group in groups if group.label not in {label.name for label in placed}]
    above = _outlines(groups, bars, frame, box_size(("0%",), frame.size)[1])
    placed += _placed(rest, above, ("above",), frame, [_box_of(label) for label in placed])
    colours = {group.label: TEXT[group.role] for group in groups}
    return [
        annotation(
            label.text,
            frame.low + label.x / frame.width * (frame.high - frame.low),
            label.y / frame.height * frame.top,
            colours[label.name],
            xanchor=label.xanchor,
            xshift=label.dx,
            yshift=label.dy,
        )
        for label in placed
    ]


def _outlines(
    groups: Sequence[ForgettingShares], bars: Sequence[_Bar], frame: _Frame, higher: float
) -> dict[str, np.ndarray]:
    """Label of a group -> corners of all its columns in px, each `higher` px longer than drawn."""
    half = PAIR / len(groups) / 2
    outlines: dict[str, list[list[float]]] = {}
    for bar in bars:
        if bar.share > 0:
            left, right, top = frame.x(bar.x - half), frame.x(bar.x + half), frame.y(bar.share) + higher
            corners = [[left, 0], [left, top], [right, top], [right, 0]]
            outlines.setdefault(groups[bar.group].label, []).extend(corners)
    return {label: np.array(corners) for label, corners in outlines.items()}


def _placed(
    groups: Sequence[ForgettingShares],
    outlines: dict[str, np.ndarray],
    sides: tuple[Side, ...],
    frame: _Frame,
    taken: Sequence[Box],
) -> list[Placed]:
    wanted = [Wanted(g.label, ((f"<b>{g.label}</b>",),), g.label, sides, (None, 1.0, 100.0)) for g in groups]
    return place_labels(wanted, outlines, width=frame.width, height=frame.height, taken=taken)


def _box_of(label: Placed) -> Box:
    wide, high = box_size((label.text,))
    x, y = label.x + label.dx, label.y + label.dy
    left = {"left": x, "right": x - wide}.get(label.xanchor, x - wide / 2)
    return left, y - high / 2, left + wide, y + high / 2
