"""One image file: what its header says, and its pixels brought to 8 bits, one shape, grey or colour."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from probes.errors import ProbeError

__all__ = ["IMAGE_ENDINGS", "Frame", "Header", "UnreadableImageError", "printable", "read_header", "read_pixels"]

IMAGE_ENDINGS = frozenset(  # what Pillow reads everywhere
    {".jpg", ".jpeg", ".jfif", ".png", ".gif", ".bmp", ".ppm", ".pgm", ".pbm", ".pnm", ".tif", ".tiff", ".webp"}
)
_GREY_MODES = frozenset({"1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"})
_ORIENTATION = 0x0112  # EXIF
_ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}  # near the end of a file that was written to its end


class UnreadableImageError(ProbeError):
    """A file that is no image, is damaged, or is too large to be decoded safely."""


@dataclass(frozen=True)
class Header:
    """What an image is like, as it will be seen: EXIF orientation applied."""

    height: int
    width: int
    grey: bool


@dataclass(frozen=True)
class Frame:
    """The shape that every image of a folder is brought to."""

    height: int
    width: int
    grey: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W) or (H, W, 3)."""
        return (self.height, self.width) if self.grey else (self.height, self.width, 3)


def printable(name: str) -> str:
    r"""A file name as text that can be printed and stored: bytes that are not UTF-8 become \xNN.

    Example:
        >>> print(printable("caf\udce9.png"))
        caf\xe9.png
    """
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def read_header(path: str) -> Header:
    """Read size and mode without decoding; a file that seems cut short is decoded to be sure.

    Raises:
        UnreadableImageError: with the reason.
    """
    from PIL import Image

    try:
        with Image.open(path) as picture:
            width, height = picture.size
            # PNG would have to be decoded for its EXIF; `read_pixels` turns the few that have one.
            if picture.format != "PNG" and picture.getexif().get(_ORIENTATION, 1) >= 5:
                width, height = height, width
            if _seems_cut_short(path, picture.format):
                picture.load()
            return Header(height, width, picture.mode in _GREY_MODES)
    except Exception as error:  # readers of broken files raise all kinds
        raise _unreadable(path, error) from error


def read_pixels(path: str, frame: Frame) -> np.ndarray:
    """Decode an image: EXIF orientation applied, 16 bits scaled to 8, transparency laid on white, the first of several
    frames; an image of another size is resized until it covers the frame, and cropped at its centre.

    Returns:
        uint8, of the frame's shape.

    Raises:
        UnreadableImageError: with the reason.
    """
    from PIL import Image, ImageOps

    size = (frame.width, frame.height)
    try:
        with Image.open(path) as picture:
            if picture.width > 2 * frame.width and picture.height > 2 * frame.height:
                picture.draft(None, (2 * max(size), 2 * max(size)))  # a JPEG is decoded smaller, severalfold faster
            ImageOps.exif_transpose(picture, in_place=True)
            plain = _eight_bits(picture).convert("L" if frame.grey else "RGB")
        if plain.size != size:
            plain = ImageOps.fit(plain, size, method=Image.Resampling.BILINEAR)
        return np.asarray(plain)
    except Exception as error:  # readers of broken files raise all kinds
        raise _unreadable(path, error) from error


def _eight_bits(picture: Any) -> Any:
    """Return an image of mode L or RGB, or one that converts to them without loss of range or of transparency."""
    from PIL import Image

    if picture.mode.startswith("I") or picture.mode == "F":
        values = np.asarray(picture, dtype=np.float64)
        top = next((top for top in (1, 255, 65535) if values.max() <= top), None)
        if top is None or not np.isfinite(values).all():
            raise ValueError(f"values up to {values.max():g}, where 8 or 16 bits or 0 to 1 are understood")
        return Image.fromarray(np.round(np.clip(values / top, 0, 1) * 255).astype(np.uint8))
    if picture.mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in picture.info:
        opaque = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", opaque.size, "white"), opaque)
    return picture


def _seems_cut_short(path: str, kind: str | None) -> bool:
    end = _ENDS.get(kind or "")
    if end is None:
        return False
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - 64))
        return end not in file.read()


def _unreadable(path: str, error: Exception) -> UnreadableImageError:
    from PIL import Image

    if isinstance(error, Image.DecompressionBombError):
        return UnreadableImageError(f"{printable(path)}: too many pixels to be decoded safely.")
    if "cannot identify" in str(error):
        return UnreadableImageError(f"{printable(path)}: not an image.")
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return UnreadableImageError(f"{printable(path)}: {printable(reason)}.")
