"""The sections of the page, in order; one file per section.

How to write one
----------------
`sections/<key>.py` has `build(view: RunView) -> Section | Absent` and `FIGURES`, the keys of the plots it may draw:

    FIGURES = ("forgetting",)

    def build(view: RunView) -> Section | Absent:
        if view.last_epoch == 0:
            return Absent("forgetting", "Forgetting", QUESTION, prose("No epoch has been finished yet."))
        facts = _facts(view)                       # a frozen dataclass: every number shown, computed from `view`
        return Section(
            key="forgetting",                      # = the module's name, the anchor, the entry of SECTIONS below
            title="Forgetting",                    # in the navigation
            question="What is forgotten on the way?",
            answer=prose(f"{percent(facts.kept)} of clean ...", muted(" On average ...")),
            parts=(Plot("forgetting", wide=draw(...), narrow=draw(..., narrow=True), alt="...", narrow_below=400),),
            caption=prose("Share of each group by number of forgetting events ..."),
            how_to_read=(prose("..."),),           # paragraphs
            definition=(prose("..."),),
            half=True,                             # beside its neighbour on wide screens, where that is a half too
        )

*Numbers* come from `RunView` (view.py): `summary`, `scores`, `epochs`, `curve(group, column)`, `noisy`/`clean` masks
(None: truth unknown), `key` epochs, `epoch(t)` (bounded cache: loop over epochs, keep O(N)), `sample(n)`, `images(..)`.
Memory stays O(N): never stack epochs of all examples. Whatever may be None, NaN, -1 or an empty group is handled.

*Words*: `wording.py`: `prose("plain ", noisy("in vermillion"), muted(" regular"))`, `percent`, `auroc`, `number`,
`part_of`. In an answer plain is bold ink and muted is the regular rest. Strings need no escaping there: Jinja does.

*Figures* are pure functions of arrays in `figures/<name>.py` that take `narrow: bool` and return a `go.Figure` in the
LIGHT palette (palette.py); page.js swaps every colour for its dark twin, so use no colour that is not a token or
`fade(token, alpha)`. Start from `figures.base.blank_figure`, `axis`, `percent_axis`, `annotation`; epoch axes from
`figures.epoch_axis` (`place(epochs)` for x, `customdata=epochs`; `guide_lines`/`guide_labels` with `view.guides()`).
Line names: `figures.direct_labels`. The hero and fate share margins left 48, right 56 (narrow: 42, 46).
A wide figure is 1,052 px (half: 514), a narrow one 343. Strings from data go through `figures.base.escape` first.
At most 5,000 points in an SVG trace. What its CSV holds: `meta=csv(epoch="customdata", share="y")` on each trace
that belongs in it; the trace's `name` becomes the column `series`.

*Parts* (section.py): Plot, Key (colour key), Slider, Chooser, Table, Heading, Caption, Columns (side by side), Data
(CSV of something plotly does not draw) and Block: `Block("attributions.html.j2", data)` renders a template of your own
from `templates/` with your dataclass as `data`; autoescape is on, colours are CSS variables (`var(--noisy)`,
`var(--true-area)`, ... every token of palette.py), own rules go to `templates/<name>.css` (all *.css are inlined).
Thumbnails: `<img class="thumb" src="{{ uri }}" alt="...">` with `view.images(...)`; class `ink` where
`view.images_are_ink` (grey-scale: inverted in dark).
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from probes_reports.sections import (
    attributions,
    correlations,
    critical_samples,
    data_map,
    examples,
    fate,
    finding,
    forgetting,
    gradients,
    kinds,
    learning,
    loss,
    provenance,
    when,
)

if TYPE_CHECKING:
    from probes_reports.sections.section import Absent, Section
    from probes_reports.view import RunView

__all__ = ["HERO", "SECTIONS", "builder", "figure_names"]

HERO = learning
SECTIONS: dict[str, ModuleType] = {
    "kinds": kinds,
    "fate": fate,
    "when": when,
    "forgetting": forgetting,
    "loss": loss,
    "data_map": data_map,
    "finding": finding,
    "gradients": gradients,
    "critical_samples": critical_samples,
    "correlations": correlations,
    "attributions": attributions,
    "examples": examples,
    "provenance": provenance,
}


def builder(key: str) -> Callable[[RunView], Section | Absent]:
    """The function that builds a section."""
    build: Callable[[RunView], Section | Absent] = SECTIONS[key].build
    return build


def figure_names() -> dict[str, str]:
    """Every figure's name -> the section that draws it ("learning" is the hero)."""
    names = {name: key for key, module in SECTIONS.items() for name in module.FIGURES}
    return {**dict.fromkeys(HERO.FIGURES, "learning"), **names}
