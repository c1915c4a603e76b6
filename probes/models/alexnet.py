"""The small AlexNet of Zhang et al. 2017."""

from __future__ import annotations

from torch import nn

__all__ = ["SmallAlexNet"]

CHANNELS, HIDDEN = 64, (384, 192)


class SmallAlexNet(nn.Sequential):
    """Twice (5 x 5 convolution, ReLU, 3 x 3 max-pool of stride 2, local response normalisation), 384, 192, K.

    64 channels are what gives the paper's 1,387,786 parameters on 3 x 28 x 28 inputs and 10 classes.

    Args:
        input_shape: (C, H, W) of one example; H and W at least 4.
        num_classes: K.
        dropout: share of the units of both hidden layers left out in training.
        batch_norm: batch normalisation in place of the local response normalisation.

    Source:
        Zhang et al., ICLR 2017, appendix A, https://arxiv.org/abs/1611.03530.
    """

    def __init__(
        self, input_shape: tuple[int, ...], num_classes: int, *, dropout: float = 0.0, batch_norm: bool = False
    ) -> None:
        super().__init__()
        channels, height, width = input_shape
        for layer in (1, 2):
            norm: nn.Module = nn.BatchNorm2d(CHANNELS) if batch_norm else nn.LocalResponseNorm(5)
            self.add_module(f"conv{layer}", nn.Conv2d(channels, CHANNELS, 5, padding=2))
            self.add_module(f"relu{layer}", nn.ReLU())
            self.add_module(f"pool{layer}", nn.MaxPool2d(3, stride=2, padding=1))
            self.add_module(f"norm{layer}", norm)
            channels, height, width = CHANNELS, (height + 1) // 2, (width + 1) // 2
        self.add_module("flatten", nn.Flatten())
        features = channels * height * width
        for layer, out in enumerate(HIDDEN, start=1):
            self.add_module(f"hidden{layer}", nn.Linear(features, out))
            self.add_module(f"hidden_relu{layer}", nn.ReLU())
            if dropout:
                self.add_module(f"dropout{layer}", nn.Dropout(dropout))
            features = out
        self.add_module("output", nn.Linear(features, num_classes))
        self.description = f"small AlexNet, {CHANNELS} channels, {HIDDEN[0]}-{HIDDEN[1]}-{num_classes}"
