"""What the study `skill-acquisition` draws."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from probes.studies.chart import BarChart, Bars, Chart, LineChart, Table, cell, spread, swatch
from probes.studies.skill_measures import area, enough, kept, saved

__all__ = ["FAMILIES", "NOISE", "SHIFTS", "skill_charts"]

FAMILIES = {
    "logistic": "logistic regression",
    "nearest": "1-nearest neighbour",
    "mlp": "MLP 2x512",
    "cnn": "small CNN",
}
NOISE = 0.4  # share of labels redrawn
SHIFTS = ("moved a pixel", "turned 15°", "noise")

Rows = Sequence[Mapping[str, Any]]
Families = Mapping[str, Rows]


def skill_charts(clean: Families, noisy: Families) -> list[Chart]:
    """All of the page, in its order.

    Args:
        clean: results of `acquire` without noise, by family and seed.
        noisy: likewise, with noise.
    """
    return [_curves(clean, ""), _curves(noisy, f" with {NOISE:.0%} noise"), _shifts(clean), _table(clean, noisy)]


def _curves(of: Families, noise: str) -> LineChart:
    lines = []
    for place, (family, rows) in enumerate(of.items()):
        sizes = rows[0]["sizes"] if rows else []
        values = [[row["skills"][at] for row in rows] for at in range(len(sizes))]
        lines.append(spread(FAMILIES[family], sizes, values, swatch=swatch(place), dashed=place % 2 == 1))
    areas = ", ".join(
        f"{FAMILIES[family]} {cell([area(row['sizes'], row['skills']) for row in rows])}" for family, rows in of.items()
    )
    return LineChart(
        f"curves{noise}".replace(" ", "-").replace("%", ""),
        f"How much skill from how many examples{noise}?",
        "No such figure: Chollet defines skill-acquisition efficiency by quantities that cannot be computed.",
        f"Area under the curve over log2 of the examples: {areas}.",
        "training examples",
        "skill on the test set (0 is chance)",
        lines,
        log_x=True,
    )


def _shifts(clean: Families) -> BarChart:
    bars = [
        Bars(FAMILIES[family], [_share(rows, name) for name in SHIFTS], swatch=swatch(place))
        for place, (family, rows) in enumerate(clean.items())
    ]
    left = ", ".join(f"{FAMILIES[family]} {cell([kept(row) for row in rows])}" for family, rows in clean.items())
    new = ", ".join(
        f"{FAMILIES[family]} {cell([_known(row['novelty']) for row in rows], 2)}" for family, rows in clean.items()
    )
    return BarChart(
        "shifts",
        "How local is it?",
        "Trained networks generalise locally: to new points of a known distribution.",
        f"New samples of the same distribution are the reference, 1. Kept of it, mean of the three shifts: {left}. "
        f"Two classes held out, five examples of each, frozen features: skill {new}.",
        "skill kept",
        SHIFTS,
        bars,
        percent_y=True,
    )


def _share(rows: Rows, name: str) -> float:
    values = [row["shifts"][name] for row in rows if name in row["shifts"]]
    return float(np.mean(values)) if values else math.nan


def _known(value: float | None) -> float:
    return math.nan if value is None else value


def _table(clean: Families, noisy: Families) -> Table:
    rows = [
        [
            FAMILIES[family],
            cell([area(row["sizes"], row["skills"]) for row in clean[family]]),
            cell([enough(row) for row in clean[family]], 0),
            cell([saved(row) for row in clean[family]], 2),
            cell([area(row["sizes"], row["skills"]) for row in noisy[family]]),
            cell([_known(row["gain"]["clean"]) for row in noisy[family]], 2),
            cell([_known(row["gain"]["noisy"]) for row in noisy[family]], 2),
            cell([_known(row["novelty"]) for row in clean[family]], 2),
        ]
        for family in clean
    ]
    header = [
        *("family", "area, clean", "examples for skill 0.8", "bits gained, clean", f"area, {NOISE:.0%} noise"),
        *("bits, its clean", "bits, its noisy", "two new classes"),
    ]
    return Table(
        "numbers",
        "The numbers",
        "None published.",
        "Bits gained per example by the prequential code: of clean labels all examples, the first block at log2 of the "
        "classes; with noise each group of the blocks after the first. Mean ± sd over the seeds.",
        header,
        rows,
    )
