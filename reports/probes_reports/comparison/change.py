"""How much a share changed from one run to another, and how well so many examples can tell."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["Change", "paired_change", "points", "unpaired_change"]

TELLS = 2.0  # standard errors from which a change is called one


@dataclass(frozen=True)
class Change:
    """Share in the second run less share in the first, and its standard error over the examples (NaN: unknown)."""

    difference: float
    error: float

    @property
    def tells(self) -> bool:
        """Whether so many examples can tell it from none."""
        return abs(self.difference) > (0.01 if math.isnan(self.error) else TELLS * self.error)


def unpaired_change(first: float, second: float, examples: tuple[int | None, int | None]) -> Change:
    """Of two shares of which only the numbers of examples are known; cautious where these are the same examples."""
    if not all(examples):
        return Change(second - first, math.nan)
    variances = [share * (1 - share) / (size or 1) for share, size in zip((first, second), examples, strict=True)]
    return Change(second - first, math.sqrt(sum(variances)))


def paired_change(first: np.ndarray, second: np.ndarray) -> Change:
    """Of the same examples in either run: the standard error of their mean difference, at least one example.

    Args:
        first, second: 0 or 1, (n,), n at least 1.
    """
    differences = second.astype(np.float64) - first.astype(np.float64)
    size = len(differences)
    spread = float(differences.std(ddof=1)) / math.sqrt(size) if size > 1 else 0.0
    return Change(float(differences.mean()), max(spread, 1 / size))


def points(difference: float) -> str:
    """A difference of shares in percentage points, with its sign: "+20.5", "−3.0", "0.0"."""
    text = f"{abs(difference) * 100:.1f}"
    return text if float(text) == 0 else ("+" if difference > 0 else "−") + text
