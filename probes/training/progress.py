"""What a caller of `train` is told after each epoch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["EpochProgress"]


@dataclass(frozen=True)
class EpochProgress:
    """How far a run has come. Accuracies are shares; None where there is no such example.

    Attributes:
        epoch: the one just recorded; 0 is before training.
        epochs: the last one.
        clean_accuracy: share of clean training examples predicted as given.
        noisy_accuracy: share of noisy training examples predicted as given, that is memorized.
        validation_accuracy: on the validation examples.
        test_accuracy: on the test examples.
        elapsed_s: since training began.
        eta_s: still to go, at the pace so far; None at epoch 0.
        folder: of the run.
        stopped: whether early stopping ends the run with this epoch.
    """

    epoch: int
    epochs: int
    clean_accuracy: float | None
    noisy_accuracy: float | None
    validation_accuracy: float | None
    test_accuracy: float | None
    elapsed_s: float
    eta_s: float | None
    folder: Path
    stopped: bool = False
