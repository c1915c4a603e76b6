"""How close do inputs lie to a boundary? The critical sample ratio over the epochs, beside test accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from probes_reports.figures.epoch_lines import Line, Scale, Size, epoch_lines
from probes_reports.sections.probe_frames import frame_of, main_epoch, setting
from probes_reports.sections.section import Absent, Key, Plot, Section, Swatch
from probes_reports.view import RunView
from probes_reports.wording import Prose, count, highlight, muted, percent, prose

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["FIGURES", "build"]

KEY, TITLE = "critical_samples", "Critical samples"
FIGURES = (KEY,)
QUESTION = "How close do inputs lie to a boundary?"
COLUMNS = ("split", "critical", "critical_random")
SAME = 2.0  # standard errors of a difference of two shares within which nothing is said to have changed


@dataclass(frozen=True)
class Critical:
    """The critical sample ratio and what it was measured with.

    Attributes:
        epochs: int64, (T,), ascending.
        found: float64, (T,); share of critical examples, NaN where unknown.
        chance: float64, (T,); what the search finds with its noise alone.
        examples: that were searched around.
        split: they belong to.
        start, start_is: epoch that the sentence starts with, and what it is.
        radius, alpha, beta: shares of the input's range; None where unknown.
        iterations: of the search; None where unknown.
        tests, test_epochs: test accuracy (float64) and its epochs; empty where unknown.
    """

    epochs: np.ndarray
    found: np.ndarray
    chance: np.ndarray
    examples: int
    split: str
    start: int
    start_is: str
    radius: float | None
    alpha: float | None
    beta: float | None
    iterations: int | None
    test_epochs: np.ndarray
    tests: np.ndarray

    def at(self, values: np.ndarray, epoch: int) -> float:
        """A value at a measured epoch."""
        return float(values[np.searchsorted(self.epochs, epoch)])

    def test_at(self, epoch: int) -> float | None:
        """Test accuracy at an epoch; None where unknown."""
        known = self.tests[self.test_epochs == epoch]
        return float(known[0]) if len(known) else None


def build(view: RunView) -> Section | Absent:
    """The ratio, its floor and test accuracy on one epoch axis."""
    if view.not_finite is not None:
        return Absent(KEY, TITLE, QUESTION, prose(view.not_finite), probes=(KEY,))
    frame = frame_of(view, KEY, COLUMNS)
    if frame is None:
        return Absent(
            KEY, TITLE, QUESTION, prose("No critical samples were searched for. They are by"),
            f"probe measure RUN --probe {KEY}", probes=(KEY,),
        )  # fmt: skip
    critical = _critical(view, frame)
    if critical is None:
        return Absent(KEY, TITLE, QUESTION, prose("The search for critical samples found no usable value."))
    return Section(
        key=KEY,
        title=TITLE,
        question=QUESTION,
        answer=_answer(critical),
        parts=(
            Key(_swatches(critical), narrow_only=True),
            Plot(
                KEY,
                wide=_draw(view, critical, "wide"),
                narrow=_draw(view, critical, "narrow"),
                alt="Critical sample ratio, its floor and test accuracy over the epochs.",
            ),
        ),
        caption=_caption(critical),
        how_to_read=_how_to_read(critical),
        definition=_definition(critical),
    )


def _critical(view: RunView, frame: pd.DataFrame) -> Critical | None:
    """Shares by epoch of one split, the validation split where it was measured; None where there is no value."""
    splits = [str(split) for split in frame["split"].unique()]
    split = "validation" if "validation" in splits else splits[0]
    rows = frame[frame["split"] == split]
    values = rows[["critical", "critical_random"]].astype("Float64").astype(np.float64)
    shares = values.groupby(rows["epoch"]).mean().dropna(subset=["critical"])
    if shares.empty:
        return None
    epochs = shares.index.to_numpy(dtype=np.int64)
    start, start_is = main_epoch(view, epochs.tolist())
    radius, alpha, beta, iterations = (setting(frame, name) for name in ("radius", "alpha", "beta", "iterations"))
    test_epochs, tests = view.drawn_curve("test")
    return Critical(
        epochs=epochs,
        found=shares["critical"].to_numpy(),
        chance=shares["critical_random"].to_numpy(),
        examples=int(rows["epoch"].value_counts().max()),
        split=split,
        start=start,
        start_is=start_is,
        radius=radius,
        alpha=alpha,
        beta=beta,
        iterations=iterations,
        test_epochs=test_epochs,
        tests=tests,
    )


def _draw(view: RunView, critical: Critical, size: Size) -> Figure:
    lines = [
        Line("test", "test accuracy", "test accuracy", critical.test_epochs, critical.tests, measured=False),
        Line("floor", "critical by chance", "by chance", critical.epochs, critical.chance),
        Line("highlight", "critical samples", "critical samples", critical.epochs, critical.found),
    ]
    scale = Scale(-0.025, 1.06, percent, "share", percent=True)
    return epoch_lines([line for line in lines if line.known.any()], scale, view.guides(), size=size)


def _swatches(critical: Critical) -> tuple[Swatch, ...]:
    swatches = (Swatch("critical samples", "highlight", "line"), Swatch("found by chance", "ink_3", "dot"))
    return (*swatches, Swatch("test accuracy", "ink", "line")) if len(critical.tests) else swatches


# words ---------------------------------------------------------------------------------------------------------------


def _things(critical: Critical) -> str:
    return f"{critical.split} examples"


def _answer(critical: Critical) -> Prose:
    """How many at the peak, how many in the end, and what chance and test accuracy were then."""
    start, last = critical.start, int(critical.epochs[-1])
    before, after = critical.at(critical.found, start), critical.at(critical.found, last)
    within = (
        "a small change of the input"
        if critical.radius is None
        else f"a change of {_share(critical.radius)} of the range"
    )
    first = (
        f"at epoch {count(start)} {within} turned the answer to ",
        highlight(percent(before)),
        f" of the {_things(critical)}",
    )
    chance = critical.at(critical.chance, start)
    if start == last:
        return prose(f"A{first[0][1:]}", *first[1:], ".", muted(f" Chance alone found {percent(chance)}."))
    by_chance = critical.at(critical.chance, last)
    return prose(
        f"{_change(before, after, critical.examples)}: {first[0]}",
        *first[1:],
        f", at epoch {count(last)} to ",
        highlight(percent(after)),
        ".",
        muted(f" Chance alone found {percent(chance)} and {percent(by_chance)}.{_tested(critical)}"),
    )


def _change(before: float, after: float, examples: int) -> str:
    """Which way the ratio went, as far as so many examples can tell."""
    error = np.sqrt((before * (1 - before) + after * (1 - after)) / max(examples, 1))
    if abs(after - before) <= SAME * error:
        return "No closer in the end, as far as these examples can tell"
    return "Closer in the end" if after > before else "Farther away in the end"


def _tested(critical: Critical) -> str:
    before, after = critical.test_at(critical.start), critical.test_at(int(critical.epochs[-1]))
    if before is None or after is None:
        return ""
    return f" Test accuracy was {percent(before)} and {percent(after)}."


def _share(value: float) -> str:
    """Share of the range, in percent without needless decimals."""
    return f"{100 * value:.3g}%"


def _caption(critical: Critical) -> Prose:
    given = [
        f"{name} = {_share(value)}"
        for name, value in (("r", critical.radius), ("alpha", critical.alpha), ("beta", critical.beta))
        if isinstance(value, float)
    ]
    budget = f" {', '.join(given)} of the range of the input" if given else ""
    turns = "" if critical.iterations is None else f", at most {count(critical.iterations)} iterations"
    tested = " Test accuracy is on the same axis." if len(critical.tests) else ""
    settings = f":{budget}{turns}" if budget else ""
    return prose(
        f"Share of the {count(critical.examples)} {_things(critical)} for which the search found an input within r "
        f"that is answered differently{settings}; dotted: the same search by chance alone. Dots are the epochs "
        f"measured.{tested}"
    )


def _how_to_read(critical: Critical) -> tuple[Prose, ...]:
    before = (
        " Before training (epoch 0) answers hardly differ, so that almost any change turns them."
        if 0 in critical.epochs
        else ""
    )
    return (
        prose(
            "An example is critical if the network gives a different answer somewhere in a small box around it. Many "
            "critical ones mean that boundaries run close to the data. While a network memorizes wrong labels it has "
            f"to bend its boundaries around single examples, and the line is expected to rise.{before}"
        ),
        prose(
            "The line is a lower bound: another search may find more. The dotted floor is what noise alone finds; what "
            f"lies above it is owed to following the gradient. With {count(critical.examples)} examples a share is "
            f"good to about {percent(1 / np.sqrt(critical.examples))}, twice its standard error at a half."
        ),
    )


def _definition(critical: Critical) -> tuple[Prose, ...]:
    turns = f"at most {count(critical.iterations)} times" if critical.iterations is not None else "repeatedly"
    return (
        prose(
            "Critical: some x′ with |x′ − x| ≤ r in every value is answered differently from x. LASS searches it: from "
            f"x̃ = x, {turns}, x̃ ← x̃ + alpha sign(g) + beta η, clipped to the box; g is the gradient at x̃ of the "
            "cross-entropy of the class answered at x, η standard normal. The floor has alpha = 0. In eval mode. The "
            "critical sample ratio (CSR) is the share of critical examples."
        ),
        prose(
            "Arpit et al., A Closer Look at Memorization in Deep Networks, ICML 2017, algorithm 1, "
            "arxiv.org/abs/1706.05394, who use r = 0.3 of 255; that finds next to nothing on small images."
        ),
        prose(f"The sentence starts from epoch {count(critical.start)}, {critical.start_is}."),
    )
