"""The claims of a study as they are laid out, on its page and on the scoreboard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from probes_reports.figures.study_axis import shown
from probes_reports.studies.strip import Strip, interval_of, measured, strip
from probes_reports.studies.view import VERDICTS, ClaimView
from probes_reports.wording import count

__all__ = ["ClaimLine", "claim_lines"]

KINDS = dict(zip(VERDICTS, ("reproduced", "not", "open"), strict=True))
MOST_VALUES = 20  # that are printed one by one


@dataclass(frozen=True)
class ClaimLine:
    """What the template shows of a claim.

    Attributes:
        key: anchor, unique on the page.
        kind: of the verdict: "reproduced", "not" or "open"; gives shape and colour.
        ours: mean ± sd.
        number: of values, in words.
        each: the values one by one; "" for more than a few.
        interval: that the rule judges; "" where it judges every value.
        strip: None where nothing can be drawn.
    """

    key: str
    claim: ClaimView
    kind: str
    ours: str
    number: str
    each: str
    interval: str
    strip: Strip | None


def claim_lines(claims: Sequence[ClaimView], prefix: str) -> tuple[ClaimLine, ...]:
    """Every claim, in the order of the study."""
    return tuple(
        ClaimLine(
            key=f"{prefix}-{place}",
            claim=claim,
            kind=KINDS[claim.verdict],
            ours=measured(claim),
            number=_number(claim),
            each=_each(claim),
            interval=_interval(claim),
            strip=strip(claim),
        )
        for place, claim in enumerate(claims, 1)
    )


def _number(claim: ClaimView) -> str:
    if claim.count == len(claim.values):
        return f"n = {count(claim.count)}"
    return f"n = {count(claim.count)} of {count(len(claim.values))}"


def _each(claim: ClaimView) -> str:
    if not 1 < len(claim.values) <= MOST_VALUES:
        return ""
    return ", ".join("none" if value is None else shown(value) for value in claim.values)


def _interval(claim: ClaimView) -> str:
    judged = interval_of(claim)
    return "" if judged is None else f"{shown(judged[0])} to {shown(judged[1])}"
