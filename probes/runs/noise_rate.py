"""Whether the estimated noise rate of a run can be trusted."""

from __future__ import annotations

import numpy as np

__all__ = ["unlearned"]

NEAR_CHANCE = 0.1  # of the way from the accuracy of guessing to 1
FEW_EPOCHS = 5  # of a shorter run, the best validation accuracy says little about where learning ends


def unlearned(epochs: np.ndarray, shares: np.ndarray, peak: int | None, last: int, classes: int) -> str:
    """Why what is not answered as labelled may be the network's own errors rather than wrong labels; or "".

    Args:
        epochs: int, (T,); of the validation accuracies, maybe none.
        shares: float, (T,); these accuracies.
        peak: epoch of the highest one, None where there is none.
        last: last epoch of the run.
        classes: how many there are, 0 where unknown.
    """
    trained, chance = shares[epochs > 0], 1 / max(classes, 1)
    if len(trained) and chance < 1 and trained.max() < chance + NEAR_CHANCE * (1 - chance):
        return "the network has hardly learned anything yet"
    if len(trained) and peak == last:
        return "the network was still learning at the end"
    if 0 < last < FEW_EPOCHS:
        return f"the network was trained for {'one epoch' if last == 1 else f'{last} epochs'} only"
    return ""
