"""Images that stay in their files until they are needed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from probes.data.image_files import Frame, read_pixels
from probes.data.standardise import PixelScale

__all__ = ["IN_MEMORY_BYTES", "LazyImages", "LazyPictures"]

IN_MEMORY_BYTES = 2**30  # as float32; a folder that takes more is decoded image by image when needed
THREADS = min(16, (os.cpu_count() or 1) + 2)


class LazyPictures:
    """Raw images by position: a sequence, and a function of the position, that decodes when asked.

    Args:
        files: of N images.
        frame: their common shape.
    """

    def __init__(self, files: Sequence[str] | np.ndarray, frame: Frame) -> None:
        self.files, self.frame = np.asarray(files, dtype=object), frame

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, position: int) -> np.ndarray:
        return read_pixels(self.files[position], self.frame)

    def __call__(self, position: int) -> np.ndarray:
        return self[position]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[position] for position in range(len(self)))

    def select(self, positions: np.ndarray) -> LazyPictures:
        """Return the images at these positions."""
        return LazyPictures(self.files[positions], self.frame)

    def read(self) -> np.ndarray:
        """Decode them all: uint8, (N, H, W[, C])."""
        with ThreadPoolExecutor(THREADS) as pool:
            pixels = list(pool.map(self.__getitem__, range(len(self))))
        return np.stack(pixels) if pixels else np.empty((0, *self.frame.shape), dtype=np.uint8)


class LazyImages:
    """What a tensor of standardised images (N, C, H, W) would be, decoded by threads when it is indexed.

    Args:
        pictures: the raw images.
        scale: how they are standardised.
        device: where indexing puts its tensors.
    """

    dtype = torch.float32

    def __init__(self, pictures: LazyPictures, scale: PixelScale, device: torch.device | str = "cpu") -> None:
        self.pictures, self.scale, self.device = pictures, scale, torch.device(device)

    @property
    def shape(self) -> torch.Size:
        """(N, C, H, W)."""
        frame = self.pictures.frame
        return torch.Size((len(self), 1 if frame.grey else 3, frame.height, frame.width))

    @property
    def ndim(self) -> int:
        """Always 4."""
        return 4

    @property
    def nbytes(self) -> int:
        """What they would take in memory."""
        return 4 * self.shape.numel()

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, positions: Any) -> torch.Tensor:
        """Decode: a slice, int64 or bool tensor gives (n, C, H, W), a single position (C, H, W)."""
        if isinstance(positions, int | np.integer):
            return self._tensor(self.pictures.select(np.array([int(positions)])).read())[0]
        if isinstance(positions, torch.Tensor):
            positions = positions.cpu().numpy()
        elif not isinstance(positions, slice):
            positions = np.asarray(positions)
        return self._tensor(self.pictures.select(positions).read())

    def batches(self, size: int) -> Iterator[torch.Tensor]:
        """Yield them in order, `size` at a time; the next ones are decoded while the caller works on these."""
        read = self.pictures.__getitem__
        with ThreadPoolExecutor(THREADS) as pool:

            def start(first: int) -> list[Future[np.ndarray]]:
                return [pool.submit(read, position) for position in range(first, min(first + size, len(self)))]

            ready = start(0)
            for first in range(0, len(self), size):
                current, ready = ready, start(first + size)
                try:
                    yield self._tensor(np.stack([future.result() for future in current]))
                except GeneratorExit:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise

    def select(self, positions: np.ndarray) -> LazyImages:
        """Return those at these positions, not decoded."""
        return LazyImages(self.pictures.select(positions), self.scale, self.device)

    def to(self, device: torch.device | str) -> LazyImages:
        """Return the same images, put on `device` when they are indexed."""
        return LazyImages(self.pictures, self.scale, device)

    def read(self) -> torch.Tensor:
        """Decode them all."""
        return self._tensor(self.pictures.read())

    @staticmethod
    def is_floating_point() -> bool:
        """As a tensor says it: True."""
        return True

    def _tensor(self, pixels: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(self.scale.apply(pixels)).to(self.device)
