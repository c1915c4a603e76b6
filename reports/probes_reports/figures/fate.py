"""What became of each example: a heat map of answers, one row an example, one column an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from probes_reports.figures.base import annotation, axis, blank_figure
from probes_reports.figures.epoch_axis import Guide, epoch_axis, guide_labels, guide_lines, place
from probes_reports.palette import LIGHT, fade

__all__ = ["ANSWERS", "Block", "fate_map"]

ANSWERS = ("other", "given label", "true label", "given label", "not visited")  # of clean (1) and of noisy (3) examples
COLOURS = (LIGHT.other_area, LIGHT.clean, LIGHT.true_area, LIGHT.noisy, LIGHT.page)


@dataclass(frozen=True)
class Block:
    """Rows that belong together, in the order they are drawn from the top.

    Attributes:
        title: stands inside the block.
        examples: int, (R,); indices.
        answers: int8, (R, T); positions in ANSWERS per epoch.
        labels: R texts for the tooltip, such as "given 4, true 5"; escaped.
    """

    title: str
    examples: np.ndarray
    answers: np.ndarray
    labels: Sequence[str]


def fate_map(
    blocks: Sequence[Block], epochs: np.ndarray, guides: Sequence[Guide] = (), *, narrow: bool = False
) -> go.Figure:
    """Heat maps one below the other on the hero's epoch axis; column e spans [e, e + 1) of it.

    Args:
        blocks: from top to bottom, none of them empty.
        epochs: int, (T,), ascending.
        guides: epochs to mark.
        narrow: the layout of a phone.
    """
    left, right, top, bottom = (42, 46, 24, 48) if narrow else (48, 56, 24, 50)
    width = (343 if narrow else 1052) - left - right
    figure = blank_figure(height=560 if narrow else 600, left=left, right=right, top=top, bottom=bottom)
    first, last = int(epochs[0]), int(epochs[-1])
    ends = [float(place(first)), float(place(last + 1))]  # the last column is as wide as its epoch
    figure.update_layout(xaxis=epoch_axis(last, first, width=width, anchor="free", position=0, range=ends))
    titles = []
    for number, (block, domain) in enumerate(zip(blocks, _domains(blocks), strict=True)):
        figure.add_trace(_heat(block, epochs, f"y{number + 1 if number else ''}"))
        figure.update_layout({f"yaxis{number + 1 if number else ''}": _rows_axis(len(block.examples), domain)})
        titles.append(_title(block, domain))
    figure.update_layout(
        shapes=guide_lines(guides, colour=LIGHT.on_area),
        annotations=[*guide_labels(guides, last, first, width=width), *titles],
    )
    return figure


def _heat(block: Block, epochs: np.ndarray, yaxis: str) -> go.Heatmap:
    steps = len(COLOURS)
    return go.Heatmap(
        x=place(np.append(epochs, epochs[-1] + 1)),
        y=np.arange(len(block.examples) + 1),
        z=block.answers,
        zmin=-0.5,
        zmax=steps - 0.5,
        colorscale=[[edge / steps, colour] for at, colour in enumerate(COLOURS) for edge in (at, at + 1)],
        showscale=False,
        zsmooth=False,
        name=block.title,
        hovertemplate="%{customdata}<extra></extra>",
        yaxis=yaxis,
        meta={
            "csv": {"example": "", "epoch": "", "answer": ""},
            "matrix": {
                "rows": block.examples.tolist(),
                "columns": epochs.tolist(),
                "levels": list(ANSWERS),
                "labels": list(block.labels),
            },
        },
    )


def _title(block: Block, domain: tuple[float, float]) -> dict[str, object]:
    """The block's title in its upper right corner, on a plate: the answers behind it may have any colour."""
    return annotation(
        f"<b>{block.title}</b>",
        1,
        domain[1],
        LIGHT.ink,
        xref="paper",
        yref="paper",
        xanchor="right",
        yanchor="top",
        xshift=-12,
        yshift=-8,
        bgcolor=fade(LIGHT.page, 0.88),
        borderpad=3,
    )


def _rows_axis(rows: int, domain: tuple[float, float]) -> dict[str, object]:
    return axis(range=[rows, 0], domain=list(domain), showticklabels=False, showgrid=False)


def _domains(blocks: Sequence[Block]) -> list[tuple[float, float]]:
    """Heights in proportion to the rows (none below 8%), with a gap, from the top down."""
    gap = 0.018
    sizes = np.array([len(block.examples) for block in blocks], dtype=float)
    shares = np.maximum(sizes / sizes.sum(), 0.08)
    heights = shares / shares.sum() * (1 - gap * (len(blocks) - 1))
    tops = 1 - np.concatenate([[0.0], np.cumsum(heights[:-1] + gap)])
    return [(max(0.0, float(top - height)), float(top)) for top, height in zip(tops, heights, strict=True)]
