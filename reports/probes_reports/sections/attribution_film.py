"""Every example of the panel at the epoch that a slider chooses: the maps of all epochs, as the page holds them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probes_reports.figures.attribution_maps import LEVELS, map_levels
from probes_reports.figures.example_strips import CODES, answer_codes
from probes_reports.sections.attribution_panel import Kind, Panel
from probes_reports.sections.loss import drawn_epochs
from probes_reports.sections.section import Block, Heading, Part
from probes_reports.view import RunView
from probes_reports.wording import Prose, count, muted, noisy, part_of, prose, true

__all__ = ["Film", "film_of", "film_parts"]

MOST_EXAMPLES, MOST_FRAMES = 24, 24
SHORT_NAME = 3  # characters of a class that are set as large figures
TONES = {"noisy": "noisy", "true": "true", "clean": "clean", "against": "ink-3"}  # tone of a map -> CSS variable


@dataclass(frozen=True)
class Card:
    """An example: its name, thumbnail ("" for none), labels ("" where unknown) and the colour of the given one."""

    name: str
    image: str
    given: str
    true: str
    tone: str


@dataclass(frozen=True)
class Reel:
    """All maps of one kind.

    Attributes:
        positive, negative: CSS variables of the colours.
        levels: base64 of uint8, (frames, examples, H, W), as `map_levels` gives them.
    """

    positive: str
    negative: str
    levels: str


@dataclass(frozen=True)
class Film:
    """What the template lays out and page code draws.

    Attributes:
        cards: examples.
        epochs: F of them, ascending.
        start: position in `epochs` at which the slider starts.
        shape: H, W of a map.
        reels: kind -> its maps.
        answers: F strings, a digit an example: position of its answer in `tones`.
        tones: CSS variables of the answers' bars.
        texts: F texts: how many gave which answer.
        ink: whether thumbnails are grey-scale.
        long: whether the names of classes are too long for large figures.
        caption: which examples these are.
    """

    cards: tuple[Card, ...]
    epochs: tuple[int, ...]
    start: int
    shape: tuple[int, int]
    reels: dict[str, Reel]
    answers: tuple[str, ...]
    tones: tuple[str, ...]
    texts: tuple[str, ...]
    ink: bool
    long: bool
    caption: Prose

    @property
    def script(self) -> dict[str, object]:
        """What page code needs, as JSON values."""
        return {
            "epochs": list(self.epochs),
            "shape": list(self.shape),
            "steps": LEVELS,
            "reels": {kind: vars(reel) for kind, reel in self.reels.items()},
            "answers": list(self.answers),
            "tones": list(self.tones),
            "texts": list(self.texts),
        }


def film_parts(view: RunView, panel: Panel, kinds: Sequence[Kind]) -> tuple[Part, ...]:
    """Heading and film; nothing where there is nothing to move."""
    film = film_of(view, panel, kinds)
    if film is None:
        return ()
    heading = Heading(prose("Every example, epoch by epoch", muted(" the map chosen above")))
    return heading, Block("attributions_film.html.j2", film)


def film_of(view: RunView, panel: Panel, kinds: Sequence[Kind]) -> Film | None:
    """The film of the panel's group; None where fewer than two epochs were measured: there is nothing to move."""
    if len(panel.epochs) < 2:
        return None
    examples, epochs = _examples(panel), _epochs(view, panel)
    codes = [_codes(view, examples, epoch) for epoch in epochs]
    images = view.images(examples)
    cards = tuple(_card(view, int(example), images.get(int(example), "")) for example in examples)
    first = panel.pixels(kinds[0], panel.held(kinds[0])[0], panel.epochs[-1])
    assert first is not None  # `held` says so
    return Film(
        cards=cards,
        epochs=tuple(epochs),
        start=epochs.index(panel.near(view.key.peak)),
        shape=(first.shape[0], first.shape[1]),
        reels={kind.value: _reel(panel, kind, examples, epochs, first.shape) for kind in kinds},
        answers=tuple("".join(str(code) for code in at_epoch) for at_epoch in codes),
        tones=tuple(tone.replace("_", "-") for tone in CODES),
        texts=tuple(_text(panel, at_epoch) for at_epoch in codes),
        ink=view.images_are_ink,
        long=any(max(len(card.given), len(card.true)) > SHORT_NAME for card in cards),
        caption=_caption(panel, len(examples)),
    )


def _examples(panel: Panel) -> np.ndarray:
    """All of the group, or MOST_EXAMPLES quantiles of the learning time."""
    if len(panel.examples) <= MOST_EXAMPLES:
        return panel.examples
    return panel.examples[np.linspace(0, len(panel.examples) - 1, MOST_EXAMPLES).round().astype(int)]


def _epochs(view: RunView, panel: Panel) -> list[int]:
    peak = [panel.near(view.key.peak)]
    return [int(epoch) for epoch in drawn_epochs(panel.epochs, peak, MOST_FRAMES)]


def _codes(view: RunView, examples: np.ndarray, epoch: int) -> np.ndarray:
    """int, (n,): positions in CODES of the answers at an epoch."""
    held = epoch in view.run.closed_epochs or (epoch == 0 and view.run.has_initial)
    prediction = view.epoch(epoch)["prediction"][examples] if held else np.full(len(examples), -1)
    given = np.full(len(examples), -1) if view.given is None else view.given[examples]
    true = None if view.true is None else view.true[examples]
    noisy = None if view.noisy is None else view.noisy[examples]
    return answer_codes(prediction, given, true, noisy)


def _reel(panel: Panel, kind: Kind, examples: np.ndarray, epochs: Sequence[int], shape: tuple[int, ...]) -> Reel:
    """Maps that were not recorded are clear."""
    clear = np.zeros(shape, np.uint8)
    drawn = []
    for epoch in epochs:
        for example in examples:
            pixels = panel.pixels(kind, int(example), epoch)
            drawn.append(clear if pixels is None else map_levels(pixels))
    levels = base64.b64encode(np.stack(drawn).tobytes()).decode()
    return Reel(TONES[kind.positive], TONES[kind.negative], levels)


def _card(view: RunView, example: int, image: str) -> Card:
    def name(labels: np.ndarray | None) -> str:
        return "" if labels is None or labels[example] < 0 else view.class_name(int(labels[example]))

    tone = "ink" if view.noisy is None else "noisy" if view.noisy[example] else "clean"
    return Card(f"example {example:,}", image, name(view.given), name(view.true), tone)


def _text(panel: Panel, codes: np.ndarray) -> str:
    """ "answered with the true label: 15 of the 16, with the wrong one: none of the 16"."""
    total, tones = len(codes), [CODES[code] for code in codes]
    if all(tone == "page" for tone in tones):
        return ""
    if panel.group == "wrong":
        true, wrong = tones.count("true_area"), tones.count("noisy")
        return f"the true label was answered in {part_of(true, total)}, the wrong one in {part_of(wrong, total)}"
    given = sum(tone not in ("other_area", "page") for tone in tones)
    return f"the given label was answered in {part_of(given, total)}"


def _caption(panel: Panel, shown: int) -> Prose:
    what = {"wrong": "wrongly labelled examples", "clean": "clean examples", "all": "examples"}[panel.group]
    total, where = len(panel.examples), "measured" if panel.grown else "of the panel"
    whole = f"{f'All {count(total)}' if shown == total else f'{count(shown)} of the {count(total)}'} {what} {where}"
    learned = "memorized" if panel.group == "wrong" else "learned for good"
    order = f", from the first {learned} to the last" if panel.any_learned else ""
    spread = "" if shown == total else ", evenly spread"
    labels = {
        "wrong": prose(" Below each input its ", noisy("wrong label"), " and its ", true("true one"), "."),
        "clean": prose(" Below each input its label."),
        "all": prose(" Below each input its given label."),
    }[panel.group]
    start = f"{whole}{order}{spread}: the input, and its map at the chosen epoch."
    return prose(start, *labels, " Arrow keys move the slider.")
