"""`probe scores`: the table of scores, the most suspicious examples first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from probes.errors import cannot_write, unknown_name
from probes_cli.options import WINDOW, OutFile, json_option, run_argument
from probes_cli.output import columns, echo_json, is_missing, json_text, plain, say
from probes_cli.runs import chosen_run

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from probes.runs.run import Run

__all__ = ["command"]

EPILOG = """\b
Examples:
  probe scores --top 50
  probe scores runs/mine --sort mean_loss --epochs 1-10
  probe scores --out scores.parquet        every example, every column
  probe scores --format aum --out aum_values.csv
"""
# Printed beside the column sorted by; --out and --json hold every column.
_PRINTED = ("id", "given_label", "true_label", "noisy", "aum", "mean_loss", "forgetting_events", "learned_epoch")
_LABELS = ("given_label", "true_label")
_CATEGORIES = {"region": ("hard", "ambiguous", "easy")}  # the suspicious ones first
_LOWEST_FIRST = (
    *("example", "id", "given_label", "true_label", "corruption", "visits"),
    *("label_score", "predicted_label", "guid", "index", "sample_id"),  # of other tools
)
_FORMATS = {
    "cleanlab": "cleanlab's label issues",
    "cartography": "Dataset Cartography's td_metrics",
    "aum": "the aum_values of package aum",
}


@click.command("scores", epilog=EPILOG)
@run_argument
@click.option("--sort", metavar="COLUMN", show_default="aum", help="Column to sort by; see `probe list scores`.")
@click.option("--top", type=click.IntRange(min=0), default=20, help="How many examples to print.")
@click.option("--epochs", type=WINDOW, show_default="the whole run", help="Window of epochs, both included.")
@click.option(
    "--out", type=OutFile(".csv", ".parquet", ".json", ".jsonl"), help="Write all examples to this file as well."
)
@click.option("--format", "of_tool", type=click.Choice([*_FORMATS]), help="Columns and order of another tool.")
@json_option
def command(
    run: Path | None,
    sort: str | None,
    top: int,
    epochs: tuple[int, int] | None,
    out: Path | None,
    of_tool: str | None,
    as_json: bool,
) -> None:
    """Print the most suspicious examples.

    RUN is a run folder; the newest of runs/ if left out. Suspicious values come first: high losses, low margins,
    examples that were never learned.
    """
    from probes import open_run
    from probes.scores.catalogue import CATALOGUE
    from probes.scores.probe_scores import checkpoints_in_words, why_missing

    opened = open_run(chosen_run(run))
    if of_tool is not None:
        _as_another_tool(opened, of_tool, sort, top, epochs, out, as_json)
        return
    frame = opened.scores(epochs=epochs)
    if sort is None:
        sort = _first_known(frame)
    if sort in CATALOGUE and sort not in frame:  # some are there by name only
        frame[sort] = opened.scores(sort, epochs=epochs)[sort]
    if sort not in (*frame.columns, "example"):
        raise unknown_name("column", sort, {*frame.columns, *CATALOGUE, "example"})
    if out is not None:
        _write(frame.reset_index(), out)
        say(f"Wrote {len(frame):,} examples to {out}")
    shown = frame.iloc[_order(frame, sort, epochs[1] if epochs else opened.num_epochs)[:top]]
    if as_json:
        echo_json(_records(shown.reset_index()))
        return
    click.echo(_as_text(shown, sort, opened.classes))
    if sort != "example" and frame[sort].isna().all():
        say(f"{why_missing(sort)} These are {len(shown):,} of {len(frame):,} examples, unsorted.")
        return
    say(f"{len(shown):,} of {len(frame):,} examples, {_order_in_words(sort)}.")
    if sort in ("self_influence", "last_layer_self_influence"):
        say(f"{sort}: {checkpoints_in_words(opened.probe('self_influence'))}.")


def _as_another_tool(
    run: Run, tool: str, sort: str | None, top: int, epochs: tuple[int, int] | None, out: Path | None, as_json: bool
) -> None:
    """The same in the columns and the order of another tool; what is printed is sorted where that is asked for."""
    from probes.runs.formats import format_scores

    table = format_scores(run, tool, epochs)
    if sort not in (None, "example", *table.columns):
        raise unknown_name(f"column of --format {tool}", str(sort), {*table.columns, "example"})
    if out is not None:
        _write(table, out)
        say(f"Wrote {len(table):,} examples to {out}")
    shown = (table if sort is None else table.iloc[_order_of_tool(table, sort)])[:top]
    if not {"guid", "sample_id"} & {*table.columns}:  # by their order alone, which sorting loses
        shown = shown.reset_index()
    if as_json:
        echo_json(_records(shown))
        return
    click.echo(_cells_as_text(shown, [*shown.columns], None))
    order = "" if sort is None else f", {_order_in_words(sort)}"
    say(f"{len(shown):,} of {len(table):,} examples, as {_FORMATS[tool]}{order}.")


def _order_of_tool(table: pd.DataFrame, column: str) -> np.ndarray:
    """Positions of the rows, the suspicious values first, missing ones last, ties in the order they have."""
    values = (table.index.to_series() if column == "example" else table[column]).reset_index(drop=True)
    ordered = values.sort_values(ascending=not _high_first(column), kind="stable", na_position="last")
    return ordered.index.to_numpy()


def _first_known(frame: pd.DataFrame) -> str:
    """aum, or where no example has one, mean_loss or the first score with a suspicious end that any has."""
    from probes.scores.catalogue import CATALOGUE

    directed = [name for name, score in CATALOGUE.items() if score.direction is not None and name in frame]
    known = (name for name in ("aum", "mean_loss", *directed) if frame[name].notna().any())
    found = next(known, "aum")
    if found != "aum":
        say(f"No example has an aum, so these are sorted by {found}.")
    return found


def _order_in_words(column: str) -> str:
    if column in _CATEGORIES:
        return f"by {column}: {', then '.join(_CATEGORIES[column])}"
    return f"{'highest' if _high_first(column) else 'lowest'} {column} first"


def _high_first(column: str) -> bool:
    """Whether the suspicious end of a column, or else the more interesting one, is the high one."""
    from probes.scores.catalogue import CATALOGUE
    from probes.scores.probe_scores import PROBE_SCORES

    score = CATALOGUE.get(column) or PROBE_SCORES.get(column)
    direction = None if score is None else score.direction
    return column not in _LOWEST_FIRST if direction is None else direction == "high"


def _order(frame: pd.DataFrame, column: str, last_epoch: int) -> np.ndarray:
    """Positions of the examples, the most suspicious first, missing values last, ties by example."""
    import numpy as np

    from probes.scores.detection import ranking_values

    if column == "example":
        return np.arange(len(frame))
    values = frame[column].reset_index(drop=True)
    if column in _CATEGORIES:
        places = {name: place for place, name in enumerate(_CATEGORIES[column])}
        values = values.map(places)
        return values.sort_values(kind="stable", na_position="last").index.to_numpy()
    if values.dtype.kind not in "biuf":  # text
        return values.sort_values(kind="stable", na_position="last").index.to_numpy()
    suspicion = ranking_values(
        column,
        values.to_numpy(dtype=np.float64, na_value=np.nan),
        "high" if _high_first(column) else "low",
        never_learned=frame["never_learned"].to_numpy(dtype=np.int8, na_value=-1),
        last_epoch=last_epoch,
    )
    return np.argsort(-suspicion, kind="stable")


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A dict per row."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _write(frame: pd.DataFrame, path: Path) -> None:
    """Write every row, in the order they have, as the file's name asks for."""
    from probes.runs.layout import atomic_write

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            if path.suffix == ".parquet":
                frame.to_parquet(temporary, index=False)
            elif path.suffix == ".csv":
                frame.to_csv(temporary, index=False)
            elif path.suffix == ".jsonl":
                lines = [json.dumps(plain(row), allow_nan=False) + "\n" for row in _records(frame)]
                temporary.write_text("".join(lines), encoding="utf-8")
            else:
                temporary.write_text(json_text(_records(frame)) + "\n", encoding="utf-8")
    except OSError as error:
        raise cannot_write(path, error) from error


def _as_text(frame: pd.DataFrame, sort: str, classes: list[str] | None) -> str:
    """The printed columns, labels by the names of their classes where the run has them."""
    names = ["example", *(name for name in _PRINTED if name in frame.columns)]
    names += [] if sort in names else [sort]
    return _cells_as_text(frame.reset_index(), names, classes)


def _cells_as_text(tidy: pd.DataFrame, names: list[str], classes: list[str] | None) -> str:
    cells = [[_cell(value, classes if name in _LABELS else None) for value in tidy[name]] for name in names]
    return columns(list(zip(*cells, strict=True)), header=names, right=range(len(names)))


def _cell(value: Any, classes: list[str] | None) -> str:
    if is_missing(value):
        return "-"
    if classes is not None and value < len(classes):
        return classes[value]
    return f"{value:.4f}" if isinstance(value, float) else str(value)
