"""Run folders in, one self-contained HTML page out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from probes.runs.run import Run

__all__ = ["build", "figure"]

PathLike = str | Path


def build(
    folders: PathLike | Sequence[PathLike],
    out: PathLike | None = None,
    *,
    images: bool = True,
    paths: bool = True,
    skip_bad: bool = False,
) -> Path:
    """Draw the page of a run, an audit or a study, or one that sets several runs side by side; return where it is.

    Args:
        folders: a run folder, or a sequence of up to eight; or the folder of an audit, of a study, or of all studies.
        out: the file to write; if left out `report.html` in the folder, of several runs
            `runs/comparison-A-B.html`, A and B the names of the first two, of all studies `scoreboard.html`.
        images: embed thumbnails of the examples that the page shows.
        paths: name files and folders of the machine the run was made on.
        skip_bad: of several folders, leave out those that cannot be read, with a warning each.

    Raises:
        RunNotFoundError: there is no run at a path.
        ConfigError: no folder, too many, or one twice.
    """
    from probes_reports.building import build_page

    return build_page(folders, out, images=images, paths=paths, skip_bad=skip_bad)


def figure(run: Run | PathLike, name: str) -> Figure:
    """Return one figure of a run's page, in the light palette.

    Args:
        run: an open run, or its folder.
        name: of a figure, such as "learning", "fate" or "data_map"; or of the section that draws it.

    Raises:
        ConfigError: unknown name (the nearest known one is suggested), or the run does not hold what it draws.
    """
    from probes_reports.page import find_figure

    return find_figure(run, name)
