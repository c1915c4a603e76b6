"""Pulls a few points of a scatter plot out as thumbnails on leader lines that never cross.

Everything here is in pixels of the plot area, x from the left, y from the bottom.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Literal

import numpy as np

__all__ = ["Box", "Density", "Slot", "free_spot", "place_callouts"]

Box = tuple[float, float, float, float]  # left, bottom, right, top
Side = Literal["left", "right", "below"]
SIDES: tuple[Side, ...] = ("right", "left", "below")
GAP = 10.0  # px between a picture and its text, and around boxes
STEP = 16.0  # px between places that are tried
CELL = 2.0  # px
TRIED = 500  # arrangements whose leader lines are measured


@dataclass(frozen=True)
class Slot:
    """Where a callout stands.

    Attributes:
        x, y: centre of its picture.
        side: of the picture on which the text stands.
        box: picture and text.
    """

    x: float
    y: float
    side: Side
    box: Box


def place_callouts(
    targets: np.ndarray,
    points: np.ndarray,
    *,
    width: float,
    height: float,
    picture: float,
    text: tuple[float, float],
    above: float = 0.0,
    below: float = 0.0,
) -> list[Slot]:
    """Find a place for each callout, in a column or a row, where they hide the fewest points.

    Of all ways to join the targets to the places the shortest is taken. Two of its lines never cross: exchanging
    their ends would make it shorter. That holds at any width of the figure, which only stretches x.

    Args:
        targets: float, (n, 2); the points pulled out, n at most 5.
        points: float, (P, 2); what should not be hidden.
        width, height: of the plot area.
        picture: side of a picture.
        text: width and height of the text beside or below it.
        above, below: strips of the plot area to keep clear.

    Returns:
        One slot for each target, in their order; none where nothing fits.
    """
    if not len(targets):
        return []
    arrangements = [
        slots
        for side in SIDES
        for slots in _arrangements(side, len(targets), (width, height), picture, text)
        if min(slot.box[1] for slot in slots) >= below and max(slot.box[3] for slot in slots) <= height - above
    ]
    if not arrangements:
        return []
    boxes = np.array([[slot.box for slot in slots] for slots in arrangements])
    density = Density(points, width, height)
    hidden = density.count(boxes.reshape(-1, 4)).reshape(len(boxes), -1).sum(axis=1)
    few = np.flatnonzero(hidden <= hidden.min() + 0.002 * len(points))
    few = few[:: max(1, len(few) // TRIED)]
    shortlist = [arrangements[at] for at in few]
    orders, lengths = _joined(targets, shortlist)
    slots = [[found[at] for at in order] for found, order in zip(shortlist, orders, strict=True)]
    best = int(np.argmin(lengths + 40.0 * hidden[few] + _faults(targets, slots, density, picture)))
    return slots[best]


class Density:
    """Counts points in boxes quickly: a table of sums over cells of 2 px.

    Args:
        points: float, (P, 2); those outside the plot area do not count.
        width, height: of the plot area.
    """

    def __init__(self, points: np.ndarray, width: float, height: float):
        self._shape = int(np.ceil(width / CELL)), int(np.ceil(height / CELL))
        self._sums = np.zeros((self._shape[0] + 1, self._shape[1] + 1), dtype=np.int64)
        cells = np.floor(points / CELL).astype(np.int64)
        inside = ((cells >= 0) & (cells < self._shape)).all(axis=1)
        np.add.at(self._sums, (cells[inside, 0] + 1, cells[inside, 1] + 1), 1)
        self._sums = self._sums.cumsum(axis=0).cumsum(axis=1)

    def count(self, boxes: np.ndarray) -> np.ndarray:
        """Points in each box (M, 4), to the cell: int64, (M,)."""
        lows, highs = np.floor(boxes[:, :2] / CELL), np.ceil(boxes[:, 2:] / CELL)
        left, bottom = np.clip(lows, 0, self._shape).astype(np.int64).T
        right, top = np.clip(highs, 0, self._shape).astype(np.int64).T
        sums = self._sums
        counts: np.ndarray = sums[right, top] - sums[left, top] - sums[right, bottom] + sums[left, bottom]
        return counts


def free_spot(
    own: np.ndarray,
    others: np.ndarray,
    taken: Sequence[Box],
    *,
    width: float,
    height: float,
    size: tuple[float, float],
) -> tuple[float, float] | None:
    """Centre of a text beside a cloud of points and away from another; None where all is taken.

    Args:
        own: float, (P, 2); the points it names.
        others: float, (Q, 2); points it must not seem to name.
        taken: boxes that are occupied.
        width, height: of the plot area.
        size: of the text.
    """
    if not len(own):
        return None
    wide, high = size
    across = np.arange(wide / 2 + 2, width - wide / 2 - 1, 6.0)
    up = np.arange(high / 2 + 2, height - high / 2 - 1, 5.0)
    centres = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    half = np.array([wide, high]) / 2
    boxes = np.concatenate([centres - half, centres + half], axis=1)
    if taken:
        free = ~_overlap(_grown(boxes, 4), np.array(taken)).any(axis=1)
        centres, boxes = centres[free], boxes[free]
    if not len(boxes):
        return None
    mine, theirs = Density(own, width, height), Density(others, width, height)
    near, rivals = mine.count(_grown(boxes, 26)) / len(own), theirs.count(_grown(boxes, 26)) / max(len(others), 1)
    hidden = mine.count(_grown(boxes, 5)) + 2 * theirs.count(_grown(boxes, 6))
    away = np.hypot(*(centres - np.median(own, axis=0)).T) / width
    best = int(np.argmax(near - 3 * rivals - 0.02 * hidden - away))
    return float(centres[best, 0]), float(centres[best, 1])


def _arrangements(
    side: Side, count: int, area: tuple[float, float], picture: float, text: tuple[float, float]
) -> Iterator[list[Slot]]:
    """Evenly spaced places everywhere in the plot area: in a row where the text is below, else in a column."""
    column = side != "below"
    wide = picture + GAP + text[0] if column else max(picture, text[0])
    high = max(picture, text[1]) if column else picture + GAP / 2 + text[1]
    along, across = (area[1], area[0]) if column else (area[0], area[1])
    length, depth = (high, wide) if column else (wide, high)
    for gap in (1.5 * GAP, 3 * GAP, 6 * GAP) if column else (0.6 * GAP, 1.5 * GAP, 3 * GAP):
        total = count * length + (count - 1) * gap
        for start in np.arange(2.0, along - total - 1, STEP):
            for offset in np.arange(2.0, across - depth - 1, STEP):
                starts = start + (length + gap) * np.arange(count)
                lows = [(offset, s) if column else (s, offset) for s in starts]
                yield [_slot(side, (float(x), float(y), float(x) + wide, float(y) + high), picture) for x, y in lows]


def _slot(side: Side, box: Box, picture: float) -> Slot:
    left, bottom, right, top = box
    if side == "below":
        return Slot((left + right) / 2, top - picture / 2, side, box)
    return Slot(left + picture / 2 if side == "right" else right - picture / 2, (bottom + top) / 2, side, box)


def _text_box(slot: Slot, picture: float) -> Box:
    left, bottom, right, top = slot.box
    if slot.side == "below":
        return left, bottom, right, slot.y - picture / 2
    return (
        (slot.x + picture / 2, bottom, right, top)
        if slot.side == "right"
        else (left, bottom, slot.x - picture / 2, top)
    )


def _joined(targets: np.ndarray, arrangements: Sequence[Sequence[Slot]]) -> tuple[np.ndarray, np.ndarray]:
    """The shortest way to join targets and the places of each arrangement.

    Returns:
        int64, (A, n): the place of each target; and float64, (A,): the length of all lines in px.
    """
    centres = np.array([[(slot.x, slot.y) for slot in slots] for slots in arrangements])
    lengths = np.hypot(*np.moveaxis(targets[None, :, None, :] - centres[:, None, :, :], -1, 0))
    orders = np.array(list(permutations(range(len(targets)))))
    totals = lengths[:, np.arange(len(targets)), orders].sum(axis=2)
    best = totals.argmin(axis=1)
    return orders[best], totals[np.arange(len(totals)), best]


def _faults(
    targets: np.ndarray, arrangements: Sequence[Sequence[Slot]], density: Density, picture: float
) -> np.ndarray:
    """Px charged to each arrangement for lines through points, other callouts or their own text, and hidden targets.

    Returns:
        float64, (A,).
    """
    number, count = len(arrangements), len(targets)
    centres = np.array([[(slot.x, slot.y) for slot in slots] for slots in arrangements])
    boxes = np.array([[slot.box for slot in slots] for slots in arrangements])
    texts = np.array([[_text_box(slot, picture) for slot in slots] for slots in arrangements])
    shares = np.linspace(0, 1, 40)[:, None]
    lines = targets[None, :, None, :] * (1 - shares) + centres[:, :, None, :] * shares  # (A, n, 40, 2)
    crossed = density.count(_grown(np.concatenate([lines, lines], axis=-1).reshape(-1, 4), 2)).reshape(number, -1)
    blocked = np.zeros(number)
    for line in range(count):
        for other in range(count):
            obstacle = texts[:, line] if line == other else boxes[:, other]
            blocked += _within(lines[:, line], obstacle).sum(axis=1)
    below = sum(_within(np.broadcast_to(targets, (number, count, 2)), _grown(boxes[:, at], 6)) for at in range(count))
    charged: np.ndarray = 4.0 * crossed.sum(axis=1) + 60.0 * blocked + 2000.0 * np.asarray(below).sum(axis=1)
    return charged


def _within(points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """bool, (A, P): which points (A, P, 2) lie in the box (A, 4) of their row."""
    return np.asarray(((points >= boxes[:, None, :2]) & (points <= boxes[:, None, 2:])).all(axis=2))


def _overlap(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """bool, (M, T): which boxes (M, 4) share area with which others (T, 4)."""
    apart = (boxes[:, None, :2] >= others[None, :, 2:]) | (boxes[:, None, 2:] <= others[None, :, :2])
    return np.asarray(~apart.any(axis=2))


def _grown(boxes: np.ndarray, by: float) -> np.ndarray:
    return boxes + np.array([-by, -by, by, by])
