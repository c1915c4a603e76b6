"""A data set after its split: standardised inputs, labels, and what each example was in the original."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from probes.data.examples import ExampleSet
from probes.data.noise_kinds import INPUT_KINDS
from probes.errors import ConfigError

__all__ = ["Dataset", "fingerprint_of"]


@dataclass(frozen=True)
class Dataset:
    """A data set after its split. Training examples are numbered after the split.

    Attributes:
        name: short, without folders.
        train: inputs float32, (N, C, H, W) for images and (N, D) for tables, and raw images, uint8 (N, H, W[, C]) or a
            function of the position, or None. `given_labels` is what the data say; `true_labels` what is known to be
            right, None where nobody knows.
        validation: the same without images.
        test: the same without images.
        ids: (N,); each training example's row in the original data (int64), or its id or path there (str).
        classes: K names.
        fingerprint: 16 hex digits, of the raw data and the split.
        image_shape: (H, W) or (H, W, C); () where the inputs are no images.
        mean: over all training pixels, on the [0, 1] scale; None where each channel or feature has its own.
        sd: likewise.
        kind: "image", "table", or "array" for anything else.
        means: of each channel or feature.
        sds: likewise.
        value_range: raw values that are shown as black and as white.
        paths: str, (N,); files of the training examples; None where they have none.
        other_ids: of original training rows that are not in `train`: held out by the split, or left out since.
        part_ids: of the examples of a validation and a test part that the data brought along, as an audit names them.
        corruption: str, (N,); kind of noise drawn for each training example, "" for none.
        notes: what the user should know of how the data were read.
        features: of each training example of a table as they were read: a DataFrame, or numbers (N, D). Only
            `load_pooled` keeps them.
        left_out: what a folder of images holds and the data do not, as notes only name the first five: `images` that
            cannot be read, each with its reason, and `classes` without an image that can.
    """

    name: str
    train: ExampleSet
    validation: ExampleSet
    test: ExampleSet
    ids: np.ndarray
    classes: list[str]
    fingerprint: str
    image_shape: tuple[int, ...]
    mean: float | None
    sd: float | None
    kind: str = "image"
    means: tuple[float, ...] = ()
    sds: tuple[float, ...] = ()
    value_range: tuple[float, float] = (0.0, 1.0)
    paths: np.ndarray | None = None
    other_ids: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    part_ids: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    corruption: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)
    features: Any = None
    left_out: dict[str, list[str]] = field(default_factory=dict)

    @property
    def blank_value(self) -> float:
        """What an input without information becomes after standardisation: the baseline of attributions.

        Of images the darkest raw value (in colour images the mean over channels of what it becomes), of tables the mean
        of every feature.
        """
        if self.kind != "image":
            return 0.0
        if self.mean is not None and self.sd is not None:
            return (self.value_range[0] - self.mean) / self.sd
        return float(np.mean((self.value_range[0] - np.array(self.means)) / np.array(self.sds)))

    @property
    def noisy(self) -> np.ndarray | None:
        """bool, (N,): the label differs from the true one or the input was replaced; None where nobody knows."""
        noisy = self.train.noisy
        return None if noisy is None else noisy.cpu().numpy()

    @property
    def constant(self) -> bool:
        """Whether all training inputs are known to be equal: there is nothing to learn from."""
        inputs = self.train.inputs
        return isinstance(inputs, torch.Tensor) and bool((inputs == inputs[:1]).all())

    def shown(self, inputs: torch.Tensor) -> np.ndarray:
        """Turn standardised images (n, C, H, W) back into what a person looks at: uint8, (n, H, W[, C])."""
        low, high = self.value_range
        means, sds = (np.asarray(values)[:, None, None] for values in (self.means, self.sds))
        raw = inputs.cpu().numpy().astype(np.float64) * sds + means
        pixels = np.round(np.clip((raw - low) / (high - low), 0, 1) * 255).astype(np.uint8)
        return pixels[:, 0] if pixels.shape[1] == 1 else np.moveaxis(pixels, 1, -1)

    def select(self, positions: Any) -> Dataset:
        """Keep these training examples, in that order and numbered anew; ids stay, held-out parts too.

        Args:
            positions: int, (M,); or bool, (N,).

        Raises:
            ConfigError: nothing would be left.
        """
        chosen = np.asarray(positions)
        chosen = np.flatnonzero(chosen) if chosen.dtype == bool else chosen.astype(np.int64)
        if not chosen.size:
            raise ConfigError("no training example would be left.")
        dropped = np.setdiff1d(np.arange(len(self.train)), chosen)
        return replace(
            self,
            train=self.train.select(chosen).renumbered(),
            ids=self.ids[chosen],
            paths=None if self.paths is None else self.paths[chosen],
            corruption=None if self.corruption is None else self.corruption[chosen],
            features=_rows(self.features, chosen),
            other_ids=np.concatenate([self.other_ids.astype(self.ids.dtype), self.ids[dropped]]),
            fingerprint=fingerprint_of(self.fingerprint, chosen),
        )

    def with_labels(self, given: np.ndarray, *, true: np.ndarray | None = None) -> Dataset:
        """Replace the given labels of the training examples, and the true ones where they are passed.

        Args:
            given: int, (N,).
            true: int, (N,); None leaves what is known as it is.
        """
        old = self.train
        truth = old.true_labels if true is None else true
        train = ExampleSet(old.inputs, given, true_labels=truth, images=old.images, replaced=old.replaced)
        labels = np.asarray(given, dtype=np.int64)
        return replace(self, train=train, fingerprint=fingerprint_of(self.fingerprint, labels))

    def with_note(self, *notes: str) -> Dataset:
        """Add to what the user should know."""
        return replace(self, notes=[*self.notes, *notes])

    @property
    def replaced(self) -> np.ndarray:
        """bool, (N,): the input was replaced by noise."""
        if self.corruption is None:
            return np.zeros(len(self.train), dtype=bool)
        return np.isin(self.corruption, INPUT_KINDS)


def _rows(values: Any, chosen: np.ndarray) -> Any:
    """Some rows of a DataFrame or an array, if there is one."""
    if values is None:
        return None
    return values.iloc[chosen] if hasattr(values, "iloc") else values[chosen]


def fingerprint_of(*values: np.ndarray | str) -> str:
    """16 hex digits of a SHA-256 over shapes, dtypes and values."""
    digest = hashlib.sha256()
    for value in values:
        if isinstance(value, str):
            digest.update(value.encode(errors="backslashreplace"))
            continue
        digest.update(f"{value.shape} {value.dtype.str}".encode())
        if value.dtype == object:
            digest.update("\n".join(map(str, value)).encode(errors="backslashreplace"))
        else:
            digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()[:16]
