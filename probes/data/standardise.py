"""Bringing inputs to mean 0 and standard deviation 1, by what the training examples hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

__all__ = ["FeatureScale", "PixelScale", "channels_first"]

_BLOCK = 2**22  # values worked on at once in float64
_LARGE, _SHRINK = 1e100, 2.0**-600  # squares of much larger numbers are not finite; times a power of two is exact
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class PixelScale:
    """One mean and sd for grey images, one per channel for colour ones; uint8 counts as [0, 1].

    Attributes:
        means: float64, (C,).
        sds: float64, (C,); 1 where all pixels are equal.
        value_range: what is shown as black and as white.
    """

    means: np.ndarray
    sds: np.ndarray
    value_range: tuple[float, float] = (0.0, 1.0)

    @classmethod
    def fit(cls, images: np.ndarray) -> PixelScale:
        """Measure training images: uint8 or float, (N, H, W) or (N, H, W, C)."""
        channels = images.shape[3] if images.ndim == 4 else 1
        values = images.reshape(-1, channels)
        if images.dtype == np.uint8:
            return cls(*_moments_of_bytes(values))
        low, high = float(values.min()), float(values.max())
        shown = (0.0, 1.0) if low >= 0 and high <= 1 else (low, high if high > low else low + 1)
        return cls(*_moments(values), value_range=shown)

    def apply(self, images: np.ndarray) -> np.ndarray:
        """Standardise: (n, H, W[, C]) -> float32, (n, C, H, W)."""
        channels = channels_first(images)
        result = np.empty(channels.shape, dtype=np.float32)
        for number, (mean, sd) in enumerate(zip(self.means, self.sds, strict=True)):
            table = ((np.arange(256) / 255 - mean) / sd).astype(np.float32)
            for rows in _blocks(channels[:, number]):
                values = channels[rows, number]
                exact = table[values] if images.dtype == np.uint8 else (values.astype(np.float64) - mean) / sd
                result[rows, number] = exact
        return result

    def shown(self, images: np.ndarray) -> np.ndarray:
        """Turn raw images into uint8 of the same shape."""
        if images.dtype == np.uint8:
            return images
        low, high = self.value_range
        result = np.empty(images.shape, dtype=np.uint8)
        for rows in _blocks(images):
            result[rows] = np.round(np.clip((images[rows].astype(np.float64) - low) / (high - low), 0, 1) * 255)
        return result


@dataclass(frozen=True)
class FeatureScale:
    """Each feature by its own mean and sd over the training rows; a missing value becomes the mean.

    Attributes:
        means: float64, (D,).
        sds: float64, (D,); 1 where the feature is constant.
        constant: bool, (D,); these become 0.
    """

    means: np.ndarray
    sds: np.ndarray
    constant: np.ndarray

    @classmethod
    def fit(cls, rows: np.ndarray, flags: np.ndarray | None = None) -> FeatureScale:
        """Measure training rows.

        Args:
            rows: numbers, (N, D); NaN and infinite values are missing.
            flags: bool, (D,); features of 0 and 1 that stay as they are.
        """
        columns = [_column_moments(rows[:, column]) for column in range(rows.shape[1])]
        means, sds, constant = (np.array(values) for values in zip(*columns, strict=True))
        if flags is not None:
            means, sds = np.where(flags, 0.0, means), np.where(flags, 1.0, sds)
        return cls(means, sds, constant.astype(bool))

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """Standardise: numbers, (n, D) -> float32, (n, D)."""
        result = np.zeros(rows.shape, dtype=np.float32)
        for part in _blocks(rows):
            values = self._standard(rows[part])
            result[part] = np.where((np.abs(values) <= _LARGEST) & ~self.constant, values, 0)
        return result

    def beyond(self, rows: np.ndarray) -> np.ndarray:
        """Count finite values so far from the training rows that float32 cannot hold them, and which become 0: (D,)."""
        counts = np.zeros(rows.shape[1], dtype=np.int64)
        for part in _blocks(rows):
            held = np.abs(self._standard(rows[part])) <= _LARGEST
            counts += (np.isfinite(rows[part]) & ~held & ~self.constant).sum(axis=0)
        return counts

    def _standard(self, rows: np.ndarray) -> np.ndarray:
        """float64, (n, D); what is too large is infinite."""
        shrink = _handy(np.maximum(np.abs(self.means), self.sds))
        with np.errstate(over="ignore", invalid="ignore"):
            return (rows.astype(np.float64) * shrink - self.means * shrink) / (self.sds * shrink)


def channels_first(images: np.ndarray) -> np.ndarray:
    """(n, H, W[, C]) -> (n, C, H, W), as a view."""
    return images[:, None] if images.ndim == 3 else np.moveaxis(images, -1, 1)


def _blocks(values: np.ndarray) -> Iterator[slice]:
    """Slices of the first dimension, of few enough values to be held in float64."""
    step = max(1, _BLOCK // max(1, int(np.prod(values.shape[1:]))))
    return (slice(start, start + step) for start in range(0, len(values), step))


def _moments_of_bytes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sd of each column of uint8, on the [0, 1] scale, from the counts of the 256 values."""
    counts = np.stack([np.bincount(values[:, channel], minlength=256) for channel in range(values.shape[1])])
    levels, total = np.arange(256) / 255, counts.sum(axis=1)
    means = counts @ levels / total
    sds = np.sqrt((counts * (levels - means[:, None]) ** 2).sum(axis=1) / total)
    return means, np.where((counts > 0).sum(axis=1) > 1, sds, 1.0)


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and sd of each column of numbers, in float64, a block at a time."""
    means = sum(values[rows].sum(axis=0, dtype=np.float64) for rows in _blocks(values)) / len(values)
    squares = sum(((values[rows].astype(np.float64) - means) ** 2).sum(axis=0) for rows in _blocks(values))
    constant = values.min(axis=0) == values.max(axis=0)
    return np.asarray(means), np.where(constant, 1.0, np.sqrt(squares / len(values)))


def _column_moments(column: np.ndarray) -> tuple[float, float, bool]:
    """Mean, sd and whether the column is constant; of an empty column 0, 1 and True."""
    known = column[np.isfinite(column)].astype(np.float64)
    if not known.size or known.min() == known.max():
        return (float(known[0]) if known.size else 0.0), 1.0, True
    shrink = float(_handy(np.abs(known).max()))
    known = known * shrink
    return float(known.mean() / shrink), float(known.std() / shrink), False


def _handy(sizes: np.ndarray) -> np.ndarray:
    """What to multiply numbers of such sizes by, so that their squares are neither infinite nor 0: 1 for most."""
    return np.where(sizes > _LARGE, _SHRINK, np.where(sizes < 1 / _LARGE, 1 / _SHRINK, 1.0))
