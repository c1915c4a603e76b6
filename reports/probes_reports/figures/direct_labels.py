"""Names lines beside the stretch where each runs alone, so that no legend is needed.

Everything here is in pixels of the plot area, x from the left, y from the bottom. A label is tried at many places
along what it names; a place counts where the box touches nothing, and the best one is near its own line and far
from every other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

__all__ = ["Placed", "Side", "Wanted", "box_size", "place_labels", "spread"]

Side = Literal["left", "right", "above", "below"]
GAP = 9.0  # px between a label and what it names
CLOSEST = 3.0  # px between a label and its own line, where this slopes
CLEAR = 7.0  # px between a label and any other line
CLEARER = 3.0  # px by which its own line is nearer than any other
ENOUGH = 40.0  # px from any other line beyond which more is not better
LINE_HEIGHT = 17.0
STEP = 8.0  # px between places that are tried


@dataclass(frozen=True)
class Wanted:
    """A label to place.

    Attributes:
        name: of the label; also of the line it names, unless `anchor` says otherwise.
        variants: texts, the preferred first; each is a tuple of lines, with `<b>` where bold.
        anchor: name of the line it stands beside.
        sides: where it may stand, the preferred first.
        prefer: (x, y) as shares of the plot area that it should be near, each perhaps None, and how strongly: px of
            clearance that the whole width or height is worth. None: anywhere.
    """

    name: str
    variants: tuple[tuple[str, ...], ...]
    anchor: str
    sides: tuple[Side, ...] = ("above", "left", "right", "below")
    prefer: tuple[float | None, float | None, float] | None = None


@dataclass(frozen=True)
class Placed:
    """Where a label stands: a point of its line, and from there the offset of the label's anchor, in px."""

    name: str
    text: str
    x: float
    y: float
    dx: float
    dy: float
    side: Side

    @property
    def xanchor(self) -> str:
        """The side of the box that the offset leads to."""
        return {"left": "right", "right": "left"}.get(self.side, "center")


Box = tuple[float, float, float, float]  # left, bottom, right, top


def box_size(lines: Sequence[str], size: float = 13.0) -> tuple[float, float]:
    """Width and height in px of a text, estimated generously: 0.54 em a character, bold 0.58."""
    widths = [
        len(line.replace("<b>", "").replace("</b>", "")) * size * (0.58 if "<b>" in line else 0.54) for line in lines
    ]
    return max(widths, default=0.0), LINE_HEIGHT * size / 13.0 * len(lines)


def place_labels(
    wanted: Sequence[Wanted],
    lines: Mapping[str, np.ndarray],
    *,
    width: float,
    height: float,
    taken: Sequence[Box] = (),
    rules: Collection[str] = (),
    size: float = 13.0,
) -> list[Placed]:
    """Place labels one after the other, the important ones first; one without a free place is left out.

    Args:
        wanted: labels in order of importance.
        lines: name -> float, (T, 2): corners of each line in px. All of them are kept clear of.
        width, height: of the plot area in px.
        taken: boxes that are occupied already.
        rules: names of lines that no label could be mistaken to name, such as vertical marks.
        size: of the type in px.
    """
    dense = {name: _dense(corners) for name, corners in lines.items() if len(corners)}
    boxes = list(taken)
    placed = []
    for want in wanted:
        if want.anchor not in dense:
            continue
        for variant in want.variants:
            found = _best(want, variant, dense, rules, (width, height), boxes, size)
            if found is not None:
                label, box = found
                placed.append(label)
                boxes.append(box)
                break
    return placed


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move positions as little as needed so that neighbours are `gap` apart and all lie in [low, high], if they can."""
    order = np.argsort(positions, kind="stable")
    moved = np.asarray(positions, dtype=float)[order]
    for _ in range(100):
        moved = np.clip(moved, low, high)
        overlap = gap - np.diff(moved)
        if not len(overlap) or (overlap <= 1e-6).all():
            break
        for at in np.flatnonzero(overlap > 0):
            push = (gap - (moved[at + 1] - moved[at])) / 2
            if push > 0:
                moved[at] -= push
                moved[at + 1] += push
    result = np.empty(len(moved))
    result[order] = moved
    return [float(value) for value in result]


def _best(
    want: Wanted,
    variant: tuple[str, ...],
    dense: Mapping[str, np.ndarray],
    rules: Collection[str],
    area: tuple[float, float],
    boxes: Sequence[Box],
    size: float,
) -> tuple[Placed, Box] | None:
    own = dense[want.anchor]
    rivals = _joined(points for name, points in dense.items() if name != want.anchor and name not in rules)
    marks = _joined(points for name, points in dense.items() if name != want.anchor and name in rules)
    best: tuple[float, Placed, Box] | None = None
    for preference, side in enumerate(want.sides):
        for x, y in _places(own):
            box = _box_at(side, float(x), float(y), own, box_size(variant, size))
            if not _free(box, area, boxes):
                continue
            near, far, mark = _distance(own, box), _distance(rivals, box), _distance(marks, box)
            mistaken = want.anchor not in rules and far < near + CLEARER
            if near < CLOSEST or min(far, mark) < CLEAR or mistaken:
                continue
            value = min(far, mark, ENOUGH) - 0.8 * near - 4.0 * preference - _strayed(box, want, area)
            if best is None or value > best[0]:
                anchor_x = {"left": box[2], "right": box[0]}.get(side, (box[0] + box[2]) / 2)
                dx, dy = anchor_x - x, (box[1] + box[3]) / 2 - y
                label = Placed(want.name, "<br>".join(variant), float(x), float(y), float(dx), float(dy), side)
                best = (value, label, box)
    return None if best is None else (best[1], best[2])


def _places(own: np.ndarray) -> np.ndarray:
    """Points to stand beside: along a line every few px, around a single dot a little above and below it too."""
    if np.ptp(own, axis=0).max() > STEP:
        return own[:: int(STEP)]
    nudges = np.array([[0, 0], [0, 8], [0, -8], [0, 14], [0, -14]], dtype=float)
    return own[0] + nudges


def _box_at(side: Side, x: float, y: float, own: np.ndarray, extent: tuple[float, float]) -> Box:
    """The box beside a point of its line; left and right of a slope it backs off until the line has left its height."""
    wide, high = extent
    if side in ("above", "below"):
        across = own[np.abs(own[:, 0] - x) <= wide / 2]
        ys = np.append(across[np.abs(across[:, 1] - y) <= 30, 1], y)
        bottom = ys.max() + GAP - 4 if side == "above" else ys.min() - GAP + 4 - high
        return x - wide / 2, bottom, x + wide / 2, bottom + high
    along = np.append(own[(np.abs(own[:, 1] - y) <= high / 2) & (np.abs(own[:, 0] - x) <= 60), 0], x)
    left = along.min() - GAP - wide if side == "left" else along.max() + GAP
    return left, y - high / 2, left + wide, y + high / 2


def _free(box: Box, area: tuple[float, float], boxes: Sequence[Box]) -> bool:
    left, bottom, right, top = box
    if left < 2 or bottom < 3 or right > area[0] - 2 or top > area[1] - 3:
        return False
    return all(
        right + 6 < other[0] or left - 6 > other[2] or top + 3 < other[1] or bottom - 3 > other[3] for other in boxes
    )


def _strayed(box: Box, want: Wanted, area: tuple[float, float]) -> float:
    if want.prefer is None:
        return 0.0
    x, y, strength = want.prefer
    dx = 0.0 if x is None else (box[0] + box[2]) / 2 / area[0] - x
    dy = 0.0 if y is None else (box[1] + box[3]) / 2 / area[1] - y
    return strength * float(np.hypot(dx, dy))


def _distance(points: np.ndarray, box: Box) -> float:
    """Smallest distance from a box to any of the points (M, 2); 0 inside."""
    if not len(points):
        return float("inf")
    dx = np.maximum(np.maximum(box[0] - points[:, 0], points[:, 0] - box[2]), 0)
    dy = np.maximum(np.maximum(box[1] - points[:, 1], points[:, 1] - box[3]), 0)
    return float(np.sqrt((dx * dx + dy * dy).min()))


def _joined(pieces: Iterable[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.empty((0, 2)), *pieces])


def _dense(corners: np.ndarray) -> np.ndarray:
    """Points every px or so along a line."""
    corners = np.asarray(corners, dtype=float)
    if len(corners) < 2:
        return corners
    lengths = np.hypot(*np.diff(corners, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    at = np.linspace(0, along[-1], max(2, int(along[-1]) + 1))
    return np.stack([np.interp(at, along, corners[:, 0]), np.interp(at, along, corners[:, 1])], axis=1)
