"""A small convolutional network: two convolutions of 3 x 3, and one hidden layer."""

from __future__ import annotations

from torch import nn

__all__ = ["CNN"]

CHANNELS, HIDDEN = (32, 64), 128


class CNN(nn.Sequential):
    """Twice (3 x 3 convolution, ReLU, halving max-pool), a hidden layer of 128 ReLU units, K logits.

    Args:
        input_shape: (C, H, W) of one example; H and W at least 4.
        num_classes: K.
        dropout: share of hidden units left out in training.
        batch_norm: normalise before each ReLU of a convolution.
    """

    def __init__(
        self, input_shape: tuple[int, ...], num_classes: int, *, dropout: float = 0.0, batch_norm: bool = False
    ) -> None:
        super().__init__()
        channels, height, width = input_shape
        for layer, out in enumerate(CHANNELS, start=1):
            self.add_module(f"conv{layer}", nn.Conv2d(channels, out, 3, padding=1))
            if batch_norm:
                self.add_module(f"norm{layer}", nn.BatchNorm2d(out))
            self.add_module(f"relu{layer}", nn.ReLU())
            self.add_module(f"pool{layer}", nn.MaxPool2d(2))
            channels, height, width = out, height // 2, width // 2
        self.add_module("flatten", nn.Flatten())
        self.add_module("hidden", nn.Linear(channels * height * width, HIDDEN))
        self.add_module("relu", nn.ReLU())
        if dropout:
            self.add_module("dropout", nn.Dropout(dropout))
        self.add_module("output", nn.Linear(HIDDEN, num_classes))
        self.description = f"CNN {CHANNELS[0]}/{CHANNELS[1]} channels, {HIDDEN} hidden units"
