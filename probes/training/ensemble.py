"""Many small perceptrons trained at once, each with its own start, order, labels and examples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from probes.models import build_model
from probes.training.loop import epoch_order

__all__ = ["Ensemble", "train_ensemble"]

# What a group of models keeps at hand in a step: weights, velocities and activations. It bounds the memory; measured on
# one core with 1 MiB of second-level cache, 4 to 32 networks 64-256-10 at a time are equally fast within a tenth.
_GROUP_BYTES = 4 * 2**20
_CHUNK = 512  # examples in one forward pass


@dataclass(frozen=True)
class Ensemble:
    """K perceptrons of one shape.

    Attributes:
        weights: of each layer float, (K, outputs, inputs).
        biases: of each layer float, (K, outputs).
    """

    weights: Sequence[torch.Tensor]
    biases: Sequence[torch.Tensor]

    def __len__(self) -> int:
        return len(self.weights[0])

    def logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """What every model answers to every example, group by group and chunk by chunk.

        Args:
            inputs: float, (N, ...).

        Returns:
            float, (K, N, C).
        """
        flat = inputs.reshape(len(inputs), -1)
        result = flat.new_empty(len(self), len(flat), self.biases[-1].shape[1])
        size = _group_size(self.shape, _CHUNK, flat.element_size())
        for first in range(0, len(self), size):
            part = self.select(slice(first, first + size))
            for start in range(0, len(flat), _CHUNK):
                rows = slice(start, start + _CHUNK)
                result[first : first + size, rows] = part._forward(flat[rows])
        return result

    def select(self, members: slice) -> Ensemble:
        """Some of the models, as views."""
        return Ensemble([weight[members] for weight in self.weights], [bias[members] for bias in self.biases])

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the layers, the input first."""
        return (self.weights[0].shape[2], *(weight.shape[1] for weight in self.weights))

    def _forward(self, inputs: torch.Tensor) -> torch.Tensor:
        values = inputs.expand(len(self), *inputs.shape)
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            values = torch.baddbmm(bias[:, None], values, weight.transpose(1, 2))
            if layer < last:
                values.relu_()
        return values


def train_ensemble(
    inputs: torch.Tensor,
    labels: torch.Tensor,
    *,
    seeds: Sequence[int],
    num_classes: int,
    epochs: int,
    subsets: np.ndarray | None = None,
    width: int = 256,
    depth: int = 1,
    lr: float = 0.05,
    batch_size: int = 64,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
) -> Ensemble:
    """Train K perceptrons with ReLU by SGD on the cross-entropy, a group at a time by batched matrix products.

    Each ends as it would alone, up to rounding: as `probe train` trains model `mlp` with its seed, on its subset.

    Args:
        inputs: float, (N, ...); their dtype is that of the weights.
        labels: int, (N,), or (K, N) where each model has its own; in [0, C).
        seeds: K; of a model's initial weights and of its order of examples, as in `TrainConfig.seed`.
        num_classes: C.
        epochs: passes over each model's examples.
        subsets: int, (K, S): the examples of each model; None gives every model all of them.
        width: units of a hidden layer.
        depth: hidden layers.
        lr: learning rate.
        batch_size: examples per step; the last step of an epoch takes what is left.
        momentum: of SGD, in [0, 1).
        weight_decay: coefficient; applies to every parameter.

    Raises:
        ValueError: shapes disagree, or a label or an example lies out of range.
    """
    flat = inputs.reshape(len(inputs), -1)
    given, chosen = _checked(flat, labels, subsets, seeds, num_classes)
    shape = (flat.shape[1], *[width] * depth, num_classes)
    size = _group_size(shape, batch_size, flat.element_size())
    parts = []
    for first in range(0, len(seeds), size):
        members = slice(first, first + size)
        group = _Group(_fresh(shape, seeds[members], flat), momentum, weight_decay)
        for epoch in range(1, epochs + 1):
            index = _ordered(chosen[members], seeds[members], epoch)
            for batch in index.split(batch_size, dim=1):
                group.step(flat, batch, given[members].gather(1, batch), lr)
        parts.append(group.models)
    return Ensemble(
        [torch.cat(layers) for layers in zip(*(part.weights for part in parts), strict=True)],
        [torch.cat(layers) for layers in zip(*(part.biases for part in parts), strict=True)],
    )


class _Group:
    """Models in training, their velocities, and room for what a step computes, so that no step allocates much."""

    def __init__(self, models: Ensemble, momentum: float, weight_decay: float) -> None:
        self.models, self.momentum, self.weight_decay = models, momentum, weight_decay
        self.weight_velocities = [torch.zeros_like(weight) for weight in models.weights]
        self.bias_velocities = [torch.zeros_like(bias) for bias in models.biases]
        self._rooms: dict[int, _Room] = {}

    def step(self, inputs: torch.Tensor, index: torch.Tensor, labels: torch.Tensor, lr: float) -> None:
        """One update of every model by its own batch: `index` and `labels` are (K, B)."""
        room = self._room(index.shape[1])
        torch.index_select(inputs, 0, index.reshape(-1), out=room.values[0].view(-1, inputs.shape[1]))
        self._forward(room)
        room.subtract_labels(labels)
        self._backward(room)
        parameters = [*self.models.weights, *self.models.biases]
        velocities = [*self.weight_velocities, *self.bias_velocities]
        if self.weight_decay:
            torch._foreach_add_(velocities, parameters, alpha=self.weight_decay)
        torch._foreach_add_(parameters, velocities, alpha=-lr)

    def _room(self, size: int) -> _Room:
        if size not in self._rooms:
            self._rooms[size] = _Room(self.models, size)
        return self._rooms[size]

    def _forward(self, room: _Room) -> None:
        """Fill the room's values and, in `error`, the probabilities."""
        for layer, out in enumerate(room.values[1:]):
            weight, bias = self.models.weights[layer], self.models.biases[layer]
            torch.baddbmm(bias[:, None], room.values[layer], weight.transpose(1, 2), out=out).relu_()
        weight, bias = self.models.weights[-1], self.models.biases[-1]
        torch.baddbmm(bias[:, :, None], weight, room.values[-1].transpose(1, 2), out=room.logits)
        torch.softmax(room.logits, 1, out=room.error)

    def _backward(self, room: _Room) -> None:
        """Velocities: momentum times the old ones plus the gradients, which exist nowhere else."""
        self._accumulate(-1, room.error, room.values[-1], room.error.sum(2))
        upper = room.error.transpose(1, 2)
        for layer in reversed(range(len(room.slopes))):
            slope, value = room.slopes[layer], room.values[layer + 1]
            torch.bmm(upper, self.models.weights[layer + 1], out=slope)
            torch.ops.aten.threshold_backward.grad_input(slope, value, 0, grad_input=slope)  # ReLU's, in place
            self._accumulate(layer, slope.transpose(1, 2), room.values[layer], slope.sum(1))
            upper = slope

    def _accumulate(self, layer: int, slope: torch.Tensor, value: torch.Tensor, total: torch.Tensor) -> None:
        self.weight_velocities[layer].baddbmm_(slope, value, beta=self.momentum)
        self.bias_velocities[layer].mul_(self.momentum).add_(total)


class _Room:
    """What one step of K models at B examples fills: allocating it anew each step costs more than some products do.

    Attributes:
        values: inputs and hidden activations, (K, B, units).
        slopes: of the loss by hidden activations, likewise.
        logits: (K, C, B): classes in the middle, since a softmax over a short last axis is five times slower.
        error: likewise; probabilities, then the slope of the mean loss by the logits.
    """

    def __init__(self, models: Ensemble, size: int) -> None:
        count, shape, like = len(models), models.shape, models.weights[0]
        self.values = [like.new_empty(count, size, units) for units in shape[:-1]]
        self.slopes = [like.new_empty(count, size, units) for units in shape[1:-1]]
        self.logits = like.new_empty(count, shape[-1], size)
        self.error = like.new_empty(count, shape[-1], size)
        cells = torch.arange(count, device=like.device)[:, None] * (shape[-1] * size)
        self._columns = cells + torch.arange(size, device=like.device)
        self._share = like.new_full((count * size,), -1 / size)

    def subtract_labels(self, labels: torch.Tensor) -> None:
        """Turn probabilities into the slope of the mean cross-entropy."""
        size = labels.shape[1]
        self.error.div_(size)
        self.error.view(-1).index_add_(0, (labels * size + self._columns).view(-1), self._share)


def _group_size(shape: Sequence[int], batch_size: int, item_bytes: int) -> int:
    """Models that fit the cache together."""
    weights = sum((inputs + 1) * outputs for inputs, outputs in pairwise(shape))
    return max(1, _GROUP_BYTES // (item_bytes * (2 * weights + 2 * batch_size * sum(shape))))


def _fresh(shape: Sequence[int], seeds: Sequence[int], like: torch.Tensor) -> Ensemble:
    """Models as `probe train` starts them."""
    options = {"width": shape[1], "depth": len(shape) - 2, "num_classes": shape[-1], "input_shape": (shape[0],)}
    models = [build_model("mlp", seed=seed, **options) for seed in seeds]  # type: ignore[arg-type]
    linear = [[layer for layer in model.modules() if isinstance(layer, nn.Linear)] for model in models]
    layers = list(zip(*linear, strict=True))
    return Ensemble(
        [torch.stack([layer.weight.detach() for layer in same]).to(like) for same in layers],
        [torch.stack([layer.bias.detach() for layer in same]).to(like) for same in layers],
    )


def _ordered(chosen: torch.Tensor, seeds: Sequence[int], epoch: int) -> torch.Tensor:
    """Each model's examples in the order of an epoch, int64 (K, S)."""
    orders = torch.stack([epoch_order(seed, epoch, chosen.shape[1]) for seed in seeds])
    return chosen.gather(1, orders.to(chosen.device))


def _checked(
    inputs: torch.Tensor, labels: torch.Tensor, subsets: np.ndarray | None, seeds: Sequence[int], num_classes: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels (K, N) and examples (K, S) of every model, int64."""
    count, size = len(seeds), len(inputs)
    given = labels.to(torch.int64).expand(count, -1) if labels.ndim == 1 else labels.to(torch.int64)
    if not count or given.shape != (count, size):
        raise ValueError(
            f"labels must have shape ({size},) or ({count}, {size}) of at least one model, got {tuple(labels.shape)}."
        )
    if math.prod(given.shape) and not 0 <= int(given.min()) <= int(given.max()) < num_classes:
        raise ValueError(f"labels must lie in [0, {num_classes}), got {int(given.min())} to {int(given.max())}.")
    everything = torch.arange(size) if subsets is None else torch.as_tensor(subsets, dtype=torch.int64)
    chosen = everything.expand(count, -1) if subsets is None else everything
    if chosen.ndim != 2 or len(chosen) != count or not chosen.shape[1]:
        raise ValueError(f"subsets must have shape ({count}, S), got {tuple(chosen.shape)}.")
    if not 0 <= int(chosen.min()) <= int(chosen.max()) < size:
        raise ValueError(f"subsets must lie in [0, {size}), got {int(chosen.min())} to {int(chosen.max())}.")
    return given.to(inputs.device), chosen.to(inputs.device)
