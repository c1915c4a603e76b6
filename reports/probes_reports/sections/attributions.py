"""What does the network look at? Attribution maps of a few examples at the epochs a probe recorded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from probes_reports.figures.attribution_maps import image_shape, map_png
from probes_reports.figures.example_strips import CODES, answer_codes
from probes_reports.sections.attribution_film import film_parts
from probes_reports.sections.attribution_numbers import number_parts
from probes_reports.sections.attribution_panel import Kind, Panel, kinds_of
from probes_reports.sections.attribution_words import answer, caption, definition, how_to_read
from probes_reports.sections.section import Absent, Block, Chooser, Data, Key, Part, Section, Swatch
from probes_reports.view import RunView
from probes_reports.wording import Prose, prose

__all__ = ["FIGURES", "build"]

FIGURES = ("map_concentration", "map_stability")
TITLE = "What it looks at"
QUESTION = "What does the network look at?"
PROBE = "attributions"
SHORT_NAME = 3  # characters of a class that are set as large figures


@dataclass(frozen=True)
class Cell:
    """The maps of one example at one epoch, as (kind, data URI); `tone` is the colour of the answer's bar."""

    title: str
    tone: str
    maps: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Row:
    """One example; label names are "" where unknown, `kinds` are those that it is drawn for."""

    name: str
    image: str
    given: str
    true: str
    tone: str
    cells: tuple[Cell, ...]
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """Everything the template lays out.

    Attributes:
        epochs: of the columns, and whether each is one of the page's key epochs.
        rows: examples; each map has its own, which may be those of another.
        ink: whether thumbnails are grey-scale.
        captions: (kind, caption).
        first: the kind that shows at the start.
        long: whether the names of classes are too long for large figures.
    """

    epochs: tuple[tuple[int, bool], ...]
    rows: tuple[Row, ...]
    ink: bool
    captions: tuple[tuple[str, Prose], ...]
    first: str
    long: bool


def build(view: RunView) -> Section | Absent:
    """The grid of maps and its sentence."""
    panel = _panel(view)
    if isinstance(panel, Absent):
        return panel
    kinds = kinds_of(panel)
    if not kinds:
        return _absent("The probe recorded no method that this page draws.", "probe train --probe attributions")
    grid = _grid(view, panel, kinds)
    chooser = Chooser("attribution_map", "Map", tuple((kind.value, kind.text) for kind in kinds))
    parts: list[Part] = [chooser] if len(kinds) > 1 else []
    data = _data(panel, kinds[0])
    return Section(
        key=PROBE,
        title=TITLE,
        question=QUESTION,
        answer=answer(panel, kinds),
        parts=(
            *parts,
            _key(panel),
            Block("attributions.html.j2", grid),
            *film_parts(view, panel, kinds),
            data,
            *number_parts(panel),
        ),
        how_to_read=how_to_read(panel),
        definition=definition(panel),
    )


# what was recorded ---------------------------------------------------------------------------------------------------


def _absent(reason: str, command: str = "", *, recorded: bool = True) -> Absent:
    return Absent(PROBE, TITLE, QUESTION, prose(reason), command, probes=() if recorded else (PROBE,))


def _panel(view: RunView) -> Panel | Absent:
    """What the probe recorded, or why there is nothing to draw."""
    record = "probe train --probe attributions"
    if view.not_finite is not None:
        return _absent(view.not_finite)
    if PROBE not in view.run.probe_names and not view.config:
        return _absent(
            "No attribution maps were recorded. Beside a training loop of your own they are measured by",
            "probes.AttributionTracker",
            recorded=False,
        )
    if PROBE not in view.run.probe_names and "import" in view.config:
        return _absent(
            "No attribution maps were recorded: they are computed with the network while it trains, and this run was "
            "read from another tool’s log.",
            recorded=False,
        )
    if PROBE not in view.run.probe_names:
        return _absent(
            "No attribution maps were recorded. Those of a few examples are measured during training by",
            record,
            recorded=False,
        )
    if not view.with_images:
        return _absent("Attribution maps trace the images, which this page leaves out (--no-images).")
    if view.num_noisy and not view.differs_any:
        return _absent(
            "Only inputs were replaced: no label is wrong, so there are no two labels to set against each other."
        )
    frame = view.run.probe(PROBE)
    metadata = {str(name): _read_json(text) for name, text in frame.attrs.items()}
    if len(frame):
        known = frame["example"].between(0, view.num_examples - 1)
        frame = frame[known & (frame["split"] == "train")].reset_index(drop=True)
    if not len(frame):
        return _absent("The probe has not measured any training example yet.")
    if image_shape(metadata.get("map_shape")) is None:
        shape = " × ".join(str(side) for side in metadata.get("map_shape") or ["unknown"])
        return _absent(f"The inputs are not images (shape {shape}), so their maps cannot be drawn as pictures.")
    return Panel(view, frame, metadata)


def _read_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


# the grid ------------------------------------------------------------------------------------------------------------


def _grid(view: RunView, panel: Panel, kinds: Sequence[Kind]) -> Grid:
    epochs, chosen = panel.columns(), {kind.value: panel.shown(kind) for kind in kinds}
    drawn = {example for examples in chosen.values() for example in examples}
    shown = [int(example) for example in panel.examples if int(example) in drawn]
    images = view.images(shown)
    rows = tuple(
        _row(panel, [kind for kind in kinds if example in chosen[kind.value]], example, images.get(example, ""))
        for example in shown
    )
    return Grid(
        epochs=tuple((epoch, epoch in panel.named_epochs) for epoch in epochs),
        rows=rows,
        ink=view.images_are_ink,
        captions=tuple((kind.value, caption(panel, kind)) for kind in kinds),
        first=kinds[0].value,
        long=any(max(len(row.given), len(row.true)) > SHORT_NAME for row in rows),
    )


def _row(panel: Panel, kinds: Sequence[Kind], example: int, image: str) -> Row:
    view, epochs = panel.view, panel.columns()
    cells = tuple(
        Cell(f"epoch {epoch:,}{text}", bar, _maps(panel, kinds, example, epoch))
        for epoch, (bar, text) in zip(epochs, _answers(view, example, epochs), strict=True)
    )
    return Row(
        name=f"example {example:,}",
        image=image,
        given=_class(view, view.given, example),
        true=_class(view, view.true, example),
        tone="ink" if view.noisy is None else "noisy" if view.noisy[example] else "clean",
        cells=cells,
        kinds=tuple(kind.value for kind in kinds),
    )


def _maps(panel: Panel, kinds: Sequence[Kind], example: int, epoch: int) -> tuple[tuple[str, str], ...]:
    drawn = []
    for kind in kinds:
        pixels = panel.pixels(kind, example, epoch)
        if pixels is not None:
            drawn.append((kind.value, map_png(pixels, kind.positive, kind.negative)))
    return tuple(drawn)


def _answers(view: RunView, example: int, epochs: Sequence[int]) -> list[tuple[str, str]]:
    """At each epoch the colour of its answer and words for it; no colour where it is not known."""
    return [_named_answer(view, example, _prediction(view, example, epoch)) for epoch in epochs]


def _prediction(view: RunView, example: int, epoch: int) -> int:
    """-1 where the run does not hold it."""
    held = epoch in view.run.closed_epochs or (epoch == 0 and view.run.has_initial)
    return int(view.epoch(epoch)["prediction"][example]) if held else -1


def _named_answer(view: RunView, example: int, prediction: int) -> tuple[str, str]:
    one = slice(example, example + 1)
    given = np.array([-1]) if view.given is None else view.given[one]
    true_label = None if view.true is None else view.true[one]
    noisy_one = None if view.noisy is None else view.noisy[one]
    code = answer_codes(np.array([prediction]), given, true_label, noisy_one)[0]
    return CODES[code], f", answered with {view.class_name(prediction)}" if prediction >= 0 else ""


def _class(view: RunView, labels: np.ndarray | None, example: int) -> str:
    return "" if labels is None or labels[example] < 0 else view.class_name(int(labels[example]))


def _key(panel: Panel) -> Key:
    """What the bars below the maps say."""
    bars = [Swatch("the given label", "clean"), Swatch("another", "other_area")]
    if panel.group == "wrong":
        bars = [Swatch("true label", "true_area"), Swatch("wrong label", "noisy"), Swatch("other", "other_area")]
        if panel.beside is not None:
            bars.insert(2, Swatch("a clean example’s label", "clean"))
    when = "at that epoch"
    if panel.view.measure == "online":
        when = "as it was trained on during that epoch (the map is from the epoch’s end)"
    return Key(tuple(bars), lead=f"Bar below each map: the answer {when},")


def _data(panel: Panel, kind: Kind) -> Data:
    """The maps of the first kind as drawn, one line a map; pixels in row-major order."""
    view = panel.view
    columns: dict[str, list[Any]] = {
        name: [] for name in ("example", "given_label", "true_label", "epoch", "map_kind", "sum", "map")
    }
    for example in panel.shown(kind):
        for epoch in panel.columns():
            pixels = panel.pixels(kind, example, epoch)
            if pixels is None:
                continue
            given, truth = _class(view, view.given, example), _class(view, view.true, example)
            values = " ".join(f"{value:.3g}" for value in pixels.ravel())
            line = (example, given, truth, epoch, kind.value, float(f"{pixels.sum():.6g}"), values)
            for name, value in zip(columns, line, strict=True):
                columns[name].append(value)
    return Data("attributions", columns, data_title="maps")
