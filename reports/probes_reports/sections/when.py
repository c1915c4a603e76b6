"""When are examples learned?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probes_reports.figures.when import LearningTimes, any_cut, learning_times
from probes_reports.figures.when_by_kind import learning_times_by_kind
from probes_reports.sections.groups import Group, groups_by_kind, joined, kinds_note, missing_group
from probes_reports.sections.section import Absent, Plot, Section
from probes_reports.view import RunView
from probes_reports.wording import Prose, count, muted, percent, prose

__all__ = ["FIGURES", "build"]

FIGURES = ("when",)
TITLE, QUESTION = "When", "When are examples learned?"
MOST_BARS = 60


@dataclass(frozen=True)
class GroupTimes:
    """When the members of a group were learned.

    Attributes:
        group: the group.
        first: float, (V,); first learned epoch of each member that was visited, NaN where there is none.
        good: float, (V,); epoch from which it stayed learned, NaN where there is none.
        lost: share that was right at the validation peak and wrong at a later epoch; None without such a peak.
        forgotten: share with a forgetting event.
    """

    group: Group
    first: np.ndarray
    good: np.ndarray
    lost: float | None
    forgotten: float

    @property
    def half_by(self) -> int | None:
        """First epoch by which half of them had been learned; None where that was never so."""
        times = np.sort(np.where(np.isnan(self.first), np.inf, self.first))
        middle = times[(len(times) - 1) // 2]
        return int(middle) if np.isfinite(middle) else None

    @property
    def ever(self) -> float:
        """Share that was learned at some epoch."""
        return float(np.isfinite(self.first).mean())


def build(view: RunView) -> Section | Absent:
    """Learning times of each group, for the first time and for good."""
    reason = _absent(view)
    if reason is not None:
        return Absent("when", TITLE, QUESTION, prose(reason), half=True)
    facts = _facts(view)
    edges = epoch_bins(_last_learned(facts))
    times = [_times(fact, edges) for fact in facts]
    draw = learning_times if len(times) < 3 else learning_times_by_kind
    wide = draw(times, edges)
    return Section(
        key="when",
        title=TITLE,
        question=QUESTION,
        answer=_answer(view, facts),
        parts=(
            Plot(
                key="when",
                wide=wide,
                narrow=draw(times, edges, narrow=True),
                alt="Bars per epoch: share of each group that is learned then, for the first time and for good.",
                narrow_below=420,
            ),
        ),
        caption=_caption(view, facts, int(edges[1] - edges[0]), any_cut(wide)),
        how_to_read=_how_to_read(by_kind=len(facts) > 2),
        definition=_definition(),
        half=True,
    )


def epoch_bins(last: int, most: int = MOST_BARS) -> np.ndarray:
    """Edges of bins of 1, 2, 5, 10, 20, ... epochs, the first starting at epoch 1.

    Args:
        last: epoch that the last bin has to hold.
        most: number of bins.

    Returns:
        int64, (B + 1,); bin b holds the epochs edges[b] to edges[b + 1] - 1.
    """
    widths = (step * 10**power for power in range(12) for step in (1, 2, 5))
    width = next(width for width in widths if last <= width * most)
    return 1 + width * np.arange(-(-last // width) + 1, dtype=np.int64)


def _absent(view: RunView) -> str | None:
    if view.nothing is not None:
        return view.nothing
    if view.scores["never_learned"].isna().all():
        return view.no_answers or "No visit left a usable answer."
    if view.scores["first_learned_epoch"].isna().all():
        return f"No example was answered with its given label within {_epochs(view.last_epoch)}."
    return None


def _epochs(number: int) -> str:
    return f"{count(number)} epoch{'' if number == 1 else 's'}"


def _facts(view: RunView) -> list[GroupTimes]:
    """Times of each group; a group without a visited member is left out."""
    scores, peak = view.scores, view.key.peak
    visited = scores["never_learned"].notna().to_numpy()
    first, good, events = (
        scores[name].to_numpy(dtype=np.float64, na_value=np.nan)
        for name in ("first_learned_epoch", "learned_epoch", "forgetting_events")
    )
    lost = None
    if peak is not None and 0 < peak < view.last_epoch:
        lost = (view.epoch(peak)["correct"] == 1) & ~(good <= peak)
    facts = []
    for group in groups_by_kind(view):
        chosen = group.members & visited
        if chosen.any():
            share = None if lost is None else float(lost[chosen].mean())
            facts.append(GroupTimes(group, first[chosen], good[chosen], share, float((events[chosen] > 0).mean())))
    return facts


def _last_learned(facts: Sequence[GroupTimes]) -> int:
    times = np.concatenate([np.append(fact.first, fact.good) for fact in facts])
    return int(np.nanmax(times))


def _times(fact: GroupTimes, edges: np.ndarray) -> LearningTimes:
    """Shares of the group in each bin."""
    size = len(fact.first)
    first, good = (np.histogram(times[np.isfinite(times)], edges)[0] / size for times in (fact.first, fact.good))
    return LearningTimes(fact.group.role, fact.group.label, first, good)


def _answer(view: RunView, facts: Sequence[GroupTimes]) -> Prose:
    pieces = []
    for place, fact in enumerate(facts):
        verb = " were first answered as labelled" if place == 0 else ""
        if fact.half_by is not None:
            half = "half of" if place < 1 or len(facts) < 3 else "of"
            pieces.append(f"{half} {fact.group.the}{verb} by epoch {count(fact.half_by)}")
        else:
            within = f" within {_epochs(view.last_epoch)}"
            pieces.append(f"only {percent(fact.ever)} of {fact.group.the}{verb}{within}")
    sentence = (", ".join(pieces) if len(pieces) < 3 else joined(pieces)) + "."
    return prose(sentence[0].upper() + sentence[1:], muted(_lost(view, facts[0])))


def _lost(view: RunView, fact: GroupTimes) -> str:
    """How many did not stay learned, of the first group: the clean examples where there are any."""
    ones = {"clean": "clean ones", "all": "examples"}.get(fact.group.role, fact.group.name)
    at = f"right at epoch {count(view.key.peak or 0)}"
    if fact.lost is not None:
        some = f" {percent(fact.lost)} of the {ones}, {at}, were lost again later."
        return some if fact.lost else f" None of the {ones} {at} was lost again later."
    if len(view.run.closed_epochs) < 2:
        return ""
    some = f" {percent(fact.forgotten)} of the {ones} were lost again at least once."
    return some if fact.forgotten else f" None of the {ones} was ever lost again."


def _caption(view: RunView, facts: Sequence[GroupTimes], width: int, any_is_cut: bool) -> Prose:
    bars = "at each epoch" if width == 1 else f"in every {count(width)} epochs"
    cut = "" if not any_is_cut else " A bar beyond the scale is cut off and says its value."
    missing = missing_group(view, [fact.group for fact in facts])
    rows = "" if len(facts) < 3 else " Up, in full colour: first learned; down, pale: learned for good."
    return prose(
        f"Share of each group that is learned {bars}: for the first time, and for good.{rows}{cut}{missing}"
        f"{kinds_note(view)}"
    )


def _how_to_read(*, by_kind: bool) -> tuple[Prose, ...]:
    above, below, half = ("Up", "Down", "direction") if by_kind else ("Above", "Below", "half")
    return (
        prose(
            f"{above}, an example counts at the first epoch at which it is answered with its given label. {below}, at "
            "the epoch from which every later answer is the given label too. The two differ for examples that are lost "
            "and learned again."
        ),
        prose(
            f"Bars of one colour add up to 100% in each {half}, less the share in brackets: examples that were never "
            "answered as labelled, or were not at the end. Whatever is right at the last epoch counts as learned for "
            "good, so a late bar may be an accident of where training stopped."
        ),
    )


def _definition() -> tuple[Prose, ...]:
    return (
        prose(
            "First learned: the smallest epoch t at which the given label has the largest logit. Learned for good: the "
            "smallest t such that it has at every visited epoch from t on. Epoch 0, before training, does not count. "
            "Shares are of the visited examples of a group."
        ),
        prose(
            "First learned: Toneva et al., ICLR 2019, arxiv.org/abs/1812.05159. Learned for good (iteration "
            "learned): Baldock et al., Deep Learning Through the Lens of Example Difficulty, NeurIPS 2021, "
            "arxiv.org/abs/2106.09647; they say last epoch + 1 where an example is wrong at the end, here it has no "
            "such epoch."
        ),
    )
