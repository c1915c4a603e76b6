"""What a network makes of its inputs, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

__all__ = ["block_outputs"]

_NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.modules.instancenorm._InstanceNorm)


def block_outputs(model: nn.Module, inputs: torch.Tensor) -> tuple[list[tuple[str, torch.Tensor]], torch.Tensor]:
    """Run a model and keep the output of each block but the last, which makes the logits.

    Blocks are the modules that the model calls directly, containers (Sequential, ModuleList) opened: one that has
    weights, other than those of a normalisation, begins a block, and what follows up to the next one (normalisation,
    activation, pooling, dropout) belongs to it. A model that is one such module has no inner block.

    Args:
        model: inputs (B, ...) -> logits.
        inputs: float, (B, ...).

    Returns:
        Pairs of a block's name (of its first module) and its output, float (B, D), in the order of the calls; and
        what the model returned.
    """
    calls: list[tuple[nn.Module, torch.Tensor]] = []
    units = dict(_units(model, ""))
    with _watched(units, calls):
        logits = model(inputs)
    names = {module: name for name, module in units.items()}
    blocks: list[tuple[str, torch.Tensor]] = []
    for module, output in calls:
        if _begins_block(module):
            blocks.append((names[module], output))
        elif blocks:
            blocks[-1] = (blocks[-1][0], output)
    return [(name, output.detach().flatten(1)) for name, output in blocks[:-1]], logits


@contextmanager
def _watched(units: dict[str, nn.Module], calls: list[tuple[nn.Module, torch.Tensor]]) -> Iterator[None]:
    """Note what each unit puts out; clones, since an in-place activation may come next."""

    def note(module: nn.Module, inputs: object, output: object) -> None:
        if isinstance(output, torch.Tensor) and output.ndim > 1:
            calls.append((module, output.detach().clone()))

    handles = [unit.register_forward_hook(note) for unit in units.values()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _units(module: nn.Module, prefix: str) -> Iterator[tuple[str, nn.Module]]:
    for name, child in module.named_children():
        if isinstance(child, (nn.Sequential, nn.ModuleList)):
            yield from _units(child, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", child


def _begins_block(module: nn.Module) -> bool:
    return not isinstance(module, _NORMS) and any(True for _ in module.parameters())
