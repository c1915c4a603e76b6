"""The kinds of noise of a run, each by itself: how many examples it was drawn for, and when these were memorized."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from probes.runs.run import Run

__all__ = ["KINDS", "detection_by_kind", "in_order", "kinds_of", "noisy_by_kind"]

KINDS = (
    "uniform_all",
    "uniform_other",
    "pair",
    "matrix",
    "instance",
    "shuffled_pixels",
    "random_pixels",
    "gaussian",
)
HALF, MEMORIZED = 0.5, 0.9
TYPES = {
    "drawn": "int64",
    "wrong": "int64",
    "replaced": "int64",
    "half_memorized_epoch": "Int64",
    "memorized_epoch": "Int64",
    "final_accuracy": "float64",
    "true_label_peak": "float64",
    "true_label_peak_epoch": "Int64",
}


def in_order(kinds: Iterable[str]) -> list[str]:
    """Kinds as the documentation lists them, label noise first; any other at the end, by name."""
    places = {kind: place for place, kind in enumerate(KINDS)}
    return sorted(set(kinds), key=lambda kind: (places.get(kind.split(":")[0], len(KINDS)), kind))


def noisy_by_kind(examples: pd.DataFrame, noisy: np.ndarray | None, *, least: int = 2) -> dict[str, np.ndarray]:
    """Kind -> its noisy examples, bool (N,), in order; empty where there are fewer than `least` kinds.

    An example that was drawn for a kind and left as it was (a label redrawn as its own) is clean, so in no kind.
    """
    if noisy is None or "corruption" not in examples:
        return {}
    drawn = examples["corruption"].fillna("").to_numpy(dtype=object)
    members = {kind: (drawn == kind) & noisy for kind in in_order(str(kind) for kind in set(drawn) - {""})}
    found = {kind: held for kind, held in members.items() if held.any()}
    return found if len(found) >= least else {}


def kinds_of(run: Run) -> pd.DataFrame:
    """Count the examples of every kind of noise, and say when they were predicted as given.

    Args:
        run: an open run.

    Returns:
        One row per kind that was drawn, indexed by `kind`, in order: `drawn`, `wrong` (of these, given labels that
        are not the true ones), `replaced` (noisy with their true label: their input was replaced) (int64);
        `half_memorized_epoch`, `memorized_epoch` (first epoch at which half, 90% of those drawn are predicted as
        given, Int64), `final_accuracy` (that share at the last epoch, float64); `true_label_peak`,
        `true_label_peak_epoch` (highest share predicted as their true label, over those whose label is wrong: an
        input kind has none). Missing where there is none.
    """
    import pandas as pd

    drawn_for = run.examples["corruption"].fillna("").to_numpy(dtype=object)
    kinds = in_order(str(kind) for kind in set(drawn_for) - {""})
    none = np.zeros(run.num_examples, dtype=bool)
    wrong, noisy = (none if known is None else known for known in (run.wrong, run.noisy))
    members = {kind: drawn_for == kind for kind in kinds}
    peaks = _true_label_peaks(run, {kind: held & wrong for kind, held in members.items()})
    rows = []
    for kind, held in members.items():
        epochs, shares = _accuracy(run, kind)
        rows.append(
            {
                "drawn": int(held.sum()),
                "wrong": int((held & wrong).sum()),
                "replaced": int((held & noisy & ~wrong).sum()),
                "half_memorized_epoch": _first(epochs, shares, HALF),
                "memorized_epoch": _first(epochs, shares, MEMORIZED),
                "final_accuracy": float(shares[-1]) if len(shares) else np.nan,
                "true_label_peak": peaks[kind][0],
                "true_label_peak_epoch": peaks[kind][1],
            }
        )
    return pd.DataFrame(rows, index=pd.Index(kinds, name="kind"), columns=list(TYPES)).astype(TYPES)


def detection_by_kind(run: Run) -> pd.DataFrame:
    """How well each score finds the noisy examples of each kind alone: AUROC against the clean ones.

    Args:
        run: an open run.

    Returns:
        One row per score of the catalogue with a direction, indexed by `score`, a float64 column per kind, in order;
        aligned as in `summary()["detection"]`, NaN where undefined. No columns where the run has not two kinds that
        made examples noisy, or no clean example.
    """
    import pandas as pd

    from probes.scores.catalogue import CATALOGUE
    from probes.scores.detection import auroc, ranking_values

    directed = {name: score.direction for name, score in CATALOGUE.items() if score.direction is not None}
    index = pd.Index(list(directed), name="score")
    noisy, clean = run.noisy, run.clean
    if noisy is None or clean is None or not clean.any():
        return pd.DataFrame(index=index)
    kinds = noisy_by_kind(run.examples, noisy)
    if not kinds:
        return pd.DataFrame(index=index)
    scores = run.scores([*directed, "never_learned"])
    never = scores["never_learned"].astype("Int8").fillna(-1).to_numpy(dtype=np.int8)
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    for name, direction in directed.items():
        values = scores[name].to_numpy(dtype=np.float64, na_value=np.nan)
        values = ranking_values(name, values, direction, never_learned=never, last_epoch=run.num_epochs)
        for kind, held in kinds.items():
            value = auroc(np.where(held | clean, values, np.nan), held)
            found[kind].append(np.nan if value is None else value)
    return pd.DataFrame(found, index=index)


def _accuracy(run: Run, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Epochs from 1 on, and the share of those drawn for a kind that are predicted as given."""
    rows = run.epochs[(run.epochs["group"] == f"train/{kind}") & (run.epochs["epoch"] > 0)].dropna(subset=["accuracy"])
    rows = rows.sort_values("epoch")
    return rows["epoch"].to_numpy(dtype=np.int64), rows["accuracy"].to_numpy(dtype=np.float64)


def _first(epochs: np.ndarray, shares: np.ndarray, least: float) -> int | None:
    found = epochs[shares >= least]
    return int(found[0]) if len(found) else None


def _true_label_peaks(run: Run, wrong: dict[str, np.ndarray]) -> dict[str, tuple[float, int | None]]:
    """Kind -> the highest share of its wrong labels that are predicted as the true one, and the first such epoch."""
    peaks: dict[str, tuple[float, int | None]] = dict.fromkeys(wrong, (float("nan"), None))
    true = run.true_labels
    if true is None or not any(held.any() for held in wrong.values()):
        return peaks
    for epoch in run.closed_epochs:
        prediction = run.epoch(epoch)["prediction"]
        for kind, held in wrong.items():
            seen = held & (prediction >= 0)
            share = float((prediction[seen] == true[seen]).mean()) if seen.any() else float("nan")
            if share > peaks[kind][0] or (peaks[kind][1] is None and not np.isnan(share)):
                peaks[kind] = (share, int(epoch))
    return peaks
