"""A run's scores in the columns of other tools, so that what reads those reads ours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from probes.errors import unknown_name
from probes.runs.run import Run
from probes.runs.score_table import check_window
from probes.runs.summary import cutoff_at
from probes.runs.trajectories import block_of, dense_trajectories
from probes.scores.formats import aum_values, cleanlab_issues, td_metrics

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FORMATS", "format_scores"]


def format_scores(run: Run, format: str, epochs: tuple[int, int] | None = None) -> pd.DataFrame:
    """Scores of a run as another tool writes them; docs/scores.md says what stands for what.

    Args:
        run: an open run.
        format: `cleanlab` (a row per example), `cartography` or `aum` (a row per example visited).
        epochs: window (first, last), inclusive; nothing outside of it is used but, by `cleanlab`, the run's
            `estimated_noise_rate`.

    Returns:
        Columns as `probes.scores.formats` has them, indexed by `example`.

    Raises:
        ConfigError: an unknown format, or a window outside the run.

    Example:
        >>> format_scores(open_run("runs/mine"), "aum").to_csv("aum_values.csv", index=False)  # doctest: +SKIP
    """
    if format not in FORMATS:
        raise unknown_name("format", format, FORMATS)
    first, last = check_window(epochs, run.num_epochs)
    return FORMATS[format](run, first, last)


def _cleanlab(run: Run, first: int, last: int) -> pd.DataFrame:
    """Flagged: the highest mean losses of the window, as many as the run's estimated noise rate says."""
    names = ["mean_loss", "noise_probability"]
    losses, probability = run.scores(names, epochs=(first, last) if last else None)[names].to_numpy(np.float64).T
    summary = run.summary()
    peak = summary["peak_test_epoch"]
    read_at = peak if peak is not None and first <= peak <= last else last
    given = np.full(run.num_examples, -1) if run.given_labels is None else run.given_labels
    predictions = _last_predictions(run, [epoch for epoch in run.closed_epochs if first <= epoch <= read_at])
    return cleanlab_issues(losses, probability, cutoff_at(losses, summary["estimated_noise_rate"]), given, predictions)


def _last_predictions(run: Run, epochs: Iterable[int]) -> np.ndarray:
    """int64, (N,): at each example's last visit within those epochs, -1 where there is none."""
    found = np.full(run.num_examples, -1, dtype=np.int64)
    for epoch in sorted(epochs, reverse=True):
        missing = found < 0
        if not missing.any():
            break
        found[missing] = run.epoch(epoch)["prediction"][missing]
    return found


def _cartography(run: Run, first: int, last: int) -> pd.DataFrame:
    import pandas as pd

    window = [epoch for epoch in run.closed_epochs if first <= epoch <= last]
    names = _names(run)
    block = block_of(len(window))
    parts = []
    for start in range(0, run.num_examples, block):
        stop = min(start + block, run.num_examples)
        held = dense_trajectories(run._store, ("confidence", "correct"), window, start, stop, run.given_labels)
        parts.append(td_metrics(held["confidence"], held["correct"], names[start:stop], first=start))
    return pd.concat(parts)


def _aum(run: Run, first: int, last: int) -> pd.DataFrame:
    scores = run.scores("aum", epochs=(first, last) if last else None)
    return aum_values(scores["aum"].to_numpy(dtype=np.float64), _names(run))


def _names(run: Run) -> np.ndarray:
    """(N,): the examples' ids where the run has them, else their positions."""
    known = "id" in run.examples and run.examples["id"].notna().any()
    return run.examples["id"].to_numpy() if known else np.arange(run.num_examples)


FORMATS = {"cleanlab": _cleanlab, "cartography": _cartography, "aum": _aum}
