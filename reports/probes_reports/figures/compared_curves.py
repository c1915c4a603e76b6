"""One quantity of several runs over the epochs, on axes that all panels share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

from probes_reports.figures.base import NARROW_WIDTH, annotation, blank_figure, csv, escape, percent_axis
from probes_reports.figures.direct_labels import spread
from probes_reports.figures.epoch_axis import epoch_axis, place
from probes_reports.figures.groups import FILL, KIND_ROLES, KindRole
from probes_reports.palette import LIGHT
from probes_reports.wording import percent

__all__ = ["COLOURS", "DASHES", "TEXTS", "RunLine", "compared_curves"]

Role = Literal["test", "validation", "clean", "noisy", "true", "all", KindRole]
COLOURS: dict[Role, str] = {
    "test": LIGHT.ink,
    "validation": LIGHT.ink,
    "clean": LIGHT.clean,
    "noisy": LIGHT.noisy,
    "true": LIGHT.true,
    "all": LIGHT.ink_2,
    **{role: FILL[role] for role in KIND_ROLES},
}
TEXTS: dict[Role, str] = {**COLOURS, "clean": LIGHT.clean_text, "noisy": LIGHT.noisy_text, "true": LIGHT.true_text}
DASHES = (
    "solid",
    "6px,4px",
    "2px,3px",
    "10px,3px,2px,3px",
    "14px,5px",
    "2px,6px",
    "8px,3px,2px,3px,2px,3px",
    "1px,2px",
)
HALF_WIDTH = 514
LEFT, RIGHT, TOP, BOTTOM = 48, 78, 12, 48
LOW, HIGH = -0.025, 1.025


@dataclass(frozen=True)
class RunLine:
    """A run's line: its place among the runs gives the dash, its letter stands at the end."""

    place: int
    letter: str
    name: str
    epochs: np.ndarray
    shares: np.ndarray


def compared_curves(lines: Sequence[RunLine], role: Role, *, first: int, last: int, narrow: bool = False) -> go.Figure:
    """A line a run, its letter and final value where it ends.

    Args:
        lines: at least one.
        role: gives the colour.
        first, last: epochs at the ends of the axis, the same in all panels.
        narrow: the layout of a phone.
    """
    width = (NARROW_WIDTH if narrow else HALF_WIDTH) - LEFT - RIGHT
    height = 250
    figure = blank_figure(height=height, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM)
    figure.update_layout(
        hovermode="x unified",
        hoverdistance=-1,
        xaxis=epoch_axis(last, first, width=width),
        yaxis={**percent_axis(), "range": [LOW, HIGH]},
    )
    for line in lines:
        figure.add_trace(_trace(line, role))
    figure.update_layout(annotations=_ends(lines, role, height - TOP - BOTTOM))
    return figure


def _trace(line: RunLine, role: Role) -> go.Scatter:
    name = f"{line.letter} {line.name}".strip()
    return go.Scatter(
        x=place(line.epochs),
        y=line.shares,
        customdata=line.epochs,
        name=escape(name if len(name) <= 28 else name[:27] + "…"),
        mode="lines" if len(line.epochs) > 1 else "markers",
        line={"color": COLOURS[role], "width": 2.2 if line.place == 0 else 1.8, "dash": DASHES[line.place]},
        marker={"color": COLOURS[role], "size": 7},
        hovertemplate="%{y:.1%}",
        meta=csv(epoch="customdata", share="y"),
    )


def _ends(lines: Sequence[RunLine], role: Role, height: int) -> list[dict[str, Any]]:
    """Letter and final value of each run at the right, pushed apart where they would touch."""
    finals = [float(line.shares[-1]) for line in lines]
    heights = [(final - LOW) / (HIGH - LOW) * height for final in finals]
    moved = spread(heights, 15, 0, height)
    return [
        annotation(
            f"<b>{line.letter}</b> {percent(final)}", 1, final, TEXTS[role],
            xref="paper", xanchor="left", xshift=7, yshift=shifted - at,
        )
        for line, final, at, shifted in zip(lines, finals, heights, moved, strict=True)
    ]  # fmt: skip
