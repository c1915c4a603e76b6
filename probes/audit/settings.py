"""Every number an audit depends on, fixed once for all data."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["AuditSettings"]


@dataclass(frozen=True)
class AuditSettings:
    """Fixed on digits, Fashion-MNIST and harder versions of both (benchmarks), with seed 0, for all data alike.

    Attributes:
        folds: parts the data are cut into; each network trains on all but one.
        steps: optimizer steps that each network might take if all compute went to the first round, rounded up to whole
            epochs.
        fewest_epochs: that this is, however large the data.
        most_epochs: likewise, however small the data.
        rounds: of networks, at most; two there always are.
        batch_size: examples per step; small data take less, so that an epoch has about 16 steps.
        lr: learning rate of SGD.
        momentum: of SGD.
        width: units of the hidden layers, where the network is a multilayer perceptron.
        depth: its hidden layers.
        smallest_image: side, in pixels, from which the network is a small convolutional one.
        largest_image: side, in pixels, to which larger images are shrunk for our own networks.
        sharpness: temperature at which answers are counted for the noise model; near 0 the most probable class counts
            alone.
        floor: smallest probability that an answer may give to a class.
        cutoff: an example whose label is right with a lower probability is flagged.
        neighbours: kept for each of the most suspicious examples.
        most_shown: suspicious examples that get neighbours and thumbnails, at most.
        least_shown: likewise, at least.
    """

    folds: int = 3
    steps: int = 470
    fewest_epochs: int = 11
    most_epochs: int = 40
    rounds: int = 3
    batch_size: int = 64
    lr: float = 0.05
    momentum: float = 0.9
    width: int = 512
    depth: int = 2
    smallest_image: int = 16
    largest_image: int = 64
    sharpness: float = 0.2
    floor: float = 1e-6
    cutoff: float = 0.5
    neighbours: int = 8
    most_shown: int = 2_000
    least_shown: int = 100

    def batch_of(self, examples: int) -> int:
        """Examples per step, of so many to train on."""
        return max(1, min(self.batch_size, max(8, examples // 16)))

    def epochs_of(self, examples: int) -> int:
        """Epochs that all compute is worth, if the first round took it, of so many examples to train on."""
        per_epoch = math.ceil(examples / self.batch_of(examples))
        return min(max(math.ceil(self.steps / per_epoch), self.fewest_epochs), self.most_epochs)
