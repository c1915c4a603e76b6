"""`probe list`: what there is, by name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from probes.data.datasets import DEFAULT_ROOT
from probes.errors import ProbeError, unknown_name
from probes_cli.options import json_option
from probes_cli.output import columns, echo_json
from probes_cli.runs import ROOT, all_runs

__all__ = ["command"]

EPILOG = """\b
Examples:
  probe list runs
  probe list scores --json
"""

Rows = list[dict[str, Any]]


def _runs() -> Rows:
    return [_run(folder) for folder in all_runs()]


def _run(folder: Path) -> dict[str, Any]:
    """What run.json says of a run; a run that cannot be read is listed as such, not hidden."""
    from probes import open_run

    row: dict[str, Any] = dict.fromkeys(
        ("path", "status", "epochs", "dataset", "examples", "noise", "noise_kind", "written")
    )
    written = datetime.fromtimestamp((folder / "run.json").stat().st_mtime).isoformat(" ", "seconds")
    row |= {"path": str(folder), "written": written}
    try:
        run = open_run(folder)
    except ProbeError:
        return row | {"status": "unreadable"}
    return row | {
        "status": run.status,
        "epochs": run.num_epochs,
        "dataset": run.meta["dataset"].get("name"),
        "examples": run.num_examples,
        "noise": run.config.get("noise"),
        "noise_kind": run.config.get("noise_kind"),
    }


def _datasets() -> Rows:
    from probes.data import list_datasets

    return list_datasets()


def _models() -> Rows:
    from probes.models import MODELS

    return _described(MODELS)


def _one_s_own(topic: str) -> dict[str, str]:
    """What else can be named: not a name, but a form of names."""
    from probes.data import USER_DATA
    from probes.models import OTHER_MODELS

    return {"datasets": USER_DATA, "models": OTHER_MODELS}.get(topic, {})


def _noise_kinds() -> Rows:
    from probes.data import NOISE_KINDS

    return _described(NOISE_KINDS)


def _scores() -> Rows:
    from probes.scores.catalogue import CATALOGUE

    keys = ("name", "label", "meaning", "formula", "direction", "scope", "needs", "source", "when", "fewest_epochs")
    return [{key: getattr(score, key) for key in (*keys, "default")} for score in CATALOGUE.values()]


def _probes() -> Rows:
    from probes.probing import PROBES

    return _described(PROBES)


def _studies() -> Rows:
    from probes.studies import STUDIES

    return _described(STUDIES)


def _described(names: dict[str, str]) -> Rows:
    return [{"name": name, "meaning": meaning} for name, meaning in names.items()]


TOPICS: dict[str, tuple[Callable[[], Rows], tuple[str, ...]]] = {  # and the columns printed; --json has all
    "runs": (_runs, ("path", "status", "epochs", "dataset", "noise", "written")),
    "datasets": (_datasets, ("name", "examples", "classes", "available", "path", "source")),
    "models": (_models, ("name", "meaning")),
    "noise-kinds": (_noise_kinds, ("name", "meaning")),
    "scores": (_scores, ("name", "direction", "meaning")),
    "probes": (_probes, ("name", "meaning")),
    "studies": (_studies, ("name", "meaning")),
}


@click.command("list", epilog=EPILOG)
@click.argument("topic", metavar=f"[{'|'.join(TOPICS)}]")
@json_option
def command(topic: str, as_json: bool) -> None:
    """List runs, or the names other commands take.

    Runs are those of runs/, the newest first."""
    if topic not in TOPICS:
        raise unknown_name("list", topic, TOPICS)
    rows_of, shown = TOPICS[topic]
    rows = rows_of()
    if as_json:
        echo_json(rows)
    elif rows:
        click.echo(columns([[_cell(row[name]) for name in shown] for row in rows], header=shown))
        if other := _one_s_own(topic):
            click.echo("\nalso\n" + columns(list(other.items())))
        if topic == "datasets":
            click.echo(f"\nDownloads are looked for in {DEFAULT_ROOT}/; `probe train --data-root DIR` looks elsewhere.")
    else:
        click.echo(f"No {topic} in {ROOT}/ yet. Make one with `probe train`.", err=True)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
