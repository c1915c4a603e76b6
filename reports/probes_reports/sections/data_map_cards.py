"""The card beside the pointer in the data map: thumbnail, labels and fate of the examples drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from probes_reports.figures.example_strips import CODES, answer_codes, spaced_epochs, strip_edges
from probes_reports.sections.data_map_windows import REGIONS, Window
from probes_reports.view import RunView

__all__ = ["Tooltips", "tooltips"]

MOST_IMAGE_BYTES = 1_500_000  # of thumbnails, in the page
STRIP_EPOCHS = 40  # of a card's strip


@dataclass(frozen=True)
class Tooltips:
    """What the card beside the pointer shows: `cards` goes to the page as JSON, `figures` are those it belongs to."""

    cards: dict[str, Any]
    figures: tuple[str, ...]
    ink: bool


def tooltips(view: RunView, sample: np.ndarray, windows: Sequence[Window]) -> Tooltips:
    """Labels, thumbnail and fate of the points drawn."""
    recorded = [*([0] if view.run.has_initial else []), *view.run.closed_epochs]
    epochs = spaced_epochs(recorded, STRIP_EPOCHS)
    learned, forgotten = (_numbers(view.scores[name].iloc[sample]) for name in ("learned_epoch", "forgetting_events"))
    cards = {
        "examples": sample,
        "given": [] if view.given is None else view.given[sample],
        "true": [] if view.true is None else view.true[sample],
        "noisy": [] if view.noisy is None else view.noisy[sample].astype(np.int8),
        "classes": _class_names(view, sample),
        "kinds": [view.kind_of(int(example)) for example in sample] if view.kinds else [],
        "learned": learned,
        "forgotten": forgotten,
        "answers": _answers(view, sample, epochs),
        "edges": [round(float(edge), 4) for edge in strip_edges(epochs)],
        "tones": [tone.replace("_", "-") for tone in CODES],
        "windows": {window.key: {"last": window.last, "region": window.region[sample]} for window in windows},
        "regions": REGIONS,
        "images": _images(view, sample),
    }
    return Tooltips(cards, tuple(window.key for window in windows), view.images_are_ink)


def _numbers(column: pd.Series) -> np.ndarray:
    """int64; -1 where missing."""
    return column.astype("Int64").fillna(-1).to_numpy(dtype=np.int64)


def _class_names(view: RunView, sample: np.ndarray) -> dict[int, str]:
    """Of the classes that occur."""
    labels = [known[sample] for known in (view.given, view.true) if known is not None]
    present = np.unique(np.concatenate(labels)) if labels else np.empty(0, dtype=np.int64)
    return {int(label): view.class_name(int(label)) for label in present if label >= 0}


def _answers(view: RunView, sample: np.ndarray, epochs: np.ndarray) -> list[str]:
    """A digit per epoch: positions in CODES; none where given labels are unknown."""
    if view.given is None:
        return []
    true = None if view.true is None else view.true[sample]
    noisy = None if view.noisy is None else view.noisy[sample]
    codes = np.empty((len(sample), len(epochs)), dtype=np.uint8)
    for column, epoch in enumerate(epochs):
        prediction = view.epoch(int(epoch))["prediction"][sample]
        codes[:, column] = answer_codes(prediction, view.given[sample], true, noisy)
    digits = codes + ord("0")
    return [row.tobytes().decode("ascii") for row in digits]


def _images(view: RunView, sample: np.ndarray) -> dict[int, str]:
    """Thumbnails as far as MOST_IMAGE_BYTES go, in a seeded order."""
    held, size = {}, 0
    images = view.images(sample)
    for example in np.random.default_rng(0).permutation(sample):
        uri = images.get(int(example))
        if uri is None:
            continue
        size += len(uri)
        if size > MOST_IMAGE_BYTES:
            break
        held[int(example)] = uri
    return held
