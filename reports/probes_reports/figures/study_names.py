"""Names in a study's figures, of lines, points and references, each where there is room for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from probes_reports.figures.base import annotation, escape
from probes_reports.figures.direct_labels import Placed, Side, Wanted, place_labels
from probes_reports.figures.study_axis import Frame, StudyAxis
from probes_reports.palette import LIGHT

__all__ = ["Named", "Reference", "name_everything", "reference_lines"]

REFERENCE = "reference "


@dataclass(frozen=True)
class Reference:
    """A line across the plot: level where `axis` is "y", upright where it is "x"."""

    axis: str
    value: float
    label: str

    def position(self, x: StudyAxis, y: StudyAxis) -> float:
        """On its axis; NaN where that has no place for it."""
        return float((x if self.axis == "x" else y).place(self.value))


@dataclass(frozen=True)
class Named:
    """A line or a point.

    Attributes:
        corners: px, (P, 2), none of them missing; kept clear of.
        variants: texts, escaped, the preferred first; none where it needs no name.
        colour: of the text.
        sides: where the name may stand, the preferred first.
        across: share of the width that it should be near; None anywhere.
    """

    corners: np.ndarray
    variants: tuple[tuple[str, ...], ...]
    colour: str
    sides: tuple[Side, ...] = ("above", "left", "right", "below")
    across: float | None = None


def name_everything(
    things: Sequence[Named], references: Sequence[Reference], x: StudyAxis, y: StudyAxis, frame: Frame, size: float
) -> tuple[list[dict[str, Any]], int]:
    """Annotations, and how many things found no room for their name. A reference always has its label."""
    marks = {f"{REFERENCE}{number}": r for number, r in enumerate(references) if math.isfinite(r.position(x, y))}
    corners = {str(number): thing.corners for number, thing in enumerate(things)}
    corners |= {name: _ends(mark, x, y, frame) for name, mark in marks.items()}
    wanted = [
        Wanted(str(number), thing.variants, str(number), thing.sides,
               None if thing.across is None else (thing.across, None, 30.0))
        for number, thing in enumerate(things) if thing.variants
    ]  # fmt: skip
    for name, mark in marks.items():
        upright = mark.axis == "x"
        sides: tuple[Side, ...] = ("right", "left") if upright else ("above", "below")
        wanted.append(
            Wanted(name, ((escape(mark.label),),), name, sides, (None, 0.1, 40) if upright else (1, None, 40))
        )
    placed = place_labels(wanted, corners, width=frame.width, height=frame.height, rules=list(marks), size=size)
    colours = {**{str(n): thing.colour for n, thing in enumerate(things)}, **dict.fromkeys(marks, LIGHT.ink_3)}
    found = [_annotation(label, colours[label.name], x, y, frame, size) for label in placed]
    names = {label.name for label in placed}
    crowded = [_at_the_edge(mark, x, y, size) for name, mark in marks.items() if name not in names]
    return [*found, *crowded], len({want.name for want in wanted} - names - set(marks))


def reference_lines(references: Sequence[Reference], x: StudyAxis, y: StudyAxis) -> list[dict[str, Any]]:
    """Dotted lines across the plot."""
    lines = []
    for reference in references:
        along, across = ("x", "y") if reference.axis == "x" else ("y", "x")
        position = reference.position(x, y)
        if math.isfinite(position):
            ends = {f"{along}0": position, f"{along}1": position, f"{across}0": 0, f"{across}1": 1}
            style = {"color": LIGHT.ink_3, "width": 1.3, "dash": "dot"}
            lines.append({"type": "line", **ends, f"{across}ref": "paper", "layer": "below", "line": style})
    return lines


def _ends(mark: Reference, x: StudyAxis, y: StudyAxis, frame: Frame) -> np.ndarray:
    if mark.axis == "x":
        at = float(x.px(mark.value, frame.width))
        return np.array([[at, 0.0], [at, frame.height]])
    at = float(y.px(mark.value, frame.height))
    return np.array([[0.0, at], [frame.width, at]])


def _annotation(label: Placed, colour: str, x: StudyAxis, y: StudyAxis, frame: Frame, size: float) -> dict[str, Any]:
    return annotation(
        label.text,
        x.low + label.x / frame.width * (x.high - x.low),
        y.low + label.y / frame.height * (y.high - y.low),
        colour,
        size=size,
        xanchor=label.xanchor,
        xshift=label.dx,
        yshift=label.dy,
        align={"left": "right", "right": "left"}.get(label.side, "center"),
    )


def _at_the_edge(mark: Reference, x: StudyAxis, y: StudyAxis, size: float) -> dict[str, Any]:
    """Where no room was found: at the left above a level line, at the foot beside an upright one."""
    anchors = {"xanchor": "left", "yanchor": "bottom"}
    at = mark.position(x, y)
    if mark.axis == "x":
        return annotation(
            escape(mark.label), at, 0, LIGHT.ink_3, size=size, yref="paper", xshift=5, yshift=4, **anchors
        )
    return annotation(escape(mark.label), 0, at, LIGHT.ink_3, size=size, xref="paper", xshift=6, yshift=1, **anchors)
