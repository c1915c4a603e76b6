"""The small Inception of Zhang et al. 2017."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["SmallInception"]

# (1 x 1, 3 x 3) channels of the inception modules before, between and after the two downsampling ones
_FIRST = ((32, 32), (32, 48))
_SECOND = ((112, 48), (96, 64), (80, 80), (48, 96))
_THIRD = ((176, 160), (176, 160))
_DOWN = (80, 96)


class SmallInception(nn.Sequential):
    """A 3 x 3 convolution of 96 channels, eight inception modules, two downsampling ones, a mean, K logits.

    Counted as the paper counts (biases of convolutions, no scale or shift of batch normalisation) it has 1,649,402
    parameters on 3 colour channels and 10 classes; any size of at least 4 x 4 pixels fits.

    Args:
        input_shape: (C, H, W) of one example.
        num_classes: K.
        dropout: share of the averaged features left out in training.
        batch_norm: normalise before each ReLU; the paper reports both.

    Source:
        Zhang et al., ICLR 2017, appendix A, figure 3, https://arxiv.org/abs/1611.03530.
    """

    def __init__(
        self, input_shape: tuple[int, ...], num_classes: int, *, dropout: float = 0.0, batch_norm: bool = True
    ) -> None:
        super().__init__()
        self.add_module("stem", _conv(input_shape[0], 96, 3, batch_norm))
        channels = 96
        for stage, (modules, down) in enumerate(zip((_FIRST, _SECOND, _THIRD), (*_DOWN, None), strict=True), start=1):
            for number, (narrow, wide) in enumerate(modules, start=1):
                self.add_module(f"inception{stage}_{number}", _Inception(channels, narrow, wide, batch_norm))
                channels = narrow + wide
            if down is not None:
                self.add_module(f"down{stage}", _Downsample(channels, down, batch_norm))
                channels += down
        self.add_module("mean", nn.AdaptiveAvgPool2d(1))
        self.add_module("flatten", nn.Flatten())
        if dropout:
            self.add_module("dropout", nn.Dropout(dropout))
        self.add_module("output", nn.Linear(channels, num_classes))
        self.description = f"small Inception{'' if batch_norm else ' without batch norm'}"


class _Inception(nn.Module):
    """A 1 x 1 and a 3 x 3 convolution side by side."""

    def __init__(self, channels: int, narrow: int, wide: int, batch_norm: bool) -> None:
        super().__init__()
        self.narrow = _conv(channels, narrow, 1, batch_norm)
        self.wide = _conv(channels, wide, 3, batch_norm)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.cat((self.narrow(inputs), self.wide(inputs)), dim=1)


class _Downsample(nn.Module):
    """A 3 x 3 convolution of stride 2 and a 3 x 3 max-pool of stride 2 side by side."""

    def __init__(self, channels: int, out: int, batch_norm: bool) -> None:
        super().__init__()
        self.conv = _conv(channels, out, 3, batch_norm, stride=2)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.cat((self.conv(inputs), self.pool(inputs)), dim=1)


def _conv(channels: int, out: int, size: int, batch_norm: bool, stride: int = 1) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(channels, out, size, stride=stride, padding=size // 2)]
    if batch_norm:
        layers.append(nn.BatchNorm2d(out))
    return nn.Sequential(*layers, nn.ReLU())
