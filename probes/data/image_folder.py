"""A folder of images by class, as torchvision's ImageFolder reads it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from probes.data.image_files import (
    IMAGE_ENDINGS,
    Frame,
    Header,
    UnreadableImageError,
    printable,
    read_header,
    read_pixels,
)
from probes.data.lazy_images import IN_MEMORY_BYTES, THREADS, LazyPictures
from probes.data.source import Part, Source
from probes.data.words import counted, some
from probes.errors import ConfigError

__all__ = ["LARGEST_SIDE", "read_image_folder"]

LARGEST_SIDE = 224  # of images that are not all of one size
_VALIDATION = ("val", "validation", "valid")


@dataclass
class _Image:
    """An image file: its path, where it lies in the data (printable), its class, and its part of the data."""

    path: str
    id: str
    class_name: str
    part: str
    header: Header | None = None


def read_image_folder(folder: Path) -> Source:
    """Read `folder/<class>/**`, or `folder/train/<class>/**` with `val` (`validation`, `valid`) and `test` beside it.

    Images become colour unless every one of them is grey. Images of one size keep it; others become squares of the
    median shorter side, at most 224: resized until they cover it, and cropped at the centre.

    Raises:
        ConfigError: the folder is not there, or holds no images of two classes.
    """
    if not folder.is_dir():
        where = printable(str(folder))
        if folder.exists():
            raise ConfigError(f"{where} is a file, not a folder of images: leave out 'folder:' if it is a table.")
        raise ConfigError(f"there is no folder {where}.")
    found, notes = _find(folder)
    readable, unreadable = _read_headers(found)
    if not readable:
        raise ConfigError(f"{printable(str(folder))} cannot be used: {_nothing(folder, found)}. {_layout_hint(folder)}")
    frame, frame_notes = _frame([image.header for image in readable if image.part == "train" and image.header])
    if 4 * len(readable) * int(np.prod(frame.shape)) > IN_MEMORY_BYTES:
        pixels = None
        notes.append(f"{len(readable):,} images are read from their files as they are needed, not kept in memory.")
    else:
        readable, pixels, damaged = _decode(readable, frame)
        unreadable += damaged
    classes = sorted({image.class_name for image in readable if image.part == "train"})
    _check_classes(readable, classes, folder)
    parts = {name: _part(name, readable, pixels, frame, classes) for name in ("train", "validation", "test")}
    return Source(
        name=printable(folder.resolve().name),
        kind="image",
        classes=[printable(name) for name in classes],
        train=parts["train"],
        validation=parts["validation"] if len(parts["validation"]) else None,
        test=parts["test"] if len(parts["test"]) else None,
        notes=notes + _unreadable_note(unreadable) + _lost_classes(found, classes) + frame_notes,
        left_out=_left_out(unreadable, folder, classes),
    )


def _left_out(unreadable: list[str], folder: Path, classes: list[str]) -> dict[str, list[str]]:
    """All that the notes on images and classes name the first five of; nothing of what is complete."""
    names = {name for part, name, _ in _class_folders(folder) if part == "train"} - set(classes)
    every = {"images": sorted(unreadable), "classes": sorted(map(printable, names))}
    return {what: held for what, held in every.items() if held}


def _find(folder: Path) -> tuple[list[_Image], list[str]]:
    """Every image file in its part and class, sorted by name, and notes on what is not used."""
    images: list[_Image] = []
    others, loops, empty = [], _links_up(folder), []
    for part, name, top in _class_folders(folder):
        before = len(images)
        for path in _files(top, loops):
            where = printable(os.path.relpath(path, folder))
            if os.path.splitext(path)[1].lower() in IMAGE_ENDINGS:
                images.append(_Image(path, where, name, part))
            else:
                others.append(where)
        if part == "train" and len(images) == before:
            empty.append(printable(name))
    back = [printable(os.path.relpath(path, folder)) for path in loops]
    return images, [
        *([f"{_were(len(others), 'file')} not used, being no images: {some(others)}."] if others else []),
        *([f"{_were(len(back), 'link')} not followed, leading to a folder around it: {some(back)}."] if back else []),
        *([f"{_were(len(empty), 'class', 'classes')} left out, having no image: {some(empty)}."] if empty else []),
        *_outside_classes(folder),
    ]


def _class_folders(folder: Path) -> Iterator[tuple[str, str, str]]:
    """(part, class, folder) of every class."""
    for part, top in (_part_folders(folder) or {"train": folder}).items():
        yield from ((part, class_name, path) for class_name, path in _subfolders(top).items())


def _part_folders(folder: Path) -> dict[str, Path]:
    """Folders of the parts; none where `train` is no part: not there, without classes, or itself a class of images."""
    below = _subfolders(folder)
    if "train" not in below or not _subfolders(folder / "train") or _images_in(folder / "train"):
        return {}
    validation = next((name for name in _VALIDATION if name in below), "")
    names = {"train": "train", "validation": validation, "test": "test"}
    return {part: folder / name for part, name in names.items() if name in below}


def _outside_classes(folder: Path) -> list[str]:
    """Notes on folders beside the parts, and on images that lie in no class."""
    parts = _part_folders(folder)
    unused = [printable(name) for name in _subfolders(folder) if parts and folder / name not in parts.values()]
    strays = [
        printable(os.path.relpath(top / name, folder)) for top in {folder, *parts.values()} for name in _images_in(top)
    ]
    return [
        *([f"{_were(len(unused), 'folder')} not used, being none of the parts: {some(unused)}."] if unused else []),
        *([f"{_were(len(strays), 'image')} not used, lying in no class: {some(sorted(strays))}."] if strays else []),
    ]


def _subfolders(folder: Path) -> dict[str, str]:
    """Names and paths of the folders in a folder, sorted by the bytes of their names.

    Hidden ones are skipped, and links to a folder around them: all images would be of the class that they are in.
    """
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if e.is_dir() and not e.name.startswith(".") and not _leads_up(e.path)]
    return {name: os.path.join(folder, name) for name in sorted(names, key=os.fsencode)}


def _leads_up(path: str) -> bool:
    """Whether this is a link to a folder that it lies in."""
    if not os.path.islink(path):
        return False
    target = os.path.realpath(path)
    return os.path.commonpath([os.path.realpath(os.path.dirname(path)), target]) == target


def _links_up(folder: Path) -> list[str]:
    """Links among the folders of classes and of parts that lead to a folder around them."""
    paths = [os.path.join(top, name) for top in {folder, *_part_folders(folder).values()} for name in os.listdir(top)]
    return sorted(path for path in paths if os.path.isdir(path) and _leads_up(path))


def _files(top: str, loops: list[str]) -> Iterator[str]:
    """Files at any depth below a folder, sorted; hidden files and folders are skipped, each folder is seen once.

    Links to a folder around them are not followed, but added to `loops`.
    """
    seen = set()
    for path, folders, files in os.walk(top, followlinks=True):
        key = os.stat(path).st_dev, os.stat(path).st_ino
        if key in seen:
            folders.clear()
            continue
        seen.add(key)
        shown = sorted((name for name in folders if not name.startswith(".")), key=os.fsencode)
        back = [name for name in shown if _leads_up(os.path.join(path, name))]
        loops += [os.path.join(path, name) for name in back]
        folders[:] = [name for name in shown if name not in back]
        yield from (os.path.join(path, name) for name in sorted(files, key=os.fsencode) if not name.startswith("."))


def _images_in(folder: Path) -> list[str]:
    """Names of the image files right in a folder."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.is_file() and not entry.name.startswith(".")]
    return [name for name in names if os.path.splitext(name)[1].lower() in IMAGE_ENDINGS]


def _read_headers(images: list[_Image]) -> tuple[list[_Image], list[str]]:
    """The images with a readable header, which is filled in, and why the others have none."""
    from PIL import Image

    def header(image: _Image) -> str | None:
        try:
            image.header = read_header(image.path)
        except UnreadableImageError as error:
            return _reason(image, error)
        return None

    with warnings.catch_warnings(), ThreadPoolExecutor(THREADS) as pool:
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # twice as many pixels are an error
        faults = list(pool.map(header, images))
    return [image for image, fault in zip(images, faults, strict=True) if not fault], list(filter(None, faults))


def _frame(headers: list[Header]) -> tuple[Frame, list[str]]:
    """The common shape of all images, and a note where most had another."""
    grey = all(header.grey for header in headers)
    sizes = {(header.height, header.width) for header in headers}
    if len(sizes) == 1:
        height, width = sizes.pop()
        return Frame(height, width, grey), []
    median = int(np.median([min(header.height, header.width) for header in headers])) if headers else 1
    side = min(median, LARGEST_SIDE)
    note = f"images of {len(sizes):,} sizes were resized and cropped at their centre to {side} x {side} pixels."
    return Frame(side, side, grey), [note]


def _decode(images: list[_Image], frame: Frame) -> tuple[list[_Image], np.ndarray, list[str]]:
    """The images that can be decoded, their pixels, uint8 (n, H, W[, C]), and why the others cannot."""

    def pixels(image: _Image) -> np.ndarray | str:
        try:
            return read_pixels(image.path, frame)
        except UnreadableImageError as error:
            return _reason(image, error)

    with warnings.catch_warnings(), ThreadPoolExecutor(THREADS) as pool:
        warnings.simplefilter("ignore")  # Pillow's, on files that it can read all the same
        results = list(pool.map(pixels, images))
    good = [(image, result) for image, result in zip(images, results, strict=True) if isinstance(result, np.ndarray)]
    faults = [result for result in results if isinstance(result, str)]
    stacked = np.stack([result for _, result in good]) if good else np.empty((0, *frame.shape), dtype=np.uint8)
    return [image for image, _ in good], stacked, faults


def _part(name: str, images: list[_Image], pixels: np.ndarray | None, frame: Frame, classes: list[str]) -> Part:
    rows = np.array([row for row, image in enumerate(images) if image.part == name], dtype=np.int64)
    chosen = [images[row] for row in rows]
    order = {class_name: position for position, class_name in enumerate(classes)}
    paths = np.array([image.path for image in chosen], dtype=object)
    return Part(
        inputs=LazyPictures(paths, frame) if pixels is None else pixels[rows],
        labels=np.array([order[image.class_name] for image in chosen], dtype=np.int64),
        ids=np.array([image.id for image in chosen], dtype=object),
        paths=np.array([printable(image.path) for image in chosen], dtype=object),
    )


def _check_classes(images: list[_Image], classes: list[str], folder: Path) -> None:
    if len(classes) < 2:
        named = f"one class only ({printable(classes[0])})" if classes else "no training images that can be read"
        raise ConfigError(f"{printable(str(folder))} cannot be used: {named}. {_layout_hint(folder)}")
    strangers = sorted({(image.part, image.class_name) for image in images if image.class_name not in classes})
    if strangers:
        part, name = strangers[0]
        raise ConfigError(
            f"the {part} part has the class {printable(name)!r}, which the training part does not have: take it out, "
            "or put images of it into training."
        )


def _nothing(folder: Path, found: list[_Image]) -> str:
    """Why a folder gives no image."""
    if found:
        return "none of its images can be read"
    strays = len(_images_in(folder))
    return (
        f"its {counted(strays, 'image')} {'lies' if strays == 1 else 'lie'} in no class"
        if strays
        else "it holds no images"
    )


def _layout_hint(folder: Path) -> str:
    """What to do about a folder without two classes: go one deeper, or arrange the images."""
    below = _subfolders(folder)
    deeper = [path for path in below.values() if len(_subfolders(Path(path))) > 1]
    if len(below) == 1 and deeper:
        return f"Did you mean {printable(deeper[0])}?"
    return "Images are looked for in FOLDER/CLASS/ or FOLDER/train/CLASS/, two classes at least."


def _lost_classes(found: list[_Image], classes: list[str]) -> list[str]:
    lost = sorted({image.class_name for image in found if image.part == "train"} - set(classes))
    if not lost:
        return []
    names = some([printable(name) for name in lost])
    return [f"{_were(len(lost), 'class', 'classes')} left out, having no image that can be read: {names}."]


def _unreadable_note(faults: list[str]) -> list[str]:
    return [f"{_were(len(faults), 'image')} skipped, being unreadable: {some(faults)}."] if faults else []


def _reason(image: _Image, error: UnreadableImageError) -> str:
    return f"{image.id} ({str(error).removeprefix(printable(image.path)).lstrip(': ').rstrip('.')})"


def _were(count: int, one: str, many: str | None = None) -> str:
    return f"{counted(count, one, many)} {'was' if count == 1 else 'were'}"
