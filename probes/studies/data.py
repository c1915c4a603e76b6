"""The data of a study's own computations, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Arrays", "check_data", "load_arrays"]


@dataclass(frozen=True)
class Arrays:
    """A data set, each example one row.

    Attributes:
        train: float64, (N, D).
        labels: int64, (N,); true labels.
        test: float64, (M, D).
        test_labels: int64, (M,).
        num_classes: K.
    """

    train: np.ndarray
    labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray
    num_classes: int


def check_data(dataset: str, subset: int | None) -> None:
    """Load data as a study would, to refuse what cannot be used before any work is done.

    Raises:
        ConfigError, ProbeError: the data cannot be read, or hold fewer training examples than `subset`.
    """
    from probes.data import load_dataset
    from probes.data import subset as subset_of

    if dataset == "digits" and subset is None:
        return
    data = load_dataset(dataset, split_seed=0)
    if subset is not None:
        subset_of(data, subset, seed=0)


def load_arrays(
    dataset: str, subset: int | None, *, split_seed: int = 0, raw: bool = False, most: int | None = None
) -> Arrays:
    """Load what `probe train --dataset DATASET --subset N --split-seed S` trains on, without noise.

    Args:
        dataset: a name of `probe list datasets`, or one's own data.
        subset: training examples to keep; None keeps all.
        split_seed: of the split and the subset.
        most: of training examples that are kept where `subset` is None.
        raw: on the data's own scale, [0, 1] for images, instead of standardised.

    Raises:
        ConfigError, ProbeError: the data cannot be used.
    """
    from probes.data import LazyImages, load_dataset
    from probes.data import subset as subset_of

    data = load_dataset(dataset, split_seed=split_seed)
    if subset is None and most is not None and len(data.train) > most:
        subset = most
    if subset is not None:
        data = subset_of(data, subset, seed=split_seed)

    def rows(inputs: object) -> np.ndarray:
        whole = inputs.read() if isinstance(inputs, LazyImages) else inputs
        values = np.asarray(whole, dtype=np.float64)
        if raw:
            broadcast = (-1, *[1] * (values.ndim - 2))
            means, sds = (data.means, data.sds) if data.mean is None or data.sd is None else ((data.mean,), (data.sd,))
            values = values * np.array(sds).reshape(broadcast) + np.array(means).reshape(broadcast)
        return values.reshape(len(values), -1)

    return Arrays(
        rows(data.train.inputs),
        np.asarray(data.train.given_labels, dtype=np.int64),
        rows(data.test.inputs),
        np.asarray(data.test.given_labels, dtype=np.int64),
        len(data.classes),
    )
