"""Named data sets: split, standardised by training statistics, with the raw images kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.errors import unknown_name

if TYPE_CHECKING:
    import numpy as np

    from probes.data.examples import ExampleSet

__all__ = ["DATASETS", "Dataset", "DatasetInfo", "load_dataset"]


@dataclass(frozen=True)
class DatasetInfo:
    """What `probe list datasets` says of one data set."""

    name: str
    examples: int
    classes: int
    source: str


DATASETS: dict[str, DatasetInfo] = {
    "digits": DatasetInfo("digits", 1797, 10, "handwritten digits, 8 x 8 pixels, inside scikit-learn; no download"),
}


@dataclass(frozen=True)
class Dataset:
    """A data set after its split. Examples are numbered after the split; labels are the true ones.

    Attributes:
        name: a name of DATASETS.
        train: inputs float32 (N, 1, H, W), and the raw images, uint8 (N, H, W).
        validation: the same without images.
        test: the same without images.
        ids: int64, (N,); each training example's row in the original data.
        classes: K names.
        fingerprint: 16 hex digits, of the raw data and the split.
        image_shape: (H, W).
        mean: over all training pixels, on the [0, 1] scale.
        sd: over all training pixels, on the [0, 1] scale.
    """

    name: str
    train: ExampleSet
    validation: ExampleSet
    test: ExampleSet
    ids: np.ndarray
    classes: list[str]
    fingerprint: str
    image_shape: tuple[int, int]
    mean: float
    sd: float

    @property
    def blank_value(self) -> float:
        """What a pixel without ink becomes after standardisation: the baseline of attributions."""
        return -self.mean / self.sd


def load_dataset(name: str, *, split_seed: int = 0) -> Dataset:
    """Load a named data set, split by `split_seed`.

    Raises:
        ConfigError: unknown name; the nearest known one is suggested.
    """
    loaders: dict[str, Callable[[int], Dataset]] = {"digits": _digits}
    if name not in loaders:
        raise unknown_name("dataset", name, DATASETS)
    return loaders[name](split_seed)


def _digits(split_seed: int) -> Dataset:
    """1,400 train, 197 validation and 200 test examples, stratified."""
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    raw = load_digits()
    ink, labels = raw.images / 16.0, raw.target.astype(np.int64)
    rows = np.arange(len(labels))
    train, rest = train_test_split(rows, train_size=1400, stratify=labels, random_state=split_seed)
    validation, test = train_test_split(rest, train_size=197, stratify=labels[rest], random_state=split_seed)
    return _standardised(
        "digits", ink, labels, (train, validation, test), classes=[str(name) for name in raw.target_names]
    )


def _standardised(
    name: str,
    ink: np.ndarray,
    labels: np.ndarray,
    split: tuple[np.ndarray, np.ndarray, np.ndarray],
    *,
    classes: list[str],
) -> Dataset:
    """Split grey images and standardise them by one mean and sd over all training pixels.

    Args:
        name: of the data set.
        ink: float64, (rows, H, W), in [0, 1].
        labels: int64, (rows,).
        split: rows of train, validation and test.
        classes: K names.
    """
    import numpy as np

    from probes.data.examples import ExampleSet

    mean, sd = float(ink[split[0]].mean()), float(ink[split[0]].std())
    images = np.round(ink * 255).astype(np.uint8)

    def part(rows: np.ndarray, split_name: str) -> ExampleSet:
        inputs = ((ink[rows, None] - mean) / sd).astype(np.float32)
        shown = images[rows] if split_name == "train" else None
        return ExampleSet(inputs, labels[rows], true_labels=labels[rows], split=split_name, images=shown)

    return Dataset(
        name=name,
        train=part(split[0], "train"),
        validation=part(split[1], "validation"),
        test=part(split[2], "test"),
        ids=split[0].astype(np.int64),
        classes=classes,
        fingerprint=_fingerprint(ink, labels, *split),
        image_shape=(ink.shape[1], ink.shape[2]),
        mean=mean,
        sd=sd,
    )


def _fingerprint(*arrays: np.ndarray) -> str:
    """16 hex digits of a SHA-256 over shapes, dtypes and values."""
    import numpy as np

    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype.str}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]
