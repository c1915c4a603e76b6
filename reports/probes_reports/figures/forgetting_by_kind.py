"""How often the examples of several groups are forgotten: a row of columns each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from probes_reports.figures.base import annotation, axis, blank_figure, csv, escape
from probes_reports.figures.forgetting import APART, ForgettingShares, count_axis, counts_title, in_words
from probes_reports.figures.groups import FILL, TEXT
from probes_reports.palette import LIGHT
from probes_reports.wording import percent

__all__ = ["forgetting_by_kind"]

LEFT, RIGHT, TOP, BOTTOM = 8, 8, 22, 56
ROW, BETWEEN = 74, 22  # px of a row's columns, and above them for its name
HEADROOM = 1.28  # of the highest column, for its number
WIDTH = 0.62  # of a column's place


def forgetting_by_kind(groups: Sequence[ForgettingShares], counts: Sequence[str], *, narrow: bool = False) -> go.Figure:
    """Share of each group by number of forgetting events, all rows on one scale.

    Args:
        groups: from top to bottom, equally long.
        counts: C texts: the numbers of events that a column stands for, such as "0" or "6+".
        narrow: the layout of a phone.
    """
    never = any(group.never > 0 for group in groups)
    height = TOP + BOTTOM + len(groups) * ROW + (len(groups) - 1) * BETWEEN
    area = height - TOP - BOTTOM
    highest = max(max(float(group.shares.max()), group.never) for group in groups)
    figure = blank_figure(height=height, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM)
    rows: dict[str, Any] = {}
    texts: list[dict[str, Any]] = []
    for place, group in enumerate(groups):
        top, name = 1 - place * (ROW + BETWEEN) / area, f"y{place + 1 if place else ''}"
        rows[f"yaxis{name[1:]}"] = axis(
            range=[0, HEADROOM * highest],
            domain=[max(0.0, top - ROW / area), top],
            showgrid=False,
            showticklabels=False,
            zeroline=True,
            zerolinecolor=LIGHT.rule_strong,
            zerolinewidth=1,
        )
        bars = _bars(group, counts, never)
        figure.add_trace(_columns(group, bars, name))
        texts += [_name(group, top), *(_number(group, bar, name, narrow) for bar in bars if bar[1] > 0)]
    last = f"y{len(groups)}"
    xaxis = {**count_axis(counts, never, narrow=narrow), "anchor": last, "showline": False}
    figure.update_layout(barmode="overlay", xaxis=xaxis, annotations=[*texts, counts_title(counts)], **rows)
    return figure


Bar = tuple[float, float, str]  # place, share, what it counts


def _bars(group: ForgettingShares, counts: Sequence[str], never: bool) -> list[Bar]:
    bars = [(float(at), float(share), counts[at]) for at, share in enumerate(group.shares)]
    return [*bars, (len(counts) + APART, group.never, "never learned")] if never else bars


def _columns(group: ForgettingShares, bars: Sequence[Bar], yaxis: str) -> go.Bar:
    return go.Bar(
        x=[bar[0] for bar in bars],
        y=[bar[1] for bar in bars],
        customdata=[bar[2] for bar in bars],
        text=[in_words(bar[2]) for bar in bars],
        textposition="none",
        width=WIDTH,
        marker={"color": FILL[group.role], "line": {"width": 0}},
        name=escape(group.label),
        yaxis=yaxis,
        hovertemplate="%{y:.1%} %{text}",
        meta=csv(forgetting_events="customdata", share="y"),
    )


def _number(group: ForgettingShares, bar: Bar, yaxis: str, narrow: bool) -> dict[str, Any]:
    text = percent(bar[1], 0) if bar[1] > 0.005 else "<1%"
    size = 11.5 if narrow else 12.5
    return annotation(text, bar[0], bar[1], TEXT[group.role], size=size, yref=yaxis, yanchor="bottom")


def _name(group: ForgettingShares, top: float) -> dict[str, Any]:
    """Above its columns."""
    return annotation(
        f"<b>{escape(group.label)}</b>", 0, top, TEXT[group.role],
        xref="paper", yref="paper", xanchor="left", yanchor="bottom", yshift=1,
    )  # fmt: skip
