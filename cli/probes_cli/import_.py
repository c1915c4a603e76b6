"""`probe import`: other tools' logs into a run."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from probes_cli.options import SectionedCommand, option
from probes_cli.output import echo_json, say, visible
from probes_cli.runs import refuse_existing

if TYPE_CHECKING:
    from probes.runs.run import Run

__all__ = ["command"]

F = TypeVar("F", bound=Callable[..., Any])

EPILOG = """\b
Examples:
  probe import cartography training_dynamics/
  probe import table log.csv --out runs/mine
"""
CARTOGRAPHY_EPILOG = """\b
Examples:
  probe import cartography training_dynamics/ --out runs/snli && probe report runs/snli
"""
TABLE_EPILOG = """\b
Columns recognised by their names: epoch; example, id, guid, index; label, given_label, target, gold;
true_label; logits (lists) or logit_0, logit_1, ...; loss; probability; prediction; margin, entropy,
el2n, visits. From logits come all signals, from a probability or a loss those that depend on no more.

\b
Examples:
  probe import table log.csv
  probe import table log.parquet --id-column sentence --label-column gold --out runs/mine
"""


def run_options(function: F) -> F:
    """The options that every kind of log has: where the run goes, and what is printed."""
    for add in (
        option("Output", "--json", "as_json", is_flag=True, help="Print what was read as JSON."),
        option("Running", "--overwrite", is_flag=True, help="Replace a run that is already there."),
        option(
            "Running", "--out", type=click.Path(path_type=Path), show_default="a fresh one in runs/", help="Run folder."
        ),
    ):
        function = add(function)
    return function


@click.group("import", epilog=EPILOG)
def command() -> None:
    """Read other tools' logs into a run.

    Prints the run folder. Examples are joined by id, never by position."""


@command.command("cartography", cls=SectionedCommand, epilog=CARTOGRAPHY_EPILOG)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@run_options
@click.pass_context
def cartography(ctx: click.Context, folder: Path, out: Path | None, overwrite: bool, as_json: bool) -> None:
    """Read Dataset Cartography's training dynamics.

    DIR holds dynamics_epoch_0.jsonl, dynamics_epoch_1.jsonl, ...; its epochs become 1, 2, ..."""
    _refuse(out, overwrite)
    from probes.integrations.cartography import import_cartography

    _print(import_cartography(folder, out, overwrite=overwrite, command=_typed(ctx)), as_json)


@command.command("table", cls=SectionedCommand, epilog=TABLE_EPILOG)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@option("Columns", "--epoch-column", metavar="NAME", help="Number of the epoch.")
@option("Columns", "--id-column", metavar="NAME", help="Which example: text or whole numbers.")
@option("Columns", "--label-column", metavar="NAME", help="Given label: names or whole numbers.")
@option("Columns", "--true-label-column", metavar="NAME", help="Right label, where known.")
@option("Columns", "--logits-column", metavar="NAME", help="Lists of logits, or how columns of logits begin.")
@option("Columns", "--loss-column", metavar="NAME", help="Cross-entropy of the given label, in nats.")
@option("Columns", "--probability-column", metavar="NAME", help="Probability of the given label.")
@option("Columns", "--prediction-column", metavar="NAME", help="Predicted label.")
@option("Reading", "--classes", metavar="A,B,...", help="Names of the classes, in the order of the logits.")
@option(
    "Reading",
    "--first-epoch",
    type=int,
    show_default="0 where there is one, else 1",
    help="What the table calls its first epoch of training.",
)
@option(
    "Reading",
    "--measure",
    metavar="[online|sweep]",
    default="online",
    help="Values from the passes that train, or from passes of their own.",
)
@run_options
@click.pass_context
def table(
    ctx: click.Context,
    file: Path,
    classes: str | None,
    out: Path | None,
    overwrite: bool,
    as_json: bool,
    **fields: Any,
) -> None:
    """Read a table with a row per example and epoch.

    FILE is a .csv, .parquet or .jsonl file."""
    _refuse(out, overwrite)
    from probes.integrations.table import import_table
    from probes.integrations.table_columns import TableOptions

    names = None if classes is None else [name.strip() for name in classes.split(",")]
    options = TableOptions(classes=names, **fields)  # its fields are the options above, by name
    _print(import_table(file, out, options=options, overwrite=overwrite, command=_typed(ctx)), as_json)


def _refuse(out: Path | None, overwrite: bool) -> None:
    if out is not None and not overwrite:
        refuse_existing(out)


def _typed(ctx: click.Context) -> str:
    return shlex.join(["probe", *ctx.obj])


def _print(run: Run, as_json: bool) -> None:
    say("\n".join([*_read(run), f"See it: probe report {shlex.quote(str(run.path))}"]))
    if as_json:
        columns = run.config.get("columns")
        found = {"run": str(run.path), "examples": run.num_examples, "epochs": run.closed_epochs}
        echo_json({**found, "classes": run.classes, **({} if columns is None else {"columns": columns})})
    else:
        click.echo(run.path)


def _read(run: Run) -> list[str]:
    """What was read, in words."""
    config, epochs = run.config, len(run.closed_epochs)
    plural = "" if epochs == 1 else "s"
    source = visible(config["source"])
    lines = [f"Read {epochs:,} epoch{plural} of {run.num_examples:,} examples from {source}."]
    if "columns" in config:
        lines.append(f"Columns: {_columns(config['columns'])}.")
    if run.classes is not None:
        lines.append(f"Classes: {_shortened([visible(name) for name in run.classes])}.")
    unusable = run.meta.get("nonfinite_visits") or 0
    if unusable:
        are = "visit is unusable: it holds" if unusable == 1 else "visits are unusable: they hold"
        lines.append(f"{unusable:,} {are} neither a finite loss nor a prediction.")
    if config["first_epoch"] != 1:
        lines.append(f"Its epoch {config['first_epoch']} is epoch 1 here.")
    return lines


def _columns(columns: dict[str, str | list[str]]) -> str:
    """ "epoch, id from guid, logits from logit_0 to logit_9" """
    words = []
    for role, names in columns.items():
        if isinstance(names, list):
            words.append(f"{role} from {visible(names[0])} to {visible(names[-1])}")
        else:
            words.append(role if role == names else f"{role} from {visible(names)}")
    return ", ".join(words)


def _shortened(names: list[str], most: int = 10) -> str:
    more = len(names) - most
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:most])} and {more:,} more"
