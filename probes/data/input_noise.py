"""How each kind of input noise is made: pure functions of inputs (n, C, ...) and a seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

__all__ = ["replace_inputs"]

_BLOCK = 2**22  # values worked on at once


def replace_inputs(
    inputs: torch.Tensor, kind: str, *, means: Sequence[float], sds: Sequence[float], seed: Sequence[int], part: int
) -> torch.Tensor:
    """Replace inputs by what a kind of noise makes of them.

    `shuffled_pixels`: one permutation for all, in every part of the data. `random_pixels`: one for each input.
    Permutations act on positions, H * W of an image (its channels move together) and D of a table. `gaussian`: every
    value is drawn from N(mean, variance) of the data: of the channel in images, of the feature in tables.

    Args:
        inputs: float, (n, C, H, W) or (n, D).
        kind: one of INPUT_KINDS.
        means: of the training inputs, by channel or feature.
        sds: likewise.
        seed: equal seeds make equal noise; fewer inputs get the first of what more would.
        part: 0 for training, 1 for validation, 2 for test: each has draws of its own.

    Source:
        Zhang et al., ICLR 2017, section 2.1, https://arxiv.org/abs/1611.03530. That channels move together is our
        choice; the paper does not say.
    """
    shape = inputs.shape
    values = inputs.reshape(shape[0], shape[1], -1) if inputs.ndim > 2 else inputs.reshape(shape[0], 1, -1)
    result = torch.empty_like(values)
    if kind == "shuffled_pixels":
        order = np.random.default_rng([*seed, 3]).permutation(values.shape[2])
        return values[:, :, torch.from_numpy(order)].reshape(shape)
    random = np.random.default_rng([*seed, part])
    for rows in _blocks(values):
        size = len(values[rows])
        if kind == "random_pixels":
            orders = random.permuted(np.tile(np.arange(values.shape[2]), (size, 1)), axis=1)
            positions = torch.from_numpy(orders)[:, None].expand(-1, values.shape[1], -1)
            result[rows] = values[rows].gather(2, positions)
        else:
            draws = torch.from_numpy(random.standard_normal((size, *shape[1:]), dtype=np.float32))
            mean, sd = (_along_channels(numbers, inputs.ndim) for numbers in (means, sds))
            result[rows] = (draws * sd + mean).reshape(size, *values.shape[1:]).to(inputs.dtype)
    return result.reshape(shape)


def _blocks(values: torch.Tensor) -> Iterator[slice]:
    step = max(1, _BLOCK // max(1, values[:1].numel()))
    return (slice(start, start + step) for start in range(0, len(values), step))


def _along_channels(numbers: Sequence[float], ndim: int) -> torch.Tensor:
    """float32, (C, 1, ...): broadcasts against one input; a single number is for all channels."""
    return torch.tensor(list(numbers), dtype=torch.float32).reshape(-1, *[1] * (ndim - 2))
