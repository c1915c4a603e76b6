"""When examples of several groups are learned: a row of bars each, first learned up, learned for good down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from probes_reports.figures.base import NARROW_WIDTH, annotation, axis, blank_figure, escape
from probes_reports.figures.direct_labels import box_size
from probes_reports.figures.groups import FILL, TEXT
from probes_reports.figures.when import (
    HALF_WIDTH,
    STEPS,
    LearningTimes,
    cut_share,
    epoch_ticks,
    learning_bars,
)
from probes_reports.palette import LIGHT, fade
from probes_reports.wording import percent

__all__ = ["learning_times_by_kind"]

LEFT, RIGHT, TOP, BOTTOM = 42, 8, 22, 50
ROW, BETWEEN = 74, 22  # px of a row's bars, and above them for its name
PALE = 0.45
LOW = 0.55  # of a row's height: bars up to there leave room for a text above
CUT = 0.6  # of the share at which `learning_times` cuts: rows are low
SIDES = (("first learned", "first", 1), ("learned for good", "good", -1))


def learning_times_by_kind(groups: Sequence[LearningTimes], edges: np.ndarray, *, narrow: bool = False) -> go.Figure:
    """Shares of each group learned per bin of epochs, all rows on one scale.

    Args:
        groups: from top to bottom.
        edges: int, (B + 1,); bin b holds the epochs edges[b] to edges[b + 1] - 1.
        narrow: the layout of a phone.
    """
    size = 12.0 if narrow else 13.0
    height = TOP + BOTTOM + len(groups) * ROW + (len(groups) - 1) * BETWEEN
    area = height - TOP - BOTTOM
    width = (NARROW_WIDTH if narrow else HALF_WIDTH) - LEFT - RIGHT
    limit = _limit(groups)
    figure = blank_figure(height=height, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM)
    rows, texts = {}, []
    for place, group in enumerate(groups):
        top = 1 - place * (ROW + BETWEEN) / area
        rows[f"yaxis{place + 1 if place else ''}"] = _share_axis(limit, (max(0.0, top - ROW / area), top))
        texts += [_name(group, top, size), *_cut_values(group, edges, limit, place, size, width)]
        for side in SIDES:
            color = FILL[group.role] if side[2] > 0 else fade(FILL[group.role], PALE)
            figure.add_trace(learning_bars(group, side, edges, limit, color, _axis(place)))
    figure.update_layout(
        barmode="overlay",
        hovermode="x unified",
        hoversubplots="axis",
        xaxis=epoch_ticks(edges, width, anchor=_axis(len(groups) - 1)),
        annotations=texts,
        **rows,
    )
    return figure


def _axis(place: int) -> str:
    return f"y{place + 1 if place else ''}"


def _limit(groups: Sequence[LearningTimes]) -> float:
    """The share that each row's ends stand for, up and down alike."""
    series = [bars for group in groups for bars in (group.first, group.good)]
    cut, highest = CUT * cut_share(series), max(float(bars.max()) for bars in series)
    return cut if highest > 1.3 * cut else max(1.08 * highest, STEPS[0])


def _share_axis(limit: float, domain: tuple[float, float]) -> dict[str, Any]:
    step = max([step for step in STEPS if limit / step >= 1.2], default=STEPS[0])
    values = [-step, 0, step]
    return axis(
        range=[-limit, limit],
        domain=list(domain),
        tickmode="array",
        tickvals=values,
        ticktext=[f"{abs(value) * 100:.0f}%" if value else "0" for value in values],
        zeroline=True,
        zerolinecolor=LIGHT.ink_3,
        zerolinewidth=1,
    )


def _name(group: LearningTimes, top: float, size: float) -> dict[str, Any]:
    """Above its row: the group, and what was not learned."""
    missing = [(1 - float(group.first.sum()), "never"), (1 - float(group.good.sum()), "not at the end")]
    told = ", ".join(f"{rest}: {percent(share)}" for share, rest in missing if share >= 5e-7)
    rest = f'<span style="color:{LIGHT.ink_3}"> ({told})</span>' if told else ""
    return annotation(
        f"<b>{escape(group.label)}</b>{rest}", 0, top, TEXT[group.role], size=size,
        xref="paper", yref="paper", xanchor="left", yanchor="bottom", yshift=1,
    )  # fmt: skip


def _cut_values(
    group: LearningTimes, edges: np.ndarray, limit: float, place: int, size: float, width: float
) -> list[dict[str, Any]]:
    """Value and arrow beside each bar that is longer than its row, where the bars next to it are low."""
    texts = []
    for _, attribute, sign in SIDES:
        shares: np.ndarray = getattr(group, attribute)
        for at in np.flatnonzero(shares > limit * (1 + 1e-9)):
            text = f"{percent(float(shares[at]))} {'↑' if sign > 0 else '↓'}"
            bins = int(np.ceil((box_size((text,), size - 1)[0] + 8) / width * len(shares)))
            x, anchor = _beside(shares > LOW * limit, int(at), bins, edges)
            texts.append(
                annotation(
                    text, x, sign * limit, TEXT[group.role], size=size - 1, yref=_axis(place), xanchor=anchor,
                    xshift=4 if anchor == "left" else -4, yanchor="top" if sign > 0 else "bottom",
                )
            )  # fmt: skip
    return texts


def _beside(high: np.ndarray, at: int, bins: int, edges: np.ndarray) -> tuple[float, str]:
    """Where a text of so many bins starts, and its anchor: the nearest place without a high bar, to the right first."""
    for start in range(at + 1, len(high) - bins + 1):
        if not high[start : start + bins].any():
            return float(edges[start]) - 0.5, "left"
    for end in range(at, bins - 1, -1):
        if not high[end - bins : end].any():
            return float(edges[end]) - 0.5, "right"
    return float(edges[at + 1]) - 0.5, "left"
