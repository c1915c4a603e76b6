"""Accuracy and loss of every group at every epoch, as one tidy table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from probes.runs.run import Run

__all__ = ["COLUMNS", "epoch_table", "train_groups"]

COLUMNS = ("epoch", "group", "examples", "accuracy", "true_label_accuracy", "loss")


def epoch_table(run: Run, metrics: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per epoch and group; a group nobody belongs to, or that was not visited, has no row.

    Args:
        metrics: recorded rows of other groups (`validation`, `test`); those of unclosed epochs are left out.
    """
    import pandas as pd

    closed = ([0] if run.has_initial else []) + run.closed_epochs
    groups = train_groups(run)
    rows: list[dict[str, Any]] = []
    by_epoch: dict[int, list[Mapping[str, Any]]] = {}
    for row in metrics:
        by_epoch.setdefault(int(row["epoch"]), []).append(row)
    for epoch in closed:
        rows += _train_rows(run, epoch, groups)
        rows += [{column: row.get(column) for column in COLUMNS} for row in by_epoch.get(epoch, [])]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    values = dict.fromkeys(("accuracy", "true_label_accuracy", "loss"), "float64")
    return frame.astype({"epoch": "int64", "group": "object", "examples": "int64", **values})


def train_groups(run: Run) -> dict[str, np.ndarray]:
    """Masks over the training examples: all, clean, noisy, and one per kind of corruption drawn."""
    groups = {"train/all": np.ones(run.num_examples, dtype=bool)}
    if run.clean is not None and run.noisy is not None:
        groups["train/clean"] = run.clean
        groups["train/noisy"] = run.noisy
    corruption = run.examples["corruption"].fillna("").to_numpy(dtype=object)
    for kind in sorted(set(corruption) - {""}):
        groups[f"train/{kind}"] = corruption == kind
    return groups


def _train_rows(run: Run, epoch: int, groups: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    signals = run.epoch(epoch)
    known = ~np.isnan(signals["loss"])
    visited = known | (signals["prediction"] >= 0)  # an imported log may hold only one of the two
    correct, truth = signals["correct"], run.true_labels
    rows = []
    for name, mask in groups.items():
        inside = mask & visited
        count = int(inside.sum())
        if count == 0:
            continue
        labelled, losses = inside & (correct >= 0), signals["loss"][inside & known]
        rows.append(
            {
                "epoch": epoch,
                "group": name,
                "examples": count,
                "accuracy": correct[labelled].mean() if labelled.any() else np.nan,
                "true_label_accuracy": _agreement(signals["prediction"], truth, inside),
                "loss": np.mean(losses, dtype=np.float64) if len(losses) else np.nan,
            }
        )
    return rows


def _agreement(prediction: np.ndarray, truth: np.ndarray | None, inside: np.ndarray) -> float:
    """Share of the examples inside, of known true label, that are predicted as it; NaN where there are none."""
    if truth is None:
        return np.nan
    known = inside & (truth >= 0) & (prediction >= 0)
    return float((prediction[known] == truth[known]).mean()) if known.any() else np.nan
