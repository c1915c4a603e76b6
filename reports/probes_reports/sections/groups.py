"""The groups that figures compare: clean and noisy, or all examples where the truth is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from probes_reports.figures.groups import Role

if TYPE_CHECKING:
    from probes_reports.view import RunView

__all__ = ["FEWEST", "Group", "groups", "missing_group"]

FEWEST = 20  # examples, of each group where two are compared, below which no sentence compares anything


@dataclass(frozen=True)
class Group:
    """Examples that belong together.

    Attributes:
        role: gives the colour.
        name: in a sentence: "clean examples", "wrong labels", "examples".
        label: in a figure: "clean", "wrong labels", "all examples".
        members: bool, (N,); at least one.
    """

    role: Role
    name: str
    label: str
    members: np.ndarray


def groups(view: RunView) -> list[Group]:
    """The groups that have members: clean before noisy; one of all examples where the truth is unknown."""
    if view.noisy is None or view.clean is None:
        return [Group("all", "examples", "all examples", np.ones(view.num_examples, dtype=bool))]
    noun = view.words.noisy
    found = [
        Group("clean", "clean examples", "clean", view.clean),
        Group("noisy", noun, noun, view.noisy),
    ]
    return [group for group in found if group.members.any()]


def missing_group(view: RunView, shown: Sequence[Group]) -> str:
    """A sentence about the group that a figure does not show, with a space in front; "" where it shows both."""
    roles = [group.role for group in shown]
    unseen = [group for group in groups(view) if group.role not in roles]
    if unseen:
        return f" None of the {unseen[0].name} has been visited."
    if roles == ["all"]:
        return " The true labels are unknown, so all examples are one group."
    if roles == ["clean"]:
        return " This run has no wrong labels, so there is no second group."
    if roles == ["noisy"]:
        return f" {view.words.all_noisy}, so there is no clean group."
    return ""
