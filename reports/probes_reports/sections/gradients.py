"""How do the examples pull at the weights? Lengths of their gradients, and whether these point the same way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from probes_reports.figures.epoch_lines import Line, Scale, Size, epoch_lines
from probes_reports.figures.groups import DASH, Role
from probes_reports.sections.gradient_facts import Agreement, Facts, facts_of
from probes_reports.sections.gradient_words import (
    agreement_caption,
    answer,
    definition,
    how_to_read,
    norms_caption,
    pair_captions,
    signed,
)
from probes_reports.sections.groups import key_of
from probes_reports.sections.section import Absent, Caption, Columns, Heading, Part, Plot, Section
from probes_reports.view import RunView
from probes_reports.wording import muted, number, prose

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["FIGURES", "build"]

KEY, TITLE = "gradients", "Gradients"
FIGURES = ("gradient_norms", "m_coherence", "cosine_of_means", "stiffness", "gsnr")
QUESTION = "How do the examples pull at the weights?"
PROBES = ("gradient_norms", "coherence")
DECADES = 6.0  # at most, that the axis of the norms spans
MEASURES = {  # measure -> key of the plot, heading, what is behind it
    "m_coherence": ("m_coherence", "How many examples one step helps", " m-coherence"),
    "stiffness_cosine": ("stiffness", "Do two examples of a group agree?", " stiffness, mean cosine of pairs"),
    "gsnr_mean": ("gsnr", "Signal against noise in each weight’s gradient", " GSNR, mean over weights"),
}
ORDER = ("m_coherence", "cosine_of_means", "stiffness_cosine", "gsnr_mean")
DATA_TITLES = {
    "m_coherence": "m-coherence",
    "cosine_of_means": "cosine",
    "stiffness": "stiffness",
    "gsnr": "GSNR",
}


def build(view: RunView) -> Section | Absent:
    """Norms by group; coherence and alignment; stiffness and signal to noise."""
    if view.not_finite is not None:
        return Absent(KEY, TITLE, QUESTION, prose(view.not_finite), probes=PROBES)
    facts = facts_of(view)
    if facts is None:
        return Absent(
            KEY, TITLE, QUESTION, prose("No gradients of single examples were measured. They are by"),
            "probe measure RUN --probe gradient_norms", probes=PROBES,
        )  # fmt: skip
    if isinstance(facts, str):
        return Absent(KEY, TITLE, QUESTION, prose(facts))
    parts = (*_norm_parts(view, facts), *_agreement_parts(view, facts))
    return Section(
        key=KEY,
        title=TITLE,
        question=QUESTION,
        answer=answer(view, facts),
        parts=parts,
        how_to_read=how_to_read(view, facts),
        definition=definition(facts),
    )


def _label(view: RunView, role: Role) -> str:
    return {"clean": "clean", "noisy": view.words.noisy, "all": "all examples"}[role]


def _norm_parts(view: RunView, facts: Facts) -> tuple[Part, ...]:
    if not facts.norms:
        return ()
    lines = [
        Line(
            norms.group.role,
            norms.group.label,
            norms.group.label if len(facts.drawn) < 3 else "",
            facts.epochs,
            norms.quantiles[:, 2],
            norms.quantiles[:, [0, 1, 3, 4]],
            dash=DASH.get(norms.group.role, ""),
        )
        for norms in facts.drawn
    ]
    scale = _norm_scale(facts)
    plot = Plot(
        key="gradient_norms",
        wide=epoch_lines(lines, scale, view.guides()),
        narrow=epoch_lines(lines, scale, view.guides(), size="narrow"),
        alt="Median, middle half and middle 90% of the gradient norms of each group over the epochs.",
        data_title="norms",
    )
    return *key_of([norms.group for norms in facts.drawn], "line"), plot, Caption(norms_caption(view, facts))


def _norm_scale(facts: Facts) -> Scale:
    """From the lowest 5% quantile to the highest 95% one, at least a decade and at most DECADES of them."""
    values = np.concatenate([norms.quantiles.ravel() for norms in facts.drawn])
    positive = values[np.isfinite(values) & (values > 0)]
    high = float(positive.max()) if len(positive) else 1.0
    low = max(float(positive.min()) if len(positive) else 0.1, high / 10**DECADES)
    middle = np.sqrt(low * high)
    low, high = min(low, middle / 10**0.5), max(high, middle * 10**0.5)
    return Scale(low / 1.25, high * 1.25, number, "median", log=True, unit="l2 norm, log scale")


def _agreement_parts(view: RunView, facts: Facts) -> tuple[Part, ...]:
    """Halves beside each other, two a row; what was not measured is left out."""
    agreement = facts.agreement
    if agreement is None:
        return ()
    columns = {name: _measure_column(view, facts, agreement, name) for name in agreement.measures}
    if agreement.cosine is not None:
        columns["cosine_of_means"] = _cosine_column(view, facts, agreement)
    shown = [columns[name] for name in ORDER if name in columns]
    pairs = [(*shown[at : at + 2], ())[:2] for at in range(0, len(shown), 2)]  # an odd one leaves the other half empty
    return (*(Columns(pair) for pair in pairs), Caption(agreement_caption(view, agreement)))


def _measure_column(view: RunView, facts: Facts, agreement: Agreement, name: str) -> tuple[Part, ...]:
    key, heading, behind = MEASURES[name]
    lines = [
        Line(series.role, _label(view, series.role), _label(view, series.role), agreement.epochs, series.values)
        for series in agreement.measures[name]
    ]
    reference = {"m_coherence": (1.0, "orthogonal"), "stiffness_cosine": (0.0, "at right angles")}.get(name)
    scale = _linear_scale([line.values for line in lines], key, reference)
    return (
        Heading(prose(heading, muted(behind))),
        _half_plot(view, key, lines, scale, f"{heading}: {behind.strip()} by group over the epochs."),
        *pair_captions(name, facts),
    )


def _cosine_column(view: RunView, facts: Facts, agreement: Agreement) -> tuple[Part, ...]:
    assert agreement.cosine is not None
    name = f"clean with {view.words.noisy}"
    lines = [Line("highlight", name, "", agreement.epochs, agreement.cosine)]  # the heading names it
    scale = Scale(-1.05, 1.05, signed, "cosine", reference=(0.0, "at right angles"))
    return (
        Heading(prose("Do the groups pull the same way?", muted(" cosine of their mean gradients"))),
        _half_plot(view, "cosine_of_means", lines, scale, "Cosine between the mean gradients over the epochs."),
        *pair_captions("cosine_of_means", facts),
    )


def _half_plot(view: RunView, key: str, lines: Sequence[Line], scale: Scale, alt: str) -> Plot:
    def draw(size: Size) -> Figure:
        return epoch_lines(lines, scale, view.guides(), size=size)

    return Plot(
        key, wide=draw("half"), narrow=draw("narrow_half"), alt=alt, narrow_below=400, data_title=DATA_TITLES[key]
    )


def _linear_scale(values: Sequence[np.ndarray], column: str, reference: tuple[float, str] | None) -> Scale:
    """From 0, or below it where a value is, to a little above the highest."""
    known = np.concatenate([[0.0], *([[reference[0]]] if reference else []), *(v[np.isfinite(v)] for v in values)])
    low, high = float(known.min()), float(known.max())
    room = max(high - low, 1e-9)
    return Scale(low - (0.06 * room if low < 0 else 0.0), high + 0.1 * room, _two_digits, column, reference=reference)


def _two_digits(value: float) -> str:
    """Two digits that count, three from 1 on, with a true minus."""
    text = f"{value:.3g}" if abs(value) >= 1 else f"{value:.2g}"
    return text.replace("-", "−")
