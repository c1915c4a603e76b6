"""What the study `second-split` draws, and reads off the two times of each example."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from probes.studies.chart import BarChart, Bars, Chart, Line, LineChart, Swatch, Table, band, cell
from probes.studies.claim import interval

__all__ = ["early_area", "fitted", "late_area", "mean_time", "second_split_charts", "times_of"]


def second_split_charts(
    found: Sequence[dict[str, Any]], control: Sequence[dict[str, Any]], stages: tuple[int, int]
) -> list[Chart]:
    """All of the page, in its order.

    Args:
        found: results of `forget`, by seed.
        control: of `forget_without_noise`.
        stages: epochs on the first half and on the second.
    """
    return [
        _kept(found, control),
        _times(found, control, stages[1]),
        _learned(found, control, stages[0]),
        _table(found, control),
        _detection(found, control),
    ]


def times_of(row: dict[str, Any], noisy: bool) -> np.ndarray:
    """Second-split forgetting times of the noisy or the clean examples."""
    return np.array(row["forgotten"])[np.array(row["noisy"]) == noisy]


def mean_time(row: dict[str, Any], noisy: bool) -> float:
    """Mean of `times_of`."""
    return float(times_of(row, noisy).mean())


def early_area(row: dict[str, Any]) -> float:
    """Of low second-split forgetting times."""
    return _detects(_early_values(row), row)


def late_area(row: dict[str, Any]) -> float:
    """AUROC of high first-split learning times, those not learned last."""
    return _detects(_late_values(row), row)


def _early_values(row: dict[str, Any]) -> np.ndarray:
    return -np.array(row["forgotten"], dtype=float)


def _late_values(row: dict[str, Any]) -> np.ndarray:
    return np.array([np.inf if epoch is None else epoch for epoch in row["learned"]], dtype=float)


def _detects(values: np.ndarray, row: dict[str, Any]) -> float:
    from probes.scores.detection import auroc

    found = auroc(values, np.array(row["noisy"]))
    return float("nan") if found is None else float(found)


def _precision(values: np.ndarray, row: dict[str, Any]) -> float:
    """Average precision of `_auroc` or `_late`; what has no time ranks above all times."""
    from probes.scores.detection import average_precision

    finite = values[np.isfinite(values)]
    ranked = np.where(np.isposinf(values), finite.max(initial=0.0) + 1, values)
    found = average_precision(ranked, np.array(row["noisy"]))
    return float("nan") if found is None else found


def fitted(row: dict[str, Any]) -> float:
    """Learned for good by the end of the first stage."""
    learned = np.array([epoch is not None for epoch in row["learned"]])
    return float(learned[np.array(row["noisy"])].mean())


def _beside_first_split(found: Sequence[dict[str, Any]]) -> str:
    """Whether forgetting tells wrong labels better than the first split alone, which the paper says struggles."""
    if len(found) < 2:
        return ""
    more = [early_area(row) - late_area(row) for row in found]
    low, high = interval(more)
    early, late = cell([early_area(row) for row in found]), cell([late_area(row) for row in found])
    precise = [cell([_precision(of(row), row) for row in found]) for of in (_early_values, _late_values)]
    said = "more" if low > 0 else "less" if high < 0 else "no more, as far as these seeds can tell,"
    return (
        f"By AUROC forgetting tells {said} than how late an example is learned for good on the first split: {early} "
        f"against {late}, a difference of {cell(more)}; average precision {precise[0]} against {precise[1]}. The paper "
        "says that metrics of the first split struggle."
    )


def _learned(found: Sequence[dict[str, Any]], control: Sequence[dict[str, Any]], last: int) -> LineChart:
    """How much of each group is learned for good: first-split learning times, summed up."""

    def share(row: dict[str, Any], noisy: bool | None) -> np.ndarray:
        times = np.array([last + 1 if epoch is None else epoch for epoch in row["learned"]])
        group = times if noisy is None else times[np.array(row["noisy"]) == noisy]
        return np.asarray((group[:, None] <= np.arange(1, last + 1)).mean(0))

    return LineChart(
        "learned",
        "And before: when was it learned for good?",
        "Metrics of the first split alone struggle to tell wrong labels from rare examples.",
        _beside_first_split(found),
        "epoch of the first stage",
        "learned for good",
        [
            _by_epoch("clean", [share(row, False) for row in found], "clean"),
            _by_epoch("noisy, as labelled", [share(row, True) for row in found], "noisy"),
            _by_epoch("without noise", [share(row, None) for row in control], "other"),
        ],
        percent_y=True,
    )


def _by_epoch(name: str, curves: Sequence[Any], swatch: Swatch) -> Line:
    return band(name, list(range(1, len(curves[0]) + 1)) if curves else [], curves, swatch=swatch)


def _kept(found: Sequence[dict[str, Any]], control: Sequence[dict[str, Any]]) -> LineChart:
    lines = [
        _by_epoch("clean", [row["clean_kept"] for row in found], "clean"),
        _by_epoch("noisy, as labelled", [row["noisy_kept"] for row in found], "noisy"),
        _by_epoch("without noise", [row["kept"] for row in control], "other"),
    ]
    first = [
        cell([row[name][0] for row in rows])
        for name, rows in (("noisy_kept", found), ("clean_kept", found), ("kept", control))
    ]
    return LineChart(
        "kept",
        "What survives when training goes on with other examples?",
        "Wrong labels are forgotten within a few epochs, rare examples slowly, typical ones hardly ever.",
        f"After one epoch of the second stage {first[0]} of the wrong labels and {first[1]} of the clean are kept; "
        f"where no label was made wrong, {first[2]} of all.",
        "epoch of the second stage",
        "still predicted as given",
        lines,
        percent_y=True,
    )


def _times(found: Sequence[dict[str, Any]], control: Sequence[dict[str, Any]], last: int) -> BarChart:
    edges = sorted({1, 2, 3, 6, 11, last // 2 + 1, last + 1, last + 2})
    names = [*(_range(low, high - 1) for low, high in pairwise(edges[:-1])), "never"]

    def bars(name: str, groups: Sequence[np.ndarray], swatch: Swatch) -> Bars:
        shares = [np.histogram(times, edges)[0] / times.size for times in groups]
        means = np.mean(shares, axis=0).tolist() if shares else [float("nan")] * len(names)
        return Bars(name, means, swatch=swatch)

    return BarChart(
        "times",
        "When is an example forgotten for good?",
        "Low is a wrong label, middle a rare example, never a typical one.",
        f"Mean epoch {cell([mean_time(row, True) for row in found], 1)} for noisy and "
        f"{cell([mean_time(row, False) for row in found], 1)} for clean examples, "
        f"{cell([float(np.mean(row['forgotten'])) for row in control], 1)} for all where no label was made wrong; "
        f"never counts as {last + 1}.",
        "share of the group",
        names,
        [
            bars("clean", [times_of(row, False) for row in found], "clean"),
            bars("noisy", [times_of(row, True) for row in found], "noisy"),
            bars("without noise", [np.array(row["forgotten"]) for row in control], "other"),
        ],
        percent_y=True,
    )


def _range(low: int, high: int) -> str:
    return f"epoch {low}" if low == high else f"epochs {low}–{high}"


def _table(found: Sequence[dict[str, Any]], control: Sequence[dict[str, Any]]) -> Table:
    groups = {
        "clean": [times_of(row, False) for row in found],
        "noisy": [times_of(row, True) for row in found],
        "all, without noise": [np.array(row["forgotten"]) for row in control],
    }
    rows = [
        [
            name,
            cell([float(times.mean()) for times in of], 1),
            cell([float(np.median(times)) for times in of], 1),
        ]
        for name, of in groups.items()
    ]
    return Table(
        "numbers",
        "The numbers",
        "None verified.",
        "Second-split forgetting time, mean ± sd over the seeds.",
        ["group", "mean epoch", "median epoch"],
        rows,
    )


def _detection(found: Sequence[dict[str, Any]], control: Sequence[dict[str, Any]]) -> Table:
    rows = [
        [
            name,
            cell([float(np.mean(row["noisy"])) for row in of]),
            cell([early_area(row) for row in of]),
            cell([_precision(_early_values(row), row) for row in of]),
            cell([late_area(row) for row in of]),
            cell([_precision(_late_values(row), row) for row in of]),
        ]
        for name, of in (("with noise", found), ("without noise", control))
    ]
    return Table(
        "detection",
        "How well are wrong labels told from the others?",
        "None verified.",
        f"{_beside_first_split(found)} Average precision has to exceed the base rate. Where no label is wrong there is "
        "nothing to find: both are undefined there (a dash), AUROC is not 0.5.",
        [
            "labels",
            "base rate (share of wrong labels)",
            "AUROC, forgotten early",
            "average precision, forgotten early",
            "AUROC, learned late",
            "average precision, learned late",
        ],
        rows,
    )
