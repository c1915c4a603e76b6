"""Reading signals off a model: sweeps over a set of examples, and batches that a training step has just seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from probes.data import ExampleSet
from probes.signals import Signals, signals
from probes.trackers.epoch_buffer import EpochBuffer

__all__ = ["SignalCollector", "held_out_metrics", "sweep"]

_HELD_ROWS = 4096  # of logits turned into signals at once
_SWEEP_ROWS = 256  # in a forward pass without gradients: on a CPU, its activations stay in the cache


class SignalCollector:
    """Writes the signals of many small batches into a buffer, a few thousand rows at a time.

    Args:
        buffer: what the signals go to.
    """

    def __init__(self, buffer: EpochBuffer):
        self._buffer = buffer
        self._held: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
        self._rows = 0

    def add(self, index: torch.Tensor, logits: torch.Tensor, targets: torch.Tensor) -> None:
        """Take one batch; keeps its logits, without their graph, until the next flush."""
        self._held.append((index, logits.detach(), targets))
        self._rows += len(index)
        if self._rows >= _HELD_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what is held."""
        if self._held:
            index, logits, targets = (torch.cat(parts) for parts in zip(*self._held, strict=True))
            self._buffer.write(_array(index), _signals(logits, targets))
            self._held, self._rows = [], 0

    def take(self) -> dict[str, np.ndarray]:
        """Return the epoch's columns and start the next one."""
        self.flush()
        return self._buffer.take()


def sweep(model: nn.Module, examples: ExampleSet, collector: SignalCollector) -> None:
    """Visit every example once, in evaluation mode and without gradients."""
    model.eval()
    with torch.inference_mode():
        for index, inputs, targets in examples.batches(_SWEEP_ROWS):
            collector.add(index, model(inputs), targets)
    collector.flush()


def held_out_metrics(model: nn.Module, examples: ExampleSet) -> dict[str, Any]:
    """Examples, accuracy and mean loss (nats) on a set whose labels are the true ones.

    A row whose logits are not finite counts as wrong, and the loss is NaN; the accuracy is None where no row is finite.
    """
    model.eval()
    with torch.inference_mode():
        parts = [
            (_signals(model(inputs), targets), _array(targets)) for _, inputs, targets in examples.batches(_SWEEP_ROWS)
        ]
    correct = np.concatenate([values.prediction == targets for values, targets in parts])
    loss = np.concatenate([values.loss for values, _ in parts])
    finite = any((values.prediction >= 0).any() for values, _ in parts)
    accuracy = float(correct.mean()) if finite else None
    return {
        "group": examples.split,
        "examples": len(correct),
        "accuracy": accuracy,
        "true_label_accuracy": accuracy,
        "loss": float(loss.mean(dtype=np.float64)),
    }


def _signals(logits: torch.Tensor, targets: torch.Tensor) -> Signals:
    return signals(_array(logits.float()), _array(targets))


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.cpu().numpy()
