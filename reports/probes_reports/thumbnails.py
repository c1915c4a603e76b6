"""How thumbnails are shown: grey-scale ones as ink on paper, whichever way round the data have them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Ink", "ink_of", "inverted"]

DARK, BACKGROUND = 32, 0.4  # a pixel below this is black; a share of them above this is a black background


@dataclass(frozen=True)
class Ink:
    """What a run's thumbnails are like.

    Attributes:
        is_grey: grey-scale, every one.
        is_light: grey-scale on black, as MNIST and its relatives are.
    """

    is_grey: bool
    is_light: bool


def ink_of(pngs: Sequence[bytes]) -> Ink:
    """Judge by some of the thumbnails, so that all of a run are shown alike."""
    import numpy as np
    from PIL import Image

    pictures = [Image.open(io.BytesIO(png)) for png in pngs]
    if not pictures or any(picture.mode not in ("L", "1") for picture in pictures):
        return Ink(False, False)
    black = np.mean([(np.asarray(picture.convert("L")) < DARK).mean() for picture in pictures])
    return Ink(True, bool(black > BACKGROUND))


def inverted(png: bytes) -> bytes:
    """The same grey-scale picture with black and white exchanged."""
    from PIL import Image, ImageOps

    file = io.BytesIO()
    ImageOps.invert(Image.open(io.BytesIO(png)).convert("L")).save(file, format="PNG")
    return file.getvalue()
