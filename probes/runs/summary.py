"""A run in numbers: when the pattern was learned, when the noise was memorized, and what finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from probes.runs.score_table import compute_scores
from probes.scores.catalogue import CATALOGUE
from probes.scores.detection import auroc, average_precision, ranking_values

if TYPE_CHECKING:
    import pandas as pd

    from probes.runs.run import Run

__all__ = ["cutoff_at", "summarize"]

LEARNED, HALF = 0.9, 0.5


def summarize(run: Run) -> dict[str, Any]:
    """Every key of `summary()`, None where unknown (docs/summary.md says what each means)."""
    table = run.epochs
    noisy, last = run.noisy, run.num_epochs
    known = None if noisy is None or run.clean is None else noisy | run.clean
    clean_curve, noisy_curve = _curve(table, "train/clean"), _curve(table, "train/noisy")
    scores = _raw_scores(run)
    peak = _peak(table)
    wrong = _true_label_curve(run) if noisy is not None and noisy.any() else {}
    wrong_peak = max(wrong, key=lambda epoch: (wrong[epoch], -epoch)) if wrong else None
    test = _curve(table, "test")
    rate = _estimated_noise_rate(run, peak, scores)
    return {
        "status": run.status,
        "epochs": last,
        "measure": run.measure,
        "num_examples": run.num_examples,
        "num_noisy": None if noisy is None else int(noisy.sum()),
        "base_rate": None if noisy is None or known is None else float(noisy[known].mean()),
        "nonfinite_visits": run.meta.get("nonfinite_visits"),
        "clean_learned_epoch": _first_reaching(clean_curve, LEARNED),
        "noisy_memorized_epoch": _first_reaching(noisy_curve, LEARNED),
        "noisy_half_memorized_epoch": _first_reaching(noisy_curve, HALF),
        "final_clean_accuracy": clean_curve.get(last),
        "final_noisy_accuracy": noisy_curve.get(last),
        "noisy_true_label_peak": None if wrong_peak is None else wrong[wrong_peak],
        "noisy_true_label_peak_epoch": wrong_peak,
        "peak_test_accuracy": None if peak is None else test.get(peak),
        "peak_test_epoch": peak,
        "final_test_accuracy": test.get(last),
        "estimated_noise_rate": rate,
        "suggested_cutoff": cutoff_at(scores["mean_loss"], rate),
        "detection": _detection(scores, noisy, known, last),
    }


def _curve(table: pd.DataFrame, group: str, column: str = "accuracy") -> dict[int, float]:
    """Value by epoch, epoch 0 left out."""
    rows = table[(table["group"] == group) & (table["epoch"] > 0) & table[column].notna()]
    return {int(epoch): float(value) for epoch, value in zip(rows["epoch"], rows[column], strict=True)}


def _first_reaching(curve: dict[int, float], share: float) -> int | None:
    return next((epoch for epoch, value in sorted(curve.items()) if value >= share), None)


def _peak(table: pd.DataFrame) -> int | None:
    """Epoch of the highest validation accuracy, the first of equals."""
    validation = _curve(table, "validation")
    return max(validation, key=lambda epoch: (validation[epoch], -epoch)) if validation else None


def _true_label_curve(run: Run) -> dict[int, float]:
    """Share predicted as their true label, by epoch, among examples whose given label is another."""
    wrong, true = run.wrong, run.true_labels
    if wrong is None or true is None:
        return {}
    curve = {}
    for epoch in run.closed_epochs:
        prediction = run.epoch(epoch)["prediction"]
        seen = wrong & (prediction >= 0)
        if seen.any():
            curve[epoch] = float((prediction[seen] == true[seen]).mean())
    return curve


def _raw_scores(run: Run) -> dict[str, np.ndarray]:
    """Catalogue scores over the whole run as float64 with NaN for missing; probes' columns have their own place."""
    names = [score.name for score in CATALOGUE.values() if score.direction is not None]
    wanted = [*names, "never_learned"]
    raw = compute_scores(run._store, run.num_examples, run.given_labels, wanted, run.closed_epochs)
    never = raw.pop("never_learned")
    tidy = {
        name: np.where(values < 0, np.nan, values) if CATALOGUE[name].kind != "value" else values
        for name, values in raw.items()
    }
    return {**tidy, "never_learned": never}


def _estimated_noise_rate(run: Run, peak: int | None, scores: dict[str, np.ndarray]) -> float | None:
    """Share not predicted as given at the validation peak; without validation the mean noise probability."""
    if peak is not None:
        correct = run.epoch(peak)["correct"]
        return float((correct[correct >= 0] == 0).mean()) if (correct >= 0).any() else None
    probability = scores["noise_probability"]
    known = ~np.isnan(probability)
    return float(probability[known].mean()) if known.any() else None


def cutoff_at(mean_loss: np.ndarray, rate: float | None) -> float | None:
    """The mean loss above which the share `rate` of the examples lies (ties aside)."""
    ordered = np.sort(mean_loss[~np.isnan(mean_loss)])[::-1]
    if rate is None or len(ordered) == 0:
        return None
    above = round(rate * len(ordered))
    return float(ordered[above]) if above < len(ordered) else float(np.nextafter(ordered[-1], -np.inf))


def _detection(
    scores: dict[str, np.ndarray], noisy: np.ndarray | None, known: np.ndarray | None, last: int
) -> dict[str, dict[str, float | None]]:
    result: dict[str, dict[str, float | None]] = {}
    for name, score in CATALOGUE.items():
        if score.direction is None:
            continue
        entry: dict[str, float | None] = {"auroc": None, "average_precision": None}
        if noisy is not None and known is not None:
            values = ranking_values(
                name, scores[name], score.direction, never_learned=scores["never_learned"], last_epoch=last
            )
            values = np.where(known, values, np.nan)
            entry = {"auroc": auroc(values, noisy), "average_precision": average_precision(values, noisy)}
        result[name] = entry
    return result
