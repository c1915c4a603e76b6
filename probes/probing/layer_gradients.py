"""How long each example's gradient by the parameters of one layer is, from what went in and what came back."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.grad import conv1d_weight, conv2d_weight, conv3d_weight

__all__ = ["RULES", "square_norms"]

_BYTES = 64 * 2**20  # most that the per-example weight gradients of one layer take up at a time
_GROUPED_BELOW = 1_000_000  # multiplications per example under which a convolution costs less than calling it
_WINDOW_BYTES = 4 * 2**20  # of unfolded inputs at a time: what a processor's caches hold
_WINDOW_ROW = 12  # numbers side by side in a row of a window, under which copying them out one by one costs more

Gradients = tuple[Tensor, Tensor]


def square_norms(layer: nn.Module, given: Tensor, slope: Tensor, *, weight: bool, bias: bool) -> Tensor:
    """Square norms of the gradients by a layer's own parameters.

    Args:
        layer: of a type in RULES.
        given: (B, ...); the layer's input.
        slope: (B, ...); the gradient at its output, row by row of that row's loss.
        weight: whether the weight counts.
        bias: whether the bias counts.

    Returns:
        float64, (B,).
    """
    if slope.dtype in (torch.float16, torch.bfloat16):
        slope = slope.float()
    if given.is_floating_point():
        given = given.to(slope.dtype)
    of_weight, of_bias = RULES[type(layer)]
    total = torch.zeros(len(slope), dtype=torch.float64, device=slope.device)
    if weight:
        total += of_weight(layer, given, slope)
    if bias:
        total += of_bias(layer, given, slope)
    return total


def _square(gradients: Tensor) -> Tensor:
    """Of every row: (B, ...) -> float64 (B,)."""
    return torch.linalg.vector_norm(gradients.flatten(1), dim=1).double().square()


def _linear_weight(layer: Any, given: Tensor, slope: Tensor) -> Tensor:
    if given.ndim == 2:  # one outer product for each example
        return _square(given) * _square(slope)
    given, slope = given.flatten(1, -2), slope.flatten(1, -2)
    rows = _rows(layer.weight.numel() * slope.element_size())
    parts = zip(given.split(rows), slope.split(rows), strict=True)
    return torch.cat([_square(of_slope.transpose(1, 2) @ of_given) for of_given, of_slope in parts])


def _linear_bias(layer: Any, given: Tensor, slope: Tensor) -> Tensor:
    return _square(slope if slope.ndim == 2 else slope.flatten(1, -2).sum(1))


def _conv_weight(layer: Any, given: Tensor, slope: Tensor) -> Tensor:
    on_cpu = slope.device.type == "cpu"
    if on_cpu and slope.ndim == 4 and layer.groups == 1 and layer.in_channels * layer.kernel_size[1] >= _WINDOW_ROW:
        return _conv_weight_by_windows(layer, given, slope)
    given, padding = _padded(layer, given)
    work = layer.weight.numel() * math.prod(slope.shape[2:])
    # Many small weight gradients in a row are faster on a CPU than one convolution of very many groups.
    rows = 1 if on_cpu and work > _GROUPED_BELOW else _rows(layer.weight.numel() * slope.element_size())
    parts = zip(given.split(rows), slope.split(rows), strict=True)
    return torch.cat([_square(_conv_gradients(layer, padding, *part)) for part in parts])


def _conv_weight_by_windows(layer: Any, given: Tensor, slope: Tensor) -> Tensor:
    """By products of matrices: the slope at each output, with the window of the input that it saw."""
    row_bytes = layer.weight[0].numel() * math.prod(slope.shape[2:]) * slope.element_size()
    rows = max(1, _WINDOW_BYTES // row_bytes)
    squares = []
    for of_given, of_slope in zip(given.split(rows), slope.split(rows), strict=True):
        slopes = of_slope.permute(0, 2, 3, 1).flatten(1, 2)  # (b, outputs, channels)
        squares.append(_square(_windows(layer, of_given, of_slope.shape[2:]).transpose(1, 2) @ slopes))
    return torch.cat(squares)


def _windows(layer: Any, given: Tensor, size: torch.Size) -> Tensor:
    """What each output of a convolution sees: (B, outputs, numbers in a window), channels last."""
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    padded = F.pad(given, layer._reversed_padding_repeated_twice, mode=mode)
    last = padded.permute(0, 2, 3, 1).contiguous()
    (down, right), (apart_down, apart_right) = layer.stride, layer.dilation
    one, row, column, _ = last.stride()
    strides = (one, down * row, right * column, apart_down * row, apart_right * column, 1)
    view = last.as_strided((len(last), *size, *layer.kernel_size, last.shape[3]), strides)
    return view.reshape(len(last), math.prod(size), -1)


def _conv_gradients(layer: Any, padding: Any, given: Tensor, slope: Tensor) -> Tensor:
    """Per-example weight gradients (B, ...): those of one convolution whose groups are the examples."""
    rows = len(given)
    weight_of = {1: conv1d_weight, 2: conv2d_weight, 3: conv3d_weight}[given.ndim - 2]
    size = (rows * layer.out_channels, *layer.weight.shape[1:])
    given, slope = given.reshape(1, -1, *given.shape[2:]), slope.reshape(1, -1, *slope.shape[2:])
    found = weight_of(given, size, slope, layer.stride, padding, layer.dilation, rows * layer.groups)
    return found.reshape(rows, -1)


def _padded(layer: Any, given: Tensor) -> tuple[Tensor, Any]:
    """The input, and the zeros to lay around it; what a convolution of zeros cannot do is done before."""
    if layer.padding_mode == "zeros" and not isinstance(layer.padding, str):
        return given, layer.padding
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    return F.pad(given, layer._reversed_padding_repeated_twice, mode=mode), 0


def _channel_sums(values: Tensor) -> Tensor:
    return values if values.ndim == 2 else values.flatten(2).sum(2)


def _conv_bias(layer: Any, given: Tensor, slope: Tensor) -> Tensor:
    return _square(_channel_sums(slope))


def _batch_norm_weight(layer: Any, given: Tensor, slope: Tensor) -> Tensor:
    mean, variance = layer.running_mean.to(given.dtype), layer.running_var.to(given.dtype)
    normalised = F.batch_norm(given, mean, variance, training=False, eps=layer.eps)
    return _square(_channel_sums(normalised * slope))


def _group_norm_weight(layer: Any, given: Tensor, slope: Tensor) -> Tensor:
    return _square(_channel_sums(F.group_norm(given, layer.num_groups, eps=layer.eps) * slope))


def _layer_norm_weight(layer: Any, given: Tensor, slope: Tensor) -> Tensor:
    normalised = F.layer_norm(given, layer.normalized_shape, eps=layer.eps)
    return _layer_norm_bias(layer, given, normalised * slope)


def _layer_norm_bias(layer: Any, given: Tensor, slope: Tensor) -> Tensor:
    return _square(slope.reshape(len(slope), -1, layer.weight.numel()).sum(1))


def _embedding_weight(layer: Any, given: Tensor, slope: Tensor) -> Tensor:
    """A token's positions add up before they are squared."""
    rows, width = len(given), layer.embedding_dim
    tokens, slope = given.reshape(rows, -1), slope.reshape(-1, width)
    if layer.padding_idx is not None:
        slope = slope * (tokens.reshape(-1, 1) != layer.padding_idx)
    row = torch.arange(rows, device=given.device)[:, None]
    pairs, place = torch.unique(row * layer.num_embeddings + tokens, return_inverse=True)
    sums = slope.new_zeros(len(pairs), width).index_add_(0, place.flatten(), slope)
    total = torch.zeros(rows, dtype=torch.float64, device=slope.device)
    return total.index_add_(0, pairs // layer.num_embeddings, _square(sums))


def _no_bias(layer: Any, given: Tensor, slope: Tensor) -> Tensor:
    raise AssertionError(f"{type(layer).__name__} has no bias")


def _rows(row_bytes: int) -> int:
    return max(1, _BYTES // row_bytes)


Rule = Callable[[Any, Tensor, Tensor], Tensor]

# Exactly these types: a subclass may compute something else.
RULES: dict[type[nn.Module], tuple[Rule, Rule]] = {
    nn.Linear: (_linear_weight, _linear_bias),
    nn.Conv1d: (_conv_weight, _conv_bias),
    nn.Conv2d: (_conv_weight, _conv_bias),
    nn.Conv3d: (_conv_weight, _conv_bias),
    nn.BatchNorm1d: (_batch_norm_weight, _conv_bias),
    nn.BatchNorm2d: (_batch_norm_weight, _conv_bias),
    nn.BatchNorm3d: (_batch_norm_weight, _conv_bias),
    nn.GroupNorm: (_group_norm_weight, _conv_bias),
    nn.LayerNorm: (_layer_norm_weight, _layer_norm_bias),
    nn.Embedding: (_embedding_weight, _no_bias),
}
