"""A data set whole, in the order of its origin: what an audit looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from probes.data.dataset import Dataset
from probes.data.datasets import DEFAULT_ROOT, _read, check_dataset
from probes.data.examples import ExampleSet
from probes.data.lazy_images import LazyPictures
from probes.data.source import Encoded, Part, assemble, pooled_ids
from probes.errors import ConfigError

__all__ = ["load_pooled"]

_TABLES = (".csv", ".parquet")


def load_pooled(
    name: str,
    *,
    data_root: Path | str | None = None,
    download: bool = False,
    label_column: str | None = None,
) -> Dataset:
    """Load a data set with all its examples in `train`: training, validation, test, each in its own order.

    Args:
        name: as `load_dataset` takes it.
        data_root: folder of downloaded data; `data` if left out.
        download: get torchvision's data where they are not there.
        label_column: of a table.

    Raises:
        ConfigError: unknown name, or data that cannot be used.
        ProbeError: a download fails.
    """
    check_dataset(name)
    if label_column is not None and Path(name).suffix.lower() not in _TABLES:
        raise ConfigError(f"label_column is for tables (.csv or .parquet), got dataset {name!r}.")
    if name == "digits":
        return _digits()
    source = _read(name, Path(data_root or DEFAULT_ROOT), download, label_column)
    parts = [part for part in (source.train, source.validation, source.test) if part is not None]
    whole = _joined(parts, pooled_ids(source))
    nothing = whole.take(np.empty(0, dtype=np.int64))
    encode = None if source.encode is None else _encode_first(source.encode)
    dataset = assemble(replace(source, train=whole, validation=nothing, test=nothing, encode=encode), split_seed=0)
    return replace(dataset, features=whole.inputs) if source.kind == "table" else dataset


def _encode_first(encode: Callable[[list[Any]], Encoded]) -> Callable[[list[Any]], Encoded]:
    """Encode the first of some frames, the others being empty."""

    def encode_first(frames: list[Any]) -> Encoded:
        encoded = encode(frames[:1])
        features = encoded.features[0]
        return encoded._replace(features=[features, *[features[:0] for _ in frames[1:]]])

    return encode_first


def _digits() -> Dataset:
    """All 1,797, by their rows in scikit-learn's copy."""
    from probes.data.digits import load_digits_data

    split = load_digits_data(0)
    parts = (split.train, split.validation, split.test)
    ids = np.concatenate([split.ids, split.other_ids])
    order = torch.from_numpy(np.argsort(ids))
    inputs = torch.cat([part.inputs for part in parts])[order]
    labels = torch.cat([part.given_labels for part in parts])[order]
    whole = ExampleSet(inputs, labels, true_labels=labels, images=split.shown(inputs))
    nothing = whole.select(torch.empty(0, dtype=torch.int64))
    return replace(
        split, train=whole, validation=nothing, test=nothing, ids=np.sort(ids), other_ids=np.empty(0, dtype=np.int64)
    )


def _joined(parts: list[Part], ids: np.ndarray) -> Part:
    """Parts, one after the other."""
    truth = [part.true_labels for part in parts]
    paths = [part.paths for part in parts]
    return Part(
        inputs=_joined_inputs([part.inputs for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        ids=ids,
        true_labels=None if any(values is None for values in truth) else np.concatenate(truth),  # type: ignore[arg-type]
        paths=None if any(values is None for values in paths) else np.concatenate(paths),  # type: ignore[arg-type]
    )


def _joined_inputs(inputs: list[Any]) -> Any:
    first = inputs[0]
    if len(inputs) == 1:
        return first
    if isinstance(first, LazyPictures):
        return LazyPictures(np.concatenate([some.files for some in inputs]), first.frame)
    if hasattr(first, "iloc"):
        import pandas as pd

        return pd.concat(inputs, ignore_index=True)
    return np.concatenate(inputs)
