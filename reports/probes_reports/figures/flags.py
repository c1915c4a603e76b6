"""What a score flags in each class, against what is truly wrong where that is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from probes_reports.figures.base import NARROW_WIDTH, annotation, axis, blank_figure, csv, escape, percent_axis
from probes_reports.figures.direct_labels import box_size
from probes_reports.palette import LIGHT

__all__ = ["ClassFlags", "flags_by_class"]

HALF_WIDTH = 514
ROW = 26  # px
RIGHT, BOTTOM = 24, 50
TOP, TOP_WITH_KEY = 14, 36
LONGEST, LONGEST_NARROW = 20, 14  # characters of a row's name


@dataclass(frozen=True)
class ClassFlags:
    """The examples that carry one given label.

    Attributes:
        name: of the class.
        examples: that carry it and were judged.
        flagged: of those.
        noisy: of those; None where truth is unknown.
        precision: share of the flagged of known truth that are noisy; None where there are none.
    """

    name: str
    examples: int
    flagged: int
    noisy: int | None
    precision: float | None = None


def flags_by_class(rows: Sequence[ClassFlags], *, noisy_label: str = "truly wrong", narrow: bool = False) -> go.Figure:
    """One row a class: a circle at the share flagged, a diamond at the share that is noisy, a line between.

    Args:
        rows: from top to bottom, none without examples.
        noisy_label: name of the diamonds.
        narrow: the layout of a phone.
    """
    names = [_short(f"given {row.name}", LONGEST_NARROW if narrow else LONGEST) for row in rows]
    left = int(max(box_size([name])[0] for name in names)) + 16
    width = (NARROW_WIDTH if narrow else HALF_WIDTH) - left - RIGHT
    flagged = np.array([row.flagged / row.examples for row in rows])
    noisy = None
    if all(row.noisy is not None for row in rows):
        noisy = np.array([(row.noisy or 0) / row.examples for row in rows])
    high, step = _scale(float(max(flagged.max(), 0 if noisy is None else noisy.max())))
    labels = _names(flagged, noisy, noisy_label, high, width)
    top = TOP if labels else TOP_WITH_KEY
    figure = blank_figure(height=top + BOTTOM + ROW * len(rows), left=left, right=RIGHT, top=top, bottom=BOTTOM)
    if noisy is not None:
        figure.add_trace(_connectors(flagged, noisy))
    figure.add_trace(_dots(rows, flagged, "flagged", "flagged", [row.flagged for row in rows]))
    if noisy is not None:  # over the circles, so that both show where they coincide
        figure.add_trace(_dots(rows, noisy, noisy_label, "noisy", [row.noisy or 0 for row in rows]))
    figure.update_layout(
        xaxis=_share_axis(high, step, "share of its examples" if narrow else "share of the examples given this label"),
        yaxis=axis(
            range=[len(rows) - 0.5, -0.5],
            tickmode="array",
            tickvals=list(range(len(rows))),
            ticktext=[escape(name) for name in names],
            showgrid=False,
            ticklabelstandoff=8,
        ),
        annotations=labels or [_key(noisy_label, noisy is not None)],
    )
    return figure


def _short(name: str, longest: int) -> str:
    return name if len(name) <= longest else name[: longest - 1] + "…"


def _scale(largest: float) -> tuple[float, float]:
    """End of the axis and distance of its ticks, for shares up to `largest`."""
    step = next(step for step in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25) if largest <= 5 * step or step == 0.25)
    return min(1.0, max(step, float(np.ceil(largest * 1.02 / step)) * step)), step


def _share_axis(high: float, step: float, title: str) -> dict[str, Any]:
    settings = percent_axis(
        0, high, step=step, gridcolor=LIGHT.rule, showline=True, linecolor=LIGHT.rule_strong,
        title=title,
    )  # fmt: skip
    if step < 0.01:
        settings["ticktext"] = [f"{value:.1%}" for value in settings["tickvals"]]
    return settings


def _connectors(flagged: np.ndarray, noisy: np.ndarray) -> go.Scatter:
    rows = np.arange(len(flagged))
    return go.Scatter(
        x=np.stack([flagged, noisy, np.full(len(rows), np.nan)], 1).ravel(),
        y=np.repeat(rows, 3),
        mode="lines",
        line={"color": LIGHT.rule_strong, "width": 2},
        hoverinfo="skip",
    )


def _dots(rows: Sequence[ClassFlags], shares: np.ndarray, name: str, kind: str, counts: Sequence[int]) -> go.Scatter:
    marker = (
        {"symbol": "diamond", "size": 9, "color": LIGHT.noisy}
        if kind == "noisy"
        else {"size": 12, "color": LIGHT.page, "line": {"color": LIGHT.ink, "width": 2}}
    )
    return go.Scatter(
        x=shares,
        y=np.arange(len(rows)),
        name=name,
        mode="markers",
        marker=marker,
        cliponaxis=False,
        text=[escape(row.name) for row in rows],
        customdata=[[count, row.examples] for count, row in zip(counts, rows, strict=True)],
        hovertemplate=(
            f"given %{{text}}: %{{x:.1%}} {name}<br>%{{customdata[0]:,}} of %{{customdata[1]:,}}<extra></extra>"
        ),
        meta=csv(given_label="text", share="x", examples="customdata.0", of="customdata.1"),
    )


def _names(
    flagged: np.ndarray, noisy: np.ndarray | None, noisy_label: str, high: float, width: int
) -> list[dict[str, Any]]:
    """What the marks mean, beside the first row with room for it; nothing where none has any."""
    texts = {"flagged": ("flagged", LIGHT.ink), "noisy": (noisy_label, LIGHT.noisy_text)}
    values = {"flagged": flagged} if noisy is None else {"flagged": flagged, "noisy": noisy}
    for row in range(len(flagged)):
        order = sorted(values, key=lambda kind: float(values[kind][row]))
        sides = dict(zip(reversed(order), ("right", "left"), strict=False))
        places = {kind: float(values[kind][row]) / high * width for kind in sides}
        apart = max(places.values()) - min(places.values()) >= 14 or noisy is None
        if apart and all(_fits(places[kind], texts[kind][0], side, width) for kind, side in sides.items()):
            return [
                annotation(
                    texts[kind][0], float(values[kind][row]), row, texts[kind][1], yanchor="middle",
                    xanchor="right" if side == "left" else "left", xshift=-10 if side == "left" else 10,
                )
                for kind, side in sides.items()
            ]  # fmt: skip
    return []


def _key(noisy_label: str, with_noisy: bool) -> dict[str, Any]:
    """What the marks mean, above the plot."""
    diamond = f'   <span style="color:{LIGHT.noisy_text}">◆ {noisy_label}</span>' if with_noisy else ""
    text = f'<span style="color:{LIGHT.ink}">○ flagged</span>{diamond}'
    return annotation(text, 0, 1, LIGHT.ink, xref="paper", yref="paper", xanchor="left", yanchor="bottom", yshift=8)


def _fits(at: float, text: str, side: str, width: int) -> bool:
    """Whether a name on that side of a mark `at` px stays within the plot."""
    room = box_size([text])[0] + 14
    return at >= room if side == "left" else at + room <= width + RIGHT
