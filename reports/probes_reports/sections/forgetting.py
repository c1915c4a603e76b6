"""What is forgotten on the way?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probes.scores.forgetting import forgetting_events, never_learned
from probes_reports.figures.forgetting import ForgettingShares, forgetting_columns
from probes_reports.figures.forgetting_by_kind import forgetting_by_kind
from probes_reports.sections.groups import Group, groups_by_kind, joined, kinds_note, missing_group
from probes_reports.sections.section import Absent, Plot, Section
from probes_reports.view import RunView
from probes_reports.wording import Prose, count, muted, percent, prose

__all__ = ["FIGURES", "build"]

FIGURES = ("forgetting",)
TITLE, QUESTION = "Forgetting", "What is forgotten on the way?"
FINE = (0, 1, 2, 3, 4, 5, 6)  # lowest count of each column; the last one holds all higher counts too
COARSE = (0, 1, 2, 4, 8, 16, 32)  # where FINE would put more than a third of a group into its last column
MOST_ONLINE = 20_000  # examples whose online counts are compared with the swept ones


@dataclass(frozen=True)
class GroupCounts:
    """How often the members of a group were forgotten.

    Attributes:
        group: the group.
        events: int, (V,); forgetting events of each member that was visited.
        never: bool, (V,); never learned.
        online: mean events of the learned ones, counted online; None where the run did not measure both.
    """

    group: Group
    events: np.ndarray
    never: np.ndarray
    online: float | None = None

    @property
    def kept(self) -> float:
        """Share that was learned and never forgotten."""
        return float(((self.events == 0) & ~self.never).mean())

    @property
    def mean(self) -> float | None:
        """Mean events of those that were learned; None where none was."""
        return None if self.never.all() else float(self.events[~self.never].mean())


def build(view: RunView) -> Section | Absent:
    """Forgetting events per group."""
    reason = _absent(view)
    if reason is not None:
        return Absent("forgetting", TITLE, QUESTION, prose(reason), half=True)
    facts = _facts(view)
    lowest = _columns(facts)
    shares, names = [_shares(fact, lowest) for fact in facts], _names(lowest, facts)
    draw = forgetting_columns if len(facts) < 3 else forgetting_by_kind
    return Section(
        key="forgetting",
        title=TITLE,
        question=QUESTION,
        answer=_answer(facts),
        parts=(
            Plot(
                key="forgetting",
                wide=draw(shares, names),
                narrow=draw(shares, names, narrow=True),
                alt="Columns: share of each group by number of forgetting events.",
                narrow_below=420,
            ),
        ),
        caption=_caption(view, facts),
        how_to_read=_how_to_read(),
        definition=_definition(),
        half=True,
    )


def _absent(view: RunView) -> str | None:
    if view.nothing is not None:
        return view.nothing
    if view.scores["forgetting_events"].isna().all():
        return view.no_answers or "No visit left a usable answer."
    if len(view.run.closed_epochs) < 2:
        return "Only one epoch is finished: forgetting shows from the second one on."
    return None


def _facts(view: RunView) -> list[GroupCounts]:
    """Counts of each group; a group without a visited member is left out."""
    known = view.scores["forgetting_events"].notna().to_numpy()
    online = _online_means(view)
    facts = []
    for group in groups_by_kind(view):
        rows = view.scores[group.members & known]
        events, never = rows["forgetting_events"].to_numpy(dtype=np.int64), rows["never_learned"].to_numpy(dtype=bool)
        if len(events):
            facts.append(GroupCounts(group, events, never, online.get(group.role)))
    return facts


def _online_means(view: RunView) -> dict[str, float]:
    """Role -> mean online events of the learned examples (of a sample in a large run)."""
    if view.measure != "both":
        return {}
    sample = view.sample(MOST_ONLINE)
    correct = view.run.trajectory("correct", measure="online", examples=sample)
    events, learned = forgetting_events(correct), never_learned(correct) == 0
    members = {group.role: group.members[sample] & learned for group in groups_by_kind(view)}
    return {role: float(events[chosen].mean()) for role, chosen in members.items() if chosen.any()}


def _columns(facts: Sequence[GroupCounts]) -> tuple[int, ...]:
    """Lowest count of each column: up to the highest count there is, and at least 0 to 3."""
    crowded = any((fact.events >= FINE[-1]).mean() > 1 / 3 for fact in facts)
    highest = max(3, *(int(fact.events.max()) for fact in facts))
    return tuple(low for low in (COARSE if crowded else FINE) if low <= highest)


def _shares(fact: GroupCounts, lowest: Sequence[int]) -> ForgettingShares:
    learned = fact.events[~fact.never]
    column = np.searchsorted(lowest, learned, side="right") - 1
    shares = np.bincount(column, minlength=len(lowest)) / len(fact.events)
    return ForgettingShares(fact.group.role, fact.group.label, shares, float(fact.never.mean()))


def _names(lowest: Sequence[int], facts: Sequence[GroupCounts]) -> list[str]:
    """What each column counts: "2", "4–7", and "6+" where the last one may hold higher counts."""
    following = [low - 1 for low in lowest[1:]]
    names = [f"{low}" if low == high else f"{low}–{high}" for low, high in zip(lowest, following, strict=False)]
    open_ended = lowest[-1] in (FINE[-1], COARSE[-1]) or any((fact.events > lowest[-1]).any() for fact in facts)
    return [*names, f"{lowest[-1]}+" if open_ended else f"{lowest[-1]}"]


def _answer(facts: Sequence[GroupCounts]) -> Prose:
    """Shares never forgotten, mean counts, and how many were never learned."""
    kept = [percent(fact.kept) for fact in facts]
    means = [_times(fact.mean) for fact in facts if fact.mean is not None]
    of = [f"of {fact.group.the}" for fact in facts]
    start = f"{kept[0]} {of[0]} were learned and never forgotten"
    rest = [f"{share} {which}" for share, which in zip(kept[1:], of[1:], strict=True)]
    start += f", {rest[0]}." if len(facts) == 2 else f", {joined(rest)}." if rest else "."
    ones = "the learned ones" if any(fact.never.any() for fact in facts) else "they"
    against = " against ".join(means) if len(means) < 3 else f"{joined(means)}"
    in_turn = ", in this order" if len(means) > 2 else ""
    times = f" On average {ones} were forgotten {against} times{in_turn}." if means else ""
    return prose(start, muted(f"{times} {_learned(facts)}"))


def _times(mean: float) -> str:
    return "0" if mean == 0 else "<0.1" if mean < 0.05 else f"{mean:.1f}"


def _learned(facts: Sequence[GroupCounts]) -> str:
    missed = [f"{percent(float(fact.never.mean()))} of {fact.group.the}" for fact in facts if fact.never.any()]
    if not missed:
        return "Every example was learned at some epoch."
    return f"{joined(missed)} were never learned."


def _caption(view: RunView, facts: Sequence[GroupCounts]) -> Prose:
    event = "answered with the given label at one epoch, with another at the next"
    missing = missing_group(view, [fact.group for fact in facts])
    measured, kinds = _measured(view, facts), kinds_note(view)
    return prose(f"Share of each group by number of forgetting events: {event}. {measured}{missing}{kinds}")


def _measured(view: RunView, facts: Sequence[GroupCounts]) -> str:
    """Sweep or online: published counts are online."""
    if view.measure == "online":
        return "Counted online, in the training passes, as published counts are."
    swept = "Counted in the sweep after every epoch; published counts are online, in the training passes."
    values = joined([f"{_times(fact.online)} for {fact.group.name}" for fact in facts if fact.online is not None])
    if not values:
        return swept
    sampled = f" in a sample of {count(MOST_ONLINE)}" if view.num_examples > MOST_ONLINE else ""
    return f"{swept} Online, this run counts {values} on average{sampled}."


def _how_to_read() -> tuple[Prose, ...]:
    return (
        prose(
            "The columns of one colour add up to 100%. Column 0 holds what was learned once and kept; what was never "
            "learned cannot be forgotten either, so it stands apart. Averages are over the examples that were learned."
        ),
        prose(
            "A count is a lower bound: between two looks an example may be forgotten and learned again. Counts grow "
            "with the number of epochs and with the learning rate, so compare groups of one run, not runs of "
            "different length."
        ),
    )


def _definition() -> tuple[Prose, ...]:
    return (
        prose(
            "A forgetting event: the largest logit was that of the given label at the example's previous visited "
            "epoch and is not at this one. Learned: that was so at one epoch at least. Epoch 0, before training, "
            "does not count."
        ),
        prose(
            "Toneva et al., An Empirical Study of Example Forgetting during Deep Neural Network Learning, ICLR "
            "2019, arxiv.org/abs/1812.05159. They count at each presentation during training, and rank "
            "never-learned examples as the most forgotten; here these are shown apart."
        ),
    )
