"""How the probability that a label is right is spread over the examples."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from probes_reports.figures.base import annotation, axis, blank_figure, csv, percent_axis
from probes_reports.palette import LIGHT
from probes_reports.wording import count

__all__ = ["histogram"]

BINS = 50
HEIGHT, NARROW_HEIGHT = 270, 250


def histogram(scores: np.ndarray, cutoff: float, *, narrow: bool = False) -> go.Figure:
    """Bars of counts on a log scale, flagged ones in the colour of wrong labels, a line at the cut-off.

    Args:
        scores: float, (N,); probability that the given label is right.
        cutoff: below it an example is flagged.
        narrow: the layout of a phone.
    """
    edges = np.linspace(0, 1, BINS + 1)
    counts, _ = np.histogram(scores, edges)
    flagged = int((scores < cutoff).sum())
    most = max(int(counts.max()), 10)
    figure = blank_figure(height=NARROW_HEIGHT if narrow else HEIGHT, left=52, right=28, top=30, bottom=48)
    centres = (edges[:-1] + edges[1:]) / 2
    for name, colour, inside in (
        ("flagged", LIGHT.noisy, centres < cutoff),
        ("kept", LIGHT.clean, centres >= cutoff),
    ):
        figure.add_trace(_bars(name, colour, edges[:-1][inside], edges[1:][inside], counts[inside]))
    ticks = [10**power for power in range(int(np.log10(most)) + 1)]
    figure.update_layout(
        bargap=0.08,
        barmode="overlay",
        xaxis=percent_axis(step=0.25, showgrid=False, showline=True, linecolor=LIGHT.rule_strong,
                           title="probability that the given label is right"),
        yaxis=axis(type="log", range=[np.log10(0.6), np.log10(most * 1.6)], tickmode="array", tickvals=ticks,
                   ticktext=[count(tick) for tick in ticks], title="" if narrow else "examples (log)"),
        shapes=[{"type": "line", "x0": cutoff, "x1": cutoff, "y0": 0, "y1": 1, "yref": "paper",
                 "line": {"color": LIGHT.ink, "width": 1.2, "dash": "dot"}}],
        annotations=[
            _name(f"{count(flagged)} flagged", cutoff, "right", LIGHT.noisy_text),
            _name(f"{count(len(scores) - flagged)} kept", cutoff, "left", LIGHT.clean_text),
        ],
    )  # fmt: skip
    return figure


def _bars(name: str, colour: str, low: np.ndarray, high: np.ndarray, counts: np.ndarray) -> go.Bar:
    return go.Bar(
        x=(low + high) / 2,
        y=[value or None for value in counts.tolist()],
        width=1 / BINS,
        name=name,
        marker={"color": colour, "line": {"width": 0}},
        customdata=np.stack([low, high, counts], axis=1),
        hovertemplate="%{customdata[0]:.0%} to %{customdata[1]:.0%}: %{customdata[2]:,} examples<extra></extra>",
        meta=csv(low="customdata.0", high="customdata.1", examples="customdata.2"),
    )


def _name(text: str, x: float, side: str, colour: str) -> dict[str, object]:
    shift = -10 if side == "right" else 10
    return annotation(text, x, 1, colour, yref="paper", xanchor=side, yanchor="bottom", xshift=shift, yshift=4)
