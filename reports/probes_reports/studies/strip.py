"""Where a claim's values lie against the bounds of its rule, on one line, in shares of its width."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from probes_reports.figures.study_axis import shown
from probes_reports.studies.view import ClaimView

__all__ = ["Bound", "Strip", "interval_of", "measured", "strip"]

ROOM = 0.1  # of the span, left free at both ends
MOST_DIGITS = 5  # behind the point


@dataclass(frozen=True)
class Bound:
    """A bound of the rule: where, what it says, and to which side its text runs."""

    at: float
    text: str
    side: str


@dataclass(frozen=True)
class Strip:
    """Positions in [0, 1].

    Attributes:
        wash: from where to where the claim holds.
        bounds: one or two; none where the rule has none.
        dots: a value a seed.
        interval: of the mean; None for fewer than two values, and where every value is judged.
        mean: of the values; None without any.
        alt: all of it in words.
    """

    wash: tuple[float, float]
    bounds: tuple[Bound, ...]
    dots: tuple[float, ...]
    interval: tuple[float, float] | None
    mean: float | None
    alt: str


def strip(claim: ClaimView) -> Strip | None:
    """The strip of a claim; None where there is neither a value nor a bound."""
    least, most = claim.bounds
    values = [value for value in claim.values if value is not None]
    ends = [end for end in (least, most, *(interval_of(claim) or ()), *values) if end is not None]
    if not ends:
        return None
    low, high = min(ends), max(ends)
    free = ROOM * (high - low) if high > low else max(0.5 * abs(low), 0.5)
    low, high = low - free, high + free

    def at(value: float) -> float:
        return round((value - low) / (high - low), 4)

    drawn = interval_of(claim)
    return Strip(
        wash=(0.0 if least is None else at(least), 1.0 if most is None else at(most)),
        bounds=_bounds(claim, at),
        dots=tuple(at(value) for value in values),
        interval=None if drawn is None else (at(drawn[0]), at(drawn[1])),
        mean=None if claim.mean is None else at(claim.mean),
        alt=_alt(claim),
    )


def interval_of(claim: ClaimView) -> tuple[float, float] | None:
    """The 95 % interval of the mean that the rule judges; None where it judges every value, or there are too few."""
    if claim.exact or claim.low is None or claim.high is None:
        return None
    return claim.low, claim.high


def measured(claim: ClaimView) -> str:
    """Mean ± sd, or why there is none: two digits of an sd that begins with 1 or 2, else one, and the mean as far."""
    if claim.mean is None:
        return "no value"
    if not claim.sd:
        return shown(claim.mean) if claim.sd is None else f"{shown(claim.mean)} ± 0"
    power = math.floor(math.log10(claim.sd))
    digits = (0 if claim.sd / 10**power >= 2.95 else 1) - power
    if digits > MOST_DIGITS:
        return f"{shown(claim.mean)} ± {claim.sd:.1g}"
    return f"{claim.mean:,.{max(digits, 0)}f} ± {claim.sd:,.{max(digits, 0)}f}"


def _bounds(claim: ClaimView, at: Callable[[float], float]) -> tuple[Bound, ...]:
    least, most = claim.bounds
    if least is not None and least == most:
        return (_bound(at(least), f"= {shown(least)}"),)
    pairs = zip((least, most), (">", "<") if claim.strict else ("≥", "≤"), strict=True)
    return tuple(_bound(at(value), f"{sign} {shown(value)}") for value, sign in pairs if value is not None)


def _bound(at: float, text: str) -> Bound:
    return Bound(at, text, "left" if at < 0.15 else "right" if at > 0.85 else "middle")


def _alt(claim: ClaimView) -> str:
    words = [f"mean {shown(claim.mean)}" if claim.mean is not None else "no value"]
    drawn = interval_of(claim)
    if drawn is not None:
        words.append(f"95 % interval from {shown(drawn[0])} to {shown(drawn[1])}")
    names = ("above", "below") if claim.strict else ("at or above", "at or below")
    for bound, word in zip(claim.bounds, names, strict=True):
        words += [] if bound is None else [f"the claim holds {word} {shown(bound)}"]
    return "; ".join(words)
