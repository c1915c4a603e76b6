"""How does the loss sink?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from probes.scores.detection import auroc as rank_noisy_above_clean
from probes_reports.figures.loss import LossBand, loss_ribbons, slice_layouts
from probes_reports.sections.groups import Group, groups_by_kind, joined, key_of, kinds_note, missing_group
from probes_reports.sections.section import Absent, Data, Plot, Section, Slider
from probes_reports.view import RunView
from probes_reports.wording import Clause, Prose, auroc, clean, count, muted, noisy, number, prose

__all__ = ["FIGURES", "build"]

FIGURES = ("loss",)
TITLE, QUESTION = "Loss", "How does the loss sink?"
MOST_EPOCHS = 150  # that are drawn, and that the slider stops at
BINS = 64
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LOWEST = 1e-7  # nats; float32 cannot tell probabilities closer to 1 apart
PER_DECADE, FINE_BINS = 50, 500  # of the histograms before the scale is known: from LOWEST to 1,000 nats


@dataclass(frozen=True)
class Losses:
    """The losses of every group at the epochs that are drawn.

    Attributes:
        groups: those with a loss at one epoch at least.
        epochs: int64, (T,), ascending.
        quantiles: float64, (G, T, 5); nats, NaN where no member has a loss.
        edges: float64, (B + 1,); edges of the histograms' bins, log10 of the loss in nats.
        counts: int64, (G, T, B).
        lower: int64, (G, T): how many lie below the lowest bin.
    """

    groups: list[Group]
    epochs: np.ndarray
    quantiles: np.ndarray
    edges: np.ndarray
    counts: np.ndarray
    lower: np.ndarray

    def band(self, place: int) -> LossBand:
        """What the figure draws of a group; shares to four decimals."""
        group, counts, lower = self.groups[place], self.counts[place], self.lower[place]
        total = np.maximum(counts.sum(axis=1) + lower, 1)
        shares = np.round(counts / total[:, None], 4)
        return LossBand(group.role, group.label, self.quantiles[place], shares, lower / total)

    def median(self, group: int, epoch: int) -> float:
        """Median loss in nats of a group at a drawn epoch."""
        return float(self.quantiles[group, np.searchsorted(self.epochs, epoch), 2])


def build(view: RunView) -> Section | Absent:
    """Quantile ribbons and a slice through them that a slider moves."""
    if view.nothing is not None:
        return Absent("loss", TITLE, QUESTION, prose(view.nothing))
    losses = _losses(view)
    if losses is None:
        return Absent("loss", TITLE, QUESTION, prose("No visit left a finite loss."))
    start, why = _start(view, losses)
    at = int(np.searchsorted(losses.epochs, start))
    bands = [losses.band(place) for place in range(len(losses.groups))]
    guides = view.guides()
    return Section(
        key="loss",
        title=TITLE,
        question=QUESTION,
        answer=_answer(view, losses, start),
        parts=(
            *key_of(losses.groups, "line"),
            Plot(
                key="loss",
                wide=loss_ribbons(bands, losses.epochs, losses.edges, at, guides),
                narrow=loss_ribbons(bands, losses.epochs, losses.edges, at, guides, narrow=True),
                alt="Median, middle half and middle 90% of the loss per group over the epochs; histogram of one epoch.",
                data_title="quantiles",
            ),
            Slider(
                plot="loss",
                label="Slice at epoch",
                values=tuple(count(int(epoch)) for epoch in losses.epochs),
                start=at,
                traces=tuple((place, "x", band.slices) for place, band in enumerate(bands)),
                wide=slice_layouts(bands, losses.epochs),
                narrow=slice_layouts(bands, losses.epochs, narrow=True),
            ),
            _slices_table(losses),
        ),
        caption=_caption(view, losses, start, why),
        how_to_read=_how_to_read(view),
        definition=_definition(),
    )


def drawn_epochs(held: Sequence[int], key: Sequence[int], most: int = MOST_EPOCHS) -> np.ndarray:
    """All epochs, or at most `most` of them: dense where the log(1 + epoch) axis is, first, last and key ones included.

    Args:
        held: epochs of the run, ascending, at least one.
        key: epochs that are kept, fewer than `most`.
        most: number of epochs.

    Returns:
        int64, (T,), ascending.
    """
    epochs = np.asarray(held, dtype=np.int64)
    if len(epochs) <= most:
        return epochs
    kept = np.intersect1d([*key, epochs[0], epochs[-1]], epochs)
    wanted = np.expm1(np.linspace(np.log1p(epochs[0]), np.log1p(epochs[-1]), most - len(kept)))
    nearest = epochs[np.clip(np.searchsorted(epochs, wanted), 0, len(epochs) - 1)]
    return np.union1d(nearest, kept)


def _epochs(view: RunView) -> np.ndarray:
    held = ([0] if view.run.has_initial else []) + list(view.run.closed_epochs)
    key = [view.key.clean_learned, view.key.noisy_half, view.key.noisy_memorized, view.key.peak]
    return drawn_epochs(held, [epoch for epoch in key if epoch is not None])


def _losses(view: RunView) -> Losses | None:
    """Quantiles and fine histograms in one pass over the epochs, O(N) in memory; None where no loss is finite."""
    members, epochs = groups_by_kind(view), _epochs(view)
    quantiles = np.full((len(members), len(epochs), len(QUANTILES)), np.nan)
    counts = np.zeros((len(members), len(epochs), FINE_BINS + 1), dtype=np.int64)
    for row, epoch in enumerate(epochs):
        loss = view.epoch(int(epoch))["loss"]
        known = np.isfinite(loss)
        for place, group in enumerate(members):
            held = loss[known & group.members]
            if len(held):
                quantiles[place, row] = np.quantile(held, QUANTILES)
                counts[place, row] = np.bincount(_fine_bins(held), minlength=FINE_BINS + 1)
    seen = counts.sum(axis=2) > 0
    if not seen.any():
        return None
    kept, rows = seen.any(axis=1), seen.any(axis=0)
    quantiles, counts = quantiles[kept][:, rows], counts[kept][:, rows]
    edges, inside = _coarse(counts, float(np.nanmin(quantiles)))
    lower = counts.sum(axis=2) - inside.sum(axis=2)
    return Losses([members[at] for at in np.flatnonzero(kept)], epochs[rows], quantiles, edges, inside, lower)


def _fine_bins(loss: np.ndarray) -> np.ndarray:
    """int64: 1 + the fine bin of each loss, 0 where it is below LOWEST; 1,000 nats and more count in the last."""
    above = np.log10(np.maximum(loss, LOWEST / 10).astype(np.float64)) - np.log10(LOWEST)
    return np.clip(np.floor(above * PER_DECADE).astype(np.int64), -1, FINE_BINS - 1) + 1


def _coarse(counts: np.ndarray, lowest: float) -> tuple[np.ndarray, np.ndarray]:
    """The bins that are drawn: at most BINS of them, from the lowest 5% quantile to the highest loss.

    Args:
        counts: int64, (G, T, 1 + FINE_BINS); see `_fine_bins`.
        lowest: the smallest quantile there is, in nats.

    Returns:
        float64, (B + 1,): edges in log10 nats; int64, (G, T, B): counts.
    """
    low = max(int(_fine_bins(np.array([lowest]))[0]) - 1, 0)
    high = max(int(np.flatnonzero(counts.any(axis=(0, 1)))[-1]), low + PER_DECADE)
    step = -(-(high - low) // BINS)
    high = low + step * -(-(high - low) // step)
    padded = np.pad(counts[:, :, 1:], ((0, 0), (0, 0), (0, max(0, high - FINE_BINS))))
    inside = padded[:, :, low:high].reshape(*counts.shape[:2], -1, step).sum(axis=3)
    return np.log10(LOWEST) + np.arange(low, high + 1, step) / PER_DECADE, inside


def _start(view: RunView, losses: Losses) -> tuple[int, str]:
    """Where the slider starts, and what is there: the validation peak, or the best there is instead of it."""
    choices = (
        (view.key.peak, "the best validation accuracy"),
        (view.key.clean_learned, "the first with 90% of the clean examples learned"),
    )
    for epoch, why in choices:
        if epoch is not None and epoch in losses.epochs:
            return epoch, why
    return int(losses.epochs[-1]), "the last one"


def _detection(view: RunView, epoch: int) -> float | None:
    """AUROC of one epoch's loss, noisy against clean; None where undefined."""
    if view.noisy is None:
        return None
    loss = view.epoch(epoch)["loss"].astype(np.float64)
    return rank_noisy_above_clean(np.where(np.isfinite(loss), loss, np.nan), view.noisy)


def _answer(view: RunView, losses: Losses, start: int) -> Prose:
    """Medians at the start of the slider and at the end, and how well the loss tells noisy from clean at each."""
    last = int(losses.epochs[-1])
    first = [_value(losses.median(place, start)) for place in range(len(losses.groups))]
    return prose(
        f"At epoch {count(start)} the median loss was ",
        *_on_groups(losses, first),
        ".",
        muted(_later(view, losses, start, last)),
    )


def _value(loss: float) -> str:
    """A loss in a sentence."""
    if loss < 1e-6:
        return "below 0.000001"
    return number(loss) if loss >= 1e-4 else np.format_float_positional(loss, precision=2, fractional=False)


def _on_groups(losses: Losses, values: Sequence[str]) -> tuple[Clause | str, ...]:
    """ "0.52 on clean examples and 2.64 on wrong labels", the numbers in the colours of the groups."""
    tones = {"clean": clean, "noisy": noisy, "all": Clause}
    pieces: list[Clause | str] = []
    for place, (group, value) in enumerate(zip(losses.groups, values, strict=True), 1):
        pieces += ["" if place == 1 else " and " if place == len(values) else ", "]
        pieces += [tones.get(group.role, Clause)(value), "" if group.role == "all" else f" on {group.name}"]
    return tuple(piece for piece in pieces if piece != "")


def _later(view: RunView, losses: Losses, start: int, last: int) -> str:
    """The medians at the end, and the AUROC then and now; of a single group, how far it spreads."""
    final = [_value(losses.median(place, last)) for place in range(len(losses.groups))]
    spread = f"One example in twenty then had more than {_value(float(losses.quantiles[0, -1, 4]))}."
    before, after = _detection(view, start), _detection(view, last)
    if last == start:
        return f" {spread}" if before is None else f" As a detector the loss had AUROC {auroc(before)}."
    in_turn = ", in this order" if len(final) > 2 else ""
    sentence = f" At epoch {count(last)} it was {joined(final)}{in_turn}"
    if before is None or after is None:
        return f"{sentence}. {spread}"
    if auroc(before) == auroc(after):
        return f"{sentence}; as a detector the loss stayed at AUROC {auroc(after)}."
    verb = "fell" if after < before else "rose"
    return f"{sentence}; as a detector the loss {verb} from AUROC {auroc(before)} to {auroc(after)}."


def _slices_table(losses: Losses) -> Data:
    """All histograms, without their empty bins."""
    columns: dict[str, list[Any]] = {"epoch": [], "group": [], "loss_from": [], "loss_to": [], "examples": []}
    bounds = [0.0, *(float(f"{10**edge:.4g}") for edge in losses.edges)]
    for group, inside, lower in zip(losses.groups, losses.counts, losses.lower, strict=True):
        counts = np.column_stack([lower, inside])
        rows, bins = np.nonzero(counts)
        columns["epoch"] += losses.epochs[rows].tolist()
        columns["group"] += [group.label] * len(rows)
        columns["loss_from"] += [bounds[at] for at in bins]
        columns["loss_to"] += [bounds[at + 1] for at in bins]
        columns["examples"] += counts[rows, bins].tolist()
    return Data("loss_slices", {**columns}, data_title="histograms")


def _caption(view: RunView, losses: Losses, start: int, why: str) -> Prose:
    measured = "in the training passes of each epoch" if view.measure == "online" else "after each epoch"
    held = len(view.run.closed_epochs) + int(view.run.has_initial)
    drawn = f" {count(len(losses.epochs))} of {count(held)} epochs are drawn." if len(losses.epochs) < held else ""
    both = "the middle half" if len(losses.groups) > 2 else "the middle half and the middle 90%"
    return prose(
        f"Ribbons: median loss {measured}, with {both} of each group. Bars: all examples "
        f"at the chosen epoch on the same scale, as shares of their group; the slider starts at epoch {count(start)}, "
        f"{why}.{drawn}{missing_group(view, losses.groups)}{kinds_note(view)}"
    )


def _how_to_read(view: RunView) -> tuple[Prose, ...]:
    classes = len(view.run.classes or [])
    guess = (
        f" Equal bets on all {count(classes)} classes cost {number(float(np.log(classes)))} nats."
        if classes > 1
        else ""
    )
    return (
        prose(
            "The loss says how surprised the network is by an example's given label: 0.69 nats where it gives that "
            f"label a probability of a half, 0.01 where it gives 99%.{guess} Each grid line downwards is a loss ten "
            "times smaller."
        ),
        prose(
            "Where the ribbons lie apart, one look at the loss tells the groups apart; where they overlap, it does "
            "not. AUROC puts a number on that: the probability that a noisy example has the larger loss of a random "
            "pair, 0.5 by chance. Move the slider to see the overlap come and go; the bars are scaled anew at each "
            "epoch, the ticks below them say how much; an arrow at their foot gives the share of losses too small "
            "for the scale."
        ),
    )


def _definition() -> tuple[Prose, ...]:
    return (
        prose(
            "Loss: minus the natural logarithm of the probability that the softmax gives to the given label, in nats. "
            "Quantiles of the members of a group that were visited at that epoch, linearly interpolated. AUROC of that "
            "epoch's loss alone, noisy against clean, ties counting half."
        ),
        prose(
            "Small loss as a sign of a right label: Han et al., Co-teaching, NeurIPS 2018, arxiv.org/abs/1804.06872; "
            "Arazo et al., Unsupervised Label Noise Modeling and Loss Correction, ICML 2019, arxiv.org/abs/1904.11238."
        ),
    )
