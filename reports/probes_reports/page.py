"""The page of a run, and its figures by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from probes.errors import ConfigError, unknown_name
from probes.runs.run import Run, open_run
from probes_reports.assembly import assemble
from probes_reports.sections import HERO, SECTIONS, builder, figure_names
from probes_reports.sections.section import Absent
from probes_reports.sections.unrecorded import gathered
from probes_reports.view import RunView
from probes_reports.wording import plain_text

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["find_figure", "render"]


def find_figure(run: Run | str | Path, name: str) -> Figure:
    """Return one figure; see `probes_reports.figure`."""
    names = figure_names()
    if name not in names and name not in SECTIONS:
        raise unknown_name("figure", name, names)
    if name not in names and not SECTIONS[name].FIGURES:
        choices = ", ".join(dict.fromkeys([*names, *names.values()]))
        raise ConfigError(f"{name!r} is a section of the page, but not a plotly figure: choose from {choices}")
    view = RunView(open_run(run) if isinstance(run, str | Path) else run)
    key = names.get(name, name)
    section = HERO.build(view).section if key == "learning" else builder(key)(view)
    if isinstance(section, Absent):
        why = f"{plain_text(section.reason)} {section.command}".strip()
        raise ConfigError(f"figure {name!r} cannot be drawn: {why}")
    plots = [plot for plot in section.plots() if name in (plot.key, key)]
    if not plots:
        raise ConfigError(f"figure {name!r} cannot be drawn: this run does not hold what it shows")
    return _with_epochs(plots[0].wide)


def _with_epochs(figure: Figure) -> Figure:
    """Outside the page nothing names the epoch in a unified tooltip, so its first line does."""
    if figure.layout.hovermode == "x unified" and figure.data:
        first = figure.data[0]
        first.hovertemplate = f"{first.hovertemplate} at epoch %{{customdata}}"
    return figure


def render(run: Run, *, images: bool = True, paths: bool = True) -> str:
    """Return the whole page of a run as HTML."""
    view = RunView(run, images=images, paths=paths)
    hero = HERO.build(view)
    sections = gathered(view, [builder(key)(view) for key in SECTIONS])
    return assemble(f"{view.dataset_name}: what the network learned, and when", run.path.name, hero, sections)
