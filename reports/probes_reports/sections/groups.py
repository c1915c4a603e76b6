"""The groups that figures compare: clean and noisy or its kinds, or all examples where the truth is unknown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from probes_reports.figures.groups import DASH, KIND_ROLES, SYMBOL, Role
from probes_reports.sections.section import Key, Shape, Swatch
from probes_reports.wording import count

if TYPE_CHECKING:
    from probes_reports.view import RunView

__all__ = [
    "FEWEST",
    "Group",
    "groups",
    "groups_by_kind",
    "joined",
    "key_of",
    "kinds_note",
    "missing_group",
    "roles_of_kinds",
]

SHAPES: dict[str, Shape] = {
    "solid": "line",
    "3px,2px": "dot",
    "diamond": "diamond",
    "square": "square",
    "cross": "cross",
    "triangle-up": "triangle",
    "triangle-down": "triangle-down",
}
LINE_SHAPES: dict[str, Shape] = {role: SHAPES.get(dash, "dash") for role, dash in DASH.items()}
MARK_SHAPES: dict[str, Shape] = {role: SHAPES.get(symbol, "disc") for role, symbol in SYMBOL.items()}
FEWEST = 20  # examples, of each group where two are compared, below which no sentence compares anything


@dataclass(frozen=True)
class Group:
    """Examples that belong together.

    Attributes:
        role: gives the colour.
        name: in a sentence: "clean examples", "wrong labels", "gaussian", "examples".
        label: in a figure: "clean", "wrong labels", "gaussian", "all examples".
        members: bool, (N,); at least one.
    """

    role: Role
    name: str
    label: str
    members: np.ndarray

    @property
    def the(self) -> str:
        """After "of": "the clean examples"; a kind goes by its name alone."""
        return self.name if self.role in KIND_ROLES else f"the {self.name}"


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


def groups_by_kind(view: RunView) -> list[Group]:
    """`groups`, with a group a kind in place of the noisy ones where the run has several kinds.

    Beyond as many as there are colours, the last kinds are one group.
    """
    if not view.kinds:
        return groups(view)
    by_role: dict[Role, list[str]] = {}
    for kind, role in roles_of_kinds(view.kinds).items():
        by_role.setdefault(role, []).append(kind)
    found = [group for group in groups(view) if group.role == "clean"]
    for role, kinds in by_role.items():
        label = kinds[0] if len(kinds) == 1 else f"{count(len(kinds))} other kinds"
        found.append(Group(role, label, label, np.any([view.kinds[kind] for kind in kinds], axis=0)))
    others = np.zeros(view.num_examples, dtype=bool) if view.noisy is None else view.noisy.copy()
    for members in view.kinds.values():
        others &= ~members
    return [*found, Group("noisy", "other noisy examples", "other noise", others)] if others.any() else found


def roles_of_kinds(kinds: Iterable[str]) -> dict[str, Role]:
    """The colour of each kind, in the order given; beyond as many as there are, the last ones share one."""
    return {kind: KIND_ROLES[min(place, len(KIND_ROLES) - 1)] for place, kind in enumerate(kinds)}


def key_of(shown: Sequence[Group], shape: Literal["line", "mark"]) -> tuple[Key, ...]:
    """A colour key of more than two groups, which have no room for their names in the figure itself; else nothing."""
    if len(shown) < 3:
        return ()
    shapes = LINE_SHAPES if shape == "line" else MARK_SHAPES
    other: Shape = "line" if shape == "line" else "disc"
    return (
        Key(tuple(Swatch(g.label, g.role if g.role != "all" else "ink_3", shapes.get(g.role, other)) for g in shown)),
    )


def kinds_note(view: RunView) -> str:
    """A sentence on what a group of a kind holds, with a space in front; "" where groups are no kinds."""
    if not view.kinds:
        return ""
    drawn = view.examples["corruption"].fillna("").to_numpy(dtype=object)
    kept = {kind: int((drawn == kind).sum() - members.sum()) for kind, members in view.kinds.items()}
    same = joined([f"{count(size)} of {kind}" for kind, size in kept.items() if size])
    return f" Drawn but left as they were, and so among the clean: {same}." if same else ""


def joined(things: Sequence[str]) -> str:
    """ "a, b and c"; "" of none."""
    return things[0] if len(things) == 1 else f"{', '.join(things[:-1])} and {things[-1]}" if things else ""


def missing_group(view: RunView, shown: Sequence[Group]) -> str:
    """A sentence about the groups that a figure does not show, with a space in front; "" where it shows all."""
    roles = [group.role for group in shown]
    by_kind = any(role in KIND_ROLES for role in roles)
    unseen = [group.the for group in (groups_by_kind if by_kind else groups)(view) if group.role not in roles]
    if unseen:
        return f" None of {' or '.join(unseen)} has been visited."
    if roles == ["all"]:
        return " The true labels are unknown, so all examples are one group."
    if roles == ["clean"]:
        return " This run has no wrong labels, so there is no second group."
    if roles == ["noisy"]:
        return f" {view.words.all_noisy}, so there is no clean group."
    return ""
