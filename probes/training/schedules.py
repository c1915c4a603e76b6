"""Names of optimizers and schedules, and the learning rate of each epoch."""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["OPTIMIZERS", "SCHEDULES", "learning_rate"]

OPTIMIZERS: dict[str, str] = {
    "sgd": "stochastic gradient descent with momentum",
    "adam": "Adam; weight decay is added to the gradient",
    "adamw": "Adam with decoupled weight decay",
}
SCHEDULES: dict[str, str] = {
    "constant": "the same learning rate throughout",
    "cosine": "half a cosine, from the learning rate to nearly 0",
    "step": "a tenth from half of the epochs on, a hundredth from three quarters on",
    "exponential": "times 0.95 each epoch, as in Zhang et al. 2017",
    "halving": "halved every 15 epochs, as in Arpit et al. 2017",
}
_FACTORS: dict[str, Callable[[int, int], float]] = {
    "constant": lambda done, epochs: 1.0,
    "cosine": lambda done, epochs: 0.5 * (1 + math.cos(math.pi * done / epochs)),
    "step": lambda done, epochs: 0.1 ** ((2 * done >= epochs) + (4 * done >= 3 * epochs)),
    "exponential": lambda done, epochs: 0.95**done,
    "halving": lambda done, epochs: 0.5 ** (done // 15),
}


def learning_rate(schedule: str, lr: float, epoch: int, epochs: int) -> float:
    """The learning rate of an epoch: a function of these numbers alone, so that resuming needs no state.

    Args:
        schedule: a name of SCHEDULES.
        lr: of the first epoch.
        epoch: 1..epochs.
        epochs: in all.

    Example:
        >>> [round(learning_rate("step", 0.1, epoch, 8), 4) for epoch in range(1, 9)]
        [0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001]
    """
    return lr * _FACTORS[schedule](epoch - 1, epochs)
