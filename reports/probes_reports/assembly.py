"""Puts a page together: sections into one self-contained HTML file that asks nobody for anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from probes.errors import RunExistsError, cannot_write
from probes.runs.layout import atomic_write
from probes_reports.palette import DARK, LIGHT, Palette, dark_twins
from probes_reports.sections.section import Absent, Block, Data, Plot, Section, Slider
from probes_reports.wording import count, percent

if TYPE_CHECKING:
    from probes_reports.sections.learning import Hero

__all__ = ["POLICY", "assemble", "refuse_other_file", "write_html"]

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'"
)
_ESCAPES = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})


@dataclass(frozen=True)
class Row:
    """Sections that stand side by side on a wide screen: one, or two halves."""

    sections: tuple[Section | Absent, ...]


def assemble(title: str, stem: str, hero: Hero, sections: Sequence[Section | Absent]) -> str:
    """Return a whole page as HTML.

    Args:
        title: in the browser's tab.
        stem: names start with it where the page lets its data be saved.
        hero: the top of the page.
        sections: below it, in order; one with the key "provenance" becomes the footer.
    """
    from plotly.offline import get_plotlyjs

    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            title=title,
            file_stem=stem,
            policy=POLICY,
            hero=hero,
            rows=_rows(sections),
            navigation=[(hero.section.key, hero.section.title), *((s.key, s.title) for s in sections if s.title)],
            twins=_island(dark_twins()),
            style=_style(),
            script=Markup(_template_text("page.js")),
            plotly=Markup(get_plotlyjs()),
        )
    )


def refuse_other_file(target: Path) -> None:
    """A page replaces a page, never another file.

    Raises:
        RunExistsError: there is something else.
    """
    if target.is_file() and not target.read_bytes()[:64].lower().startswith(b"<!doctype html"):
        raise RunExistsError(f"{target} exists and is not a report. Choose another file.")


def write_html(page: str, target: Path) -> Path:
    """Write a page, all of it or nothing, and return where."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as temporary:
            temporary.write_text(page, encoding="utf-8")
    except OSError as error:
        raise cannot_write(target, error) from error
    return target


def _rows(sections: Sequence[Section | Absent]) -> list[Row]:
    """Pair neighbouring halves."""
    rows: list[Row] = []
    for section in sections:
        before = rows[-1].sections if rows else ()
        if section.half and len(before) == 1 and before[0].half:
            rows[-1] = Row((before[0], section))
        else:
            rows.append(Row((section,)))
    return rows


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("probes_reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=percent,
        count=count,
        island=_island,
        plot_json=_plot_island,
        slider_json=_slider_island,
        data_json=_data_island,
        css_name=lambda token: token.replace("_", "-"),
    )
    environment.tests.update(
        absent=lambda section: isinstance(section, Absent),
        block_part=lambda part: isinstance(part, Block),
    )
    return environment


def _style() -> Markup:
    """Every token as a CSS variable, then every style sheet of the templates."""
    light, dark = (_variables(palette) for palette in (LIGHT, DARK))
    themes = (
        f":root{{color-scheme:light;{light}}}"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}"
        f":root[data-theme=dark]{{color-scheme:dark;{dark}}}"
        f"@media print{{:root:root:root{{color-scheme:light;{light}}}}}"
    )
    names = sorted(entry.name for entry in files("probes_reports").joinpath("templates").iterdir())
    sheets = [_template_text(name) for name in names if name.endswith(".css")]
    return Markup("\n".join([themes, *sheets]))


def _variables(palette: Palette) -> str:
    return "".join(f"--{name.replace('_', '-')}:{value};" for name, value in vars(palette).items())


def _template_text(name: str) -> str:
    return files("probes_reports").joinpath("templates", name).read_text(encoding="utf-8")


def _island(value: Any) -> Markup:
    """JSON for a `<script type="application/json">`: nothing in it can end the element or start another."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False, default=_plain)
    return Markup(text.translate(_ESCAPES))


def _plain(value: Any) -> Any:
    """Numpy values as JSON ones; a missing number becomes null."""
    if isinstance(value, np.ndarray):
        return _nulls(value.tolist())
    if isinstance(value, np.generic):
        return _nulls(value.item())
    raise TypeError(f"cannot embed a {type(value).__name__}")


def _nulls(value: Any) -> Any:
    if isinstance(value, list):
        return [_nulls(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _plot_island(plot: Plot) -> Markup:
    """Both layouts of a figure; a trace that the narrow one shares with the wide one is held once, by number."""
    wide, narrow = (json.loads(figure.to_json()) for figure in (plot.wide, plot.narrow))
    shared = {json.dumps(trace, sort_keys=True): place for place, trace in enumerate(wide["data"])}
    traces = [shared.get(json.dumps(trace, sort_keys=True), trace) for trace in narrow["data"]]
    return _island(
        {
            "below": plot.narrow_below,
            "wide": {"data": wide["data"], "layout": wide["layout"]},
            "narrow": {"data": traces, "layout": narrow["layout"]},
        }
    )


def _slider_island(slider: Slider) -> Markup:
    traces = [{"trace": index, "attribute": name, "states": _states(states)} for index, name, states in slider.traces]
    layouts = {
        name: {path: _states(states) for path, states in changes.items()}
        for name, changes in (("wide", slider.wide), ("narrow", slider.narrow))
    }
    return _island({"plot": slider.plot, "values": slider.values, "traces": traces, **layouts})


def _data_island(data: Data) -> Markup:
    return _island({name: _states(values) for name, values in data.columns.items()})


def _states(values: Any) -> Any:
    return _nulls(values.tolist() if isinstance(values, np.ndarray) else [_plain_item(value) for value in values])


def _plain_item(value: Any) -> Any:
    return _plain(value) if isinstance(value, np.ndarray | np.generic) else _nulls(value)
