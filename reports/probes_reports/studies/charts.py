"""The charts of a study: from plain numbers in study.json to sections of its page."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from probes_reports.figures.study_axis import COLOURS, DASHES, SYMBOLS, shown
from probes_reports.figures.study_bars import BarFigure, StudyBars, study_bars
from probes_reports.figures.study_heat import HeatFigure, study_heat
from probes_reports.figures.study_lines import LineFigure, StudyLine, named_beside, study_lines
from probes_reports.figures.study_names import Reference
from probes_reports.figures.study_scatter import ScatterFigure, StudyPoints, study_scatter
from probes_reports.sections.section import Absent, Block, Cell, Column, Data, Key, Part, Plot, Section, Swatch, Table
from probes_reports.studies.gallery import gallery
from probes_reports.studies.view import StudyView, readable
from probes_reports.wording import prose

__all__ = ["build_charts"]

TITLE = 26  # characters in the navigation
NUMERIC = re.compile(r"^[–+-]?\d")
TOKENS = {"test": "ink", "other": "ink_3", **{str(place): f"series_{place}" for place in range(1, 6)}}
NOTHING = "None of its values could be measured."


@dataclass(frozen=True)
class Scale:
    """Shows the colours of a heat map: the values at its ends, and what they are."""

    low: str
    high: str
    title: str
    gaps: bool


def build_charts(view: StudyView) -> list[Section | Absent]:
    """A section a chart, in the order of the study.

    Raises:
        RunNotFoundError: a chart is not of the shape that its kind has.
    """
    with readable(view.path):
        return [_section(place, chart, view.images) for place, chart in enumerate(view.charts, 1)]


def _section(place: int, chart: Mapping[str, Any], images: bool) -> Section | Absent:
    question, kind = str(chart["question"]), str(chart["kind"])
    slug = re.sub(r"[^a-z0-9]+", "-", str(chart["id"]).lower()).strip("-")
    key = f"chart-{place}-{slug}".rstrip("-")
    words = slug.replace("-", " ").capitalize() or f"Figure {place}"
    title = words if len(words) <= TITLE else words[: TITLE - 1] + "…"
    if kind not in KINDS:
        return Absent(key, title, question, prose(f"This version draws no chart of the kind {kind}: update."))
    if kind == "gallery":
        parts, reason = gallery(chart, key, images=images)
    else:
        parts, reason = KINDS[kind](chart, key), NOTHING
    if not parts:
        return Absent(key, title, question, prose(reason))
    beside = Block("study_beside.html.j2", (str(chart["paper"]), str(chart["ours"])))
    return Section(key=key, title=title, question=question, answer=(), parts=(beside, *parts))


def _lines(chart: Mapping[str, Any], key: str) -> tuple[Part, ...]:
    lines = tuple(
        StudyLine(
            str(line["name"]),
            _numbers(line["x"]),
            _numbers(line["y"]),
            _numbers(line.get("low") or ()),
            _numbers(line.get("high") or ()),
            _swatch(line),
            bool(line.get("dashed")),
            bool(line.get("marks")),
        )
        for line in chart["lines"]
    )
    drawn = LineFigure(
        str(chart["x_title"]), str(chart["y_title"]), _with_values(lines), _references(chart), **_axes(chart)
    )
    if not drawn.lines:
        return ()
    shapes = tuple(_key(line.name, line.swatch, _line_shape(line)) for line in drawn.lines)
    key_part = Key(shapes, narrow_only=named_beside(drawn))
    plot = Plot(
        key, study_lines(drawn), study_lines(drawn, narrow=True), _alt(chart, [line.name for line in drawn.lines])
    )
    return (key_part, plot)


def _bars(chart: Mapping[str, Any], key: str) -> tuple[Part, ...]:
    categories = tuple(str(name) for name in chart["categories"])
    bars = tuple(
        StudyBars(
            str(bar["name"]),
            _numbers(bar["y"]),
            _numbers(bar.get("low") or ()),
            _numbers(bar.get("high") or ()),
            _swatch(bar),
        )
        for bar in chart["bars"]
    )
    if not any(np.isfinite(bar.y).any() for bar in bars):
        return ()
    drawn = BarFigure(str(chart["y_title"]), categories, bars, bool(chart.get("log_y")), bool(chart.get("percent_y")))
    plot = Plot(key, study_bars(drawn), study_bars(drawn, narrow=True), _alt(chart, [bar.name for bar in bars]))
    if len(bars) == 1:
        return (plot,)
    lead = "In each group, in this order:"
    return (Key(tuple(_key(bar.name, bar.swatch, "area") for bar in bars), lead=lead), plot)


def _heat(chart: Mapping[str, Any], key: str) -> tuple[Part, ...]:
    rows, columns = (tuple(str(name) for name in chart[part]) for part in ("rows", "columns"))
    values = _numbers(chart["values"]).reshape(len(rows), len(columns))
    drawn = HeatFigure(
        str(chart["x_title"]),
        str(chart["y_title"]),
        str(chart["value_title"]),
        rows,
        columns,
        values,
        bool(chart.get("log")),
    )
    if not np.isfinite(drawn.levels).any():
        return ()
    low, high = drawn.ends
    scale = Scale(shown(low), shown(high), drawn.value_title, bool(np.isnan(drawn.levels).any()))
    data: dict[str, Any] = {
        "row": np.repeat(rows, len(columns)).tolist(),
        "column": list(columns) * len(rows),
        "value": values.ravel(),
    }
    plot = Plot(
        f"{key}-plot", study_heat(drawn), study_heat(drawn, narrow=True), _alt(chart, [drawn.value_title]), halo=False
    )
    return (Block("study_scale.html.j2", scale), plot, Data(key, data))


def _scatter(chart: Mapping[str, Any], key: str) -> tuple[Part, ...]:
    points = tuple(
        StudyPoints(
            str(series["name"]),
            _numbers(series["x"]),
            _numbers(series["y"]),
            tuple(str(label) for label in series.get("labels") or ()),
            _swatch(series),
            bool(series.get("joined")),
        )
        for series in chart["points"]
    )
    shown_points = tuple(series for series in points if (np.isfinite(series.x) & np.isfinite(series.y)).any())
    if not shown_points:
        return ()
    drawn = ScatterFigure(
        str(chart["x_title"]), str(chart["y_title"]), shown_points, _references(chart), **_axes(chart)
    )
    plot = Plot(
        key, study_scatter(drawn), study_scatter(drawn, narrow=True), _alt(chart, [s.name for s in shown_points])
    )
    return (Key(tuple(_key(series.name, series.swatch, _point_shape(series.swatch)) for series in shown_points)), plot)


def _table(chart: Mapping[str, Any], key: str) -> tuple[Part, ...]:
    header = [str(title) for title in chart["header"]]
    rows = [[_cell(value) for value in row] for row in chart["rows"]]
    if not rows:
        return ()
    columns = []
    for place, title in enumerate(header):
        filled = [row[place] for row in rows if row[place] not in ("", "–")]
        numeric = place > 0 and bool(filled) and all(NUMERIC.match(text) for text in filled)
        columns.append(Column(title, "right" if numeric else "left"))
    cells = tuple(tuple(Cell(prose(text)) for text in row) for row in rows)
    names = [title if header.count(title) == 1 else f"{title} {place + 1}" for place, title in enumerate(header)]
    data = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    return (Table(tuple(columns), cells, str(chart["question"])), Data(key, data))


KINDS: dict[str, Callable[[Mapping[str, Any], str], tuple[Part, ...]]] = {
    "lines": _lines,
    "bars": _bars,
    "heat": _heat,
    "scatter": _scatter,
    "table": _table,
    "gallery": lambda chart, key: (),
}


def _numbers(values: Sequence[Any]) -> np.ndarray:
    """Float64 array; null becomes NaN."""
    return np.array(values, dtype=float)


def _swatch(entry: Mapping[str, Any]) -> str:
    name = str(entry.get("swatch", "1"))
    return name if name in COLOURS else "other"


def _key(name: str, swatch: str, shape: Any) -> Swatch:
    return Swatch(name, TOKENS.get(swatch, swatch), shape)


def _line_shape(line: StudyLine) -> str:
    if line.points:
        return _point_shape(line.swatch)
    if line.dashed:
        return "dash"
    return {"solid": "line", "2px,3px": "dot"}.get(DASHES.get(line.swatch, "solid"), "dash")


def _point_shape(swatch: str) -> str:
    symbol = SYMBOLS.get(swatch, "circle")
    return {"circle": "disc", "triangle-up": "triangle"}.get(symbol, symbol)


def _references(chart: Mapping[str, Any]) -> tuple[Reference, ...]:
    found = (Reference(str(m["axis"]), float(m["value"]), str(m["label"])) for m in chart.get("marks") or ()
             if m["value"] is not None)  # fmt: skip
    return tuple(found)


def _axes(chart: Mapping[str, Any]) -> dict[str, bool]:
    named = {"log_x": "log_x", "log_y": "log_y", "share_x": "percent_x", "share_y": "percent_y"}
    return {ours: bool(chart.get(theirs)) for ours, theirs in named.items()}


def _with_values(lines: tuple[StudyLine, ...]) -> tuple[StudyLine, ...]:
    for line in lines:
        if len(line.x) != len(line.y):
            raise ValueError(f"the line {line.name!r} has {len(line.x)} positions and {len(line.y)} values.")
    return tuple(line for line in lines if (np.isfinite(line.x) & np.isfinite(line.y)).any())


def _alt(chart: Mapping[str, Any], names: Sequence[str]) -> str:
    return f"{chart['question']} {chart['ours']} Shown: {', '.join(names)}."


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
