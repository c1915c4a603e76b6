"""Thumbnails as data URIs, as many as fit into the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable

from probes_reports.thumbnails import ink_of, inverted

__all__ = ["BUDGET", "Pictures"]

BUDGET = 5_000_000  # bytes of the page that pictures may take
JUDGED = 64  # pictures that tell whether all are grey
SMALL = 40  # px, at which neighbours are shown
CROWDED = 0.4  # part of the budget beyond which colours are told apart less finely
COLOURS = 64
OVERHEAD = 40  # bytes that a picture takes beside its own


class Pictures:
    """Pictures of examples, each held once.

    Args:
        pngs: by example.
        cards: examples that get a card, the most important first.
        neighbours: examples that are shown small, likewise; what no longer fits is left out.
        budget: bytes.

    Attributes:
        ink: all are grey, and are shown as ink on paper.
        held: example -> data URI.
    """

    def __init__(
        self, pngs: dict[int, bytes], cards: Iterable[int], neighbours: Iterable[int] = (), budget: int = BUDGET
    ) -> None:
        large = [example for example in dict.fromkeys(cards) if example in pngs]
        given = set(large)
        small = [example for example in dict.fromkeys(neighbours) if example in pngs and example not in given]
        ink = ink_of([pngs[example] for example in large[:JUDGED]])
        crowded = sum(len(pngs[example]) for example in large) * 4 / 3 > CROWDED * budget
        self.ink = ink.is_grey
        self.held: dict[str, str] = {}
        for example in [*large, *small]:
            png = inverted(pngs[example]) if ink.is_light else pngs[example]
            size = None if len(self.held) < len(large) else SMALL
            text = base64.b64encode(_shrunk(png, size, COLOURS if crowded else None)).decode()
            budget -= len(text) + OVERHEAD
            if budget < 0:
                break
            self.held[str(example)] = f"data:image/png;base64,{text}"

    def __contains__(self, example: int) -> bool:
        return str(example) in self.held


def _shrunk(png: bytes, side: int | None, colours: int | None) -> bytes:
    """The picture with at most `side` pixels a side and so many colours, where that makes it smaller."""
    if side is None and colours is None:
        return png
    from PIL import Image

    picture: Image.Image = Image.open(io.BytesIO(png))
    if side is not None and max(picture.size) > side:
        picture.thumbnail((side, side))
    if colours is not None and picture.mode == "RGB":
        picture = picture.quantize(colours)
    file = io.BytesIO()
    picture.save(file, format="PNG")
    return min(png, file.getvalue(), key=len)
