"""A set of examples in memory, walked through in batches by slicing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import torch

__all__ = ["ExampleSet"]

Batch: TypeAlias = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class ExampleSet:
    """N examples as tensors on one device: what a probe measures on and a loop trains on.

    Tensors keep their dtype; of arrays and lists, float64 becomes float32, what models expect.

    Args:
        inputs: (N, ...); what the model is given, standardised.
        given_labels: int, (N,); what training is told.
        true_labels: int, (N,); right as far as known. None where unknown.
        index: int, (N,); positions in the full training set; 0..N-1 if left out.
        split: "train", "validation" or "test".
        images: uint8, (N, H, W[, C]); what a person would look at.

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
    ) -> None:
        self.inputs = _inputs(inputs)
        device, n = self.inputs.device, len(self.inputs)
        self.given_labels = _integers("given_labels", given_labels, n).to(device)
        self.true_labels = None if true_labels is None else _integers("true_labels", true_labels, n).to(device)
        self.index = torch.arange(n, device=device) if index is None else _integers("index", index, n).to(device)
        self.split = split
        self.images = None if images is None else np.asarray(images)
        if self.images is not None and len(self.images) != n:
            raise ValueError(f"images must hold one entry for each of the {n} inputs, got {len(self.images)}.")

    @property
    def noisy(self) -> torch.Tensor | None:
        """bool, (N,): True where the given label differs from the true one; None where no true label is known."""
        return None if self.true_labels is None else self.given_labels != self.true_labels

    def __len__(self) -> int:
        return len(self.inputs)

    def __repr__(self) -> str:
        return f"ExampleSet({len(self)} x {tuple(self.inputs.shape[1:])}, {self.split}, {self.inputs.device})"

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield (index, inputs, targets) in order, `size` examples at a time; targets are the given labels."""
        if size < 1:
            raise ValueError(f"size must be at least 1, got {size}.")
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            yield self.index[part], self.inputs[part], self.given_labels[part]

    def select(self, positions: Any) -> ExampleSet:
        """Return the examples at these positions of this set, in that order; each keeps its index.

        Args:
            positions: int, (M,); or bool, (N,).
        """
        chosen = torch.as_tensor(positions, device=self.inputs.device)
        chosen = chosen.nonzero().flatten() if chosen.dtype == torch.bool else chosen.long()
        return ExampleSet(
            self.inputs[chosen],
            self.given_labels[chosen],
            true_labels=None if self.true_labels is None else self.true_labels[chosen],
            index=self.index[chosen],
            split=self.split,
            images=None if self.images is None else self.images[chosen.cpu().numpy()],
        )

    def to(self, device: torch.device | str) -> ExampleSet:
        """Return the same examples with every tensor on `device`; images stay in main memory."""
        return ExampleSet(
            self.inputs.to(device),
            self.given_labels,
            true_labels=self.true_labels,
            index=self.index,
            split=self.split,
            images=self.images,
        )


def _inputs(inputs: Any) -> torch.Tensor:
    if isinstance(inputs, torch.Tensor):
        values = inputs
    else:
        array = np.asarray(inputs)
        values = torch.as_tensor(array.astype(np.float32) if array.dtype == np.float64 else array)
    if values.ndim == 0:
        raise ValueError("inputs must have a first dimension of examples, got a single number.")
    return values


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
