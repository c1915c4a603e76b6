"""Optimizers by name."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from probes.training.config import TrainConfig

__all__ = ["configured_optimizer", "make_optimizer"]


def make_optimizer(
    model: nn.Module, name: str, *, lr: float, momentum: float, weight_decay: float
) -> torch.optim.Optimizer:
    """Make an optimizer of all parameters of the model.

    Args:
        model: to be trained.
        name: of OPTIMIZERS.
        lr: learning rate.
        momentum: of "sgd".
        weight_decay: coefficient; applies to every parameter.
    """
    parameters: Iterable[nn.Parameter] = model.parameters()
    if name == "adam":
        return torch.optim.Adam(parameters, lr=lr, weight_decay=weight_decay)
    if name == "adamw":
        return torch.optim.AdamW(parameters, lr=lr, weight_decay=weight_decay)
    return torch.optim.SGD(parameters, lr=lr, momentum=momentum, weight_decay=weight_decay)


def configured_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """The optimizer that a config asks for."""
    return make_optimizer(
        model, config.optimizer, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay
    )
