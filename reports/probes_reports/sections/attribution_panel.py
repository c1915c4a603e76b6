"""What the attributions probe recorded: its examples, its epochs, and the maps that can be made of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from probes_reports.figures.attribution_maps import as_pixels
from probes_reports.figures.epoch_axis import place
from probes_reports.view import RunView
from probes_reports.wording import Prose, noisy, prose, true

__all__ = ["GRAD_CAM", "INTEGRATED", "METHODS", "PRODUCT", "SALIENCY", "Group", "Kind", "Panel", "kinds_of"]

INTEGRATED, SALIENCY = "integrated_gradients", "saliency"
PRODUCT, GRAD_CAM = "input_x_gradient", "grad_cam"
ROWS = 4  # examples drawn
MOST_COLUMNS = 9  # epochs drawn
METHODS = {  # in the order of preference
    INTEGRATED: "integrated gradients",
    PRODUCT: "input × gradient",
    SALIENCY: "saliency",
    GRAD_CAM: "Grad-CAM",
}

Group = Literal["wrong", "clean", "all"]


@dataclass(frozen=True)
class Kind:
    """A map that can be chosen.

    Attributes:
        value: in the chooser.
        text: of its radio button.
        parts: (method, label, sign) of the recorded maps it is the sum of.
        positive, negative: names of `attribution_maps.TONES`.
        meaning: what the colours say, after "Each pixel is coloured by".
    """

    value: str
    text: str
    parts: tuple[tuple[str, str, int], ...]
    positive: str
    negative: str
    meaning: Prose


class Panel:
    """What the probe recorded of the training examples, and which of them this section speaks of.

    Args:
        view: of the run.
        frame: as the probe left it.
        metadata: of the frame.
        group: that the section speaks of; None: as `group` says.
    """

    def __init__(self, view: RunView, frame: pd.DataFrame, metadata: dict[str, Any], group: Group | None = None):
        self._group = group
        self.view = view
        self._frame = frame
        self.metadata = metadata
        self.shape: tuple[int, ...] = tuple(metadata["map_shape"])
        keys = zip(frame["method"], frame["label"], frame["example"], frame["epoch"], strict=True)
        self._position = {key: at for at, key in enumerate(keys)}

    @cached_property
    def group(self) -> Group:
        """Wrong labels, where the panel holds any; else clean examples, or all where truth is unknown."""
        if self._group is not None:
            return self._group
        if len(self._with_true_label):
            return "wrong"
        return "all" if self.view.noisy is None else "clean"

    @cached_property
    def examples(self) -> np.ndarray:
        """int64; of the group, by the epoch from which the given label stays (never: last), then by index."""
        members = np.unique(self._frame["example"].to_numpy(dtype=np.int64))
        if self.group == "wrong":
            members = self._with_true_label
        elif self.group == "clean" and self.view.clean is not None and self.view.clean[members].any():
            members = members[self.view.clean[members]]
        learned = self.view.scores["learned_epoch"].iloc[members].astype("Float64").fillna(np.inf)
        return members[np.argsort(learned.to_numpy(dtype=np.float64), kind="stable")]

    @cached_property
    def beside(self) -> Panel | None:
        """The clean examples, where the section speaks of wrong labels and some clean ones were measured."""
        if self.group != "wrong" or self.view.clean is None:
            return None
        members = np.unique(self._frame["example"].to_numpy(dtype=np.int64))
        return Panel(self.view, self._frame, self.metadata, "clean") if self.view.clean[members].any() else None

    @property
    def any_learned(self) -> bool:
        """Whether any example of the group was answered with its given label for good."""
        return bool(self.view.scores["learned_epoch"].iloc[self.examples].notna().any())

    @cached_property
    def _with_true_label(self) -> np.ndarray:
        differs = self.view.differs
        rows = self._frame.loc[self._frame["label"] == "true", "example"].to_numpy(dtype=np.int64)
        return np.unique(rows) if differs is None else np.unique(rows[differs[rows]])

    @cached_property
    def epochs(self) -> list[int]:
        """Recorded ones; without epoch 0, before training, unless there is no other."""
        recorded = sorted({int(epoch) for epoch in self._frame["epoch"]})
        return [epoch for epoch in recorded if epoch > 0] or recorded

    @property
    def left_out(self) -> bool:
        """Whether epoch 0 was recorded and is not among `epochs`."""
        return 0 not in self.epochs and bool((self._frame["epoch"] == 0).any())

    @cached_property
    def named_epochs(self) -> dict[int, list[str]]:
        """Drawn epochs that the page refers to, with their names; the best validation is that of `near`."""
        key, columns = self.view.key, self.columns()
        named: dict[int, list[str]] = {}
        for epoch, name in ((key.clean_learned, "clean learned"), (key.noisy_memorized, "noise memorized")):
            if epoch in columns:
                named.setdefault(int(epoch), []).append(name)
        if key.peak is not None:
            at = self.near(key.peak)
            named.setdefault(at, []).append(f"{'' if at == key.peak else 'nearest to the '}best validation")
        return named

    def rows(self, method: str) -> pd.DataFrame:
        """What was recorded with a method at `epochs`: `epoch`, `split`, `example`, `method`, `label`, `map`."""
        held = self._frame["epoch"].isin(self.epochs) & (self._frame["method"] == method)
        return self._frame[held]

    @cached_property
    def methods(self) -> set[str]:
        """Recorded ones."""
        return set(self._frame["method"])

    def pixels(self, kind: Kind, example: int, epoch: int) -> np.ndarray | None:
        """A map, float64, (H, W); None where one of its parts was not recorded."""
        total: np.ndarray | None = None
        for method, label, sign in kind.parts:
            at = self._position.get((method, label, example, epoch))
            if at is None:
                return None
            values = sign * as_pixels(np.asarray(self._frame["map"].iloc[at]), self.shape)
            total = values if total is None else total + values
        return total

    def near(self, epoch: int | None) -> int:
        """The recorded epoch nearest to one on the log axis; the first where that is unknown."""
        if epoch is None:
            return self.epochs[0]
        return min(self.epochs, key=lambda other: abs(float(place(other) - place(epoch))))

    def columns(self) -> list[int]:
        """Epochs that are drawn: at most MOST_COLUMNS, among them the first, the last and the nearest to the peak."""
        if len(self.epochs) <= MOST_COLUMNS:
            return self.epochs
        positions = np.linspace(0, len(self.epochs) - 1, MOST_COLUMNS - 1).round().astype(int)
        return sorted({*(self.epochs[at] for at in positions), self.near(self.view.key.peak)})

    def held(self, kind: Kind) -> list[int]:
        """Examples of the group that have such a map at the last epoch."""
        keys = [(method, label) for method, label, _ in kind.parts]
        last = self.epochs[-1]
        return [int(e) for e in self.examples if all((*key, int(e), last) in self._position for key in keys)]

    def shown(self, kind: Kind) -> list[int]:
        """Examples that are drawn of a map: quantiles of the learning time of those that have it."""
        held = self.held(kind)
        positions = np.linspace(0, len(held) - 1, min(ROWS, len(held))).round().astype(int)
        return [held[at] for at in positions]

    @property
    def chosen(self) -> bool:
        """Whether examples were asked for: more than the probe follows by itself, or after a run without it."""
        followed, probes = self.metadata.get("panel"), self.view.config.get("probe")
        later = probes is not None and "attributions" not in probes
        return later or (isinstance(followed, int) and self._frame["example"].nunique() > followed)

    def whose(self, kind: Kind) -> str:
        """After "16 wrongly labelled examples": "of the panel", "measured", or "with" a map that not all have."""
        if len(self.held(kind)) < len(self.examples):
            return f"with {METHODS[kind.parts[0][0]]}"
        return "measured" if self.chosen else "of the panel"

    @property
    def baseline(self) -> float:
        """What integrated gradients start from, the same for every input value."""
        value = self.metadata.get("baseline")
        return float(value) if isinstance(value, int | float) else 0.0

    @property
    def against(self) -> str:
        """The same in words."""
        if self.baseline != 0:
            return "a blank image"
        return "the training mean" if self.view.config else "an input of zeros"


def kinds_of(panel: Panel) -> list[Kind]:
    """Maps that can be drawn of the group, the one of the answer first."""
    kinds = (_wrong_kinds if panel.group == "wrong" else _given_kinds)(panel.against)
    return [kind for kind in (*kinds, *_more_kinds(panel.group)) if panel.held(kind)]


def _wrong_kinds(against: str) -> list[Kind]:
    wrong, right = noisy("orange"), true("green")
    return [
        Kind(
            "difference",
            "wrong label less true one",
            ((INTEGRATED, "given", 1), (INTEGRATED, "true", -1)),
            "noisy",
            "true",
            prose(
                f"what it adds, compared with {against}, to the logit of the wrong label less that of the true one: ",
                wrong,
                " points to the wrong label, ",
                right,
                " to the true one.",
            ),
        ),
        Kind(
            "integrated_given",
            "wrong label",
            ((INTEGRATED, "given", 1),),
            "noisy",
            "against",
            prose(
                f"what it adds, compared with {against}, to the logit of the wrong label: ",
                wrong,
                " for it, grey against it.",
            ),
        ),
        Kind(
            "integrated_true",
            "true label",
            ((INTEGRATED, "true", 1),),
            "true",
            "against",
            prose(
                f"what it adds, compared with {against}, to the logit of the true label: ",
                right,
                " for it, grey against it.",
            ),
        ),
        Kind(
            "saliency_given",
            "saliency, wrong label",
            ((SALIENCY, "given", 1),),
            "noisy",
            "noisy",
            prose("how strongly the logit of the wrong label reacts to a small change of it, in either direction."),
        ),
        Kind(
            "saliency_true",
            "saliency, true label",
            ((SALIENCY, "true", 1),),
            "true",
            "true",
            prose("how strongly the logit of the true label reacts to a small change of it, in either direction."),
        ),
    ]


def _more_kinds(group: Group) -> list[Kind]:
    """Maps that are measured where they are asked for."""
    labels = (("given", "given label", "clean", "blue"),)
    wrong = (("given", "wrong label", "noisy", noisy("orange")), ("true", "true label", "true", true("green")))
    kinds = []
    for label, words, tone, colour in wrong if group == "wrong" else labels:
        product = prose(f"its value times what a small change of it adds to the logit of the {words}: ", colour)
        coarse = f"how much the last convolution, on a grid of its own, finds there for the logit of the {words}"
        kinds += [
            Kind(
                f"product_{label}",
                f"input × gradient, {words}",
                ((PRODUCT, label, 1),),
                tone,
                "against",
                (*product, *prose(" for it, grey against it.")),
            ),
            Kind(
                f"grad_cam_{label}",
                f"Grad-CAM, {words}",
                ((GRAD_CAM, label, 1),),
                tone,
                tone,
                prose(f"{coarse}; it may find nothing, and a picture be empty."),
            ),
        ]
    return sorted(kinds, key=lambda kind: kind.parts[0][0], reverse=True)


def _given_kinds(against: str) -> list[Kind]:
    return [
        Kind(
            "integrated_given",
            "given label",
            ((INTEGRATED, "given", 1),),
            "clean",
            "against",
            prose(
                f"what it adds, compared with {against}, to the logit of the given label: blue for it, grey against it."
            ),
        ),
        Kind(
            "saliency_given",
            "saliency, given label",
            ((SALIENCY, "given", 1),),
            "clean",
            "clean",
            prose("how strongly the logit of the given label reacts to a small change of it, in either direction."),
        ),
    ]
