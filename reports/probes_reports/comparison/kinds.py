"""The kinds of noise of several runs, each by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probes.runs.kinds import in_order
from probes_reports.comparison.compared import Compared
from probes_reports.figures.groups import Role
from probes_reports.sections.groups import joined, roles_of_kinds

__all__ = ["SharedKind", "all_kinds", "kinds_alone", "shared_kinds"]


@dataclass(frozen=True)
class SharedKind:
    """Shared examples that a kind made noisy in each run that has it.

    Attributes:
        kind: of the noise.
        role: gives the colour.
        where: "in both", "in every run", "in A only", "in A and B only".
        members: bool, (S,), of the shared examples.
    """

    kind: str
    role: Role
    where: str
    members: np.ndarray


def all_kinds(runs: Sequence[Compared]) -> dict[str, Role]:
    """Kind -> its colour, of all runs together and in order; empty where there are not two to tell apart."""
    kinds = in_order(kind for run in runs for kind in run.examples.kinds)
    return roles_of_kinds(kinds) if len(kinds) > 1 else {}


def shared_kinds(runs: Sequence[Compared], positions: Sequence[np.ndarray]) -> list[SharedKind]:
    """A group a kind; one without a shared example is left out.

    Args:
        runs: two or more.
        positions: for each run int64, (S,): where it holds the shared examples.
    """
    found = []
    for kind, role in all_kinds(runs).items():
        having = [at for at, run in enumerate(runs) if kind in run.examples.kinds]
        members = np.all([runs[at].examples.kinds[kind][positions[at]] for at in having], axis=0)
        if members.any():
            found.append(SharedKind(kind, role, _where(runs, having), members))
    return found


def kinds_alone(runs: Sequence[Compared], positions: Sequence[np.ndarray]) -> str:
    """Which kinds some runs have and others have not, and which have no row; "" where there is nothing to say."""
    told = []
    for kind in all_kinds(runs):
        having = [run.letter for run in runs if kind in run.examples.kinds]
        if len(having) < len(runs):
            told.append(f"{kind} in {joined(having)}")
    alone = f" Noise of one run or some of them only: {'; '.join(told)}." if told else ""
    if not positions:
        return alone
    rows = {held.kind for held in shared_kinds(runs, positions)}
    without = joined([kind for kind in all_kinds(runs) if kind not in rows])
    why = "Without a row, because no shared example has it in every run that does"
    return f"{alone} {why}: {without}." if without else alone


def _where(runs: Sequence[Compared], having: Sequence[int]) -> str:
    if len(having) == len(runs):
        return "in both" if len(runs) == 2 else "in every run"
    return f"in {joined([runs[at].letter for at in having])} only"
