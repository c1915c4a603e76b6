"""Every example measured at the epoch that a slider chooses: the maps of all epochs, as the page holds them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probes_reports.figures.attribution_maps import LEVELS, map_levels
from probes_reports.figures.example_strips import CODES, answer_codes
from probes_reports.sections.attribution_panel import Kind, Panel, kinds_of
from probes_reports.sections.loss import drawn_epochs
from probes_reports.sections.section import Block, Heading, Part
from probes_reports.view import RunView
from probes_reports.wording import Prose, count, muted, noisy, part_of, prose, true

__all__ = ["Film", "film_of", "film_parts"]

MOST_EXAMPLES, MOST_FRAMES = 32, 24  # examples of each group
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
        cards: positions of the examples that are drawn: those that have the map.
        texts: F texts: how many of these gave which answer.
        levels: base64 of uint8, (frames, drawn examples, H, W), as `map_levels` gives them.
    """

    positive: str
    negative: str
    cards: tuple[int, ...]
    texts: tuple[str, ...]
    levels: str


@dataclass(frozen=True)
class FilmGroup:
    """Wrong labels, or clean examples.

    Attributes:
        cards: examples, those of all its maps together.
        reels: its own kinds of map.
        shows: the kind that is chosen -> the kind that is drawn of this group; without those that it lacks.
        heads: kind that is chosen -> which examples these are.
        notes: the same -> what the colours say, where it is not what they say above.
        answers: F strings, a digit an example: position of its answer in `Film.tones`.
    """

    cards: tuple[Card, ...]
    reels: dict[str, Reel]
    shows: dict[str, str]
    heads: dict[str, Prose]
    notes: dict[str, Prose]
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Film:
    """What the template lays out and page code draws.

    Attributes:
        groups: the section's own, then the clean examples beside it.
        kinds: that can be chosen, the first as it starts.
        epochs: F of them, ascending.
        start: position in `epochs` at which the slider starts.
        shape: H, W of a map.
        tones: CSS variables of the answers' bars.
        ink: whether thumbnails are grey-scale.
        long: whether the names of classes are too long for large figures.
        caption: what is below.
    """

    groups: tuple[FilmGroup, ...]
    kinds: tuple[str, ...]
    epochs: tuple[int, ...]
    start: int
    shape: tuple[int, int]
    tones: tuple[str, ...]
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
            "tones": list(self.tones),
            "kinds": list(self.kinds),
            "groups": [
                {
                    "reels": {kind: vars(reel) for kind, reel in group.reels.items()},
                    "shows": group.shows,
                    "answers": list(group.answers),
                }
                for group in self.groups
            ],
        }


def film_parts(view: RunView, panel: Panel, kinds: Sequence[Kind]) -> tuple[Part, ...]:
    """Heading and film; nothing where there is nothing to move."""
    film = film_of(view, panel, kinds)
    if film is None:
        return ()
    panels = [found for found in (panel, panel.beside) if found is not None]
    every = all(len(found.held(kind)) <= MOST_EXAMPLES for found in panels for kind in kinds_of(found))
    title = "Every example, epoch by epoch" if every else "Example by example, epoch by epoch"
    heading = Heading(prose(title, muted(" the map chosen above")))
    return heading, Block("attributions_film.html.j2", film)


def film_of(view: RunView, panel: Panel, kinds: Sequence[Kind]) -> Film | None:
    """The film of both groups; None where fewer than two epochs were measured: there is nothing to move."""
    if len(panel.epochs) < 2:
        return None
    epochs = _epochs(view, panel)
    panels = [found for found in (panel, panel.beside) if found is not None]
    groups = tuple(_group(found, kinds, epochs, beside=found is not panel) for found in panels)
    first = panel.pixels(kinds[0], panel.held(kinds[0])[0], panel.epochs[-1])
    assert first is not None  # `held` says so
    cards = [card for group in groups for card in group.cards]
    return Film(
        groups=groups,
        kinds=tuple(kind.value for kind in kinds),
        epochs=tuple(epochs),
        start=epochs.index(panel.near(view.key.peak)),
        shape=(first.shape[0], first.shape[1]),
        tones=tuple(tone.replace("_", "-") for tone in CODES),
        ink=view.images_are_ink,
        long=any(max(len(card.given), len(card.true)) > SHORT_NAME for card in cards),
        caption=_caption(panel),
    )


def _group(panel: Panel, chosen: Sequence[Kind], epochs: Sequence[int], *, beside: bool) -> FilmGroup:
    own = kinds_of(panel)
    shows = {kind.value: found for kind in chosen if (found := _counterpart(kind, own)) is not None}
    examples = {kind.value: _examples(panel, kind) for kind in shows.values()}
    drawn = {example for some in examples.values() for example in some}
    every = np.array([int(example) for example in panel.examples if int(example) in drawn], dtype=np.int64)
    codes = [_codes(panel.view, every, epoch) for epoch in epochs]
    images = panel.view.images(every)
    heads = {kind.value: prose(_head(panel, shows.get(kind.value))) for kind in chosen}
    notes = {name: prose("Each pixel is coloured by ", *found.meaning) for name, found in shows.items()}
    return FilmGroup(
        cards=tuple(_card(panel.view, int(example), images.get(int(example), "")) for example in every),
        reels={
            kind.value: _reel(panel, kind, np.flatnonzero(np.isin(every, examples[kind.value])), every, epochs, codes)
            for kind in shows.values()
        },
        shows={kind: found.value for kind, found in shows.items()},
        heads=heads,
        notes=notes if beside else {},
        answers=tuple("".join(str(code) for code in at_epoch) for at_epoch in codes),
    )


def _counterpart(kind: Kind, own: Sequence[Kind]) -> Kind | None:
    """The group's own map of that name, or else of that method: a clean example has one label, so one map a method."""
    same = [found for found in own if found.value == kind.value and found.parts == kind.parts]
    method = [found for found in own if found.parts[0][0] == kind.parts[0][0]]
    return next(iter([*same, *method]), None)


def _examples(panel: Panel, kind: Kind) -> list[int]:
    """All of the group that have the map, or MOST_EXAMPLES quantiles of the learning time."""
    held = panel.held(kind)
    if len(held) <= MOST_EXAMPLES:
        return held
    return [held[at] for at in np.linspace(0, len(held) - 1, MOST_EXAMPLES).round().astype(int)]


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


def _reel(
    panel: Panel, kind: Kind, cards: np.ndarray, examples: np.ndarray, epochs: Sequence[int], codes: list[np.ndarray]
) -> Reel:
    """Maps that were not recorded at an epoch are clear there."""
    last = panel.pixels(kind, int(examples[cards[0]]), panel.epochs[-1])
    assert last is not None  # `held` says so
    clear = np.zeros(last.shape, np.uint8)
    drawn = []
    for epoch in epochs:
        for example in examples[cards]:
            pixels = panel.pixels(kind, int(example), epoch)
            drawn.append(clear if pixels is None else map_levels(pixels))
    return Reel(
        positive=TONES[kind.positive],
        negative=TONES[kind.negative],
        cards=tuple(int(card) for card in cards),
        texts=tuple(_text(panel, at_epoch[cards]) for at_epoch in codes),
        levels=base64.b64encode(np.stack(drawn).tobytes()).decode(),
    )


def _card(view: RunView, example: int, image: str) -> Card:
    def name(labels: np.ndarray | None) -> str:
        return "" if labels is None or labels[example] < 0 else view.class_name(int(labels[example]))

    tone = "ink" if view.noisy is None else "noisy" if view.noisy[example] else "clean"
    return Card(f"example {example:,}", image, name(view.given), name(view.true), tone)


def _text(panel: Panel, codes: np.ndarray) -> str:
    """ "The true label was answered in 15 of the 16, the wrong one in none of the 16."."""
    total, tones = len(codes), [CODES[code] for code in codes]
    if all(tone == "page" for tone in tones):
        return ""
    if panel.group == "wrong":
        true, wrong = tones.count("true_area"), tones.count("noisy")
        return f"The true label was answered in {part_of(true, total)}, the wrong one in {part_of(wrong, total)}."
    given = sum(tone not in ("other_area", "page") for tone in tones)
    return f"The given label was answered in {part_of(given, total)}."


def _head(panel: Panel, kind: Kind | None) -> str:
    """ "All 16 wrongly labelled examples of the panel, from the first memorized to the last."."""
    what = {"wrong": "wrongly labelled example", "clean": "clean example", "all": "example"}[panel.group]
    if kind is None:
        return f"No {what} has this map."
    shown, total = len(_examples(panel, kind)), len(panel.held(kind))
    things = what if total == 1 else f"{what}s"
    whole = (
        "One" if total == 1 else f"All {count(total)}" if shown == total else f"{count(shown)} of the {count(total)}"
    )
    learned = "memorized" if panel.group == "wrong" else "learned for good"
    order = f", from the first {learned} to the last" if panel.any_learned and shown > 1 else ""
    return f"{whole} {things} {panel.whose(kind)}{order}{'' if shown == total else ', evenly spread'}."


def _caption(panel: Panel) -> Prose:
    labels = {
        "wrong": prose("Below each input its ", noisy("wrong label"), " and its ", true("true one"), "."),
        "clean": prose("Below each input its label."),
        "all": prose("Below each input its given label."),
    }[panel.group]
    both = " Of a clean example these are the same: it has one label, in blue." if panel.beside is not None else ""
    when = " Answers are those during the epoch, maps from its end." if panel.view.measure == "online" else ""
    return prose(*labels, f"{both}{when} Arrow keys move the slider.")
