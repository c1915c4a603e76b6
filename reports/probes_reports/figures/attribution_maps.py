"""Attribution maps as small pictures: a colour for each sign, opacity for the magnitude."""

from __future__ import annotations

import base64
import io

import numpy as np

from probes_reports.palette import LIGHT

__all__ = ["LEVELS", "MOST_PIXELS", "TONES", "as_pixels", "image_shape", "map_levels", "map_png"]

TONES = {"noisy": LIGHT.noisy, "true": LIGHT.true, "clean": LIGHT.clean, "against": LIGHT.ink_3}
MOST_PIXELS = 32  # a side; larger maps are summed over blocks
LEVELS = 20  # of opacity, for each sign
COLOUR_CHANNELS = 4  # at most


def image_shape(shape: object) -> tuple[int, int, int] | None:
    """Channels, height, width of maps; None where they are not those of an image.

    Args:
        shape: (H, W), (C, H, W) or (H, W, C) with at most four channels.

    Example:
        >>> image_shape([1, 8, 8]), image_shape([13])
        ((1, 8, 8), None)
    """
    if not isinstance(shape, list | tuple) or not all(isinstance(side, int) and side > 0 for side in shape):
        return None
    if len(shape) == 2:
        return 1, shape[0], shape[1]
    if len(shape) != 3:
        return None
    if shape[0] <= COLOUR_CHANNELS:
        return shape[0], shape[1], shape[2]
    return (shape[2], shape[0], shape[1]) if shape[2] <= COLOUR_CHANNELS else None


def as_pixels(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """One value a pixel: channels are summed, and blocks where a side exceeds MOST_PIXELS.

    Args:
        values: float, (D,); a map in row-major order.
        shape: of the input, as `image_shape` takes it.

    Returns:
        float64, (H, W), sides at most MOST_PIXELS; the sum is that of `values`.
    """
    channels, height, width = image_shape(shape) or (1, 1, values.size)
    whole = np.asarray(values, dtype=np.float64).reshape(shape)
    first = whole.ndim == 2 or shape[0] == channels
    pixels = whole if whole.ndim == 2 else whole.sum(axis=0 if first else -1)
    step = -(-max(height, width) // MOST_PIXELS)
    if step == 1:
        return pixels
    padded = np.pad(pixels, ((0, -height % step), (0, -width % step)))
    return padded.reshape(padded.shape[0] // step, step, padded.shape[1] // step, step).sum(axis=(1, 3))


def map_levels(pixels: np.ndarray) -> np.ndarray:
    """A map in steps: uint8, (H, W); 1 to LEVELS by |value| / max |value|, LEVELS more below 0, 0 where it is clear.

    Args:
        pixels: float, (H, W).
    """
    values = np.nan_to_num(pixels, nan=0.0, posinf=0.0, neginf=0.0)
    largest = float(np.abs(values).max(initial=0.0))
    level = np.rint(np.abs(values) / largest * LEVELS).astype(np.uint8) if largest else np.zeros(values.shape, np.uint8)
    return np.where((values < 0) & (level > 0), level + LEVELS, level).astype(np.uint8)


def map_png(pixels: np.ndarray, positive: str, negative: str) -> str:
    """A map as a PNG data URI: opacity |value| / max |value|, one scale a picture; 0 and missing values are clear.

    Args:
        pixels: float, (H, W).
        positive, negative: names of TONES for values above and below 0.
    """
    from PIL import Image

    index = map_levels(pixels)
    image = Image.fromarray(index).convert("P")
    image.putpalette(bytes([0, 0, 0] + _channels(positive) * LEVELS + _channels(negative) * LEVELS))
    opacities = [round(255 * level / LEVELS) for level in range(1, LEVELS + 1)]
    clear = bytes([0, *opacities, *opacities])
    file = io.BytesIO()
    image.save(file, "PNG", transparency=clear, optimize=False)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _channels(tone: str) -> list[int]:
    return [int(TONES[tone][at : at + 2], 16) for at in (1, 3, 5)]
