"""A smaller training set of the same make-up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from probes.data.dataset import Dataset
from probes.data.examples import ExampleSet
from probes.data.lazy_images import IN_MEMORY_BYTES, LazyImages
from probes.data.splits import draw_stratified
from probes.data.words import some
from probes.errors import ConfigError

__all__ = ["subset"]


def subset(dataset: Dataset, size: int, seed: int) -> Dataset:
    """Keep `size` training examples, drawn so that each class keeps its share; held-out parts stay whole.

    Of images that are read as they are needed, the ones kept are read into memory if they fit.

    Args:
        dataset: to take them from.
        size: how many; in [1, N].
        seed: equal seeds keep the same ones.

    Raises:
        ConfigError: size outside [1, N].
    """
    if not 1 <= size <= len(dataset.train):
        raise ConfigError(f"subset must be between 1 and {len(dataset.train):,}, got {size:,}.")
    labels = dataset.train.given_labels.numpy()
    kept = np.flatnonzero(draw_stratified(labels, size, [seed, 2]))
    smaller = _in_memory(dataset.select(kept))
    lost = np.setdiff1d(labels, labels[kept])
    if not lost.size:
        return smaller
    names = some(dataset.classes[label] for label in lost)
    are = "is" if lost.size == 1 else "are"
    return smaller.with_note(f"{lost.size} of {len(dataset.classes)} classes {are} not in the subset: {names}.")


def _in_memory(dataset: Dataset) -> Dataset:
    train = dataset.train
    lazy = train.inputs
    if not isinstance(lazy, LazyImages) or lazy.nbytes > IN_MEMORY_BYTES:
        return dataset
    pixels = lazy.pictures.read()
    return replace(
        dataset,
        train=ExampleSet(
            lazy.scale.apply(pixels),
            train.given_labels,
            true_labels=train.true_labels,
            images=pixels,
            replaced=train.replaced,
        ),
    )
