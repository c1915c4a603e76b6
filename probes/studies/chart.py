"""What a study draws, as plain numbers: study.json holds them, the page turns them into figures."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np

__all__ = [
    "BarChart",
    "Bars",
    "Chart",
    "Gallery",
    "GalleryRow",
    "HeatMap",
    "Line",
    "LineChart",
    "Mark",
    "Picture",
    "Points",
    "ScatterChart",
    "Swatch",
    "Table",
    "band",
    "cell",
    "picture",
    "spread",
    "swatch",
]

# clean blue, noisy vermillion, true-label green, test in ink, others grey; "1" to "5" for series that are none of these
Swatch = Literal["clean", "noisy", "true", "test", "other", "1", "2", "3", "4", "5"]


@dataclass(frozen=True)
class Line:
    """A line, or points where `marks` says so, with a band or error bars from `low` to `high`.

    Attributes:
        name: as the reader sees it.
        x: positions.
        y: values; NaN leaves a gap.
        low: lower ends; empty without.
        high: upper ends; empty without.
        swatch: colour.
        dashed: a second mark of difference, beside the colour.
        marks: points instead of a line.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    swatch: Swatch = "1"
    dashed: bool = False
    marks: bool = False


@dataclass(frozen=True)
class Mark:
    """A reference across the plot.

    Attributes:
        axis: "y" draws it level at a value, "x" upright.
        value: where.
        label: what it is.
    """

    axis: Literal["x", "y"]
    value: float
    label: str


@dataclass(frozen=True)
class _Drawn:
    """What every chart says.

    Attributes:
        id: unique within the study.
        question: what the reader asks, shown above the figure.
        paper: what the paper's figure shows, a sentence.
        ours: what ours shows, computed, a sentence.
    """

    kind: ClassVar[str] = ""
    id: str
    question: str
    paper: str
    ours: str

    def to_dict(self) -> dict[str, Any]:
        """As study.json holds it; numbers that are not finite become null."""
        return {"kind": self.kind, **_plain(asdict(self))}


@dataclass(frozen=True)
class LineChart(_Drawn):
    """Lines over a common axis.

    Attributes:
        percent_y: the values are shares in [0, 1], shown in percent.
        lines: see `Line`.
        marks: see `Mark`.
    """

    kind: ClassVar[str] = "lines"
    x_title: str
    y_title: str
    lines: Sequence[Line]
    marks: Sequence[Mark] = ()
    log_x: bool = False
    log_y: bool = False
    percent_x: bool = False
    percent_y: bool = False


@dataclass(frozen=True)
class Bars:
    """One bar in each category.

    Attributes:
        name: of the group of bars.
        y: values, one per category.
        low: lower ends of the error bars; empty without.
        high: upper ends; empty without.
        swatch: colour.
    """

    name: str
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    swatch: Swatch = "1"


@dataclass(frozen=True)
class BarChart(_Drawn):
    """Groups of bars over named categories."""

    kind: ClassVar[str] = "bars"
    y_title: str
    categories: Sequence[str]
    bars: Sequence[Bars]
    log_y: bool = False
    percent_y: bool = False


@dataclass(frozen=True)
class HeatMap(_Drawn):
    """A matrix in colour.

    Attributes:
        values: (rows, columns).
        log: colour by the logarithm.
        value_title: what a cell is, with its unit.
    """

    kind: ClassVar[str] = "heat"
    x_title: str
    y_title: str
    value_title: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: Sequence[Sequence[float]]
    log: bool = False


@dataclass(frozen=True)
class Table(_Drawn):
    """Numbers and words in rows; numbers are shown as they are given, so round them."""

    kind: ClassVar[str] = "table"
    header: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Points:
    """Points of one colour.

    Attributes:
        name: of the series, as the reader sees it.
        x: positions; NaN leaves a point out.
        y: values; NaN leaves a point out.
        labels: a name beside each point, such as a strength; empty without.
        swatch: colour.
        joined: a line from point to point, in their order.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    labels: Sequence[str] = ()
    swatch: Swatch = "1"
    joined: bool = False


@dataclass(frozen=True)
class ScatterChart(_Drawn):
    """One quantity against another.

    Attributes:
        points: see `Points`.
        marks: see `Mark`.
        percent_x: the positions are shares in [0, 1], shown in percent.
        percent_y: the values are.
    """

    kind: ClassVar[str] = "scatter"
    x_title: str
    y_title: str
    points: Sequence[Points]
    marks: Sequence[Mark] = ()
    log_x: bool = False
    log_y: bool = False
    percent_x: bool = False
    percent_y: bool = False


@dataclass(frozen=True)
class Picture:
    """A small picture and what stands below it; see `picture`.

    Attributes:
        image: a PNG as `data:image/png;base64,...`.
        caption: a few words.
    """

    image: str
    caption: str


@dataclass(frozen=True)
class GalleryRow:
    """A picture, and those that belong to it."""

    lead: Picture
    others: Sequence[Picture]


@dataclass(frozen=True)
class Gallery(_Drawn):
    """Pictures in rows, such as memorized training images with the test images that they carry.

    Attributes:
        lead_title: what the first picture of a row is.
        others_title: what the others are.
        rows: the most telling first.
    """

    kind: ClassVar[str] = "gallery"
    lead_title: str
    others_title: str
    rows: Sequence[GalleryRow]


Chart = LineChart | BarChart | HeatMap | Table | ScatterChart | Gallery


def band(
    name: str,
    x: Sequence[float],
    curves: Sequence[Any],
    *,
    swatch: Swatch = "1",
    dashed: bool = False,
    log: bool = False,
) -> Line:
    """The mean of several curves, one per seed, and a band of one sd to either side.

    Args:
        name: of the line.
        x: (P,) common positions.
        curves: (S, P); NaN where a seed has no value.
        swatch: colour.
        dashed: see `Line`.
        log: mean and sd of the logarithms, for a chart with `log_y`: the band never falls to zero there. Values that
            are not positive count as missing.
    """
    table = np.asarray(curves, dtype=float)
    if log:
        with np.errstate(invalid="ignore", divide="ignore"):
            table = np.log(table)
    known = np.isfinite(table)
    count = known.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, table, 0).sum(0) / count
        sd = np.sqrt(np.where(known, (table - mean) ** 2, 0).sum(0) / np.maximum(count - 1, 1))
    low, high = (mean - sd, mean + sd) if len(table) > 1 else ((), ())
    ends = np.exp if log else np.asarray
    return Line(name, list(x), ends(mean).tolist(), list(ends(low)), list(ends(high)), swatch, dashed)


def spread(
    name: str, x: Sequence[float], values: Sequence[Sequence[float]], *, swatch: Swatch = "1", dashed: bool = False
) -> Line:
    """The mean of the seeds at each position, and one sd to either side, over those that have a value there.

    Args:
        name: of the line.
        x: (P,) positions.
        values: P lists, of the values of the seeds there, NaN where a seed has none; without any there is a gap.
        swatch: colour.
        dashed: see `Line`.
    """
    known = [[value for value in row if math.isfinite(value)] for row in values]
    means = [float(np.mean(row)) if row else math.nan for row in known]
    sds = [float(np.std(row, ddof=1)) if len(row) > 1 else 0.0 for row in known]
    low = [mean - sd for mean, sd in zip(means, sds, strict=True)]
    high = [mean + sd for mean, sd in zip(means, sds, strict=True)]
    return Line(name, list(x), means, low, high, swatch, dashed)


def cell(values: Sequence[float], digits: int = 3) -> str:
    """Mean ± sd of the values as a table shows them; a dash where there are none, and how many where some are NaN."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return "–"
    some = f" ({len(known)} of {len(values)})" if len(known) < len(values) else ""
    mean = f"{np.mean(known):.{digits}f}"
    return mean + some if len(known) == 1 else f"{mean} ± {np.std(known, ddof=1):.{digits}f}{some}"


def picture(png: bytes, caption: str) -> Picture:
    """A picture out of the bytes of a PNG, such as `probes.runs.thumbnails.encode_png` gives."""
    return Picture(f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}", caption)


def swatch(place: int) -> Swatch:
    """The colour of the first, second, ... series that has no meaning of its own; after five they start again."""
    return get_args(Swatch)[5 + place % 5]


def _plain(value: Any) -> Any:
    """The same value out of what strict JSON knows."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value
