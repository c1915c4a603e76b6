"""A multilayer perceptron."""

from __future__ import annotations

import math

from torch import nn

__all__ = ["MLP"]


class MLP(nn.Sequential):
    """Flatten, `depth` hidden layers of `width` ReLU units, and a linear layer of K logits.

    Layers are named `hidden1`, `relu1`, ..., `output`. With depth 0 it is a linear model.

    Args:
        input_shape: of one example, without the batch dimension.
        num_classes: K.
        width: units of a hidden layer.
        depth: hidden layers.
        dropout: share of hidden units left out in training.
        batch_norm: normalise before each ReLU.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        num_classes: int,
        *,
        width: int,
        depth: int,
        dropout: float = 0.0,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        self.sizes = [math.prod(input_shape), *[width] * depth, num_classes]
        self.add_module("flatten", nn.Flatten())
        for layer in range(1, depth + 1):
            self.add_module(f"hidden{layer}", nn.Linear(self.sizes[layer - 1], width))
            if batch_norm:
                self.add_module(f"norm{layer}", nn.BatchNorm1d(width))
            self.add_module(f"relu{layer}", nn.ReLU())
            if dropout:
                self.add_module(f"dropout{layer}", nn.Dropout(dropout))
        self.add_module("output", nn.Linear(self.sizes[-2], num_classes))

    @property
    def description(self) -> str:
        """Kind and layer sizes, as "MLP 64-512-512-10"."""
        return "MLP " + "-".join(str(size) for size in self.sizes)
