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
from probes_reports.sections.attribution_panel import GRAD_CAM, INTEGRATED, PRODUCT, SALIENCY, Kind, Panel, kinds_of
from probes_reports.sections.section import Absent, Block, Chooser, Data, Key, Part, Section, Swatch
from probes_reports.view import RunView
from probes_reports.wording import Prose, muted, noisy, number, part_of, prose, true

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
    """One example; label names are "" where unknown."""

    name: str
    image: str
    given: str
    true: str
    tone: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Grid:
    """Everything the template lays out.

    Attributes:
        epochs: of the columns, and whether each is one of the page's key epochs.
        rows: examples.
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
        answer=_answer(panel, kinds),
        parts=(
            *parts,
            _key(panel),
            Block("attributions.html.j2", grid),
            *film_parts(view, panel, kinds),
            data,
            *number_parts(panel),
        ),
        how_to_read=_how_to_read(panel),
        definition=_definition(panel),
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
    key = {view.key.clean_learned, view.key.peak, view.key.noisy_half, view.key.noisy_memorized}
    epochs, shown = panel.columns(), panel.shown()
    images = view.images(shown)
    rows = tuple(_row(panel, kinds, example, images.get(example, "")) for example in shown)
    return Grid(
        epochs=tuple((epoch, epoch in key) for epoch in epochs),
        rows=rows,
        ink=view.images_are_ink,
        captions=tuple((kind.value, _caption(panel, kind, shown)) for kind in kinds),
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
    return Key(tuple(bars), lead="Bar below each map: the answer at that epoch,")


def _data(panel: Panel, kind: Kind) -> Data:
    """The maps of the first kind as drawn, one line a map; pixels in row-major order."""
    view = panel.view
    columns: dict[str, list[Any]] = {
        name: [] for name in ("example", "given_label", "true_label", "epoch", "map_kind", "sum", "map")
    }
    for example in panel.shown():
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


# words ---------------------------------------------------------------------------------------------------------------


def _answer(panel: Panel, kinds: Sequence[Kind]) -> Prose:
    """Which label the pixels point to, over all examples of the group: at the peak, and at the end."""
    kind = kinds[0]
    if kind.parts[0][0] == SALIENCY:
        return prose(
            "Only saliency was recorded, which has no sign:",
            muted(" it shows where the network looks, not for which label."),
        )
    if kind.parts[0][0] != INTEGRATED:
        return prose(
            "No integrated gradients were recorded,", muted(" whose sums would say for which label pixels speak.")
        )
    last = panel.epochs[-1]
    if panel.group == "wrong":
        return _wrong_answer(panel, kind, panel.near(panel.view.key.peak), last)
    things = f"{'clean ' if panel.group == 'clean' else ''}examples {_of_the_panel(panel)}"
    first = panel.epochs[0]
    signs = _signs(panel, kind, first)
    start = (
        f"At epoch {first:,} the pixels spoke for the given label in {part_of(signs.positive, signs.total)} {things}"
    )
    if first == last:
        return prose(start + ".")
    signs = _signs(panel, kind, last)
    return prose(start + ";", muted(f" at epoch {last:,} in {part_of(signs.positive, signs.total)}."))


def _wrong_answer(panel: Panel, kind: Kind, early: int, last: int) -> Prose:
    signs = _signs(panel, kind, early)
    start = prose(f"At epoch {early:,} the pixels pointed to the ", true("true label"))
    counted = f" in {part_of(signs.negative, signs.total)} wrongly labelled examples {_of_the_panel(panel)}"
    if early == last:
        return (*start, *prose(counted, "."))
    signs = _signs(panel, kind, last)
    end = muted(f" in {part_of(signs.positive, signs.total)}.")
    return (*start, *prose(counted, ";", muted(f" at epoch {last:,} to the "), noisy("wrong one"), end))


@dataclass(frozen=True)
class _Signs:
    """Examples of the group that have a map, and those in which its sum is positive, or negative."""

    total: int
    positive: int
    negative: int


def _signs(panel: Panel, kind: Kind, epoch: int) -> _Signs:
    maps = [panel.pixels(kind, int(example), epoch) for example in panel.examples]
    sums = [float(pixels.sum()) for pixels in maps if pixels is not None]
    return _Signs(len(sums), sum(value > 0 for value in sums), sum(value < 0 for value in sums))


def _of_the_panel(panel: Panel) -> str:
    return "measured" if panel.grown else "of the panel"


def _caption(panel: Panel, kind: Kind, shown: Sequence[int]) -> Prose:
    rows = len(set(shown).intersection(panel.held(kind)))
    counted = {1: "One", 2: "Two", 3: "Three", 4: "Four"}.get(rows, f"{rows}")
    what = {"wrong": "wrongly labelled example", "clean": "clean example", "all": "example"}[panel.group]
    learned = "memorized" if panel.group == "wrong" else "learned for good"
    order = f"{'s' if rows > 1 else ''} {_of_the_panel(panel)}"
    if rows > 1 and panel.any_learned:
        order += f", from the first {learned} to the last"
    start = f"{counted} {what}{order}. Each pixel is coloured by "
    others = "" if rows == len(shown) else " Of the others this map was not measured."
    return prose(start, *kind.meaning, f" Every picture has its own scale.{others}")


def _how_to_read(panel: Panel) -> tuple[Prose, ...]:
    added = f"how far the image moves the logit away from that of {panel.against}"
    if panel.group == "wrong":
        added = f"how much further the image moves the two logits apart than {panel.against} does"
    return (
        prose(
            "A pixel is clear where it makes no difference and strong where it makes most of one, in that picture. "
            "Pictures are not comparable in strength, since logits grow during training."
        ),
        prose(f"The answer above adds up each map: the sum is {added}."),
        prose(
            "The rows are not chosen by eye: they are quantiles of the epoch from which the given label stays the "
            "answer, among the examples of a fixed, seeded panel"
            + (" and those measured later." if panel.grown else ".")
        ),
    )


def _definition(panel: Panel) -> tuple[Prose, ...]:
    steps, baseline = panel.metadata.get("n_steps"), panel.baseline
    points = f" at {steps} points" if isinstance(steps, int) else ""
    unit = " in standardised units" if panel.view.config else ""
    integrated = (
        "Integrated gradients: input less baseline, times the mean gradient of a logit along the straight line "
        f"between them{points}. The baseline is {panel.against} (every value {number(baseline)}{unit}). The map "
        "of a difference of logits is the difference of their maps. Saliency: absolute value of the gradient. "
        "Colour channels are summed."
    )
    if PRODUCT in panel.methods:
        integrated += " Input × gradient: the input times the gradient of a logit."
    if GRAD_CAM in panel.methods:
        integrated += (
            " Grad-CAM: the channels of the last convolution, each times the mean gradient of a logit by it, summed; "
            "what is negative left out; enlarged to the image."
        )
    source = (
        "Sundararajan et al., Axiomatic Attribution for Deep Networks, ICML 2017, arxiv.org/abs/1703.01365; "
        "Simonyan et al., Deep Inside Convolutional Networks, 2014, arxiv.org/abs/1312.6034; "
        + ("Shrikumar et al., 2016, arxiv.org/abs/1605.01713; " if PRODUCT in panel.methods else "")
        + ("Selvaraju et al., Grad-CAM, ICCV 2017, arxiv.org/abs/1610.02391; " if GRAD_CAM in panel.methods else "")
        + "computed by captum"
    )
    version = panel.metadata.get("captum")
    number_of = len(panel.examples)
    which = {"wrong": "wrongly labelled", "clean": "clean", "all": "training"}[panel.group]
    return (
        prose(integrated),
        prose(
            f"Measured in eval mode on {number_of} {which} example{'' if number_of == 1 else 's'}"
            + ("." if panel.grown else " of the probe's panel.")
        ),
        prose(source + (f" {version}." if isinstance(version, str) else ".")),
    )
