"""Skill, how fast it is acquired, what examples tell beforehand, and what a shift leaves of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["CLIP", "area", "code_length", "enough", "gain", "kept", "saved", "skill"]

CLIP = 1e-6  # least probability of a code
SKILLED = 0.8


def skill(accuracy: float, classes: int) -> float:
    """(accuracy - chance) / (1 - chance): 0 at chance, 1 if never wrong.

    Example:
        >>> skill(0.75, 2)
        0.5
    """
    return (accuracy - 1 / classes) / (1 - 1 / classes)


def area(sizes: Sequence[int], skills: Sequence[float]) -> float:
    """Area under a learning curve over log2 of the number of examples, divided by its range: in (-inf, 1].

    Example:
        >>> area([25, 50, 100], [0.0, 0.5, 1.0])
        0.5
    """
    x, y = np.log2(sizes), np.asarray(skills)
    return float((np.diff(x) * (y[1:] + y[:-1]) / 2).sum() / (x[-1] - x[0]))


def code_length(probabilities: Sequence[np.ndarray], classes: int, first: int) -> float:
    """Bits of a prequential code: the first block uniformly, each later one by the model of those before it.

    Args:
        probabilities: of the given label, by block after the first; clipped at 1e-6.
        classes: K.
        first: examples of the first block.
    """
    later = sum(float(-np.log2(np.maximum(block, CLIP)).sum()) for block in probabilities)
    return first * math.log2(classes) + later


def gain(probabilities: np.ndarray, classes: int) -> float | None:
    """Bits per example that the code saves over guessing; None of no example."""
    if not len(probabilities):
        return None
    return math.log2(classes) - code_length([probabilities], classes, 0) / len(probabilities)


def saved(row: Mapping[str, Any]) -> float:
    """Bits per example that the code of all m examples saves, the first block included: log2 K - L / m."""
    if "classes" not in row:
        return math.nan
    return math.log2(row["classes"]) - float(row["bits"]) / int(row["sizes"][-1])


def enough(row: Mapping[str, Any]) -> float:
    """The smallest number of examples with skill 0.8; NaN where none has."""
    found = [size for size, value in zip(row["sizes"], row["skills"], strict=True) if value >= SKILLED]
    return float(found[0]) if found else math.nan


def kept(row: Mapping[str, Any]) -> float:
    """Skill kept after a shift of the test images, mean over the shifts; NaN of examples that are no images."""
    return float(np.mean(list(row["shifts"].values()))) if row["shifts"] else math.nan
