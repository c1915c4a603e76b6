"""Which examples are easy, hard, ambiguous? Two data maps: until the validation peak, and over the whole run."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from probes_reports.figures.base import escape
from probes_reports.figures.data_map import Callout, Cloud, data_map
from probes_reports.sections.data_map_cards import Tooltips, tooltips
from probes_reports.sections.data_map_windows import AMBIGUOUS, EASY, HARD, REGIONS, Window, windows_of
from probes_reports.sections.groups import groups_by_kind, key_of
from probes_reports.sections.section import (
    Absent,
    Block,
    Cell,
    Column,
    Columns,
    Heading,
    Part,
    Plot,
    Section,
    Table,
)
from probes_reports.view import RunView
from probes_reports.wording import Clause, Prose, count, muted, percent, prose, strong

__all__ = ["FIGURES", "build"]

FIGURES = ("data_map_peak", "data_map_run")
TITLE = "Data map"
QUESTION = "Which examples are easy, hard, ambiguous?"
MOST_POINTS = 5000
SHORT, SHORTER = 11, 8  # characters of a class name beside a thumbnail, and on a phone


def build(view: RunView) -> Section | Absent:
    """The two maps and their sentence."""
    if view.nothing is not None:
        return _absent(view.nothing)
    if view.last_epoch == 1:
        return _absent("Only one epoch has been finished: what varies over epochs cannot be told yet.")
    windows = windows_of(view)
    if (windows[-1].region < 0).all():
        return _absent("No example has been visited in these epochs.")
    sample = view.sample(MOST_POINTS)
    tips = tooltips(view, sample, windows)
    panels = [(*_panel(view, window, sample), _counts(view, window)) for window in windows]
    if len(panels) == 1:  # the counts take the place of the other map
        heading, plot, counts = panels[0]
        panels = [(heading, plot), (Heading(prose("How many", muted(" are in each region"))), counts)]
    return Section(
        key="data_map",
        title=TITLE,
        question=QUESTION,
        answer=_answer(view, windows),
        parts=(*key_of(groups_by_kind(view), "mark"), Columns(tuple(panels)), Block("data_map.html.j2", tips)),
        caption=_caption(view, windows, len(sample), tips),
        how_to_read=_how_to_read(view),
        definition=_definition(),
    )


def _absent(reason: str) -> Absent:
    return Absent("data_map", TITLE, QUESTION, prose(reason))


def _groups(view: RunView) -> list[tuple[str, str, np.ndarray]]:
    """Name, tone and members (bool, (N,)) of the groups that have any; one where truth is unknown."""
    if view.noisy is None:
        return [("examples", "ink_3", np.ones(view.num_examples, dtype=bool))]
    if view.kinds:
        return [(group.label, group.role, group.members) for group in groups_by_kind(view)]
    groups = [("clean", "clean", ~view.noisy), (view.words.noisy, "noisy", view.noisy)]
    return [group for group in groups if group[2].any()]


# parts ---------------------------------------------------------------------------------------------------------------


def _panel(view: RunView, window: Window, sample: np.ndarray) -> tuple[Part, ...]:
    seen = sample[window.region[sample] >= 0]
    clouds = [_cloud(view, window, name, tone, seen[members[seen]]) for name, tone, members in _groups(view)]
    clouds = [cloud for cloud in clouds if len(cloud.examples)]
    callouts = _callouts(view, window)
    plot = Plot(
        key=window.key,
        wide=data_map(clouds, callouts, window.threshold),
        narrow=data_map(clouds, callouts[:3], window.threshold, narrow=True),
        alt=f"Scatter plot of confidence against variability over epochs 1 to {window.last:,}, a mark per example.",
        narrow_below=420,
        data_title=f"epochs 1 to {window.last:,}",
    )
    return Heading(prose(window.title, muted(f" {window.what}"))), plot


def _cloud(view: RunView, window: Window, name: str, tone: str, examples: np.ndarray) -> Cloud:
    labels = [_label(view, int(example)) for example in examples]
    return Cloud(escape(name), tone, examples, window.confidence[examples], window.variability[examples], labels)


def _label(view: RunView, example: int) -> str:
    """Its labels, escaped for plotly."""
    given, true = (_class(view, labels, example) for labels in (view.given, view.true))
    told = [f"{name} {label}" for name, label in (("given", given), ("true", true)) if label]
    return escape(", ".join([*told, *filter(None, [view.kind_of(example)])]))


def _class(view: RunView, labels: np.ndarray | None, example: int) -> str:
    return "" if labels is None or labels[example] < 0 else view.class_name(int(labels[example]))


def _callouts(view: RunView, window: Window) -> list[Callout]:
    """The extremes of the groups, the important ones first; each example once."""
    high, low = _extreme(window.confidence, 1), _extreme(window.confidence, -1)
    varied = _extreme(window.variability, 1)
    everyone = np.ones(view.num_examples, dtype=bool)
    wanted = [("easiest", high(everyone)), ("hardest", low(everyone)), ("most ambiguous", varied(everyone))]
    if view.noisy is not None and view.num_noisy and view.num_noisy < view.num_examples:
        wrong = view.words.noisy_one.split()[0]
        wanted = [
            ("easiest clean", high(~view.noisy)),
            (f"easiest {wrong}", high(view.noisy)),
            (f"most ambiguous {wrong}", varied(view.noisy)),
            ("hardest clean", low(~view.noisy)),
        ]
        if window.last < view.last_epoch:
            wanted = [wanted[0], (f"{wrong}, yet plausible", wanted[1][1]), ("clean, yet hard", wanted[3][1])]
    chosen: dict[int, str] = {}
    for text, example in wanted:
        if example is not None:
            chosen.setdefault(example, text)
    images = view.images(chosen)
    return [_callout(view, window, example, text, images.get(example, "")) for example, text in chosen.items()]


def _extreme(values: np.ndarray, sign: int) -> Any:
    """Function from members (bool, (N,)) to the one with the highest (sign 1) or lowest value; None: none visited."""

    def find(members: np.ndarray) -> int | None:
        ranked = np.where(members & ~np.isnan(values), sign * np.nan_to_num(values), -np.inf)
        best = int(np.argmax(ranked))
        return best if np.isfinite(ranked[best]) else None

    return find


def _callout(view: RunView, window: Window, example: int, text: str, image: str) -> Callout:
    number = [] if image else [f"example {example:,}"]
    named, shorter = (_named(view, example, most) for most in (SHORT, SHORTER))
    together = ", ".join(named)
    wide = [*_wrapped(text, 15), *number, *([together] if len(together) <= 2 * SHORT else named)]
    narrow = [*_wrapped(text, 10), *number, *shorter]
    return Callout(
        tone=next((tone for _, tone, members in _groups(view) if members[example]), "ink_3"),
        confidence=float(window.confidence[example]),
        variability=float(window.variability[example]),
        lines=tuple(map(escape, wide)),
        narrow_lines=tuple(map(escape, narrow)),
        image=image,
    )


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False)


def _named(view: RunView, example: int, most: int) -> list[str]:
    """Its labels, each in at most `most` characters."""
    pairs = [(name, _class(view, labels, example)) for name, labels in (("given", view.given), ("true", view.true))]
    return [f"{name} {label if len(label) <= most else label[: most - 1] + '…'}" for name, label in pairs if label]


def _counts(view: RunView, window: Window) -> Table:
    """How many examples each region holds, by group: a column each, or a row where there are more than two."""
    groups = _groups(view)
    if len(groups) > 2:
        return _counts_by_row(window, groups)
    columns = (Column("region"), *(Column(name, "right") for name, _, _ in groups))
    rows = []
    for region, name in enumerate(REGIONS):
        cells = [Cell(prose(name))]
        for _, tone, members in groups:
            inside, total = (
                int((members & (window.region == region)).sum()),
                int((members & (window.region >= 0)).sum()),
            )
            share = f" ({percent(inside / total)})" if total else ""
            cells.append(Cell(prose(Clause(count(inside), "plain" if tone == "ink_3" else "strong"), muted(share))))
        rows.append(tuple(cells))
    return Table(columns, tuple(rows), f"Examples in each region over epochs 1 to {window.last:,}.")


def _counts_by_row(window: Window, groups: Sequence[tuple[str, str, np.ndarray]]) -> Table:
    rows = []
    for name, _, members in groups:
        seen = window.region[members & (window.region >= 0)]
        inside = np.bincount(seen, minlength=len(REGIONS))
        shares = [f" ({percent(size / len(seen))})" if len(seen) else "" for size in inside]
        cells = [
            Cell(prose(strong(count(int(size))), muted(share))) for size, share in zip(inside, shares, strict=True)
        ]
        rows.append((Cell(prose(name)), *cells))
    columns = (Column("group"), *(Column(region, "right") for region in REGIONS))
    return Table(columns, tuple(rows), f"Examples in each region over epochs 1 to {window.last:,}.")


# words ---------------------------------------------------------------------------------------------------------------


def _answer(view: RunView, windows: Sequence[Window]) -> Prose:
    run = windows[-1]
    over = f"over all {view.last_epoch:,} epochs"
    if not view.num_noisy or view.noisy is None:
        return _plain_answer(run, over)
    who = f"the {view.words.noisy}"
    late, share = _most(run, view.noisy)
    if late is None:
        return _plain_answer(run, over)
    if len(windows) == 1:
        return prose(f"{percent(share)} of {who} were {REGIONS[late]} {over}.", *_clean_clause(view, run))
    early, before = _most(windows[0], view.noisy)
    until = f"until epoch {windows[0].last:,}"
    if early is None or early == late:
        first, _ = _share(windows[0], view.noisy, late), None
        return prose(f"{percent(share)} of {who} were {REGIONS[late]} {over},", muted(f" {percent(first)} {until}."))
    return prose(
        "It depends on when one looks.",
        muted(
            f" {until[0].upper()}{until[1:]}, {percent(before)} of {who} were {REGIONS[early]}; "
            f"{over} {percent(share)} of the same examples were {REGIONS[late]}."
        ),
    )


def _clean_clause(view: RunView, window: Window) -> Prose:
    if view.clean is None:
        return ()
    region, share = _most(window, view.clean)
    return () if region is None else (muted(f" {percent(share)} of the clean examples were {REGIONS[region]}."),)


def _plain_answer(window: Window, over: str) -> Prose:
    """Where there is no noisy group: how many are in each region."""
    everyone = window.region >= 0
    easy, hard, ambiguous = (percent(_share(window, everyone, region)) for region in (EASY, HARD, AMBIGUOUS))
    start = f"{easy} of the examples were easy to learn and {'none' if hard == '0%' else hard} hard {over};"
    return prose(start, muted(f" the {ambiguous} that varied most are called ambiguous."))


def _most(window: Window, members: np.ndarray) -> tuple[int | None, float]:
    """The region that holds most of some examples (bool, (N,)), and its share; None where none was visited."""
    counts = np.bincount(window.region[members & (window.region >= 0)], minlength=len(REGIONS))
    total = int(counts.sum())
    return (int(counts.argmax()), float(counts.max() / total)) if total else (None, float("nan"))


def _share(window: Window, members: np.ndarray, region: int) -> float:
    seen = members & (window.region >= 0)
    return float((window.region[seen] == region).mean()) if seen.any() else float("nan")


def _caption(view: RunView, windows: Sequence[Window], drawn: int, tips: Tooltips) -> Prose:
    pieces = [
        "One mark per example",
        f"; a stratified, seeded sample of {count(drawn)} of the {count(view.num_examples)}"
        if drawn < view.num_examples
        else "",
        ". Confidence: mean probability of the given label. Variability: its standard deviation over the epochs. "
        "Ambiguous: the third of all examples with the highest variability; hard: of the others, those with "
        "confidence below 0.5. ",
    ]
    if len(windows) == 1:
        peak = view.key.peak
        why = "no validation accuracy was recorded" if peak is None else "the best validation accuracy came at its end"
        pieces.append(f"Only the whole run is shown: {why}. ")
    elif view.key.peak == 1:
        pieces.append("One epoch has no variability, so the first map ends at epoch 2. ")
    held = len(tips.cards["images"])
    if 0 < held < drawn:
        pieces.append(f"Point at a mark to see the example; {count(held)} have their thumbnail in this file.")
    else:
        pieces.append("Point at a mark to see the example.")
    return prose("".join(pieces))


def _how_to_read(view: RunView) -> tuple[Prose, ...]:
    texts = [
        prose(
            "Top left: answered with the given label early and for good. Bottom left: the given label stayed "
            "improbable. Right: its probability changed most during these epochs. The dotted lines part the regions."
        )
    ]
    if view.num_noisy:
        texts.append(
            prose(
                f"What counts as hard depends on the window. Until the {view.words.noisy} are memorized they stay "
                "hard; in a longer run each of them goes from improbable to certain, and that is what ambiguous "
                "means here. So the epochs belong to every such map."
            )
        )
    return tuple(texts)


def _definition() -> tuple[Prose, ...]:
    return (
        prose(
            "Confidence: mean over the visited epochs of p(given label). Variability: population standard deviation "
            "of the same. Epoch 0, before training, counts nowhere. Ambiguous: variability above its 2/3 quantile "
            "over all examples; easy to learn: the others with confidence 0.5 or more; hard to learn: those with "
            "less."
        ),
        prose(
            "Swayamdipta et al., Dataset Cartography, EMNLP 2020, arxiv.org/abs/2009.10795. The paper draws no "
            "borders and takes the top third of a score as a subset; the borders here are this page's own."
        ),
    )
