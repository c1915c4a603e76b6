"""Rank correlations of two sets of scores as a matrix of numbers on tinted cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from probes_reports.figures.base import NARROW_WIDTH, WIDE_WIDTH, annotation, axis, blank_figure
from probes_reports.palette import LIGHT, fade

__all__ = ["score_matrix"]

STRONGEST = 0.55  # opacity of a cell at 1: the number on it stays readable in both themes
STEEPNESS = 1.4  # exponent of the opacity: above 1 the strong values, which are many, differ more from each other
STOPS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of |value|


def _opacity(size: float) -> float:
    return round(STRONGEST * size**STEEPNESS, 3)


COLOURS = [
    *([0.5 - size / 2, fade(LIGHT.series_4, _opacity(size))] for size in reversed(STOPS)),
    *([0.5 + size / 2, fade(LIGHT.highlight, _opacity(size))] for size in STOPS),
]


def score_matrix(
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    marked: Sequence[tuple[int, int]] = (),
    *,
    narrow: bool = False,
) -> go.Figure:
    """A heat map with its numbers.

    Args:
        values: float, (R, C), in [-1, 1]; NaN where undefined.
        rows, columns: names.
        marked: (row, column) of cells that get a frame.
        narrow: the layout of a phone: rows and columns change places.
    """
    if narrow:
        values, rows, columns = values.T, columns, rows
        marked = [(column, row) for row, column in marked]
    left, top, height = (108, 132, 27) if narrow else (184, 58, 34)
    figure = blank_figure(height=top + height * len(rows) + 12, left=left, right=4, top=top, bottom=12)
    figure.add_trace(
        go.Heatmap(
            z=values,
            zmin=-1,
            zmax=1,
            colorscale=COLOURS,
            showscale=False,
            xgap=1,
            ygap=1,
            customdata=[[f"{row} and {column}" for column in columns] for row in rows],
            hovertemplate="%{customdata}: %{z:.2f}<extra></extra>",
            hoverongaps=False,
            name="rank correlation",
        )
    )
    width = ((NARROW_WIDTH if narrow else WIDE_WIDTH) - left - 4) / len(columns)
    texts = list(columns) if narrow else [_broken(name) for name in columns]
    figure.update_layout(
        xaxis={**_names_axis(texts, 12), "side": "top", "tickangle": -90 if narrow else 0},
        yaxis=_names_axis(rows, 12 if narrow else 13, downwards=True),
        shapes=[_frame(row, column) for row, column in marked],
        annotations=_numbers(values, 10 if width < 30 else 13),
    )
    return figure


def _names_axis(names: Sequence[str], size: int, *, downwards: bool = False) -> dict[str, Any]:
    """A name at each whole number from 0 on."""
    ends = [-0.5, len(names) - 0.5]
    return axis(
        range=ends[::-1] if downwards else ends,
        tickmode="array",
        tickvals=list(range(len(names))),
        ticktext=list(names),
        showgrid=False,
        tickfont={"size": size, "color": LIGHT.ink_2},
    )


def _broken(name: str) -> str:
    """A name on two lines, broken at the space nearest to its middle."""
    spaces = [at for at, character in enumerate(name) if character == " "]
    if not spaces or len(name) <= 10:
        return name
    at = min(spaces, key=lambda space: abs(space - len(name) / 2))
    return f"{name[:at]}<br>{name[at + 1 :]}"


def _numbers(values: np.ndarray, size: float) -> list[dict[str, Any]]:
    """Two decimals, without the leading zero where it is narrow; a dash where undefined."""
    return [
        annotation(_number(values[row, column], size < 12), column, row, LIGHT.ink, size=size)
        for row in range(values.shape[0])
        for column in range(values.shape[1])
    ]


def _number(value: float, short: bool) -> str:
    if not np.isfinite(value):
        return "–"
    text = f"{value:.2f}".replace("-", "−")
    if float(f"{value:.2f}") == 0:
        text = "0.00"
    return text.replace("0.", ".", 1) if short else text


def _frame(row: int, column: int) -> dict[str, Any]:
    return {
        "type": "rect", "x0": column - 0.48, "x1": column + 0.48, "y0": row - 0.47, "y1": row + 0.47,
        "line": {"color": LIGHT.ink, "width": 1.5}, "fillcolor": fade(LIGHT.page, 0),
    }  # fmt: skip
