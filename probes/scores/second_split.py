"""Second-split forgetting (Maini et al. 2022): what is forgotten as soon as training leaves it alone."""

from __future__ import annotations

import numpy as np

from probes.scores.visits import last_visited

__all__ = ["second_split_forgetting"]


def second_split_forgetting(correct: np.ndarray) -> np.ndarray:
    """First epoch of training on the other half from which an example stays misclassified to the end.

    Low is mislabelled, middle rare, never typical. `learned_epoch` of the first run says from when on it was
    learned (first-split learning time).

    Args:
        correct: int8, (E, N); 1 or 0 while a network trained on these examples goes on without them, -1 where not
            visited. Row 0 is epoch 1.

    Returns:
        int32, (N,); 1..E; E + 1 where it is right at its last visited epoch; -1 where never visited.

    Source:
        Maini et al., NeurIPS 2022, section 3, https://arxiv.org/abs/2210.15031.

    Example:
        >>> second_split_forgetting(np.array([[1, 1, 0], [0, 0, 0], [0, 1, 0]], dtype=np.int8))
        array([2, 4, 1], dtype=int32)
    """
    epochs, examples = correct.shape
    if epochs == 0:
        return np.full(examples, -1, dtype=np.int32)
    stays = (np.arange(epochs)[:, None] > last_visited(correct == 1)) & (correct == 0)
    forgotten = np.where(stays.any(axis=0), np.argmax(stays, axis=0) + 1, epochs + 1)
    return np.where((correct >= 0).any(axis=0), forgotten, -1).astype(np.int32)
