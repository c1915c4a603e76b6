"""How many examples one must look at: found against inspected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from probes_reports.figures.base import NARROW_WIDTH, annotation, axis, blank_figure, csv, percent_axis
from probes_reports.figures.direct_labels import box_size
from probes_reports.figures.finding import STRONG
from probes_reports.palette import LIGHT

__all__ = ["Inspected", "found_by_inspecting"]

HALF_WIDTH = 514  # px, half a wide screen's column
HEIGHT = 336
LEFT, RIGHT, TOP, BOTTOM = 44, 30, 14, 50
PREFERRED = {  # side and height of the names, in the order in which they are placed
    "mean_loss": ("upper left", 0.72),
    "ideal": ("upper left", 0.93),
    "chance": ("lower right", 0.7),
    "aum": ("lower right", 0.8),
    "final_loss": ("lower right", 0.6),
}
Box = tuple[float, float, float, float]  # left, bottom, right, top in px of the plot area
DOTTED = {"color": LIGHT.ink_3, "width": 1.2, "dash": "2px,3px"}


@dataclass(frozen=True)
class Inspected:
    """What one finds by looking at the most suspicious examples first.

    Attributes:
        name: of the score in the catalogue, or `ideal`, `chance`.
        label: beside the line.
        inspected: int, (P,), ascending; examples looked at.
        found: float, (P,); share of the noisy examples among them.
    """

    name: str
    label: str
    inspected: np.ndarray
    found: np.ndarray


def found_by_inspecting(
    lines: Sequence[Inspected], *, num_noisy: int, num_examples: int, narrow: bool = False
) -> go.Figure:
    """Share of the noisy examples found over the number of examples inspected.

    Args:
        lines: scores, `ideal` and `chance`.
        num_noisy: noisy examples there are; a tick marks so many inspected.
        num_examples: examples there are.
        narrow: the layout of a phone.
    """
    width = (NARROW_WIDTH if narrow else HALF_WIDTH) - LEFT - RIGHT
    figure = blank_figure(height=HEIGHT, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM)
    for line in lines:
        figure.add_trace(_trace(line))
    figure.update_layout(
        hovermode="x unified",
        hoverdistance=-1,
        xaxis=_count_axis(num_noisy, num_examples, width),
        yaxis={**percent_axis(), "range": [0, 1.015]},
        annotations=_names(lines, num_examples, width),
    )
    return figure


def _trace(line: Inspected) -> go.Scatter:
    return go.Scatter(
        x=line.inspected,
        y=line.found,
        name=line.label,
        mode="lines",
        line=STRONG[line.name][0] if line.name in STRONG else DOTTED,
        hovertemplate="%{y:.1%}",
        meta=csv(inspected="x", share_found="y"),
    )


def _count_axis(num_noisy: int, num_examples: int, width: int) -> dict[str, Any]:
    """Ticks at 0, at as many as are noisy, at the end, and at round numbers that touch none of these."""
    step = 10.0 ** np.floor(np.log10(max(num_examples, 1)))
    round_numbers = [int(k * step / 2) for k in range(1, 20) if step / 2 * k == int(step / 2 * k)]
    shown = [0]
    for value in [num_noisy, num_examples, *round_numbers]:
        if 0 < value <= num_examples and all(abs(value - other) / num_examples * width >= 52 for other in shown):
            shown.append(value)
    return axis(
        range=[0, num_examples],
        tickmode="array",
        tickvals=sorted(shown),
        ticktext=[f"{value:,}" for value in sorted(shown)],
        showgrid=False,
        showline=True,
        linecolor=LIGHT.rule_strong,
        ticks="outside",
        ticklen=5,
        tickcolor=LIGHT.rule_strong,
        title="examples inspected",
        unifiedhovertitle={"text": "%{x:,.0f} inspected"},
    )


def _names(lines: Sequence[Inspected], num_examples: int, width: int) -> list[dict[str, Any]]:
    """Names beside the lines, where there is room."""
    height = HEIGHT - TOP - BOTTOM
    across = np.arange(width + 1)
    paths = {
        line.name: np.interp(across, line.inspected / num_examples * width, line.found / 1.015 * height)
        for line in lines
    }
    taken: list[Box] = []
    names = []
    for group in _coinciding(lines, paths):
        line = group[0]
        words = ", ".join(member.label for member in group)
        text = f"<b>{words}</b>" if line.name in STRONG else words
        others = [path for name, path in paths.items() if name not in {"ideal", *(member.name for member in group)}]
        box = _free_box(line.name, paths[line.name], others, box_size([text]), taken, height)
        if box is None:
            continue
        taken.append(box)
        names.append(
            annotation(
                text, (box[0] + box[2]) / 2 / width, (box[1] + box[3]) / 2 / height,
                STRONG[line.name][1] if line.name in STRONG else LIGHT.ink_3,
                xref="paper", yref="paper", xanchor="center", yanchor="middle",
            )
        )  # fmt: skip
    return names


def _coinciding(lines: Sequence[Inspected], paths: dict[str, np.ndarray]) -> list[list[Inspected]]:
    """Lines in the order in which their names are placed; scores less than 2.5 px apart share a name."""
    groups: list[list[Inspected]] = []
    for line in sorted(lines, key=lambda line: list(PREFERRED).index(line.name)):
        for group in groups:
            both = line.name in STRONG and group[0].name in STRONG
            if both and np.abs(paths[line.name] - paths[group[0].name]).mean() < 2.5:
                group.append(line)
                break
        else:
            groups.append([line])
    return groups


def _free_box(
    name: str,
    own: np.ndarray,
    others: Sequence[np.ndarray],
    size: tuple[float, float],
    taken: Sequence[Box],
    height: int,
) -> Box | None:
    """The best place for a name: nearest to its own line, clear of the others, at its preferred side and height."""
    best: tuple[float, Box] | None = None
    preferred_side, preferred_height = PREFERRED[name]
    for x in range(0, len(own), 4):
        for side in ("upper left", "lower right"):
            box = _box_beside(side, x, float(own[x]), size)
            inside = box[0] >= 2 and box[1] >= 2 and box[2] <= len(own) - 3 and box[3] <= height
            if not inside or any(_touch(box, other) for other in taken):
                continue
            near, clear = _gap(own, box), min((_gap(path, box) for path in others), default=30.0)
            value = min(clear, 30.0) - 100 * abs(own[x] / height - preferred_height) - 15 * (side != preferred_side)
            apart = clear >= near + 3 * (name != "ideal")
            if near >= 1 and apart and (best is None or value > best[0]):
                best = value, box
    return None if best is None else best[1]


def _box_beside(side: str, x: float, y: float, size: tuple[float, float]) -> Box:
    left, bottom = (x - 9 - size[0], y) if side == "upper left" else (x + 9, y - 4 - size[1])
    return left, bottom, left + size[0], bottom + size[1]


def _gap(path: np.ndarray, box: Box) -> float:
    """Px between a box and a line (height at every px across), measured upwards; negative where they touch."""
    over = path[max(0, int(box[0]) - 6) : int(box[2]) + 7]
    return float(max(over.min() - box[3], box[1] - over.max()))


def _touch(one: Box, other: Box) -> bool:
    return one[0] < other[2] + 6 and other[0] < one[2] + 6 and one[1] < other[3] + 3 and other[1] < one[3] + 3
