"""`probe summary`: a run in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from probes_cli.options import json_option, run_argument
from probes_cli.output import columns, decimal, echo_json, percent
from probes_cli.runs import chosen_run

__all__ = ["command"]

EPILOG = """\b
Examples:
  probe summary                  the newest run of runs/
  probe summary runs/mine --json
"""


@click.command("summary", epilog=EPILOG)
@run_argument
@json_option
def command(run: Path | None, as_json: bool) -> None:
    """Print a run in numbers.

    When the pattern was learned, when the noise was memorized, what finds it. RUN is a run folder; the newest of
    runs/ if left out.
    """
    from probes import open_run

    opened = open_run(chosen_run(run))
    summary = opened.summary()
    if as_json:
        echo_json(summary)
        return
    blocks = [columns([("run", str(opened.path)), *_rows(summary)]), *_detection_table(summary["detection"])]
    click.echo("\n\n".join(blocks))


def _rows(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and value of everything but detection, in words."""
    noise = "unknown" if summary["num_noisy"] is None else f"{summary['num_noisy']:,} ({percent(summary['base_rate'])})"
    peak = summary["peak_test_epoch"]
    return [
        ("status", summary["status"]),
        ("epochs", str(summary["epochs"])),
        ("measure", summary["measure"]),
        ("examples", f"{summary['num_examples']:,}"),
        ("noisy examples", noise),
        ("clean 90 % learned by epoch", _known(summary["clean_learned_epoch"])),
        ("noisy 50 % memorized by epoch", _known(summary["noisy_half_memorized_epoch"])),
        ("noisy 90 % memorized by epoch", _known(summary["noisy_memorized_epoch"])),
        ("clean predicted as given in the end", percent(summary["final_clean_accuracy"])),
        ("noisy predicted as given in the end", percent(summary["final_noisy_accuracy"])),
        (
            "noisy predicted as true, at most",
            _at(summary["noisy_true_label_peak"], summary["noisy_true_label_peak_epoch"]),
        ),
        ("test accuracy at best validation", _at(summary["peak_test_accuracy"], peak)),
        ("test accuracy in the end", percent(summary["final_test_accuracy"])),
        ("estimated noise rate", percent(summary["estimated_noise_rate"])),
        ("suggested cut-off of mean loss", decimal(summary["suggested_cutoff"])),
        ("visits not finite", _known(summary["nonfinite_visits"])),
    ]


def _detection_table(detection: Mapping[str, Mapping[str, float | None]]) -> list[str]:
    """How well each score finds the noisy examples, the best first; nothing where that is undefined."""
    found = {name: value for name, value in detection.items() if value["auroc"] is not None}
    if not found:
        return []
    best_first = sorted(found, key=lambda name: -(found[name]["auroc"] or 0))
    rows = [(name, decimal(found[name]["auroc"]), decimal(found[name]["average_precision"])) for name in best_first]
    return [columns(rows, header=("finds the noisy ones", "AUROC", "average precision"), right=(1, 2))]


def _known(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _at(share: float | None, epoch: int | None) -> str:
    return percent(share) if epoch is None else f"{percent(share)} at epoch {epoch}"
