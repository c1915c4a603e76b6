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
    folders: PathLike | Sequence[PathLike], out: PathLike | None = None, *, images: bool = True, paths: bool = True
) -> Path:
    """Draw the page of a run and return where it was written.

    Args:
        folders: a run folder, or a sequence that holds one.
        out: the file to write; `report.html` in the run folder if left out.
        images: embed thumbnails of the examples that the page shows.
        paths: name files and folders of the machine the run was made on.

    Raises:
        RunNotFoundError: there is no run at the path.
        ConfigError: not exactly one folder.
    """
    from probes_reports.page import write_page

    return write_page(folders, out, images=images, paths=paths)


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
