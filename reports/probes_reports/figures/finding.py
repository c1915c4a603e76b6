"""How early the noise could have been found: AUROC of each score computed from epochs 1 to t."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

from probes_reports.figures.base import NARROW_WIDTH, WIDE_WIDTH, annotation, axis, blank_figure, csv
from probes_reports.figures.direct_labels import Placed, Wanted, box_size, place_labels, spread
from probes_reports.figures.epoch_axis import Guide, epoch_axis, guide_labels, guide_lines, place
from probes_reports.palette import LIGHT, fade
from probes_reports.wording import auroc

__all__ = ["STRONG", "ScoreLine", "auroc_by_epoch"]

LOW, HIGH = 0.4, 1.006  # of the y axis: below 0.4 a score is inverted, and one such line would take half the height
STRONG: dict[str, tuple[dict[str, Any], str]] = {  # name of the score -> its line, colour of its name
    "mean_loss": ({"color": LIGHT.ink, "width": 3}, LIGHT.ink),
    "aum": ({"color": LIGHT.highlight, "width": 2.5}, LIGHT.highlight_text),
    "variability": ({"color": LIGHT.ink_2, "width": 2.2, "dash": "dot"}, LIGHT.ink_2),
    "final_loss": ({"color": LIGHT.ink_2, "width": 2, "dash": "7px,4px"}, LIGHT.ink_2),
}
QUIET = {"color": fade(LIGHT.ink_3, 0.4), "width": 1.5}


@dataclass(frozen=True)
class ScoreLine:
    """A score's AUROC over the ends of its window.

    Attributes:
        name: in the catalogue; those of STRONG are drawn strongly.
        label: beside the line.
        short_label: on a phone.
        ends: int, (W,), ascending; last epoch of each window.
        aurocs: float, (W,); NaN where undefined.
    """

    name: str
    label: str
    short_label: str
    ends: np.ndarray
    aurocs: np.ndarray


@dataclass(frozen=True)
class _Frame:
    """The plot area in px, and how to get there."""

    last: int
    left: int
    right: int
    top: int
    bottom: int
    total_width: int
    total_height: int

    @property
    def width(self) -> int:
        return self.total_width - self.left - self.right

    @property
    def height(self) -> int:
        return self.total_height - self.top - self.bottom

    def x(self, epochs: np.ndarray | float) -> np.ndarray:
        """Share of the width at which epochs lie."""
        low, high = float(place(1)), float(place(max(self.last, 2)))
        return np.asarray((place(epochs) - low) / (high - low))

    def y(self, aurocs: np.ndarray | float) -> np.ndarray:
        """Share of the height at which values lie; negative below the axis."""
        return (np.asarray(aurocs, dtype=float) - LOW) / (HIGH - LOW)

    def pixels(self, epochs: np.ndarray | Sequence[float], aurocs: np.ndarray | Sequence[float]) -> np.ndarray:
        """float, (T, 2): px from the left and from the bottom."""
        x, y = self.x(np.asarray(epochs)) * self.width, self.y(np.asarray(aurocs)) * self.height
        return np.stack([x, y], axis=1)[np.isfinite(y)]


def auroc_by_epoch(lines: Sequence[ScoreLine], guides: Sequence[Guide] = (), *, narrow: bool = False) -> go.Figure:
    """AUROC over the end of the window, on the log(1 + epoch) axis; names and values in a column at the right.

    Args:
        lines: at least one.
        guides: epochs to mark.
        narrow: the layout of a phone: only the strong lines are named, without their values.
    """
    last = max(int(line.ends[-1]) for line in lines)
    frame = (
        _Frame(last, 40, 82, 26, 48, NARROW_WIDTH, 420) if narrow else _Frame(last, 48, 218, 26, 50, WIDE_WIDTH, 440)
    )
    figure = blank_figure(
        height=frame.total_height, left=frame.left, right=frame.right, top=frame.top, bottom=frame.bottom
    )
    column = _column(lines, frame, narrow)
    figure.update_layout(
        hovermode="x unified",
        hoverdistance=-1,
        xaxis=epoch_axis(
            last,
            1,
            width=frame.width,
            title="score computed from epochs 1 to …",
            unifiedhovertitle={"text": "from epochs 1 to"},
        ),
        yaxis=_y_axis(),
        shapes=[_chance(), *guide_lines(guides), *(_leader(*ends) for _, ends in column)],
    )
    for line in sorted(lines, key=_strength):
        figure.add_trace(_trace(line, narrow))
    names = [_end_label(line, height, narrow) for line, (_, height) in column]
    labels = guide_labels(guides, last, 1, width=frame.width)
    figure.update_layout(annotations=[*labels, *names, *_notes(lines, guides, frame)])
    return figure


def _strength(line: ScoreLine) -> int:
    """Quiet lines first, so that strong ones lie over them; mean loss last."""
    return -list(STRONG).index(line.name) if line.name in STRONG else -len(STRONG)


def _y_axis() -> dict[str, Any]:
    values = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    texts = [f"{value:g}" for value in values]
    return axis(range=[LOW, HIGH], tickmode="array", tickvals=values, ticktext=texts)


def _trace(line: ScoreLine, narrow: bool) -> go.Scatter:
    strong = line.name in STRONG
    style = STRONG[line.name][0] if strong else QUIET
    return go.Scatter(
        x=place(line.ends),
        y=line.aurocs,
        customdata=line.ends,
        name=line.label,
        mode="lines" if len(line.ends) > 1 else "markers",
        line=style,
        marker={"color": style["color"], "size": 8 if strong else 6},
        hovertemplate="%{y:.3f}",
        hoverinfo="skip" if narrow and not strong else None,
        meta=csv(last_epoch_of_window="customdata", auroc="y"),
    )


def _chance() -> dict[str, Any]:
    line = {"color": LIGHT.ink_3, "width": 1}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0.5, "y1": 0.5, "layer": "below", "line": line}


def _column(lines: Sequence[ScoreLine], frame: _Frame, narrow: bool) -> list[tuple[ScoreLine, tuple[float, float]]]:
    """Per named line, the share of the height at which it ends and at which its name stands."""
    named = [line for line in lines if np.isfinite(line.aurocs[-1]) and (line.name in STRONG or not narrow)]
    named.sort(key=lambda line: -float(line.aurocs[-1]))
    if not named:
        return []
    ends = [float(np.clip(frame.y(line.aurocs[-1]), 0, 1)) for line in named]
    gap = min(17.0, frame.height / len(named))
    moved = spread([end * frame.height for end in ends], gap, 0, frame.height - 9)
    return [(line, (end, at / frame.height)) for line, end, at in zip(named, ends, moved, strict=True)]


def _leader(end: float, name: float) -> dict[str, Any]:
    """A thin line from where a score ends to its name, both as shares of the height."""
    return {
        "type": "line",
        "xref": "paper",
        "yref": "paper",
        "xsizemode": "pixel",
        "xanchor": 1,
        "x0": 2,
        "x1": 16,
        "y0": end,
        "y1": name,
        "line": {"color": LIGHT.rule_strong, "width": 1},
    }


def _end_label(line: ScoreLine, height: float, narrow: bool) -> dict[str, Any]:
    """A name, and its value, at a share of the height."""
    strong = line.name in STRONG
    colour = STRONG[line.name][1] if strong else LIGHT.ink_3
    name = f"<b>{line.short_label if narrow else line.label}</b>" if strong else line.label
    text = name if narrow else f"{name}  {auroc(float(line.aurocs[-1]))}"
    return annotation(
        text, 1, height, colour, size=12 if narrow else 13,
        xref="paper", yref="paper", xanchor="left", yanchor="middle", xshift=19,
    )  # fmt: skip


def _notes(lines: Sequence[ScoreLine], guides: Sequence[Guide], frame: _Frame) -> list[dict[str, Any]]:
    """Where a strong score is inverted, and the name of the line of chance, wherever there is room."""
    notes = [note for line in lines if line.name in STRONG for note in _wrong_way(line, frame)]
    corners = {line.name: frame.pixels(line.ends, line.aurocs) for line in lines}
    corners["chance"] = frame.pixels([1, max(frame.last, 2)], [0.5, 0.5])
    for guide in guides:
        corners[f"guide {guide.epoch}"] = frame.pixels([guide.epoch, guide.epoch], [LOW, HIGH])
    chance = Wanted("chance", (("chance",),), "chance", ("above", "below"), (0.97, 0.18, 60.0))
    taken = [note.box for note in notes]
    placed = place_labels([chance], corners, width=frame.width, height=frame.height, taken=taken, size=12.0)
    return [*(_note(note, frame) for note in notes), *(_chance_name(label, frame) for label in placed)]


@dataclass(frozen=True)
class _WrongWay:
    """A note that a line is inverted, in px of the plot area; `box` is left, bottom, right, top."""

    text: str
    box: tuple[float, float, float, float]
    align: Literal["left", "right"]


def _wrong_way(line: ScoreLine, frame: _Frame) -> list[_WrongWay]:
    """A note at the foot of the plot, where a line enters it for good, or leaves it; none where there is no room."""
    below = np.flatnonzero(line.aurocs < LOW)
    if not len(below):
        return []
    rises = below[-1] < len(line.ends) - 1
    at = int(below[-1]) if rises else int(np.max(np.flatnonzero(line.aurocs >= LOW), initial=-1))
    if at < 0:
        return []  # inverted from the first epoch to the last: the value at the right says so
    before, after = line.aurocs[: at + 1], line.aurocs[at + 1 :]
    wrong, right = (before, after) if rises else (after, before)
    if (wrong > 0.5).any() or (right < 0.5).any():
        return []  # it crosses chance elsewhere too
    x = float(np.interp(0.0, *_crossing(line, at, frame)))
    align: Literal["left", "right"] = "right" if rises else "left"
    when = "until here" if rises else "from here on"
    for text in (
        (f"{line.label} points the wrong way {when}",),
        (f"{line.label} points", f"the wrong way {when}"),
    ):
        width, height = box_size(text, 12.0)
        left = x - 10 - width if rises else x + 12
        if left >= 4 and left + width <= frame.width - 4:
            return [_WrongWay("<br>".join(text), (left, 4.0, left + width, 4.0 + height), align)]
    return []


def _crossing(line: ScoreLine, at: int, frame: _Frame) -> tuple[np.ndarray, np.ndarray]:
    """Heights, ascending, and px from the left of the ends of the stretch that crosses the lower edge."""
    points = frame.pixels(line.ends[at : at + 2], line.aurocs[at : at + 2])
    points = points[np.argsort(points[:, 1])]
    return points[:, 1], points[:, 0]


def _note(note: _WrongWay, frame: _Frame) -> dict[str, Any]:
    left, bottom, right, top = note.box
    return annotation(
        note.text, (right if note.align == "right" else left) / frame.width, (bottom + top) / 2 / frame.height,
        LIGHT.ink_2, size=12, xref="paper", yref="paper", xanchor=note.align, yanchor="middle", align=note.align,
    )  # fmt: skip


def _chance_name(label: Placed, frame: _Frame) -> dict[str, Any]:
    return annotation(
        label.text, (label.x + label.dx) / frame.width, (label.y + label.dy) / frame.height, LIGHT.ink_3, size=12,
        xref="paper", yref="paper", xanchor=label.xanchor, yanchor="middle",
    )  # fmt: skip
