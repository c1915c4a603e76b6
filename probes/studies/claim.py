"""A published claim, our values for it, and the verdict that a rule gives on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["FEWEST", "VERDICTS", "Claim", "Rule", "above", "at_least", "at_most", "below", "between", "exactly"]

VERDICTS = ("reproduced", "not reproduced", "inconclusive")
FEWEST = 3  # values that a verdict needs
LEVEL = 0.95  # of the interval


@dataclass(frozen=True)
class Rule:
    """Where the quantity must lie for the claim to hold.

    Attributes:
        low: at least; None sets no bound.
        high: at most; None sets no bound.
        exact: every single value must lie there. Otherwise the 95 % t interval of their mean decides: within the
            bounds the claim is reproduced, wholly outside it is not, across a bound it is inconclusive.
        strict: a bound itself lies outside. It matters where values have no spread, such as counts and accuracies.
    """

    low: float | None = None
    high: float | None = None
    exact: bool = False
    strict: bool = False

    @property
    def text(self) -> str:
        """The rule in words."""
        names = ("above", "below") if self.strict else ("at or above", "at or below")
        words = zip(names, (self.low, self.high), strict=True)
        where = " and ".join(f"{word} {_number(bound)}" for word, bound in words if bound is not None)
        if self.low is not None and self.low == self.high:
            where = f"exactly {_number(self.low)}"
        if self.exact:
            return f"every value is {where}"
        return f"the 95 % interval of the mean lies {where}; inconclusive where it crosses a bound"

    def verdict(self, values: Sequence[float]) -> str:
        """One of VERDICTS; inconclusive with fewer than three values or with one that is not a number."""
        if len(values) < FEWEST or not all(math.isfinite(value) for value in values):
            return "inconclusive"
        if self.exact:
            return VERDICTS[0] if all(self._holds(value) for value in values) else VERDICTS[1]
        low, high = interval(values)
        if self._holds(low) and self._holds(high):
            return VERDICTS[0]
        outside = not (self._reaches(high) and self._stays(low))
        return VERDICTS[1] if outside else VERDICTS[2]

    def _holds(self, value: float) -> bool:
        return self._reaches(value) and self._stays(value)

    def _reaches(self, value: float) -> bool:
        return self.low is None or value > self.low or (value == self.low and not self.strict)

    def _stays(self, value: float) -> bool:
        return self.high is None or value < self.high or (value == self.high and not self.strict)


def at_least(bound: float, *, exact: bool = False) -> Rule:
    """The quantity is at least this."""
    return Rule(low=bound, exact=exact)


def at_most(bound: float, *, exact: bool = False) -> Rule:
    """The quantity is at most this."""
    return Rule(high=bound, exact=exact)


def above(bound: float, *, exact: bool = False) -> Rule:
    """The quantity is larger than this."""
    return Rule(low=bound, exact=exact, strict=True)


def below(bound: float, *, exact: bool = False) -> Rule:
    """The quantity is smaller than this."""
    return Rule(high=bound, exact=exact, strict=True)


def between(low: float, high: float, *, exact: bool = False) -> Rule:
    """The quantity lies between these."""
    return Rule(low=low, high=high, exact=exact)


def exactly(value: float) -> Rule:
    """Every value is this."""
    return Rule(low=value, high=value, exact=True)


@dataclass(frozen=True)
class Claim:
    """A claim and what was measured for it.

    Attributes:
        id: unique within the study.
        statement: the claim, a sentence.
        source: where it is made.
        quantity: what is measured, and its unit.
        rule: when it holds.
        published: the value or effect that was published, with where it comes from; or that there is none.
        values: one per seed; NaN where there is none, which leaves the claim inconclusive.
        seen: what was seen beyond the number, a sentence; "" where the number says it all.
    """

    id: str
    statement: str
    source: str
    quantity: str
    rule: Rule
    published: str
    values: tuple[float, ...]
    seen: str = ""

    @property
    def verdict(self) -> str:
        """By the rule alone."""
        return self.rule.verdict(self.values)

    def to_dict(self) -> dict[str, Any]:
        """As study.json holds it; numbers that are not finite become null."""
        known = [float(value) for value in self.values if math.isfinite(value)]
        low, high = interval(known)
        return {
            "id": self.id,
            "statement": self.statement,
            "source": self.source,
            "quantity": self.quantity,
            "rule": self.rule.text,
            "bounds": [self.rule.low, self.rule.high],
            "strict": self.rule.strict,
            "exact": self.rule.exact,
            "published": self.published,
            "measured": {
                "mean": _known(float(np.mean(known)) if known else math.nan),
                "sd": _known(float(np.std(known, ddof=1)) if len(known) > 1 else math.nan),
                "n": len(known),
                "values": [_known(float(value)) for value in self.values],
                "low": _known(low),
                "high": _known(high),
            },
            "verdict": self.verdict,
            "seen": self.seen,
        }


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % t interval of the mean; NaN for fewer than two values."""
    if len(values) < 2:
        return math.nan, math.nan
    if min(values) == max(values):  # rounding in the mean must not carry equal values across a bound
        return float(values[0]), float(values[0])
    from scipy.stats import t

    mean, sd = float(np.mean(values)), float(np.std(values, ddof=1))
    half = float(t.ppf((1 + LEVEL) / 2, len(values) - 1)) * sd / math.sqrt(len(values))
    return mean - half, mean + half


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _number(value: float) -> str:
    return f"{value:g}"
