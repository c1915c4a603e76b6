"""`probe report`: a run as one HTML page, or several side by side."""

from __future__ import annotations

from pathlib import Path

import click

from probes_cli.options import OutFile, json_option
from probes_cli.output import echo_json
from probes_cli.runs import chosen_run

__all__ = ["command"]

EPILOG = """\b
Examples:
  probe report                          the newest run of runs/
  probe report runs/mine --out mine.html --no-images
  probe report runs/before runs/after   side by side: runs/comparison-before-after.html
  probe report audit/mine               the review page of an audit
  probe report studies/patterns-first   the page of a study; of studies/ the scoreboard
"""
WHERE = "report.html in the run folder, of several runs/comparison-A-B.html"


@click.command("report", epilog=EPILOG)
@click.argument("runs", metavar="[RUN]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--out", type=OutFile(), show_default=WHERE, help="File to write.")
@click.option("--open", "open_it", is_flag=True, help="Show the page in the browser.")
@click.option("--no-images", is_flag=True, help="Leave out the pictures of examples.")
@click.option("--no-paths", is_flag=True, help="Leave out names of files and folders.")
@click.option("--skip-bad", is_flag=True, help="Of several runs, leave out those that cannot be read.")
@json_option
def command(
    runs: tuple[Path, ...],
    out: Path | None,
    open_it: bool,
    no_images: bool,
    no_paths: bool,
    skip_bad: bool,
    as_json: bool,
) -> None:
    """Draw a run as one self-contained HTML page, or set several side by side.

    Prints where the page is. RUN is a run folder; the newest of runs/ if left out. Several make one page that compares
    them: before and after cleaning, say.
    """
    folders = list(runs) if len(runs) > 1 else chosen_run(runs[0] if runs else None)
    from probes_reports import build

    page = build(folders, out, images=not no_images, paths=not no_paths, skip_bad=skip_bad)
    if as_json:
        echo_json({"report": str(page)})
    else:
        click.echo(page)
    if open_it:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())
