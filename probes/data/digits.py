"""scikit-learn's handwritten digits: the data of the reference protocol."""

from __future__ import annotations

import numpy as np

from probes.data.dataset import Dataset, fingerprint_of
from probes.data.examples import ExampleSet

__all__ = ["load_digits_data"]


def load_digits_data(split_seed: int) -> Dataset:
    """1,400 train, 197 validation and 200 test examples, stratified, standardised by one mean and sd."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    raw = load_digits()
    ink, labels = raw.images / 16.0, raw.target.astype(np.int64)
    rows = np.arange(len(labels))
    train, rest = train_test_split(rows, train_size=1400, stratify=labels, random_state=split_seed)
    validation, test = train_test_split(rest, train_size=197, stratify=labels[rest], random_state=split_seed)
    mean, sd = float(ink[train].mean()), float(ink[train].std())
    images = np.round(ink * 255).astype(np.uint8)

    def part(rows: np.ndarray, split_name: str) -> ExampleSet:
        inputs = ((ink[rows, None] - mean) / sd).astype(np.float32)
        shown = images[rows] if split_name == "train" else None
        return ExampleSet(inputs, labels[rows], true_labels=labels[rows], split=split_name, images=shown)

    return Dataset(
        name="digits",
        train=part(train, "train"),
        validation=part(validation, "validation"),
        test=part(test, "test"),
        ids=train.astype(np.int64),
        classes=[str(name) for name in raw.target_names],
        fingerprint=fingerprint_of(ink, labels, train, validation, test),
        image_shape=(ink.shape[1], ink.shape[2]),
        mean=mean,
        sd=sd,
        means=(mean,),
        sds=(sd,),
        other_ids=np.concatenate([validation, test]).astype(np.int64),
    )
