"""Thumbnails: which examples get one, and how an image becomes a small PNG."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np

from probes.scores.catalogue import CATALOGUE

__all__ = ["EVERY", "ImageSource", "choose_thumbnails", "encode_png", "image_source"]

EVERY = 70_000  # up to this many examples each has a thumbnail
SAMPLE = 10_000
EXTREMES = 500
LARGEST = 64

ImageSource = Callable[[int], Any]


def encode_png(image: Any) -> bytes:
    """Encode one image as PNG, at most 64 pixels a side.

    Args:
        image: (H, W) or (H, W, C), C of 1, 3 or 4; uint8, bool, or float in [0, 1].
    """
    from PIL import Image

    pixels = np.asarray(image)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise ValueError(f"images must have shape (N, H, W) or (N, H, W, C) with C of 1, 3 or 4, got {pixels.shape}.")
    if pixels.dtype != np.uint8:
        pixels = np.round(np.clip(np.asarray(pixels, dtype=np.float64), 0, 1) * 255).astype(np.uint8)
    picture = Image.fromarray(pixels)
    if max(picture.size) > LARGEST:
        picture.thumbnail((LARGEST, LARGEST))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def image_source(images: Any, num_examples: int) -> ImageSource:
    """A function from index to image, of an array (N, H, W[, C]) or of such a function.

    Floats beyond [0, 1] are scaled by the range of the whole array.

    Raises:
        ValueError: the array is not of N images.
    """
    if callable(images):
        return images
    array = images.detach().cpu().numpy() if hasattr(images, "detach") else np.asarray(images)
    if array.ndim not in (3, 4) or len(array) != num_examples:
        raise ValueError(f"images must have shape ({num_examples}, H, W[, C]), got {array.shape}.")
    if array.ndim == 4 and array.shape[3] not in (1, 3, 4):
        hint = " Put channels last: images.transpose(0, 2, 3, 1)." if array.shape[1] in (1, 3, 4) else ""
        raise ValueError(f"images must have 1, 3 or 4 channels as last dimension, got {array.shape}.{hint}")
    if array.dtype != np.uint8:
        low, high = float(np.nanmin(array)), float(np.nanmax(array))
        if low < 0 or high > 1:
            array = (array - low) / max(high - low, 1e-12)
    return lambda index: array[index]


def choose_thumbnails(num_examples: int, score_columns: Any, seed: int = 0) -> np.ndarray:
    """Examples that get a thumbnail: all up to 70,000; beyond that a seeded 10,000 and each score's extremes.

    Args:
        score_columns: DataFrame of scores, one row per example.

    Returns:
        int64, sorted positions.
    """
    if num_examples <= EVERY:
        return np.arange(num_examples)
    chosen = [np.random.default_rng(seed).choice(num_examples, SAMPLE, replace=False)]
    for name, score in CATALOGUE.items():
        if score.direction is not None and score.default:
            values = score_columns[name].to_numpy(dtype=np.float64, na_value=np.nan)
            order = np.argsort(values)
            order = order[: np.count_nonzero(~np.isnan(values))]
            chosen.append(order[:EXTREMES] if score.direction == "low" else order[-EXTREMES:])
    return np.unique(np.concatenate(chosen))
