"""`probe measure`: a probe on the weights that a run has kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from probes_cli.options import EPOCH_LIST, json_option, run_argument
from probes_cli.output import echo_json, say
from probes_cli.runs import chosen_run

__all__ = ["command"]

EPILOG = """\b
Examples:
  probe measure runs/mine --probe gradient_norms
  probe measure runs/mine --probe attributions --examples most_forgotten --top 32
  probe measure runs/mine --probe attributions --examples 3,17,40-49 --probe-epochs 1,5,50
  probe measure runs/mine --probe attributions --method input_x_gradient --method grad_cam
"""


class Examples(click.ParamType):
    """`most_forgotten`, or indices with commas and dashes, such as 3,17,40-49."""

    name = "most_forgotten|INDICES"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | list[int]:
        if not isinstance(value, str) or value == "most_forgotten":
            return value
        indices: list[int] = []
        try:
            for part in value.split(","):
                first, dash, last = part.partition("-")
                indices += range(int(first), int(last) + 1) if dash else [int(first)]
        except ValueError:
            indices = []
        if not indices:
            self.fail(f"{value!r} is neither most_forgotten nor indices such as 3,17,40-49.", param, ctx)
        return indices


@click.command("measure", epilog=EPILOG)
@run_argument
@click.option("--probe", "name", metavar="NAME", required=True, help="Which probe; see `probe list probes`.")
@click.option("--examples", type=Examples(), show_default="what the probe measures in training", help="Which ones.")
@click.option("--top", type=click.IntRange(min=1), show_default="32", help="How many of the most forgotten.")
@click.option(
    "--method",
    "methods",
    metavar="NAME",
    multiple=True,
    show_default="saliency, integrated_gradients",
    help="Of attributions (repeatable): saliency, integrated_gradients, input_x_gradient or grad_cam.",
)
@click.option("--probe-epochs", type=EPOCH_LIST, show_default="all whose weights are kept", help="At which epochs.")
@json_option
def command(
    run: Path | None,
    name: str,
    examples: str | list[int] | None,
    top: int | None,
    methods: tuple[str, ...],
    probe_epochs: tuple[int, ...] | None,
    as_json: bool,
) -> None:
    """Measure a trained run with a probe, from its checkpoints.

    RUN is a run folder; the newest of runs/ if left out. Prints the folder of what was measured.
    """
    from probes.scores.probe_scores import checkpoints_in_words
    from probes.training import measure_run
    from probes.training.measuring import epochs_to_measure

    chosen = chosen_run(run)
    if top is not None and examples != "most_forgotten":
        raise click.UsageError(
            "--top says how many of the most forgotten: add --examples most_forgotten, or leave it out."
        )
    measured = measure_run(chosen, name, examples=examples, top=top, methods=methods or None, probe_epochs=probe_epochs)
    frame = measured.probe(name)
    epochs = epochs_to_measure(measured.path, probe_epochs)
    held = sorted(int(epoch) for epoch in frame["epoch"].unique())
    folder = measured.path / "probes" / name
    weighed = "learning_rate" in frame  # self-influence: a number without them says little
    if as_json:
        rates = frame.groupby("epoch")["learning_rate"].first() if weighed else {}
        extra = {"mode": "eval", "learning_rates": {str(epoch): rate for epoch, rate in rates.items()}}
        echo_json({"probe": name, "epochs": epochs, "folder": folder} | (extra if weighed else {}))
        return
    also = "" if held == epochs else f" The run holds it at epochs {', '.join(map(str, held))}."
    say(f"{name} at epoch{'s' if len(epochs) > 1 else ''} {', '.join(map(str, epochs))}.{also}")
    _say_what_is_missing(folder)
    if weighed:
        say(f"{name}: {checkpoints_in_words(frame)}.")
    click.echo(folder)


def _say_what_is_missing(folder: Path) -> None:
    """Name the probe's scores that no example has, and what they need."""
    import pandas as pd

    from probes.scores.probe_scores import why_missing

    path = folder / "scores.parquet"
    scores = pd.read_parquet(path) if path.exists() else pd.DataFrame()
    for column in scores:
        if scores[column].isna().all():
            say(why_missing(str(column)))
