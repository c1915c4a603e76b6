"""What the maps say in one number each: concentration and stability over the epochs, clean against noisy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from probes_reports.figures.epoch_lines import Line, Scale, Size, epoch_lines
from probes_reports.figures.groups import DASH, KIND_ROLES, Role
from probes_reports.sections.attribution_panel import METHODS, Panel
from probes_reports.sections.groups import LINE_SHAPES, groups_by_kind, joined
from probes_reports.sections.section import Caption, Columns, Heading, Key, Part, Plot, Swatch
from probes_reports.wording import Prose, count, muted, number, prose

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

__all__ = ["MapNumbers", "number_parts", "numbers_of"]

LEAST_SPAN = 0.02  # of an axis: below it lines that differ by nothing would seem to differ
ROLES: tuple[Role, ...] = ("clean", "noisy", "all", *KIND_ROLES)


@dataclass(frozen=True)
class MapNumbers:
    """Means over the examples of each group, of the given label's maps.

    Attributes:
        method: of the maps.
        epochs: int64, (T,).
        concentration, stability: by group: float64, (T,); NaN where undefined.
        overlap: float64, (T,); of the maps of wrong and true label; None where no example has both.
        counts: examples by group.
    """

    method: str
    epochs: np.ndarray
    concentration: dict[Role, np.ndarray]
    stability: dict[Role, np.ndarray]
    overlap: np.ndarray | None
    counts: dict[Role, int]


def numbers_of(panel: Panel) -> MapNumbers | None:
    """Every number; None where no map has one, or there is a single epoch."""
    import pandas as pd

    from probes.probing.map_summaries import maps_by_group, summarize_maps

    method = next((name for name in METHODS if name in panel.methods), None)
    if method is None or len(panel.epochs) < 2:
        return None
    summaries = summarize_maps(panel.rows(method))
    noisy = panel.view.noisy
    means = _means_of_all(summaries) if noisy is None else maps_by_group(summaries, noisy)
    means = pd.concat([means, *_means_by_kind(panel, summaries)])
    table = means.pivot_table(index="epoch", columns=["summary", "group"], values="mean")
    if table.empty:
        return None
    held = {key: table[key].to_numpy(dtype=np.float64) for key in table.columns}
    counts = means[means["summary"] == "concentration"].groupby("group")["count"].max()
    return MapNumbers(
        method=method,
        epochs=table.index.to_numpy(dtype=np.int64),
        concentration={role: held["concentration", role] for role in ROLES if ("concentration", role) in held},
        stability={role: held["stability", role] for role in ROLES if ("stability", role) in held},
        overlap=held.get(("overlap", "noisy")),
        counts={role: int(counts[role]) for role in ROLES if role in counts},
    )


def number_parts(panel: Panel) -> tuple[Part, ...]:
    """Two halves beside each other and a caption; nothing where there is no number."""
    numbers = numbers_of(panel)
    if numbers is None:
        return ()
    columns = (
        _column(
            panel,
            numbers,
            "map_concentration",
            numbers.concentration,
            "How concentrated are the maps?",
            "Gini coefficient",
        ),
        _column(
            panel, numbers, "map_stability", numbers.stability, "How steady are they?", "likeness to the map before"
        ),
    )
    halves = tuple(column for column in columns if column)
    if not halves:
        return ()
    drawn = _drawn(panel, numbers)
    swatches = tuple(Swatch(name, role, LINE_SHAPES.get(role, "line")) for role, name in drawn.items())
    key = (Key(swatches),) if len(drawn) > 1 else ()  # the lines may run too close together to be named
    return (Columns(halves), *key, Caption(_caption(panel, numbers)))


def _column(
    panel: Panel, numbers: MapNumbers, key: str, values: dict[Role, np.ndarray], heading: str, behind: str
) -> tuple[Part, ...]:
    drawn = _drawn(panel, numbers)
    lines = [
        Line(role, name, name if len(drawn) < 3 else "", numbers.epochs, values[role], dash=DASH.get(role, ""))
        for role, name in drawn.items()
        if role in values
    ]
    if not any(line.known.any() for line in lines):
        return ()

    def draw(size: Size) -> Figure:
        return epoch_lines(lines, _scale(lines, key), panel.view.guides(), size=size)

    return (
        Heading(prose(heading, muted(f" {behind}"))),
        Plot(
            key,
            wide=draw("half"),
            narrow=draw("narrow_half"),
            alt=f"{heading} By group over the epochs.",
            narrow_below=400,
            data_title=key.removeprefix("map_"),
        ),
    )


def _scale(lines: Sequence[Line], key: str) -> Scale:
    """From a little below the lowest value to a little above the highest, LEAST_SPAN of them at least."""
    known = np.concatenate([line.values[line.known] for line in lines])
    low, high = float(known.min()), float(known.max())
    room = 0.15 * max(high - low, LEAST_SPAN)
    missing = max(0.0, LEAST_SPAN - (high - low)) / 2
    return Scale(low - missing - room, high + missing + room, lambda value: f"{value:.3f}", key)


def _means_by_kind(panel: Panel, summaries: pd.DataFrame) -> list[pd.DataFrame]:
    """As `maps_by_group`, of each kind of noise; none where the run has not several."""
    if not panel.view.kinds:
        return []
    return [
        _means_of_all(summaries[summaries["example"].isin(np.flatnonzero(group.members))], group.role)
        for group in groups_by_kind(panel.view)
        if group.role in KIND_ROLES
    ]


def _drawn(panel: Panel, numbers: MapNumbers) -> dict[Role, str]:
    """The groups that have a line each, and their names: kinds stand for the noisy examples."""
    labels = {group.role: group.label for group in groups_by_kind(panel.view)}
    return {role: labels[role] for role in numbers.counts if role in labels}


def _means_of_all(summaries: pd.DataFrame, group: Role = "all") -> pd.DataFrame:
    """As `maps_by_group`, of one group."""
    rows = summaries[(summaries["label"] == "given") & (summaries["split"] == "train")].assign(group=group)
    long = rows.melt(["epoch", "method", "group"], ["concentration", "stability"], "summary", "value")
    return long.groupby(["epoch", "method", "summary", "group"])["value"].agg(["mean", "count"]).reset_index()


def _caption(panel: Panel, numbers: MapNumbers) -> Prose:
    names = {"clean": "clean", "noisy": "noisy", "all": ""}
    drawn = {role: name for role, name in _drawn(panel, numbers).items() if role not in names}
    kinds = joined([f"{count(numbers.counts[role])} of {name}" for role, name in drawn.items()])
    sizes = {role: number for role, number in numbers.counts.items() if role in names}
    whom = " and ".join(f"{count(number)} {names[role]}".strip() for role, number in sizes.items())
    return prose(
        f"Mean over {whom} examples{f' ({kinds})' if kinds else ''}, {METHODS[numbers.method]} of the given label. "
        "Concentration: Gini coefficient of the absolute map, 0 where every value counts the same, 1 where one alone "
        "does. Steadiness: cosine between the absolute map and that of the measured epoch before; unrelated maps of "
        "normal values have 0.64."
        f"{_apart(numbers)}{_overlap(panel, numbers)} The axes are cut to the values: they do not start at 0."
    )


def _apart(numbers: MapNumbers) -> str:
    """How far the groups ever were from each other; "" where there is one."""
    gaps = []
    for values in (numbers.concentration, numbers.stability):
        if "clean" in values and "noisy" in values:
            gap = np.abs(values["clean"] - values["noisy"])
            gaps.append(float(np.nanmax(gap)) if np.isfinite(gap).any() else float("nan"))
    if len(gaps) < 2 or np.isnan(gaps).any():
        return ""
    return (
        f" Clean and noisy examples differ by at most {number(gaps[0])} in concentration and {number(gaps[1])} in "
        "steadiness."
    )


def _overlap(panel: Panel, numbers: MapNumbers) -> str:
    """How alike the maps of wrong and true label were at the peak and at the end."""
    if numbers.overlap is None:
        return ""
    early, last = panel.near(panel.view.key.peak), int(numbers.epochs[-1])
    values = [float(numbers.overlap[numbers.epochs == epoch][0]) for epoch in (early, last) if epoch in numbers.epochs]
    if len(values) < 2 or np.isnan(values).any():
        return ""
    start = (
        f" The maps of the wrong label and of the true one were alike by {number(values[0])} at epoch {count(early)}"
    )
    end = "" if early == last else f" and {number(values[1])} at epoch {count(last)}"
    return f"{start}{end}, in the same measure."
