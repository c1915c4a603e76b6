"""The data of a study's own ensembles: what a run with the same options trains on, whole and in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from probes.data import Dataset, LazyImages, corrupt, load_dataset
from probes.data import subset as subset_of

__all__ = ["flat_inputs", "noisy_data"]


def noisy_data(dataset: str, subset: int | None, shares: Mapping[str, float], seed: int) -> Dataset:
    """What `probe train --dataset DATASET --subset N --corrupt KIND=SHARE --split-seed S --noise-seed S` trains on.

    Args:
        dataset: a name of `probe list datasets`, or one's own data.
        subset: training examples to keep; None keeps all.
        shares: share of each kind of noise.
        seed: of the split, the subset and the noise.

    Raises:
        ConfigError, ProbeError: the data or the noise cannot be used.
    """
    data = load_dataset(dataset, split_seed=seed)
    if subset is not None:
        data = subset_of(data, subset, seed)
    return corrupt(data, shares, seed=seed).apply(data)


def flat_inputs(inputs: Any) -> torch.Tensor:
    """Inputs of an `ExampleSet` as float, (N, D); images on disk are read."""
    values = inputs.read() if isinstance(inputs, LazyImages) else inputs
    return values.reshape(len(values), -1)
