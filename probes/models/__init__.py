"""Models by name, built from a seed without touching any random state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probes.errors import unknown_name

if TYPE_CHECKING:
    from torch import nn

__all__ = ["MODELS", "build_model", "describe", "num_parameters"]

MODELS: dict[str, str] = {
    "mlp": "multilayer perceptron with ReLU: --depth hidden layers of --width units",
}


def build_model(
    name: str, *, input_shape: tuple[int, ...], num_classes: int, width: int, depth: int, seed: int
) -> nn.Module:
    """Build a model on the CPU, with PyTorch's default initialisation drawn from `seed`.

    Args:
        name: a name of MODELS.
        input_shape: of one example, without the batch dimension.
        num_classes: K, the number of logits.
        width: units of a hidden layer.
        depth: hidden layers.
        seed: of the weights; the global random state is left as it was.

    Raises:
        ConfigError: unknown name; the nearest known one is suggested.
    """
    if name not in MODELS:
        raise unknown_name("model", name, MODELS)
    import torch

    from probes.models.mlp import MLP

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed accelerators as well
        return MLP(input_shape, num_classes, width=width, depth=depth)


def describe(model: nn.Module) -> str:
    """Return a model's own description, such as "MLP 64-512-512-10", or the name of its class."""
    return str(getattr(model, "description", type(model).__name__))


def num_parameters(model: nn.Module) -> int:
    """Count the trained parameters."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
