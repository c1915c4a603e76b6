"""ResNet-18 in its form for small images."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import relu

__all__ = ["ResNet18"]

CHANNELS = (64, 128, 256, 512)


class ResNet18(nn.Sequential):
    """A 3 x 3 stem without pooling, four stages of two residual blocks, a mean, K logits.

    On CIFAR-10 it has 11,173,962 parameters.

    Args:
        input_shape: (C, H, W) of one example.
        num_classes: K.
        dropout: share of the averaged features left out in training.

    Source:
        He et al., CVPR 2016, https://arxiv.org/abs/1512.03385, with the stem that is usual for 32 x 32 pixels.
    """

    def __init__(self, input_shape: tuple[int, ...], num_classes: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        channels = CHANNELS[0]
        self.add_module("conv", nn.Conv2d(input_shape[0], channels, 3, padding=1, bias=False))
        self.add_module("norm", nn.BatchNorm2d(channels))
        self.add_module("relu", nn.ReLU())
        for stage, out in enumerate(CHANNELS, start=1):
            self.add_module(
                f"stage{stage}",
                nn.Sequential(_Block(channels, out, stride=1 if stage == 1 else 2), _Block(out, out, stride=1)),
            )
            channels = out
        self.add_module("mean", nn.AdaptiveAvgPool2d(1))
        self.add_module("flatten", nn.Flatten())
        if dropout:
            self.add_module("dropout", nn.Dropout(dropout))
        self.add_module("output", nn.Linear(channels, num_classes))
        self.description = "ResNet-18 for small images"


class _Block(nn.Module):
    """Two 3 x 3 convolutions, and a way past them."""

    def __init__(self, channels: int, out: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)
        same = stride == 1 and channels == out
        self.shortcut = (
            nn.Identity()
            if same
            else nn.Sequential(nn.Conv2d(channels, out, 1, stride=stride, bias=False), nn.BatchNorm2d(out))
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        hidden = relu(self.norm1(self.conv1(inputs)))
        return relu(self.norm2(self.conv2(hidden)) + self.shortcut(inputs))
