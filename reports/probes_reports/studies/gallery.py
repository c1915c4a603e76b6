"""Rows of small pictures: one that leads, and those that belong to it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from probes_reports.sections.section import Block, Caption, Part
from probes_reports.thumbnails import ink_of, inverted
from probes_reports.wording import count, prose

__all__ = ["Gallery", "GalleryRow", "Picture", "gallery"]

START = "data:image/png;base64,"
MOST_BYTES = 3_000_000  # of all pictures of a gallery
MOST_OTHERS = 24  # pictures of a row, beside the first
JUDGED = 50  # pictures by which all are judged


@dataclass(frozen=True)
class Picture:
    """A picture, "" where it cannot be shown, and the words below it."""

    image: str
    caption: str


@dataclass(frozen=True)
class GalleryRow:
    """A picture, then those that belong to it."""

    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Gallery:
    """What the template shows; `ink`: grey-scale pictures, exchanged in the dark theme."""

    lead_title: str
    others_title: str
    rows: tuple[GalleryRow, ...]
    ink: bool


def gallery(chart: Mapping[str, Any], key: str, *, images: bool) -> tuple[tuple[Part, ...], str]:
    """The parts of a gallery's section, or none and why."""
    rows = list(chart["rows"])
    if not rows:
        return (), str(chart["ours"]) or "No picture was chosen."
    if not images:
        return (), "The pictures were left out of this page."
    pngs = [png for row in rows[:JUDGED] for png in (_png(entry) for entry in _entries(row)) if png is not None]
    ink = ink_of(pngs[:JUDGED])
    shown: list[GalleryRow] = []
    held = 0
    for row in rows:
        pictures = tuple(_picture(entry, ink.is_light) for entry in _entries(row))
        held += sum(len(picture.image) for picture in pictures)
        if held > MOST_BYTES and shown:
            break
        shown.append(GalleryRow(pictures))
    whole = Gallery(str(chart["lead_title"]), str(chart["others_title"]), tuple(shown), ink.is_grey)
    block = Block("study_gallery.html.j2", whole)
    if len(shown) == len(rows):
        return (block,), ""
    return (
        block,
        Caption(prose(f"{count(len(shown))} of {count(len(rows))} rows: the others are too large for a page.")),
    ), ""


def _entries(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [row["lead"], *row["others"][:MOST_OTHERS]]


def _picture(entry: Mapping[str, Any], is_light: bool) -> Picture:
    png = _png(entry)
    if png is None:
        return Picture("", str(entry["caption"]))
    shown = inverted(png) if is_light else png
    return Picture(START + base64.b64encode(shown).decode("ascii"), str(entry["caption"]))


def _png(entry: Mapping[str, Any]) -> bytes | None:
    """The bytes of a PNG that can be read; None of anything else."""
    import io

    from PIL import Image

    text = str(entry["image"])
    if not text.startswith(START):
        return None
    try:
        png = base64.b64decode(text[len(START) :], validate=True)
        with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
            picture.load()
    except (binascii.Error, OSError, ValueError, SyntaxError):
        return None
    return png
