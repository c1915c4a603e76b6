"""`probe summary`: a run in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from probes_cli.options import json_option, run_argument
from probes_cli.output import columns, decimal, echo_json, is_missing, percent, visible
from probes_cli.runs import chosen_run

if TYPE_CHECKING:
    import pandas as pd

    from probes.runs.run import Run

__all__ = ["command"]

MOST_CLASSES = 20
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
    from probes import flags_by_class, open_run
    from probes.runs.kinds import detection_by_kind, kinds_of
    from probes_reports.majority import majority

    opened = open_run(chosen_run(run))
    summary = opened.summary()
    if as_json:
        echo_json(summary)
        return
    rows = [("run", str(opened.path)), *_rows(summary, _doubt(opened, summary), _ended(opened))]
    flags = flags_by_class(opened, summary=summary)
    tables = [
        *_kinds_table(kinds_of(opened)),
        *_detection_table(summary, detection_by_kind(opened)),
        *_flags_table(flags),
    ]
    caution = visible(majority(opened))
    click.echo("\n\n".join([columns(rows), *([caution] if caution else []), *tables]))


def _doubt(run: Run, summary: Mapping[str, Any]) -> str:
    """Why the estimated noise rate is not to be trusted, with a comma in front; "" where nothing speaks against it."""
    from probes.runs.noise_rate import unlearned

    if summary["estimated_noise_rate"] is None:
        return ""
    rows = run.epochs[run.epochs["group"] == "validation"].dropna(subset=["accuracy"])
    epochs, shares = rows["epoch"].to_numpy(), rows["accuracy"].to_numpy(dtype=float)
    why = unlearned(epochs, shares, summary["peak_test_epoch"], run.num_epochs, len(run.classes or ()))
    return f", not to be trusted: {why}" if why else ""


def _ended(run: Run) -> str:
    """Of how many epochs, where early stopping ended a run before; else ""."""
    planned: int = run.config.get("epochs") or 0
    early = run.status == "complete" and run.config.get("early_stopping") and run.num_epochs < planned
    return f" of {planned:,}: stopped early" if early else ""


def _rows(summary: Mapping[str, Any], doubt: str = "", ended: str = "") -> list[tuple[str, str]]:
    """Name and value of everything but detection, in words."""
    noise = "unknown" if summary["num_noisy"] is None else f"{summary['num_noisy']:,} ({percent(summary['base_rate'])})"
    peak = summary["peak_test_epoch"]
    return [
        ("status", summary["status"]),
        ("epochs", str(summary["epochs"]) + ended),
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
        ("estimated noise rate", percent(summary["estimated_noise_rate"]) + doubt),
        ("suggested cut-off of mean loss", decimal(summary["suggested_cutoff"])),
        ("visits not finite", _known(summary["nonfinite_visits"])),
    ]


def _kinds_table(kinds: pd.DataFrame) -> list[str]:
    """Every kind of noise by itself; nothing where there are not several to tell apart."""
    if len(kinds) < 2:
        return []
    rows = [
        (
            visible(str(name)),
            f"{row['drawn']:,}",
            f"{row['wrong']:,}",
            f"{row['replaced']:,}",
            *(_epoch(row[column]) for column in ("half_memorized_epoch", "memorized_epoch")),
            percent(None if is_missing(row["final_accuracy"]) else row["final_accuracy"]),
            "-" if is_missing(row["true_label_peak"]) else _at(row["true_label_peak"], row["true_label_peak_epoch"]),
        )
        for name, row in kinds.iterrows()
    ]
    header = (
        *("kind of noise, as given", "drawn", "wrong labels", "replaced inputs"),
        *("50 % by epoch", "90 % by epoch", "in the end", "as true, at most"),
    )
    return [columns(rows, header=header, right=range(1, len(header)))]


def _epoch(value: int | None) -> str:
    return "-" if is_missing(value) else f"{value:,}"


def _detection_table(summary: Mapping[str, Any], by_kind: pd.DataFrame) -> list[str]:
    """How well each score finds the noisy examples, the best first; nothing where that is undefined."""
    found = {name: value for name, value in summary["detection"].items() if value["auroc"] is not None}
    if not found:
        return []
    best_first = sorted(found, key=lambda name: -(found[name]["auroc"] or 0))
    rows = [
        (
            name,
            decimal(found[name]["auroc"]),
            decimal(found[name]["average_precision"]),
            *(decimal(None if is_missing(value) else value) for value in by_kind.loc[name]),
        )
        for name in best_first
    ]
    header = (
        *("finds the noisy ones", "AUROC", "average precision"),
        *(f"AUROC of {visible(str(kind))}" for kind in by_kind.columns),
    )
    return [columns(rows, header=header, right=range(1, len(header)))]


def _flags_table(flags: pd.DataFrame) -> list[str]:
    """The flags above the cut-off by given label, and a warning where one label holds most; nothing without flags."""
    from probes.runs.flags import suspect_class

    if not flags["flagged"].sum():
        return []
    known = bool(flags["noisy"].notna().any())
    shown = flags if len(flags) <= MOST_CLASSES else flags.sort_values("flagged", ascending=False).head(MOST_CLASSES)
    rows = [
        (
            str(row["name"]),
            f"{row['examples']:,}",
            f"{row['flagged']:,}",
            percent(row["share"]),
            *((percent(None if is_missing(row["precision"]) else row["precision"]),) if known else ()),
        )
        for _, row in shown.iterrows()
    ]
    header = ("above the cut-off, by given label", "examples", "flagged", "share", *(("rightly",) if known else ()))
    table = columns(rows, header=header, right=range(1, len(header)))
    more = f"\n({len(flags) - len(shown):,} labels with fewer flags are not shown)" if len(shown) < len(flags) else ""
    suspect = suspect_class(flags)
    if suspect is None:
        return [table + more]
    held = dict(zip(flags.index.tolist(), flags[["name", "flagged"]].to_numpy().tolist(), strict=True))
    share, name = percent(held[suspect][1] / int(flags["flagged"].sum())), visible(held[suspect][0])
    return [table + more, f"Careful: {share} of the flags are examples given {name}; a hard class is not a wrong one."]


def _known(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _at(share: float | None, epoch: int | None) -> str:
    return percent(share) if epoch is None else f"{percent(share)} at epoch {epoch}"
