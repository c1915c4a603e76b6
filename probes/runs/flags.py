"""Which given labels the flags of a run fall on: the examples above its suggested cut-off, class by class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from probes.runs.run import Run

__all__ = ["flags_by_class", "suspect_class"]

FEWEST_FLAGS = 5  # below which a majority says nothing
MOST_OF, MORE_THAN_ITS_SHARE = 0.5, 1.5


def flags_by_class(run: Run, *, summary: dict[str, Any] | None = None) -> pd.DataFrame:
    """Count the examples above the suggested cut-off for every given label.

    Flagged: mean loss over the whole run above `suggested_cutoff`, so that the share flagged is the
    `estimated_noise_rate`, the model's own errors included. True labels only judge the flags, they never make them.

    Args:
        run: an open run.
        summary: its `summary()`, where it is at hand already.

    Returns:
        One row per given label that examples with a mean loss carry, indexed by `given_label`: `name` (of the class),
        `examples`, `flagged` (int64), `share` (flagged of examples, float64), and, where truth is known for any,
        `noisy`, `flagged_noisy` (Int64) and `precision` (share of the flagged of known truth that are noisy, Float64);
        missing where nothing is known. No rows where the run has no cut-off or no given labels.

    Example:
        >>> flags_by_class(open_run("runs/mine")).sort_values("flagged", ascending=False)  # doctest: +SKIP
    """
    import pandas as pd

    cutoff = (run.summary() if summary is None else summary)["suggested_cutoff"]
    losses = run.scores(["mean_loss"])["mean_loss"].to_numpy(dtype=np.float64)
    given = np.full(run.num_examples, -1) if run.given_labels is None else run.given_labels
    counted = ~np.isnan(losses) & (given >= 0) & (cutoff is not None)
    flagged = counted & (losses > (np.inf if cutoff is None else cutoff))
    labels = np.unique(given[counted])
    noisy, clean = (np.zeros(run.num_examples, bool) if part is None else part for part in (run.noisy, run.clean))
    held, flags, wrong, hits, judged = (
        _counts(given, labels, members)
        for members in (
            counted,
            flagged,
            counted & noisy,
            flagged & noisy,
            flagged & (noisy | clean),
        )
    )
    unknown = _counts(given, labels, counted & (noisy | clean)) == 0
    names = run.classes or []
    frame = pd.DataFrame(
        {
            "name": [names[label] if label < len(names) else str(label) for label in labels],
            "examples": held,
            "flagged": flags,
            "share": flags / np.maximum(held, 1),
            "noisy": pd.array(wrong, dtype="Int64"),
            "flagged_noisy": pd.array(hits, dtype="Int64"),
            "precision": pd.array(hits / np.maximum(judged, 1), dtype="Float64"),
        },
        index=pd.Index(labels, name="given_label"),
    )
    frame.loc[unknown, ["noisy", "flagged_noisy"]] = pd.NA
    frame.loc[judged == 0, "precision"] = pd.NA
    return frame


def suspect_class(flags: pd.DataFrame) -> int | None:
    """The given label that holds most of the flags, by far more than its share of the examples; None where none does.

    A hard class is not a wrong one: where one holds more than half of at least five flags, and 1.5 times its share of
    the examples, the flags are to be looked at before they are believed.

    Args:
        flags: of `flags_by_class`.
    """
    flagged, examples = (flags[name].to_numpy(dtype=np.int64) for name in ("flagged", "examples"))
    total = int(flagged.sum())
    if total < FEWEST_FLAGS:
        return None
    most = int(flagged.argmax())
    share, expected = flagged[most] / total, examples[most] / examples.sum()
    return int(flags.index.to_numpy()[most]) if share > MOST_OF and share >= MORE_THAN_ITS_SHARE * expected else None


def _counts(given: np.ndarray, labels: np.ndarray, members: np.ndarray) -> np.ndarray:
    """int64, (labels,): how many members carry each label."""
    size = int(labels.max()) + 1 if len(labels) else 0
    return np.bincount(given[members], minlength=size)[labels].astype(np.int64)
