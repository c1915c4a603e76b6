"""Named data sets, label noise, and sets of examples that probes and loops walk through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from probes.data.corruption import NOISE_KINDS, Corruption, check_noise, corrupt_labels
from probes.data.datasets import DATASETS, Dataset, DatasetInfo, load_dataset

if TYPE_CHECKING:
    from probes.data.examples import ExampleSet

__all__ = [
    "DATASETS",
    "NOISE_KINDS",
    "Corruption",
    "Dataset",
    "DatasetInfo",
    "ExampleSet",
    "check_noise",
    "corrupt_labels",
    "load_dataset",
]


def __getattr__(name: str) -> Any:
    """Load ExampleSet where it is first used: it alone needs torch."""
    if name == "ExampleSet":
        from probes.data.examples import ExampleSet

        return ExampleSet
    raise AttributeError(f"module 'probes.data' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
