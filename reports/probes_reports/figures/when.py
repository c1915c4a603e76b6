"""When examples are learned: bars back to back, first learned above, learned for good below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go

from probes_reports.figures.base import NARROW_WIDTH, annotation, axis, blank_figure, csv, escape
from probes_reports.figures.direct_labels import box_size
from probes_reports.figures.groups import FILL, TEXT, Role
from probes_reports.palette import LIGHT
from probes_reports.wording import percent

__all__ = [
    "STEPS",
    "LearningTimes",
    "any_cut",
    "cut_share",
    "epoch_ticks",
    "learning_bars",
    "learning_times",
]

HALF_WIDTH = 506  # px, half the column of a wide screen
HEIGHT = 392
LEFT, RIGHT, TOP, BOTTOM = 42, 8, 26, 50
BETWEEN = 40  # px from one panel to the other, with a title in it
PANELS = (("first learned", "first", "never"), ("learned for good", "good", "not at the end"))
ROOMS = (1.0, 1.25, 1.5, 2.0)  # heights that are tried, as multiples of the bars', until the names have room
WORTH_SEEING = 0.02  # second largest share of a series for the sake of which a larger one is cut
LEAST_CUT = 0.1  # bars are never cut below this share
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)


@dataclass(frozen=True)
class LearningTimes:
    """One group.

    Attributes:
        role: gives the colour.
        label: names its bars.
        first: float, (B,); share of the group that is first learned in each bin.
        good: float, (B,); share that is learned for good in each bin.
    """

    role: Role
    label: str
    first: np.ndarray
    good: np.ndarray


@dataclass(frozen=True)
class _Scale:
    """Shares shown above and below the zero line of a panel, and the share beyond which bars are cut."""

    up: float
    down: float
    step: float


@dataclass(frozen=True)
class _Panel:
    """One half of the figure, for placing text; px from its left and its bottom."""

    number: int
    scale: _Scale
    edges: np.ndarray
    width: float
    height: float

    @property
    def axis(self) -> str:
        return "y2" if self.number else "y"

    def y(self, share: float) -> float:
        return (share + self.scale.down) / (self.scale.up + self.scale.down) * self.height

    def x(self, epoch: float) -> float:
        return (epoch - self.edges[0]) / (self.edges[-1] - self.edges[0]) * self.width


Box = tuple[float, float, float, float]  # left, bottom, right, top


def learning_times(groups: Sequence[LearningTimes], edges: np.ndarray, *, narrow: bool = False) -> go.Figure:
    """Shares of each group learned per bin of epochs; the second group hangs down from the zero line.

    Args:
        groups: one or two.
        edges: int, (B + 1,); bin b holds the epochs edges[b] to edges[b + 1] - 1.
        narrow: the layout of a phone.
    """
    size = 12.5 if narrow else 13.0
    width = (NARROW_WIDTH if narrow else HALF_WIDTH) - LEFT - RIGHT
    height = (HEIGHT - TOP - BOTTOM - BETWEEN) / 2
    scale, texts = _scale_with_room(groups, edges, width, height, size)
    figure = blank_figure(height=HEIGHT, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM)
    for number, (title, attribute, _rest) in enumerate(PANELS):
        for place, group in enumerate(groups):
            sign, limit = (-1, scale.down) if place == 1 else (1, scale.up)
            side, axis_name = (title, attribute, sign), "y2" if number else "y"
            figure.add_trace(learning_bars(group, side, edges, limit, FILL[group.role], axis_name))
    share = height / (HEIGHT - TOP - BOTTOM)
    figure.update_layout(
        barmode="overlay",
        hovermode="x unified",
        hoversubplots="axis",
        xaxis=epoch_ticks(edges, width),
        yaxis=_share_axis(scale, (1 - share, 1.0)),
        yaxis2=_share_axis(scale, (0.0, share)),
        annotations=texts,
    )
    return figure


def any_cut(figure: go.Figure) -> bool:
    """Whether a bar of `learning_times` is longer than the scale."""
    ends = [max(abs(end) for end in (trace.y.min(), trace.y.max())) for trace in figure.data]
    return any(_beyond(np.array(trace.meta["shares"]), end) for trace, end in zip(figure.data, ends, strict=True))


def _scale_with_room(
    groups: Sequence[LearningTimes], edges: np.ndarray, width: float, height: float, size: float
) -> tuple[_Scale, list[dict[str, Any]]]:
    """The tightest scale that leaves room for the names, and all texts."""
    for room in ROOMS:
        scale = _scale(groups, room)
        texts = [_texts(groups, _Panel(number, scale, edges, width, height), size) for number in range(len(PANELS))]
        if all(complete for _, complete in texts):
            break
    return scale, [text for found, _ in texts for text in found]


def _beyond(shares: np.ndarray, limit: float) -> bool:
    return bool(shares.max() > limit * (1 + 1e-9))


def _scale(groups: Sequence[LearningTimes], room: float) -> _Scale:
    """Cut where the largest bar of a series is far more than twice as long as the second of any: at most one is.

    Args:
        groups: one or two.
        room: height of each side as a multiple of the bars that it has to hold.
    """
    series = [[group.first, group.good] for group in groups]
    cut = cut_share([bars for pair in series for bars in pair])
    highest = [max(float(bars.max()) for bars in pair) for pair in series]
    shown = [cut if top > 1.3 * cut else 1.08 * top for top in highest]
    up = max(shown[0], 0.45 * max(shown))
    down = max(shown[1], 0.45 * max(shown)) if len(groups) > 1 else 0.0
    fitting = [step for step in STEPS if max(up, down) / step >= 2]
    return _Scale(up * room, down * room, fitting[-1] if fitting else STEPS[0])


def cut_share(series: Sequence[np.ndarray]) -> float:
    """The share beyond which bars are cut, 1 for none: twice the second largest of any series."""
    second = max(float(np.sort(bars)[-2]) if len(bars) > 1 else 0.0 for bars in series)
    return max(LEAST_CUT, 2 * second) if second >= WORTH_SEEING else 1.0


def learning_bars(
    group: LearningTimes, side: tuple[str, str, int], edges: np.ndarray, limit: float, color: str, axis_name: str
) -> go.Bar:
    """The bars of a group on one side of the zero line, cut at `limit`; they carry whole shares for tooltip and CSV.

    Args:
        group: its name goes into the trace's.
        side: its title; `first` or `good`, the shares; 1 upwards or -1 downwards.
        edges: int, (B + 1,); first epoch of each bin, and one past the last.
        limit: share beyond which a bar is cut.
        color: of the bars.
        axis_name: of the y axis.
    """
    title, attribute, sign = side
    shares: np.ndarray = getattr(group, attribute)
    return go.Bar(
        x=(edges[:-1] + edges[1:] - 1) / 2,
        y=sign * np.minimum(shares, limit),
        customdata=[_epochs_named(low, high) for low, high in pairwise(edges)],
        text=[percent(float(share)) for share in shares],
        textposition="none",
        width=np.diff(edges) * 0.9,
        marker={"color": color, "line": {"width": 0}},
        name=f"{escape(group.label)}, {title}",
        hovertemplate=_hover_text(edges),
        yaxis=axis_name,
        meta={
            **csv(from_epoch="meta.first", to_epoch="meta.last", share="meta.shares"),
            "first": edges[:-1].tolist(),
            "last": (edges[1:] - 1).tolist(),
            "shares": shares.tolist(),
        },
    )


def _hover_text(edges: np.ndarray) -> str:
    """The share; with its epochs where a bar stands for several."""
    return "%{text}" if edges[1] - edges[0] == 1 else "%{text} in epochs %{customdata}"


def _epochs_named(low: int, end: int) -> str:
    """The epochs from `low` up to and without `end`, in words."""
    return f"{low:,}" if end - low == 1 else f"{low:,}–{end - 1:,}"


def _share_axis(scale: _Scale, domain: tuple[float, float]) -> dict[str, Any]:
    values = scale.step * np.arange(-int(scale.down / scale.step), int(scale.up / scale.step) + 1)
    texts = [f"{abs(value) * 100:.0f}%" if value else "0" for value in values]
    return axis(
        range=[-scale.down, scale.up],
        domain=list(domain),
        tickmode="array",
        tickvals=values.tolist(),
        ticktext=texts,
        zeroline=True,
        zerolinecolor=LIGHT.ink_3,
        zerolinewidth=1,
    )


def epoch_ticks(edges: np.ndarray, width: float, anchor: str = "y2") -> dict[str, Any]:
    """Linear in epochs: 1 and round numbers."""
    last = int(edges[-1]) - 1
    steps = (step * 10**power for power in range(8) for step in (1, 2, 5))
    step = next(step for step in steps if last / step * 38 <= width)
    values = [1, *(value for value in range(step, last + 1, step) if (value - 1) / last * width > 24)]
    single = edges[1] - edges[0] == 1
    return axis(
        range=[float(edges[0]) - 0.5, float(edges[-1]) - 0.5],
        tickmode="array",
        tickvals=values,
        ticktext=[f"{value:,}" for value in values],
        showgrid=False,
        anchor=anchor,
        title="epoch",
        unifiedhovertitle={"text": "epoch %{x}" if single else "around epoch %{x:.0f}"},
    )


def _texts(groups: Sequence[LearningTimes], panel: _Panel, size: float) -> tuple[list[dict[str, Any]], bool]:
    """The panel's title, the groups' names, and the values of bars that are cut; whether all have found room."""
    title, attribute, rest = PANELS[panel.number]
    taken = [box for place, group in enumerate(groups) for box in _bar_boxes(group, attribute, panel, place == 1)]
    above: dict[str, Any] = {"xref": "paper", "yref": panel.axis, "xanchor": "left", "yanchor": "bottom", "yshift": 4}
    texts = [annotation(f"<b>{title}</b>", 0, panel.scale.up, LIGHT.ink, size=size, **above)]
    for place, group in enumerate(groups):
        value, box = _cut_value(group, attribute, panel, size, down=place == 1)
        if value is not None and box is not None:
            texts.append(value)
            taken.append(box)
    zero = panel.y(0)
    wanted = []
    for place, group in enumerate(groups):
        shares: np.ndarray = getattr(group, attribute)
        name = _with_rest(group.label, 1 - float(shares.sum()), rest)
        half = panel.y(panel.scale.step / 2) - zero  # between two grid lines
        ends = (zero - half, 9.0) if place else (zero + half, panel.height - 9)
        levels = np.linspace(*ends, 1 + max(1, int(abs(ends[1] - ends[0]) / 6)))
        wanted.append((name, TEXT[group.role], levels))
    for text, colour, levels in wanted:
        box = _settle(text, levels, taken, panel, size)
        if box is None:
            return texts, False
        taken.append(box)
        texts.append(
            annotation(
                text,
                box[2] / panel.width,  # at every width the same share of it, so that it stays clear of the bars
                (box[1] + box[3]) / 2 / panel.height * (panel.scale.up + panel.scale.down) - panel.scale.down,
                colour,
                size=size,
                xref="paper",
                yref=panel.axis,
                xanchor="right",
            )
        )
    return texts, True


def _with_rest(label: str, share: float, rest: str) -> str:
    return label if share < 5e-7 else f"{label} ({rest}: {percent(share)})"


def _bar_boxes(group: LearningTimes, attribute: str, panel: _Panel, down: bool) -> list[Box]:
    shares: np.ndarray = getattr(group, attribute)
    zero, boxes = panel.y(0), []
    for at in np.flatnonzero(shares):
        tip = panel.y(-min(shares[at], panel.scale.down) if down else min(shares[at], panel.scale.up))
        left, right = panel.x(panel.edges[at]), panel.x(panel.edges[at + 1])
        boxes.append((left, min(zero, tip), right, max(zero, tip)))
    return boxes


def _cut_value(
    group: LearningTimes, attribute: str, panel: _Panel, size: float, *, down: bool
) -> tuple[dict[str, Any] | None, Box | None]:
    """Value and arrow beside a bar that is longer than the scale."""
    shares: np.ndarray = getattr(group, attribute)
    limit = panel.scale.down if down else panel.scale.up
    at = int(np.argmax(shares))
    if not _beyond(shares, limit):
        return None, None
    first, end = int(panel.edges[at]), int(panel.edges[at + 1])
    when = "epoch" if end - first == 1 else "epochs"
    text = f"{percent(float(shares[at]))} at {when} {_epochs_named(first, end)} {'↓' if down else '↑'}"
    wide, high = box_size((text,), size)
    left, right = panel.x(panel.edges[at]), panel.x(panel.edges[at + 1])
    to_right = right + 6 + wide <= panel.width
    low = 1.0 if down else panel.height - high - 1
    box = (right + 6, low, right + 6 + wide, low + high) if to_right else (left - 6 - wide, low, left - 6, low + high)
    return (
        annotation(
            text,
            float(panel.edges[at + 1] if to_right else panel.edges[at]) - 0.5,
            -panel.scale.down if down else panel.scale.up,
            TEXT[group.role],
            size=size,
            yref=panel.axis,
            xanchor="left" if to_right else "right",
            xshift=6 if to_right else -6,
            yanchor="bottom" if down else "top",
            yshift=1 if down else -1,
        ),
        box,
    )


def _settle(text: str, levels: np.ndarray, taken: Sequence[Box], panel: _Panel, size: float) -> Box | None:
    """Where a text touches nothing: near the right end at one of the heights, else as far right as there is room."""
    wide, high = box_size((text,), size)
    left, bottom, right, top = np.array(taken).reshape(-1, 4).T
    for leftmost in (0.7 * panel.width, 0.0):
        ends = np.arange(panel.width, max(leftmost, wide), -6.0)
        for level in levels:
            near = (bottom < level + high / 2 + 1) & (top > level - high / 2 - 1)
            free = ends[~((ends[:, None] - wide < right[near] + 4) & (ends[:, None] > left[near] - 4)).any(axis=1)]
            if len(free):
                return float(free[0]) - wide, level - high / 2, float(free[0]), level + high / 2
    return None
