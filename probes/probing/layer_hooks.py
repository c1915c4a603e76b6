"""One backward pass that gives the parameter-gradient norm of every example; and when it may be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from probes.probing.layer_gradients import RULES, square_norms
from probes.probing.per_example_gradients import LossSlope, loss_slope, trainable_parameters

__all__ = ["HookedLayer", "NotOnePassError", "hookable_layers", "one_pass_norms"]


class NotOnePassError(Exception):
    """Some gradient of this batch cannot be read off inputs and outputs of layers."""


@dataclass(frozen=True)
class HookedLayer:
    """A layer that is called once in a forward pass, and which of its parameters count."""

    layer: nn.Module
    weight: bool
    bias: bool


def hookable_layers(model: nn.Module, inputs: Tensor) -> list[HookedLayer] | None:
    """Every layer with trainable parameters, if one backward pass gives exact norms for all of them; else None.

    It does if each such layer is of a type in RULES, each of its parameters is used by one operation (read off the
    autograd graph; `one_pass_norms` sees to it that this is in the layer's only call), and its rows are the examples:
    the gradient of the first example's logits is zero in every other row.

    Args:
        model: in eval mode, parameters as they are trained.
        inputs: (2, ...); two examples.
    """
    layers = _layers_by_type(model)
    if layers is None:
        return None
    parameters = list(trainable_parameters(model).values())
    outputs: list[Tensor] = []
    apart = True

    def look(layer: nn.Module, given: tuple[Any, ...], output: Tensor) -> None:
        nonlocal apart
        apart &= len(given) == 1 and given[0].ndim > 0 and len(given[0]) == len(inputs) and output.requires_grad
        outputs.append(output)

    with _forward_hooks([hooked.layer for hooked in layers], look):
        output = model(inputs.clone())
    if not apart or not isinstance(output, Tensor) or output.ndim == 0 or not output.requires_grad:
        return None
    uses = _uses(output)
    if any(uses[parameter] != 1 for parameter in parameters):
        return None
    first = output[0].flatten()
    weighted = first @ torch.arange(1, len(first) + 1, dtype=first.dtype, device=first.device)
    slopes = torch.autograd.grad(weighted, outputs, allow_unused=True)  # no weight's gradient is computed on the way
    if any(slope is None or len(slope) != len(inputs) or bool(slope[1:].any()) for slope in slopes):
        return None
    return layers


def one_pass_norms(
    model: nn.Module, layers: list[HookedLayer], inputs: Tensor, targets: Tensor
) -> tuple[Tensor, LossSlope]:
    """Norms of the gradients, by one backward pass that computes no parameter gradient.

    Args:
        model: in eval mode; no parameter requires a gradient.
        layers: of `hookable_layers`.
        inputs: (B, ...).
        targets: int64, (B,).

    Returns:
        float64, (B,), along the slope's direction: its size is not multiplied in; and the slope.

    Raises:
        NotOnePassError: the model took another path than for the examples that `hookable_layers` saw.
    """
    layer_of = {hooked.layer: hooked for hooked in layers}
    given_to: dict[nn.Module, tuple[Tensor, int]] = {}
    total = torch.zeros(len(inputs), dtype=torch.float64, device=inputs.device)
    anchor = torch.zeros((), requires_grad=True)

    def keep(layer: nn.Module, given: tuple[Any, ...], output: Tensor) -> Tensor:
        if layer in given_to or len(given) != 1 or len(given[0]) != len(inputs) or len(output) != len(inputs):
            raise NotOnePassError
        given_to[layer] = given[0].detach(), given[0]._version
        if not output.requires_grad:
            output = _Anchored.apply(output, anchor)
        output.register_hook(lambda slope: add(layer, slope))
        return output

    def add(layer: nn.Module, slope: Tensor) -> None:
        given, version = given_to.pop(layer)
        if given._version != version:  # changed in place since, where autograd would have kept a copy or complained
            raise NotOnePassError
        hooked = layer_of[layer]
        total.add_(square_norms(layer, given, slope, weight=hooked.weight, bias=hooked.bias))

    with _forward_hooks(layer_of, keep):
        output = model(inputs.clone())
    if len(given_to) != len(layers):
        raise NotOnePassError
    slope = loss_slope(output, targets)
    if not output.requires_grad:
        raise NotOnePassError
    torch.autograd.grad(output, anchor, slope.direction, allow_unused=True)
    if given_to:
        raise NotOnePassError
    return total.sqrt(), slope


class _Anchored(torch.autograd.Function):
    """The same tensor, now with a gradient: the weights before it are frozen, and its inputs have none."""

    @staticmethod
    def forward(ctx: Any, output: Tensor, anchor: Tensor) -> Tensor:
        ctx.mark_dirty(output)  # no copy; later layers may change it in place
        return output

    @staticmethod
    def backward(ctx: Any, *slopes: Any) -> Any:
        return None, None


@contextmanager
def _forward_hooks(layers: Any, hook: Any) -> Iterator[None]:
    """First in line: other hooks may change the output."""
    handles = [layer.register_forward_hook(hook, prepend=True) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _layers_by_type(model: nn.Module) -> list[HookedLayer] | None:
    """Layers that own trainable parameters; None if one has no rule."""
    layers = []
    for layer in model.modules():
        names = {name for name, parameter in layer._parameters.items() if parameter is not None}
        trainable = {name for name in names if layer._parameters[name].requires_grad}  # type: ignore[union-attr]
        if not trainable:
            continue
        if type(layer) not in RULES or not names <= {"weight", "bias"} or getattr(layer, "scale_grad_by_freq", False):
            return None
        layers.append(HookedLayer(layer, "weight" in trainable, "bias" in trainable))
    return layers


def _uses(output: Tensor) -> Counter[Any]:
    """How many operations of the graph behind `output` take each leaf."""
    uses: Counter[Any] = Counter()
    seen, waiting = {output.grad_fn}, [output.grad_fn]
    while waiting:
        for before, _ in waiting.pop().next_functions:  # type: ignore[union-attr]
            if before is None:
                continue
            if hasattr(before, "variable"):
                uses[before.variable] += 1
            elif before not in seen:
                seen.add(before)
                waiting.append(before)
    return uses
