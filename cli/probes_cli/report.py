"""`probe report`: a run as one HTML page."""

from __future__ import annotations

from pathlib import Path

import click

from probes_cli.options import OutFile, json_option, run_argument
from probes_cli.output import echo_json
from probes_cli.runs import chosen_run

__all__ = ["command"]

EPILOG = """\b
Examples:
  probe report                          the newest run of runs/
  probe report runs/mine --out mine.html --no-images
"""


@click.command("report", epilog=EPILOG)
@run_argument
@click.option("--out", type=OutFile(), show_default="report.html in the run folder", help="File to write.")
@click.option("--open", "open_it", is_flag=True, help="Show the page in the browser.")
@click.option("--no-images", is_flag=True, help="Leave out the pictures of examples.")
@click.option("--no-paths", is_flag=True, help="Leave out names of files and folders.")
@json_option
def command(run: Path | None, out: Path | None, open_it: bool, no_images: bool, no_paths: bool, as_json: bool) -> None:
    """Draw a run as one self-contained HTML page.

    Prints where the page is. RUN is a run folder; the newest of runs/ if left out.
    """
    folder = chosen_run(run)
    from probes_reports import build

    page = build(folder, out, images=not no_images, paths=not no_paths)
    if as_json:
        echo_json({"report": str(page)})
    else:
        click.echo(page)
    if open_it:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())
