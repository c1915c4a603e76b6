"""The data sets that torchvision can download; MNIST and its relatives are read in place wherever their files are."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import numpy as np

from probes.data.idx import find_idx, read_idx
from probes.data.source import Part, Source
from probes.data.torchvision_files import TORCHVISION, find_torchvision, places
from probes.errors import ConfigError, ProbeError, cannot_write

__all__ = ["read_torchvision"]


def read_torchvision(name: str, *, root: Path, download: bool) -> Source:
    """Read a data set of TORCHVISION, 10 % less of its training part for validation.

    Args:
        name: of it.
        root: folder that holds, or is to hold, what torchvision downloads.
        download: get it where it is not there.

    Raises:
        ConfigError: the files are not there, or damaged.
        ProbeError: the download fails.
    """
    found = find_torchvision(name, root)
    if found is None and not download:
        raise ConfigError(
            f"{name} is not on this machine (looked in {', '.join(map(str, places(name, root)))}). "
            "Download it with --download, or say with --data-root where it is."
        )
    known = TORCHVISION[name]
    if found is not None and not known.files:
        parts, classes = [_idx_part(found, "train"), _idx_part(found, "t10k")], list(known.classes)
    else:
        sets = [_torchvision_set(name, root, train, download) for train in (True, False)]
        parts = [_part(images, labels) for images, labels in map(_images_and_labels, sets)]
        classes = list(known.classes or sets[0].classes)
    _check(parts, classes, f"{name} in {found or root}")
    return Source(name, "image", classes, parts[0], test=parts[1])


def _idx_part(folder: Path, prefix: str) -> Part:
    paths = [find_idx(folder, f"{prefix}-{file}") for file in ("images-idx3-ubyte", "labels-idx1-ubyte")]
    images, labels = (read_idx(path) for path in paths if path is not None)
    if images.ndim != 3 or labels.shape != images.shape[:1] or images.dtype != np.uint8:
        raise ConfigError(f"{folder} holds {prefix} images of {images.shape} and labels of {labels.shape}.")
    return _part(images, labels)


def _torchvision_set(name: str, root: Path, train: bool, download: bool) -> Any:
    from torchvision import datasets

    kind = getattr(datasets, TORCHVISION[name].type_name)
    part = {"split": "train" if train else "test"} if name == "svhn" else {"train": train}
    try:
        return kind(str(root), download=download, **part)
    except PermissionError as error:
        raise cannot_write(root, error) from error
    except (OSError, EOFError, RuntimeError, tarfile.TarError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if download:
            raise ProbeError(f"{name} could not be downloaded to {root}: {reason}") from error
        raise ConfigError(f"{name} in {root} is damaged ({reason}) Download it again with --download.") from error


def _images_and_labels(data: Any) -> tuple[np.ndarray, np.ndarray]:
    """uint8 images (n, H, W[, C]) and labels of a torchvision data set, whose classes keep them in their own ways."""
    images = np.asarray(data.data)
    labels = np.asarray(data.targets if hasattr(data, "targets") else data.labels)
    if images.ndim == 4 and images.shape[1] == 3 and images.shape[3] != 3:  # SVHN puts channels first
        images = np.moveaxis(images, 1, -1)
    return images, labels


def _part(images: np.ndarray, labels: np.ndarray) -> Part:
    given = labels.astype(np.int64)
    return Part(images, given, np.arange(len(given), dtype=np.int64), true_labels=given)


def _check(parts: list[Part], classes: list[str], where: str) -> None:
    for part in parts:
        outside = (part.labels < 0) | (part.labels >= len(classes))
        if outside.any():
            raise ConfigError(f"labels of {where} must lie in [0, {len(classes)}), got {part.labels[outside][0]}.")
