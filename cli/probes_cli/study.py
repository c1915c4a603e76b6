"""`probe study`: a published experiment, re-measured."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from probes.errors import ConfigError, ProbeError, unknown_name
from probes.studies import STUDIES
from probes_cli.exits import interrupt_code
from probes_cli.options import SEEDS, SectionedCommand, option
from probes_cli.output import columns, duration, echo_json, say, visible

if TYPE_CHECKING:
    from probes.studies import Scale, StudyProgress

__all__ = ["command"]

EPILOG = """\b
Examples:
  probe study patterns-first --quick
  probe study all --quick --workers 2
  probe study randomization --seeds 0-9 --dataset fashion-mnist --subset 10000
  DASK_SCHEDULER_ADDRESS=tcp://host:8786 probe study memorization --backend dask --workers 64
"""
ALL = "all"


@click.command("study", cls=SectionedCommand, epilog=EPILOG)
@click.argument("name", metavar="[NAME|all]")
@option("Size", "--quick", is_flag=True, help="The small version: about a minute on two cores.")
@option("Size", "--seeds", type=SEEDS, show_default="0-4, quick 0-2", help="Repetitions; a verdict needs three.")
@option("Size", "--dataset", metavar="NAME", default="digits", help="What to train on; see `probe list datasets`.")
@option("Size", "--subset", type=int, metavar="N", help="Train on N examples only, drawn by class.")
@option(
    "Running", "--out", type=click.Path(path_type=Path, file_okay=False), default="studies", help="Folder of studies."
)
@option("Running", "--backend", metavar="NAME", default="loky", help="loky: this machine; dask or ray: a cluster.")
@option("Running", "--workers", type=int, metavar="N", show_default="cores", help="Runs at a time.")
@option("Running", "--json", "as_json", is_flag=True, help="Print what study.json holds.")
@option("Running", "--quiet", is_flag=True, help="Say nothing while working.")
@click.pass_context
def command(
    ctx: click.Context,
    name: str,
    quick: bool,
    seeds: tuple[int, ...] | None,
    dataset: str,
    subset: int | None,
    out: Path,
    backend: str,
    workers: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Re-run a published experiment and judge its claims.

    What is finished already is not done again; `probe list studies` names them."""
    if name not in (*STUDIES, ALL):
        raise unknown_name("study", name, (*STUDIES, ALL))
    from probes.studies import BACKENDS, Scale

    if backend not in BACKENDS:
        raise unknown_name("backend", backend, BACKENDS)
    if workers is not None and workers < 1:
        raise ConfigError(f"--workers must be at least 1, got {workers}.")
    scale = Scale(quick=quick, seeds=seeds or (), dataset=dataset, subset=subset)
    settings = {"backend": backend, "workers": os.cpu_count() or 1 if workers is None else workers}
    teller = _Teller(quiet)
    try:
        if name == ALL:
            _all(out, scale, settings, teller, as_json)
        else:
            content = _one(name, out, scale, settings, teller)
            _refresh(out, name)
            echo_json(content) if as_json else click.echo(out / name)
            if content["failed"]:
                raise click.exceptions.Exit(1)
    except KeyboardInterrupt as interrupt:
        teller.end()
        what = "Terminated" if interrupt_code(interrupt) == 143 else "Interrupted"
        say(f"{what}: what was finished is kept. Go on with the same command.")
        raise click.exceptions.Exit(interrupt_code(interrupt)) from interrupt


def _one(name: str, out: Path, scale: Scale, settings: dict[str, Any], teller: _Teller) -> dict[str, Any]:
    """Run a study and draw its page."""
    from probes.studies import get_study, run_study
    from probes_reports import build

    content = run_study(get_study(name), out, scale, on_progress=teller, **settings)
    teller.end()
    page = build(out / name)
    teller.say("\n".join([*_verdicts(content), f"Page: {visible(str(page))}"]))
    return content


def _refresh(out: Path, name: str) -> None:
    """Bring a scoreboard that is there up to date with a study that was run alone."""
    from probes.studies import refresh_scoreboard
    from probes_reports import build

    if refresh_scoreboard(out, list(STUDIES), name):
        build(out)


def _all(out: Path, scale: Scale, settings: dict[str, Any], teller: _Teller, as_json: bool) -> None:
    """Every study, then the scoreboard; one that fails is shown there and does not sink the others."""
    from probes.studies import check_data, write_scoreboard
    from probes_reports import build

    check_data(scale.dataset, scale.subset)  # once, and not as the failure of every study
    errors = {}
    for name in STUDIES:
        try:
            _one(name, out, scale, settings, teller)
        except Exception as error:  # a mistake in one study is told with its kind, and the others go on
            teller.end()
            told = str(error) if isinstance(error, ProbeError) else f"{type(error).__name__}: {error}"
            errors[name] = told.splitlines()[0]
            say(f"Error: {name}: {visible(errors[name])}")
    board = write_scoreboard(out, list(STUDIES), errors)
    page = build(out)
    counts = ", ".join(f"{count} {verdict}" for verdict, count in board["verdicts"].items())
    teller.say(f"{len(STUDIES)} studies: {counts}.")
    echo_json(board) if as_json else click.echo(page)
    if errors or any(study["status"] != "complete" for study in board["studies"]):
        raise click.exceptions.Exit(1)


class _Teller:
    """Says on stderr how far a study has come: a redrawn line in a terminal, a line per point elsewhere."""

    def __init__(self, quiet: bool) -> None:
        self._quiet, self._live, self._open = quiet, sys.stderr.isatty(), False

    def say(self, text: str) -> None:
        """Lines that stay."""
        if not self._quiet:
            say(text)

    def __call__(self, progress: StudyProgress) -> None:
        if progress.error is not None:
            self.end()
            say(f"Failed: {progress.last}: {visible(progress.error)}")
        if self._quiet:
            return
        left = "" if not progress.eta_s else f", {duration(progress.eta_s)} left"
        line = f"{progress.study}: {progress.done} of {progress.points} done{left}"
        click.echo(f"\r{line:<79}" if self._live else line, nl=not self._live, err=True)
        self._open = self._live

    def end(self) -> None:
        """Close the redrawn line."""
        if self._open:
            click.echo(err=True)
            self._open = False


def _verdicts(content: dict[str, Any]) -> list[str]:
    """A line per claim: verdict, what was claimed, what was measured."""
    rows = [(claim["verdict"], claim["statement"], _measured(claim["measured"])) for claim in content["claims"]]
    failed = content["failed"]
    lines = [f"{len(failed)} of {content['timings']['points']} points failed: see study.json."] if failed else []
    return [columns(rows) if rows else "No claim could be judged.", *lines]


def _measured(measured: dict[str, Any]) -> str:
    if measured["mean"] is None:
        return "no value"
    spread = "" if measured["sd"] is None else f" ± {measured['sd']:.2g}"
    return f"{measured['mean']:.3g}{spread} ({measured['n']})"
