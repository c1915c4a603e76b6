"""Accuracy and loss of each training group at one epoch, while it is at hand: the train rows of `Run.epochs`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from probes.data import Dataset
from probes.trackers.distributed import add_up

__all__ = ["group_metrics", "training_groups"]


def training_groups(dataset: Dataset) -> dict[str, np.ndarray]:
    """Masks over the training examples, bool (N,): all; clean and noisy where that is known; one per kind of noise."""
    groups = {"train/all": np.ones(len(dataset.train), dtype=bool)}
    noisy, corruption = dataset.noisy, dataset.corruption
    if noisy is not None:
        groups |= {"train/clean": ~noisy, "train/noisy": noisy}
    if corruption is not None:
        groups |= {f"train/{kind}": corruption == kind for kind in sorted(set(corruption.tolist()) - {""})}
    return groups


def group_metrics(
    columns: Mapping[str, np.ndarray],
    groups: Mapping[str, np.ndarray],
    given: np.ndarray,
    truth: np.ndarray | None,
    *,
    several: bool,
) -> list[dict[str, Any]]:
    """A row per group with a visited example: `group, examples, accuracy, true_label_accuracy, loss`.

    Args:
        columns: of the examples visited here, as an epoch's table holds them.
        groups: of `training_groups`.
        given: int64, (N,); given labels.
        truth: int64, (N,); true labels, None where nobody knows them.
        several: add up what all ranks have visited: collective.
    """
    example, prediction, loss = (columns[name] for name in ("example", "prediction", "loss"))
    usable, known = prediction >= 0, ~np.isnan(loss)
    right = usable & (prediction == given[example])
    true = np.zeros(len(example), dtype=bool) if truth is None else usable & (prediction == truth[example])
    sums: list[float] = []
    for mask in groups.values():
        inside = mask[example]
        counted = (usable | known, usable, right, true, known)
        sums += [float((inside & which).sum()) for which in counted]
        sums.append(float(loss[inside & known].sum(dtype=np.float64)))
    if several:
        sums = add_up(sums)
    rows = []
    for group, (visited, labelled, hits, true_hits, losses, total) in zip(
        groups, np.reshape(sums, (-1, 6)).tolist(), strict=True
    ):
        if visited:
            rows.append(
                {
                    "group": group,
                    "examples": int(visited),
                    "accuracy": hits / labelled if labelled else None,
                    "true_label_accuracy": true_hits / labelled if labelled and truth is not None else None,
                    "loss": total / losses if losses else None,
                }
            )
    return rows
