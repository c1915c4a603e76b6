"""Gradients of the cross-entropy by the parameters, one for each example."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from probes.probing.probe import check_examples_apart

__all__ = ["LossSlope", "loss_slope", "outputs_alone", "per_example_gradients", "rows_within", "trainable_parameters"]


@dataclass(frozen=True)
class LossSlope:
    """The derivative of each example's loss by the model's output, as a length and a unit vector.

    Apart because gradients are linear in it: one taken along the unit vector neither underflows nor loses
    digits where an example is fitted almost perfectly, and the length is multiplied in afterwards.

    Attributes:
        size: float64, (B,); the EL2N score, where the model has a logit for each class.
        direction: as the model's output; zeros where the size is zero.
    """

    size: Tensor
    direction: Tensor


def loss_slope(output: Any, targets: Tensor) -> LossSlope:
    """Differentiate the cross-entropy of the given labels (nats) by the logits.

    Args:
        output: what the model returned: logits (B, K); (B,) or (B, 1) stands for logits (0, z).
        targets: int64, (B,); given labels.

    Raises:
        TypeError: output is not a tensor.
        ValueError: logits of another shape, or a label without a logit.
    """
    rows = len(targets)
    output = _tensor(output)
    if output.ndim not in (1, 2) or len(output) != rows:
        raise ValueError(f"the model must return logits (B, K), got shape {tuple(output.shape)}.")
    single = output.ndim == 1 or output.shape[1] == 1
    num_classes = 2 if single else output.shape[1]
    lowest, highest = int(targets.min()), int(targets.max())
    if lowest < 0 or highest >= num_classes:
        wrong = lowest if lowest < 0 else highest
        raise ValueError(f"labels must lie in [0, {num_classes}), the number of logits, got {wrong}.")
    logits = output.detach().reshape(rows, -1).double()
    if single:
        # sigmoid(z) for label 0, -sigmoid(-z) for label 1: exact at both ends
        sign = 1.0 - 2.0 * targets.double()[:, None]
        slope = sign * torch.sigmoid(sign * logits)
    else:
        given = targets[:, None]
        slope = logits.softmax(1).scatter(1, given, 0.0)
        slope = slope.scatter(1, given, -slope.sum(1, keepdim=True))  # not p - 1, which rounds to 0 near p = 1
    size = slope.norm(dim=1)
    unit = slope / torch.where(size == 0, 1.0, size)[:, None]
    return LossSlope(size, unit.reshape(output.shape).to(output.dtype))


def outputs_alone(model: nn.Module, inputs: Tensor) -> Tensor:
    """Give the model each example alone.

    Another forward pass than that of the batch where a model branches on its batch; what gradients follow from.

    Args:
        model: in eval mode.
        inputs: (B, ...).

    Returns:
        (B, ...); without a gradient.
    """

    def alone(row: Tensor) -> Tensor:
        return _tensor(model(row[None]))

    with torch.no_grad(), _slow_operations_allowed():
        try:
            found = vmap(alone)(inputs.clone())
        except RuntimeError:  # as in `per_example_gradients`
            return torch.cat([_tensor(model(row.clone())) for row in inputs.split(1)])
    return found.flatten(0, 1) if found.ndim > 1 else found


def per_example_gradients(model: nn.Module, inputs: Tensor, direction: Tensor) -> list[Tensor]:
    """Differentiate `direction . output` of each example alone, by every trainable parameter.

    By `vmap(grad)`; where the model holds what cannot be mapped so, such as a branch that depends on the data, by one
    backward pass after the other. Holds B x D numbers and what `vmap` needs beside them: choose B by `rows_within`.

    Args:
        model: in eval mode.
        inputs: (B, ...).
        direction: as `outputs_alone`.

    Returns:
        For each parameter that requires a gradient (B, its number of entries), in the order of
        `model.named_parameters()`.
    """
    parameters = trainable_parameters(model)

    def along(values: dict[str, Tensor], row: Tensor, unit: Tensor) -> Tensor:
        return (functional_call(model, values, (row[None],)) * unit[None]).sum()

    detached = {name: parameter.detach() for name, parameter in parameters.items()}
    try:
        with _slow_operations_allowed():
            found = vmap(grad(along), in_dims=(None, 0, 0))(detached, inputs.clone(), direction)
    except RuntimeError:  # what torch raises for an operation that it has no batching rule for
        return _one_by_one(model, list(parameters.values()), inputs, direction)
    return [found[name].reshape(len(inputs), -1) for name in parameters]


@contextmanager
def _slow_operations_allowed() -> Iterator[None]:
    """Without torch's word, chunk after chunk, on operations that `vmap` runs example by example (LSTM, attention)."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="There is a performance drop because we have not yet implemented")
        yield


def _tensor(output: Any) -> Tensor:
    if not isinstance(output, Tensor):
        raise TypeError(f"the model must return logits (B, K), got {type(output).__name__}.")
    return output


def _one_by_one(model: nn.Module, parameters: list[nn.Parameter], inputs: Tensor, direction: Tensor) -> list[Tensor]:
    rows = []
    for row, unit in zip(inputs.split(1), direction.split(1), strict=True):
        along = (model(row.clone()) * unit).sum()
        rows.append(torch.autograd.grad(along, parameters, allow_unused=True, materialize_grads=True))
    return [torch.stack(of_one).reshape(len(inputs), -1) for of_one in zip(*rows, strict=True)]


def trainable_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """By name, those that require a gradient; a shared one once.

    Raises:
        ValueError: there is none, or the model's gradients belong to no single example.
    """
    check_examples_apart(model)
    found = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if not found:
        raise ValueError("the model has no parameter that requires a gradient.")
    return found


def rows_within(num_bytes: int, model: nn.Module) -> int:
    """How many examples' gradients fit in `num_bytes`; at least 1."""
    per_row = sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
    return max(1, num_bytes // max(1, per_row))
