"""Any classifier of torchvision by its name, freshly initialised."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torchvision.models import get_model, list_models

__all__ = ["torchvision_model", "torchvision_names"]


def torchvision_names() -> list[str]:
    """Names of torchvision's image classifiers, such as "resnet50"."""
    import torchvision

    return list_models(module=torchvision.models)


def torchvision_model(name: str, input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Build one without pretrained weights; grey images are repeated to its three channels.

    A vision transformer takes square images of any side that its patches divide, else the 224 x 224 of torchvision.

    Args:
        name: of `torchvision_names`.
        input_shape: (C, H, W) of one example.
        num_classes: K.
    """
    options: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        options = {"aux_logits": False, "init_weights": True}
    height, width = input_shape[1:]
    if name.startswith("vit_") and height == width and height % int(name.rpartition("_")[2]) == 0:  # the patches' side
        options = {"image_size": height}
    model = get_model(name, weights=None, num_classes=num_classes, **options)
    return _FromGrey(model, name) if input_shape[0] == 1 else model


class _FromGrey(nn.Module):
    """Repeats one channel three times before a network of colour images."""

    def __init__(self, network: nn.Module, name: str) -> None:
        super().__init__()
        self.network = network
        self.description = f"{name}, grey repeated to three channels"

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(inputs.expand(-1, 3, -1, -1))
        return logits
