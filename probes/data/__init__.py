"""Data sets, noise on labels and inputs, and sets of examples that probes and loops walk through."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from probes.data.datasets import (
    DATASETS,
    USER_DATA,
    DatasetInfo,
    check_dataset,
    list_datasets,
    load_dataset,
    short_name,
)
from probes.data.noise_kinds import INPUT_KINDS, NOISE_KINDS, check_noise, check_shares, parse_shares

if TYPE_CHECKING:
    from probes.data.corruption import Corruption, corrupt, corrupt_labels
    from probes.data.dataset import Dataset
    from probes.data.examples import ExampleSet
    from probes.data.label_files import exclude, read_given_labels, relabel
    from probes.data.lazy_images import LazyImages
    from probes.data.subsets import subset

__all__ = [
    "DATASETS",
    "INPUT_KINDS",
    "NOISE_KINDS",
    "USER_DATA",
    "Corruption",
    "Dataset",
    "DatasetInfo",
    "ExampleSet",
    "LazyImages",
    "check_dataset",
    "check_noise",
    "check_shares",
    "corrupt",
    "corrupt_labels",
    "exclude",
    "list_datasets",
    "load_dataset",
    "parse_shares",
    "read_given_labels",
    "relabel",
    "short_name",
    "subset",
]

_LATE = {  # these need torch, which is loaded where they are first used
    "Corruption": "corruption",
    "Dataset": "dataset",
    "ExampleSet": "examples",
    "LazyImages": "lazy_images",
    "corrupt": "corruption",
    "corrupt_labels": "corruption",
    "exclude": "label_files",
    "read_given_labels": "label_files",
    "relabel": "label_files",
    "subset": "subsets",
}


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(import_module(f"probes.data.{_LATE[name]}"), name)
    raise AttributeError(f"module 'probes.data' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
