"""Every number of the section `finding`: AUROC by epoch, the table of scores, found against inspected, flags."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from probes.runs.flags import flags_by_class, suspect_class
from probes.scores import CATALOGUE, Score, auroc
from probes.scores.detection import ranking_values
from probes_reports.figures.flags import ClassFlags
from probes_reports.view import RunView

__all__ = [
    "Curves",
    "Flags",
    "Rank",
    "auroc_curves",
    "expected_hits",
    "find_flags",
    "known_truth",
    "rank_scores",
    "suspicion",
    "window_ends",
]

MOST_WINDOWS = 60
MOST_EXAMPLES = 20_000
FEWEST_EXAMPLES = 1_000
MOST_CELLS = 4_000_000  # values of one signal held for the curves: epochs x sampled examples


@dataclass(frozen=True)
class Curves:
    """AUROC of scores computed from the first epochs only.

    Attributes:
        ends: int, (W,), ascending; last epoch of each window.
        aurocs: score -> float, (W,); NaN where undefined. The last value is that of the summary.
        sampled: examples it was computed from; None where it were all.
    """

    ends: np.ndarray
    aurocs: dict[str, np.ndarray]
    sampled: int | None

    def best(self, name: str) -> tuple[float, int] | None:
        """Highest AUROC of a score and the first epoch at which it is reached; None where it has no curve."""
        values = self.aurocs.get(name)
        if values is None or np.isnan(values).all():
            return None
        at = int(np.nanargmax(values))
        return float(values[at]), int(self.ends[at])


@dataclass(frozen=True)
class Rank:
    """A row of the table of scores; `best` is (AUROC, last epoch), None where the score has no curve."""

    score: Score
    auroc: float
    average_precision: float | None
    best: tuple[float, int] | None
    among_first: float


@dataclass(frozen=True)
class Flags:
    """What can be said without the true labels, and how right it is where they are known.

    Attributes:
        above: examples whose mean loss lies above the suggested cut-off: the flags.
        above_known, above_noisy: of those, the ones of known truth, and the noisy ones; 0 without truth.
        judged: examples with a noise probability; 0 where no mixture could be fitted.
        mixed: of those, with a noise probability above 0.5.
        mixed_known, mixed_noisy: as for the flags.
        classes: the flags by given label, labels with examples; empty where labels or the cut-off are unknown.
        suspect: the class that holds most of the flags, by far more than its share of the examples.
    """

    above: int
    above_known: int
    above_noisy: int
    judged: int
    mixed: int
    mixed_known: int
    mixed_noisy: int
    classes: tuple[ClassFlags, ...]
    suspect: ClassFlags | None


def known_truth(view: RunView) -> np.ndarray | None:
    """bool, (N,): the examples known to be noisy or clean; None unless there are some of both."""
    if view.noisy is None or view.run.clean is None:
        return None
    return view.noisy | view.run.clean if view.noisy.any() and view.run.clean.any() else None


def window_ends(last: int, keep: Iterable[int] = (), most: int = MOST_WINDOWS) -> list[int]:
    """Ends of at most about `most` windows, log-spaced in 1..last: all of them where they are few.

    Args:
        last: last epoch.
        keep: epochs that are among them in any case, beside the first and the last.
    """
    kept = {1, last, *(epoch for epoch in keep if 1 <= epoch <= last)}
    if last <= most:
        return list(range(1, last + 1))
    for wanted in range(4 * most, 1, -1):
        spaced = set(np.round(np.geomspace(1, last, wanted)).astype(int).tolist()) | kept
        if len(spaced) <= most:
            break
    return sorted(spaced)


def auroc_curves(view: RunView) -> Curves:
    """AUROC of every score of trajectories, computed from epochs 1..t; noisy and clean examples must both be there."""
    known, noisy = known_truth(view), view.noisy
    assert known is not None
    assert noisy is not None
    epochs = view.run.closed_epochs
    size = min(MOST_EXAMPLES, max(FEWEST_EXAMPLES, MOST_CELLS // len(epochs)))
    sample = view.sample(size)
    sample = sample[known[sample]]
    key = view.key
    marked = [e for e in (key.clean_learned, key.noisy_half, key.noisy_memorized, key.peak) if e is not None]
    ends = np.array(window_ends(len(epochs), [epochs.index(epoch) + 1 for epoch in marked if epoch in epochs]))
    scores = [s for s in CATALOGUE.values() if s.direction is not None and s.scope == "example"]
    held = _trajectories(view, epochs, sample, {need for score in scores for need in score.needs} | {"correct"})
    aurocs = {score.name: np.full(len(ends), np.nan) for score in scores}
    for at, end in enumerate(ends):
        never = CATALOGUE["never_learned"].function(held["correct"][:end])
        for score in scores:
            values = _as_floats(score, score.function(*(held[need][:end] for need in score.needs)))
            ranked = _ranked(score, values, never, int(end))
            found = auroc(ranked, noisy[sample])
            aurocs[score.name][at] = np.nan if found is None else found
    for name, values in aurocs.items():
        exact = view.summary["detection"][name]["auroc"]
        values[-1] = np.nan if exact is None else exact
    return Curves(np.array(epochs)[ends - 1], aurocs, None if size >= view.num_examples else len(sample))


def rank_scores(view: RunView, curves: Curves) -> list[Rank]:
    """Every catalogue score with a direction and a defined AUROC, the best first."""
    detection = view.summary["detection"]
    ranks = [
        Rank(
            score=CATALOGUE[name],
            auroc=float(entry["auroc"]),
            average_precision=entry["average_precision"],
            best=curves.best(name),
            among_first=_among_first(view, name),
        )
        for name, entry in detection.items()
        if entry["auroc"] is not None
    ]
    return sorted(ranks, key=lambda rank: -rank.auroc)


def suspicion(view: RunView, name: str) -> np.ndarray:
    """float64, (N,): a score over the whole run, high is suspicious; NaN for examples that were never visited."""
    table = view.scores
    never = table["never_learned"].astype("Int8").fillna(-1).to_numpy(dtype=np.int8)
    column = table[name] if name in table else view.run.scores(name)[name]  # some are there by name only
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return _ranked(CATALOGUE[name], values, never, view.last_epoch)


def expected_hits(values: np.ndarray, positive: np.ndarray, inspected: np.ndarray) -> np.ndarray:
    """Positives among the most suspicious examples, in the mean over all orders of tied ones.

    Args:
        values: float, (N,); high is suspicious, NaN comes last.
        positive: bool, (N,).
        inspected: int, (P,), in 0..N; numbers of examples looked at.

    Returns:
        float64, (P,).
    """
    ranked = np.where(np.isnan(values), -np.inf, values)
    order = np.argsort(-ranked, kind="stable")
    ordered = ranked[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) + 1
    hits = np.cumsum(positive[order])[ends - 1]
    return np.interp(inspected, np.append(0, ends), np.append(0, hits))


def find_flags(view: RunView) -> Flags:
    """Examples that look wrong: above the suggested cut-off, and by the mixture on mean loss."""
    probability = view.scores["noise_probability"].to_numpy(dtype=np.float64)
    judged, mixed = ~np.isnan(probability), probability > 0.5
    cutoff = view.summary["suggested_cutoff"]
    above = view.scores["mean_loss"].to_numpy(dtype=np.float64) > (np.inf if cutoff is None else cutoff)
    none = np.zeros(view.num_examples, dtype=bool)
    noisy = none if view.noisy is None else view.noisy
    known = none if view.noisy is None or view.run.clean is None else view.noisy | view.run.clean
    table = flags_by_class(view.run, summary=view.summary)
    rows = [_class_flags(row) for _, row in table.iterrows()]
    classes = dict(zip(table.index.tolist(), rows, strict=True))
    suspect = suspect_class(table)
    return Flags(
        above=int(above.sum()),
        above_known=int((above & known).sum()),
        above_noisy=int((above & noisy).sum()),
        judged=int(judged.sum()),
        mixed=int(mixed.sum()),
        mixed_known=int((mixed & known).sum()),
        mixed_noisy=int((mixed & noisy).sum()),
        classes=tuple(classes.values()),
        suspect=None if suspect is None else classes[suspect],
    )


def _class_flags(row: pd.Series) -> ClassFlags:
    noisy, precision = row["noisy"], row["precision"]
    return ClassFlags(
        str(row["name"]),
        int(row["examples"]),
        int(row["flagged"]),
        None if pd.isna(noisy) else int(noisy),
        None if pd.isna(precision) else float(precision),
    )


def _among_first(view: RunView, name: str) -> float:
    """Share of noisy examples among as many most suspicious ones as there are noisy ones."""
    known, noisy = known_truth(view), view.noisy
    assert known is not None
    assert noisy is not None
    count = int(noisy.sum())
    return float(expected_hits(suspicion(view, name)[known], noisy[known], np.array([count]))[0]) / count


def _trajectories(
    view: RunView, epochs: Sequence[int], sample: np.ndarray, signals: Iterable[str]
) -> dict[str, np.ndarray]:
    """Signals of the sampled examples, (E, n) each; every epoch is read once."""
    held: dict[str, np.ndarray] = {}
    for row, epoch in enumerate(epochs):
        columns = view.epoch(epoch)
        for signal in signals:
            values = columns[signal][sample]
            if signal not in held:
                held[signal] = np.empty((len(epochs), len(sample)), values.dtype)
            held[signal][row] = values
    return held


def _as_floats(score: Score, values: np.ndarray) -> np.ndarray:
    """What a pure function returned, as float64 with NaN for missing."""
    values = np.asarray(values, dtype=np.float64)
    return values if score.kind == "value" else np.where(values < 0, np.nan, values)


def _ranked(score: Score, values: np.ndarray, never_learned: np.ndarray, last_epoch: int) -> np.ndarray:
    return ranking_values(
        score.name, values, score.direction or "high", never_learned=never_learned, last_epoch=last_epoch
    )
