"""The share of each group in several runs at one moment: a row a group, a letter a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from probes_reports.figures.base import NARROW_WIDTH, annotation, axis, blank_figure, escape, percent_axis
from probes_reports.figures.compared_curves import COLOURS, TEXTS, Role
from probes_reports.figures.direct_labels import box_size
from probes_reports.palette import LIGHT

__all__ = ["GroupShares", "compared_groups"]

HALF_WIDTH = 514
STEP = 17  # px between the runs of a group
GAP = 20  # px between groups
TOP, BOTTOM, RIGHT = 6, 46, 20


@dataclass(frozen=True)
class GroupShares:
    """A group: its colour, its name in a line or two, and its share in each run, None where unknown."""

    role: Role
    label: tuple[str, ...]
    shares: tuple[float | None, ...]


def compared_groups(groups: Sequence[GroupShares], letters: Sequence[str], *, narrow: bool = False) -> go.Figure:
    """A letter at each share, the runs of a group below each other, a thin line from one to the next.

    Args:
        groups: from top to bottom.
        letters: of the runs.
        narrow: the layout of a phone.
    """
    runs = len(letters)
    block = STEP * max(runs, 2) + GAP
    left = int(max(box_size(group.label)[0] for group in groups)) + 14
    left = min(left, int((NARROW_WIDTH if narrow else HALF_WIDTH) * 0.45))
    height = TOP + BOTTOM + block * len(groups)
    figure = blank_figure(height=height, left=left, right=RIGHT, top=TOP, bottom=BOTTOM)
    figure.update_layout(
        xaxis=percent_axis(
            step=0.5 if narrow else 0.25, gridcolor=LIGHT.rule, showline=True, linecolor=LIGHT.rule_strong,
            title="share of the group",
        ),
        yaxis=axis(range=[block * len(groups), 0], showgrid=False, showticklabels=False),
        shapes=[_separator(block * at) for at in range(1, len(groups))],
        annotations=[_name(group, block * (at + 0.5), left) for at, group in enumerate(groups)],
    )  # fmt: skip
    for at, group in enumerate(groups):
        figure.add_trace(_letters(group, letters, block * (at + 0.5) - STEP * (runs - 1) / 2))
    return figure


def _letters(group: GroupShares, letters: Sequence[str], top: float) -> go.Scatter:
    known = [(at, share) for at, share in enumerate(group.shares) if share is not None]
    return go.Scatter(
        x=[share for _, share in known],
        y=[top + STEP * at for at, _ in known],
        text=[f"<b>{letters[at]}</b>" for at, _ in known],
        customdata=[letters[at] for at, _ in known],
        name=escape(" ".join(group.label)),
        mode="lines+markers+text",
        line={"color": COLOURS[group.role], "width": 1.2},
        marker={"size": 17, "color": LIGHT.page, "line": {"color": COLOURS[group.role], "width": 1.5}},
        textfont={"size": 11, "color": TEXTS[group.role]},
        textposition="middle center",
        cliponaxis=False,
        hovertemplate="%{customdata}: %{x:.1%}<extra></extra>",
    )


def _separator(y: float) -> dict[str, Any]:
    return {
        "type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": y, "y1": y, "layer": "below",
        "line": {"color": LIGHT.rule, "width": 1},
    }  # fmt: skip


def _name(group: GroupShares, y: float, left: int) -> dict[str, Any]:
    return annotation(
        "<br>".join(escape(line) for line in group.label), 0, y, TEXTS[group.role],
        xref="paper", xanchor="left", xshift=-left, align="left",
    )  # fmt: skip
