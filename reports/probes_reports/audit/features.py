"""What stands on the card of an example of a table: its features, the most unusual for its label first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from probes_reports.wording import count, percent

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OPEN", "Feature", "features_by_example"]

OPEN = 8  # features of a card; the others are folded


@dataclass(frozen=True)
class Feature:
    """A feature of an example.

    Attributes:
        name: of the column.
        value: as text.
        odd: how unusual it is for the given label, in a few characters.
        meaning: the same in words.
    """

    name: str
    value: str
    odd: str
    meaning: str


def features_by_example(table: pd.DataFrame, chosen: set[int]) -> dict[int, tuple[Feature, ...]]:
    """Features of each chosen example, in the order of their ranks.

    Args:
        table: as an audit keeps it: `example`, `rank`, `feature`, `value`, `deviation`, `class_share`.
        chosen: examples.
    """
    found: dict[int, list[Feature]] = {}
    rows = table[table["example"].isin(chosen)].sort_values(["example", "rank"], kind="stable")
    for row in rows.to_dict("records"):
        found.setdefault(int(row["example"]), []).append(_feature(row))
    return {example: tuple(features) for example, features in found.items()}


def _feature(row: dict[str, Any]) -> Feature:
    share, deviation = row["class_share"], float(row["deviation"])
    if share == share:
        odd = percent(share, 0 if share >= 0.01 else 1)
        meaning = f"{percent(share)} of the examples with this label have this value"
    elif abs(deviation) < 0.05:
        odd, meaning = "mean", "the mean of the examples with this label"
    else:
        size = f"{abs(deviation):.1f}" if abs(deviation) < 100 else count(round(abs(deviation)))
        sign = "+" if deviation > 0 else "\N{MINUS SIGN}"
        odd = f"{sign}{size} sd"
        side = "above" if deviation > 0 else "below"
        meaning = f"{size} standard deviations {side} the mean of the examples with this label"
    return Feature(str(row["feature"]), str(row["value"]), odd, meaning)
