"""Every number of the section `gradients`: lengths of per-example gradients, and whether they pull the same way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from probes_reports.figures.groups import Role
from probes_reports.sections.groups import FEWEST, Group, groups, groups_by_kind
from probes_reports.sections.probe_frames import frame_of, main_epoch, quantiles_by_epoch
from probes_reports.view import RunView

__all__ = ["Agreement", "Facts", "GroupNorms", "Series", "facts_of"]

NORM_PROBES = ("gradient_norms", "self_influence")  # either holds the norms
MEASURES = ("m_coherence", "stiffness_cosine", "gsnr_mean")  # of a group
COSINE = ("clean/noisy", "cosine_of_means")
ROLES: tuple[Role, ...] = ("clean", "noisy", "all")


@dataclass(frozen=True)
class GroupNorms:
    """Lengths of the gradients of a group.

    Attributes:
        quantiles: float64, (T, 5); 5, 25, 50, 75, 95% per epoch, NaN where unknown.
        measured: examples of the group that have a finite length at any epoch.
    """

    group: Group
    quantiles: np.ndarray
    measured: int

    @property
    def whole(self) -> bool:
        """Whether every example of the group was measured."""
        return self.measured == int(self.group.members.sum())


@dataclass(frozen=True)
class Series:
    """A measure of one group at the epochs measured: float64, (T,)."""

    role: Role
    values: np.ndarray


@dataclass(frozen=True)
class Agreement:
    """What the probe `coherence` measured.

    Attributes:
        epochs: int64, (T,).
        measures: name of MEASURES -> a series for each group; without those that hold no value.
        cosine: float64, (T,); between the mean gradients of clean and noisy; None where it was not defined.
        examples: m, of each group.
    """

    epochs: np.ndarray
    measures: dict[str, tuple[Series, ...]]
    cosine: np.ndarray | None
    examples: int

    def at(self, values: np.ndarray, epoch: int) -> float:
        """A value at a measured epoch; NaN where there is none."""
        found = values[self.epochs == epoch]
        return float(found[0]) if len(found) else float("nan")


@dataclass(frozen=True)
class Facts:
    """What the section draws and says.

    Attributes:
        epochs: int64; of the norms.
        norms: by group; empty where none was measured.
        drawn: what has a line: the same, or each kind of noise in place of the noisy ones.
        agreement: None where it was not measured.
        start, start_is: epoch that sentences start with, and what it is.
        last: the last measured epoch.
    """

    epochs: np.ndarray
    norms: tuple[GroupNorms, ...]
    drawn: tuple[GroupNorms, ...]
    agreement: Agreement | None
    start: int
    start_is: str
    last: int

    @property
    def few(self) -> bool:
        """Whether a group has too few lengths for a sentence to compare them."""
        return any(norms.measured < FEWEST for norms in self.norms)

    def median(self, norms: GroupNorms, epoch: int) -> float:
        """Median length of a group's gradients at an epoch; NaN where unknown."""
        found = norms.quantiles[self.epochs == epoch, 2]
        return float(found[0]) if len(found) else float("nan")


def facts_of(view: RunView) -> Facts | str | None:
    """Every number; a sentence where nothing of what was measured can be used; None where nothing was measured."""
    frames = [frame_of(view, name, ("split", "example", "gradient_norm")) for name in NORM_PROBES]
    frame = next((found for found in frames if found is not None), None)
    compared = frame_of(view, "coherence", ("group", "quantity", "value", "examples"))
    if frame is None and compared is None:
        return None
    epochs, norms = _norms(view, frame, groups(view))
    by_kind = _norms(view, frame, groups_by_kind(view))[1] if view.kinds else norms
    agreement = None if compared is None else _agreement(compared)
    measured = sorted({*epochs.tolist(), *([] if agreement is None else agreement.epochs.tolist())})
    if not measured:
        return "Gradients were measured, but none of them is finite."
    start, start_is = main_epoch(view, measured)
    return Facts(epochs, norms, by_kind, agreement, start, start_is, measured[-1])


def _norms(
    view: RunView, frame: pd.DataFrame | None, shown: Sequence[Group]
) -> tuple[np.ndarray, tuple[GroupNorms, ...]]:
    """Quantiles of each group that has any, at the epochs at which one has."""
    if frame is None:
        return np.empty(0, dtype=np.int64), ()
    epochs = np.unique(frame["epoch"].to_numpy(dtype=np.int64))
    usable = frame[(frame["split"] == "train") & np.isfinite(frame["gradient_norm"].astype(np.float64))]
    usable = np.unique(usable["example"].to_numpy(dtype=np.int64))
    usable = usable[(usable >= 0) & (usable < view.num_examples)]
    found = [
        GroupNorms(
            group,
            quantiles_by_epoch(frame, "gradient_norm", group, epochs.tolist()),
            int(group.members[usable].sum()),
        )
        for group in shown
    ]
    found = [norms for norms in found if np.isfinite(norms.quantiles).any()]
    if not found:
        return np.empty(0, dtype=np.int64), ()
    rows = np.any([np.isfinite(norms.quantiles[:, 2]) for norms in found], axis=0)
    return epochs[rows], tuple(GroupNorms(norms.group, norms.quantiles[rows], norms.measured) for norms in found)


def _agreement(frame: pd.DataFrame) -> Agreement | None:
    """None where no value is finite."""
    values = frame.assign(value=frame["value"].astype(np.float64))
    values = values[np.isfinite(values["value"])]
    if values.empty:
        return None
    table = values.pivot_table(index="epoch", columns=["group", "quantity"], values="value", aggfunc="first")
    held = {key: table[key].to_numpy(dtype=np.float64) for key in table.columns}
    measures = {
        measure: tuple(Series(role, held[role, measure]) for role in ROLES if (role, measure) in held)
        for measure in MEASURES
    }
    return Agreement(
        epochs=table.index.to_numpy(dtype=np.int64),
        measures={measure: series for measure, series in measures.items() if series},
        cosine=held.get(COSINE),
        examples=int(values["examples"].max()),
    )
