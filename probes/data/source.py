"""From data as they were read to a Dataset: split, standardised, numbered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from probes.data.dataset import Dataset, fingerprint_of
from probes.data.examples import ExampleSet
from probes.data.lazy_images import LazyImages, LazyPictures
from probes.data.splits import split_rows
from probes.data.standardise import FeatureScale, PixelScale
from probes.data.words import counted, some

__all__ = ["Encoded", "Part", "Source", "assemble", "pooled_ids"]

_SAMPLE = 5_000  # images decoded to measure the mean and sd of a folder that is read lazily


@dataclass(frozen=True)
class Part:
    """Rows of a data set as they were read.

    Attributes:
        inputs: images (n, H, W[, C]), uint8 or float; features (n, D); other arrays (n, ...); `LazyPictures`; or a
            pandas DataFrame of features, which the source's `encode` turns into numbers.
        labels: int64, (n,); given labels.
        ids: (n,); int64 or str.
        true_labels: int64, (n,); None where unknown.
        paths: str, (n,); None where there are no files.
    """

    inputs: Any
    labels: np.ndarray
    ids: np.ndarray
    true_labels: np.ndarray | None = None
    paths: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: np.ndarray) -> Part:
        """Return these rows."""
        inputs = self.inputs
        if isinstance(inputs, LazyPictures):
            some = inputs.select(rows)
        else:
            some = inputs.iloc[rows] if hasattr(inputs, "iloc") else inputs[rows]
        truth = None if self.true_labels is None else self.true_labels[rows]
        return Part(some, self.labels[rows], self.ids[rows], truth, None if self.paths is None else self.paths[rows])


class Encoded(NamedTuple):
    """Columns of tables as numbers.

    Attributes:
        features: float64, (n, D), of training, validation and test.
        flags: bool, (D,); features of 0 and 1 that stay as they are.
        notes: on what was done.
        names: D names of columns.
    """

    features: list[np.ndarray]
    flags: np.ndarray
    notes: list[str]
    names: list[str]


@dataclass(frozen=True)
class Source:
    """A data set as it was read.

    Attributes:
        name: short.
        kind: "image", "table" or "array".
        classes: K names.
        train: what training, and any part that is missing, is made of.
        validation: None where the data have none.
        test: None where the data have none.
        encode: of tables with columns: the frames of training, validation and test -> numbers.
        notes: on how the data were read.
        left_out: as in Dataset.
    """

    name: str
    kind: str
    classes: list[str]
    train: Part
    validation: Part | None = None
    test: Part | None = None
    encode: Callable[[list[Any]], Encoded] | None = None
    notes: list[str] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=dict)


def pooled_ids(source: Source) -> np.ndarray:
    """The ids of all parts, one after the other: int64 or str, (N,), unique.

    Where parts count their rows anew, those of validation and test carry the name of their part: `test/17`.
    """
    parts = {"train": source.train, "validation": source.validation, "test": source.test}
    there = {name: part.ids for name, part in parts.items() if part is not None}
    ids = np.concatenate([values.astype(object) for values in there.values()])
    if len({str(value) for value in ids}) < len(ids):
        named = [[f"{name}/{value}" if name != "train" else str(value) for value in there[name]] for name in there]
        return np.array([value for part in named for value in part], dtype=object)
    whole = all(values.dtype.kind in "iu" for values in there.values())
    return ids.astype(np.int64) if whole else np.array([str(value) for value in ids], dtype=object)


def assemble(source: Source, split_seed: int) -> Dataset:
    """Split, standardise by the training examples, and number them.

    Raises:
        ConfigError: there are fewer examples than parts.
    """
    train, validation, test, notes = split_rows(
        source.train.labels,
        source.classes,
        split_seed,
        validation=source.validation is None,
        test=source.test is None,
    )
    parts = [
        source.train.take(train),
        source.validation or source.train.take(validation),
        source.test or source.train.take(test),
    ]
    fingerprint = fingerprint_of(*(value for part in parts for value in _content(part)))
    flags = names = None
    if source.encode is not None:
        features, flags, encoding_notes, names = source.encode([part.inputs for part in parts])
        parts = [replace(part, inputs=inputs) for part, inputs in zip(parts, features, strict=True)]
        notes = notes + encoding_notes
    return Dataset(
        name=source.name,
        ids=parts[0].ids,
        classes=source.classes,
        fingerprint=fingerprint,
        kind=source.kind,
        paths=parts[0].paths,
        other_ids=source.train.ids[np.concatenate([validation, test])],
        part_ids=pooled_ids(source)[len(source.train.ids) :],
        left_out=source.left_out,
        **(
            _table(parts, flags, names, source.notes + notes)
            if source.kind == "table"
            else _pixels(source.kind, parts) | {"notes": source.notes + notes}
        ),
    )


def _table(parts: list[Part], flags: np.ndarray | None, names: list[str] | None, notes: list[str]) -> dict[str, Any]:
    """The fields of a Dataset that hold features, how they were standardised, and notes on that."""
    scale = FeatureScale.fit(parts[0].inputs, flags)
    beyond = sum(scale.beyond(part.inputs) for part in parts)
    far = some(str(place) if names is None else names[place] for place in np.flatnonzero(beyond))
    held_out = [f"{counted(int(np.sum(beyond)), 'number')} too far from those of training became the mean: {far}."]
    return _sets(parts, [scale.apply(part.inputs) for part in parts]) | {
        "notes": notes + (held_out if far else []),
        "image_shape": (),
        "mean": None,
        "sd": None,
        "means": tuple(scale.means.tolist()),
        "sds": tuple(scale.sds.tolist()),
    }


def _pixels(kind: str, parts: list[Part]) -> dict[str, Any]:
    """The fields of a Dataset that hold images or other arrays, and how they were standardised."""
    first = parts[0].inputs
    scale = PixelScale.fit(_sample(first) if isinstance(first, LazyPictures) else _as_images(first, kind))
    sets = _sets(parts, [_apply(scale, part.inputs, kind) for part in parts])
    if kind == "image":
        sets["train"].images = first if isinstance(first, LazyPictures) else scale.shown(first)
    one = len(scale.means) == 1
    return sets | {
        "image_shape": _image_shape(first) if kind == "image" else (),
        "mean": float(scale.means[0]) if one else None,
        "sd": float(scale.sds[0]) if one else None,
        "means": tuple(scale.means.tolist()),
        "sds": tuple(scale.sds.tolist()),
        "value_range": scale.value_range,
    }


def _sets(parts: list[Part], inputs: list[Any]) -> dict[str, Any]:
    names = ("train", "validation", "test")
    return {
        name: ExampleSet(values, part.labels, true_labels=part.true_labels, split=name)
        for name, part, values in zip(names, parts, inputs, strict=True)
    }


def _as_images(values: np.ndarray, kind: str) -> np.ndarray:
    """Arrays that are no images as images of one column, so that one mean and sd are taken of them."""
    return values if kind == "image" else values.reshape(len(values), int(np.prod(values.shape[1:])), 1)


def _apply(scale: PixelScale, inputs: Any, kind: str) -> Any:
    if isinstance(inputs, LazyPictures):
        return LazyImages(inputs, scale)
    scaled = scale.apply(_as_images(inputs, kind))
    return scaled if kind == "image" else scaled.reshape(inputs.shape)


def _sample(pictures: LazyPictures) -> np.ndarray:
    """Decode a seeded sample, to measure mean and sd on."""
    if len(pictures) <= _SAMPLE:
        return pictures.read()
    chosen = np.random.default_rng(0).choice(len(pictures), _SAMPLE, replace=False)
    return pictures.select(np.sort(chosen)).read()


def _image_shape(images: Any) -> tuple[int, ...]:
    """(H, W), or (H, W, C) where there is more than one channel."""
    shape = images.frame.shape if isinstance(images, LazyPictures) else images.shape[1:]
    return tuple(shape[:2]) if len(shape) == 3 and shape[2] == 1 else tuple(shape)


def _content(part: Part) -> list[np.ndarray | str]:
    """What the fingerprint is made of: values and labels; of files read lazily their names and sizes."""
    import os

    inputs = part.inputs
    if isinstance(inputs, LazyPictures):
        sizes = np.array([os.path.getsize(file) for file in inputs.files], dtype=np.int64)
        values: list[np.ndarray | str] = [part.ids, sizes]
    elif hasattr(inputs, "iloc"):
        from pandas.util import hash_pandas_object

        values = ["\t".join(map(str, inputs.columns)), hash_pandas_object(inputs, index=False).to_numpy()]
    else:
        values = [inputs]
    return [*values, part.labels, *([] if part.true_labels is None else [part.true_labels]), part.ids]
