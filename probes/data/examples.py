"""A set of examples, in memory or read from files as needed, walked through in batches by slicing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
import torch

from probes.data.lazy_images import LazyImages

__all__ = ["ExampleSet"]

Batch: TypeAlias = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class ExampleSet:
    """N examples on one device: what a probe measures on and a loop trains on.

    Tensors keep their dtype; of arrays and lists, float64 becomes float32, what models expect.

    Args:
        inputs: (N, ...); what the model is given, standardised. `LazyImages` are read when they are needed.
        given_labels: int, (N,); what training is told.
        true_labels: int, (N,); right as far as known. None where unknown.
        index: int, (N,); positions in the full training set; 0..N-1 if left out.
        split: "train", "validation" or "test".
        images: uint8, (N, H, W[, C]), or a function from a position in this set to one of them; what a person would
            look at.
        replaced: bool, (N,); True where the input was replaced by noise; None where none was.

    Raises:
        ValueError: lengths disagree, or there is no example dimension.
        TypeError: labels or index are not whole numbers.
    """

    def __init__(
        self,
        inputs: Any,
        given_labels: Any,
        *,
        true_labels: Any = None,
        index: Any = None,
        split: str = "train",
        images: Any = None,
        replaced: Any = None,
    ) -> None:
        self.inputs = _inputs(inputs)
        device, n = self.inputs.device, len(self.inputs)
        self.given_labels = _integers("given_labels", given_labels, n).to(device)
        self.true_labels = None if true_labels is None else _integers("true_labels", true_labels, n).to(device)
        self.index = torch.arange(n, device=device) if index is None else _integers("index", index, n).to(device)
        self.split = split
        self.images = images if images is None or callable(images) else np.asarray(images)
        if isinstance(self.images, np.ndarray) and len(self.images) != n:
            raise ValueError(f"images must hold one entry for each of the {n} inputs, got {len(self.images)}.")
        self.replaced = None if replaced is None else torch.as_tensor(replaced, dtype=torch.bool, device=device)
        if self.replaced is not None and self.replaced.shape != (n,):
            raise ValueError(f"replaced must have one entry for each of the {n} inputs, got {len(self.replaced)}.")

    @property
    def noisy(self) -> torch.Tensor | None:
        """bool, (N,): True where the given label differs from the true one or the input was replaced; else None.

        None where no true label is known.
        """
        if self.true_labels is None:
            return None
        differs = self.given_labels != self.true_labels
        return differs if self.replaced is None else differs | self.replaced

    def __len__(self) -> int:
        return len(self.inputs)

    def __repr__(self) -> str:
        return f"ExampleSet({len(self)} x {tuple(self.inputs.shape[1:])}, {self.split}, {self.inputs.device})"

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield (index, inputs, targets) in order, `size` examples at a time; targets are the given labels."""
        if size < 1:
            raise ValueError(f"size must be at least 1, got {size}.")
        lazy = self.inputs.batches(size) if isinstance(self.inputs, LazyImages) else None
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            yield self.index[part], self.inputs[part] if lazy is None else next(lazy), self.given_labels[part]

    def select(self, positions: Any) -> ExampleSet:
        """Return the examples at these positions of this set, in that order; each keeps its index.

        Args:
            positions: int, (M,); or bool, (N,).
        """
        chosen = torch.as_tensor(positions, device=self.inputs.device)
        chosen = chosen.nonzero().flatten() if chosen.dtype == torch.bool else chosen.long()
        lazy = isinstance(self.inputs, LazyImages)
        return ExampleSet(
            self.inputs.select(chosen.cpu().numpy()) if lazy else self.inputs[chosen],
            self.given_labels[chosen],
            true_labels=None if self.true_labels is None else self.true_labels[chosen],
            index=self.index[chosen],
            split=self.split,
            images=None if self.images is None else _some_images(self.images, chosen.cpu().numpy()),
            replaced=None if self.replaced is None else self.replaced[chosen],
        )

    def renumbered(self) -> ExampleSet:
        """Return the same examples as a full training set of their own: index 0..N-1."""
        return self._with(self.inputs, index=None)

    def to(self, device: torch.device | str) -> ExampleSet:
        """Return the same examples with every tensor on `device`; images stay in main memory."""
        return self._with(self.inputs.to(device), index=self.index)

    def _with(self, inputs: Any, index: Any) -> ExampleSet:
        return ExampleSet(
            inputs,
            self.given_labels,
            true_labels=self.true_labels,
            index=index,
            split=self.split,
            images=self.images,
            replaced=self.replaced,
        )


def _inputs(inputs: Any) -> Any:
    """Return a tensor or `LazyImages`."""
    if isinstance(inputs, LazyImages):
        return inputs
    if isinstance(inputs, torch.Tensor):
        values = inputs
    else:
        array = np.asarray(inputs)
        values = torch.as_tensor(array.astype(np.float32) if array.dtype == np.float64 else array)
    if values.ndim == 0:
        raise ValueError("inputs must have a first dimension of examples, got a single number.")
    return values


def _some_images(images: Any, chosen: np.ndarray) -> Any:
    """The images at these positions: an array of an array, a function of a function."""
    if isinstance(images, np.ndarray):
        return images[chosen]
    if hasattr(images, "select"):
        return images.select(chosen)
    of_all: Callable[[int], Any] = images
    return lambda position: of_all(int(chosen[position]))


def _integers(name: str, values: Any, length: int) -> torch.Tensor:
    """Return `values` as an int64 tensor (N,), or say what is wrong with them."""
    tensor = values if isinstance(values, torch.Tensor) else torch.as_tensor(np.asarray(values))
    if tensor.shape != (length,):
        raise ValueError(
            f"{name} must have one entry for each of the {length} inputs, got shape {tuple(tensor.shape)}."
        )
    if length and (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool):
        raise TypeError(f"{name} must be whole numbers, got {str(tensor.dtype).removeprefix('torch.')}.")
    return tensor.long()
