"""The axes of a study's figures: linear, logarithmic with a place for zero, or epochs; ticks are chosen here."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from probes_reports.figures import epoch_axis
from probes_reports.figures.base import NARROW_WIDTH, WIDE_WIDTH, annotation, axis, blank_figure, escape
from probes_reports.palette import LIGHT
from probes_reports.wording import percent

__all__ = [
    "COLOURS",
    "DASHES",
    "SYMBOLS",
    "TEXTS",
    "Frame",
    "StudyAxis",
    "frame_of",
    "shown",
    "study_axis",
    "wrapped",
]

SERIES = ("1", "2", "3", "4", "5")
COLOURS = {
    "clean": LIGHT.clean,
    "noisy": LIGHT.noisy,
    "true": LIGHT.true,
    "test": LIGHT.ink,
    "other": LIGHT.ink_3,
    **{name: getattr(LIGHT, f"series_{name}") for name in SERIES},
}
TEXTS = {**COLOURS, "clean": LIGHT.clean_text, "noisy": LIGHT.noisy_text, "true": LIGHT.true_text}
DASHES = dict(zip(SERIES, ("solid", "7px,3px", "2px,3px", "10px,3px,2px,3px", "14px,5px"), strict=True))
SYMBOLS = {
    "noisy": "diamond",
    "true": "square",
    "2": "diamond",
    "3": "square",
    "4": "triangle-up",
    "5": "triangle-down",
}
ROOM = 0.04  # of the span, beyond the first and the last value
FEW_DECADES = 2.2  # up to so many, 2 and 5 of each have a tick too


@dataclass(frozen=True)
class StudyAxis:
    """Where values are drawn.

    Attributes:
        title: with the unit; not escaped.
        kind: "linear", "log" or "epochs".
        low, high: positions at the ends.
        ticks: positions and their texts.
        zero: where a logarithmic axis draws 0; NaN without one.
        is_share: values are shares in [0, 1], shown in percent.
    """

    title: str
    kind: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    zero: float = math.nan
    is_share: bool = False

    def place(self, values: Any) -> np.ndarray:
        """Positions of values: float64, same shape; NaN for what has none."""
        return _place(np.asarray(values, dtype=float), self.kind, self.zero)

    def px(self, values: Any, extent: float) -> np.ndarray:
        """Px from the low end, on an axis of `extent` px."""
        return (self.place(values) - self.low) / (self.high - self.low) * extent

    def settings(self, **settings: Any) -> dict[str, Any]:
        """For plotly; the title is left to the figure."""
        return axis(
            **{
                "range": [self.low, self.high],
                "tickmode": "array",
                "tickvals": [position for position, _ in self.ticks],
                "ticktext": [text for _, text in self.ticks],
                **settings,
            }
        )

    def text(self, value: float) -> str:
        """A value as tooltips show it."""
        return shown(value, is_share=self.is_share)


@dataclass(frozen=True)
class Frame:
    """Px of a figure: its whole size, margins and type."""

    total_width: int
    total_height: int
    left: int
    right: int
    top: int
    bottom: int
    size: float = 13.0

    @property
    def width(self) -> int:
        """Of the plot area."""
        return self.total_width - self.left - self.right

    @property
    def height(self) -> int:
        """Of the plot area."""
        return self.total_height - self.top - self.bottom

    def figure(self, x: StudyAxis, y: StudyAxis) -> Any:
        """An empty figure with these axes; the title of y stands level above the plot."""
        lines = wrapped(x.title, 42 if self.total_width < 500 else 120)
        figure = blank_figure(
            height=self.total_height, left=self.left, right=self.right, top=self.top, bottom=self.bottom
        )
        quiet = {"ticks": "outside", "ticklen": 5, "tickcolor": LIGHT.rule_strong, "showline": True}
        figure.update_layout(
            xaxis=x.settings(title=lines, showgrid=False, linecolor=LIGHT.rule_strong, **quiet),
            yaxis=y.settings(),
        )
        return figure

    def y_title(self, y: StudyAxis) -> dict[str, Any]:
        """The title of the y axis."""
        place = {"xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom", "align": "left"}
        text = wrapped(y.title, 46 if self.total_width < 500 else 120)
        return annotation(text, 0, 1, LIGHT.ink_3, xshift=-self.left + 2, yshift=9, size=self.size, **place)


def frame_of(y: StudyAxis, x_title: str, *, narrow: bool, height: int, right: int = 16) -> Frame:
    """A frame whose margins hold the ticks of y and the titles."""
    longest = max((len(text) for _, text in y.ticks), default=0)
    chars, width = (42, NARROW_WIDTH) if narrow else (120, WIDE_WIDTH)
    above = 17 * len(textwrap.wrap(y.title, 46 if narrow else 120))
    below = 17 * max(1, len(textwrap.wrap(x_title, chars)))
    return Frame(width, height, max(40, 14 + 8 * longest), right, 16 + above, 34 + below, 12.5 if narrow else 13.0)


def study_axis(
    values: Sequence[Any],
    title: str,
    *,
    log: bool = False,
    is_share: bool = False,
    from_zero: bool = False,
    at_values: bool = False,
    room: float = ROOM,
    most: int = 6,
) -> StudyAxis:
    """The axis that holds all values.

    Args:
        values: arrays; what is not finite is left out, and on a logarithmic axis what is negative.
        title: with the unit. "epoch" on a logarithmic axis becomes the epoch axis of all pages, log(1 + epoch).
        log: logarithmic; 0 gets a place of its own beside the smallest value.
        is_share: shown in percent.
        from_zero: a linear axis begins at 0 where nothing is negative.
        at_values: of an x axis: it begins at the first value, and where the values are few and apart, such as the
            widths of a study, ticks stand at the values themselves.
        room: share of the span that is left free at the ends.
        most: ticks.
    """
    flat = np.concatenate([np.empty(0), *(np.ravel(np.asarray(value, dtype=float)) for value in values)])
    flat = flat[np.isfinite(flat)]
    if log and title == "epoch" and (flat >= 0).all():
        return _epochs(flat, most)
    if log and (flat > 0).any():
        found = _log(flat[flat >= 0], title, is_share, room, most)
    else:
        found = _linear(flat, title, is_share, from_zero, room, most, snap=not at_values)
    return _ticked_at(found, np.unique(flat), most) if at_values else found


def shown(value: float, *, is_share: bool = False) -> str:
    """A value: percent of a share, else three digits that count."""
    if not math.isfinite(value):
        return "unknown"
    if is_share:
        return percent(value) if 0 <= value <= 1 else f"{value * 100:.1f}%"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.3g}"


def wrapped(text: str, chars: int) -> str:
    """A text from data, escaped, in lines of so many characters."""
    return "<br>".join(escape(line) for line in textwrap.wrap(text, chars))


def _ticked_at(found: StudyAxis, values: np.ndarray, most: int) -> StudyAxis:
    """The same axis with ticks at these values, where their texts do not touch."""
    positions = found.place(values)
    values, positions = values[np.isfinite(positions)], positions[np.isfinite(positions)]
    apart = np.diff(positions)[int(math.isfinite(found.zero)) :] / (found.high - found.low)  # zero has room of its own
    if not 1 < len(values) <= most or (apart < 0.6 / most).any():
        return found
    texts = [_tick_text(float(value), found.is_share) for value in values]
    return replace(found, ticks=tuple((float(at), text) for at, text in zip(positions, texts, strict=True)))


def _place(values: np.ndarray, kind: str, zero: float) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        if kind == "epochs":
            return np.asarray(epoch_axis.place(values))
        if kind == "log":
            return np.where(values == 0, zero, np.log10(np.where(values > 0, values, np.nan)))
    return values


def _epochs(flat: np.ndarray, most: int) -> StudyAxis:
    first, last = (math.floor(flat.min()), math.ceil(flat.max())) if len(flat) else (0, 1)
    last = max(last, first + 1)
    shown_at = epoch_axis.ticks(last, first, width=45 * most)
    ticks = tuple((_at(epoch), f"{epoch:,}") for epoch in shown_at)
    return StudyAxis("epoch", "epochs", _at(first), _at(last), ticks)


def _at(epoch: int) -> float:
    return float(epoch_axis.place(epoch))


def _log(flat: np.ndarray, title: str, is_share: bool, room: float, most: int) -> StudyAxis:
    logs = np.log10(flat[flat > 0])
    low, high = float(logs.min()), float(logs.max())
    span = max(high - low, 0.3)
    zero = low - max(0.12 * span, 0.15) if (flat == 0).any() else math.nan
    start = low if math.isnan(zero) else zero
    ticks = _decades(low, high, is_share, most)
    if not math.isnan(zero):
        ticks = [(zero, "0%" if is_share else "0"), *(tick for tick in ticks if tick[0] - zero > 0.08 * span)]
    free = room * (high - start) or 0.1
    return StudyAxis(title, "log", start - free, high + free, tuple(ticks), zero, is_share)


def _decades(low: float, high: float, is_share: bool, most: int) -> list[tuple[float, str]]:
    """Ticks at powers of ten, with 2 and 5 of them where there are few; at least the ends where none falls between."""
    inside = [power for power in range(math.floor(low), math.ceil(high) + 1) if low - 0.05 <= power <= high + 0.05]
    if high - low <= FEW_DECADES:
        steps = [p + math.log10(d) for p in range(math.floor(low), math.ceil(high) + 1) for d in (1, 2, 5)]
        found = [step for step in steps if low - 0.02 <= step <= high + 0.02]
        if len(found) < 2:
            found = sorted({low, high})
    else:
        found = [float(power) for power in inside[:: max(1, math.ceil(len(inside) / most))]]
    return [(at, _tick_text(10**at, is_share)) for at in found]


def _tick_text(value: float, is_share: bool) -> str:
    if is_share:
        return f"{value * 100:.3g}%"
    return f"{value:,.0f}" if 1000 <= value < 1e6 else f"{value:.3g}"


def _linear(
    flat: np.ndarray, title: str, is_share: bool, from_zero: bool, room: float, most: int, *, snap: bool
) -> StudyAxis:
    low, high = (float(flat.min()), float(flat.max())) if len(flat) else (0.0, 1.0)
    bounded = is_share and low >= -0.5 and high <= 1.5 and len(flat) > 0  # bands of shares reach beyond [0, 1]
    if bounded:
        low, high = max(low, 0.0), min(high, 1.0)
    if low >= 0 and (from_zero or (snap and low < 0.5 * high)):
        low = 0.0
    if from_zero and high <= 0:
        high = 0.0
    if bounded and high > 0.85:
        high = 1.0
    if high <= low:
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    free = room * (high - low)
    is_whole = not is_share and len(flat) > 0 and bool((flat == np.round(flat)).all())
    start = low if from_zero and low == 0 else low - free
    return StudyAxis(
        title, "linear", start, high + free, tuple(_steps(low, high, is_share, is_whole, most)), is_share=is_share
    )


def _steps(low: float, high: float, is_share: bool, is_whole: bool, most: int) -> list[tuple[float, str]]:
    """Round ticks within the ends."""
    factor = 100 if is_share else 1
    rough = (high - low) * factor / most
    parts = (1, 2, 5, 10) if is_whole else (1, 2, 2.5, 5, 10)
    if is_whole:
        rough = max(rough, 1.0)
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * part for part in parts if power * part >= rough * 0.999)
    digits = max(0, -math.floor(math.log10(step) + 1e-9) + (1 if step / power == 2.5 else 0))
    first = math.ceil(low * factor / step - 1e-9)
    last = math.floor(high * factor / step + 1e-9)
    unit = "%" if is_share else ""
    return [(number * step / factor, f"{number * step + 0.0:,.{digits}f}{unit}") for number in range(first, last + 1)]
