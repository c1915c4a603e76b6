"""Tells what the folders hold, draws the page for it and writes it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from probes.errors import ConfigError, RunNotFoundError
from probes.runs.layout import REPORT, RUN_JSON
from probes.runs.run import Run, open_run
from probes_reports.assembly import refuse_other_file, write_html

__all__ = ["build_page", "comparison_file"]

RUNS = Path("runs")
LONGEST = 80  # characters of a run's name in the name of a comparison


def build_page(
    folders: str | Path | Sequence[str | Path], out: str | Path | None, *, images: bool, paths: bool, skip_bad: bool
) -> Path:
    """Draw the page of what the folders hold; see `probes_reports.build`."""
    named = [Path(folders)] if isinstance(folders, str | Path) else [Path(folder) for folder in folders]
    if not named:
        raise ConfigError("name at least one run folder.")
    draw = _drawer_of(named)
    return draw(named, None if out is None else Path(out), images=images, paths=paths, skip_bad=skip_bad)


def _drawer_of(folders: Sequence[Path]) -> Callable[..., Path]:
    """What draws folders of this kind: the file that each holds tells; what holds none is taken for a run."""
    kinds = {marker for folder in folders for marker in DRAWERS if (folder / marker).exists()}
    if len(kinds) > 1:
        raise ConfigError(f"these folders are of different kinds: they hold {' and '.join(sorted(kinds))}.")
    return DRAWERS[kinds.pop()] if kinds else _draw_runs


def _draw_runs(folders: Sequence[Path], out: Path | None, *, images: bool, paths: bool, skip_bad: bool) -> Path:
    """One run: its own page. Several: a comparison of those that can be read."""
    if len(folders) == 1:
        return _draw_run(open_run(folders[0]), out, images=images, paths=paths)
    from probes_reports.comparison.compared import read_runs

    if out is not None:
        refuse_other_file(out)
    runs = read_runs(folders, paths=paths, skip_bad=skip_bad)
    if not runs:
        raise RunNotFoundError(f"none of the {len(folders)} folders holds a run that can be read.")
    if len(runs) == 1:
        return _draw_run(open_run(runs[0].path), out, images=images, paths=paths)
    target = comparison_file([run.path for run in runs]) if out is None else out
    refuse_other_file(target)
    from probes_reports.comparison.page import render

    stem = target.stem if paths else "comparison"
    return write_html(render(runs, stem=stem, images=images, paths=paths), target)


def _draw_run(run: Run, out: Path | None, *, images: bool, paths: bool) -> Path:
    from probes_reports.page import render

    target = run.path / REPORT if out is None else out
    refuse_other_file(target)
    return write_html(render(run, images=images, paths=paths), target)


def _draw_audit(folders: Sequence[Path], out: Path | None, *, images: bool, paths: bool, skip_bad: bool) -> Path:
    """An audit's page for review; one at a time."""
    if len(folders) > 1:
        raise ConfigError(f"name one audit folder at a time, not {len(folders)}: audits are not compared.")
    from probes_reports.audit.page import render

    target = folders[0] / REPORT if out is None else out
    refuse_other_file(target)
    return write_html(render(folders[0], images=images, paths=paths), target)


def _draw_study(folders: Sequence[Path], out: Path | None, *, images: bool, paths: bool, skip_bad: bool) -> Path:
    """A study's page; one at a time."""
    if len(folders) > 1:
        raise ConfigError(f"name one study folder at a time, not {len(folders)}: `probe study all` sets them together.")
    from probes_reports.studies.page import render

    target = folders[0] / REPORT if out is None else out
    refuse_other_file(target)
    return write_html(render(folders[0], target, images=images, paths=paths), target)


def _draw_scoreboard(folders: Sequence[Path], out: Path | None, *, images: bool, paths: bool, skip_bad: bool) -> Path:
    """The scoreboard of a folder of studies; one at a time."""
    if len(folders) > 1:
        raise ConfigError(f"name one folder of studies at a time, not {len(folders)}.")
    from probes_reports.studies.scoreboard import render

    target = folders[0] / "scoreboard.html" if out is None else out
    refuse_other_file(target)
    return write_html(render(folders[0], target, paths=paths), target)


# a file that only folders of one kind hold -> what draws them
DRAWERS: dict[str, Callable[..., Path]] = {
    RUN_JSON: _draw_runs,
    "audit.json": _draw_audit,
    "study.json": _draw_study,
    "scoreboard.json": _draw_scoreboard,
}


def comparison_file(folders: Sequence[Path]) -> Path:
    """`runs/comparison-A-B.html`, A and B the names of the folders.

    Where that does not say all, because there are more than two, or names had to be changed or cut to make a file
    name of them, six digits of a hash of the folders follow.
    """
    names = [folder.resolve().name for folder in folders]
    tidy = ["".join(char if char.isalnum() or char in "._-" else "-" for char in name)[:LONGEST] for name in names]
    stem = "comparison-" + "-".join(tidy[:2])
    if len(folders) > 2:
        stem += f"-and-{len(folders) - 2}-more"
    if len(folders) > 2 or tidy != names:
        whole = "\n".join(str(folder.resolve()) for folder in folders)
        stem += f"-{hashlib.sha256(whole.encode(errors='surrogateescape')).hexdigest()[:6]}"
    return RUNS / f"{stem}.html"
