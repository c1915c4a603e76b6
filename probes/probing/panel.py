"""The few examples that a costly probe follows through a whole run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from probes.data.examples import ExampleSet

__all__ = ["choose_panel"]


def choose_panel(examples: ExampleSet, size: int = 32, seed: int = 0) -> np.ndarray:
    """Choose a fixed panel: half clean, half noisy, every class in turn.

    Where the true labels are known, `size // 2` examples are noisy and the rest clean; a group that
    is too small is filled up from the other. Inside a group the classes take turns, in a drawn order,
    until the group is full: classes are true labels where they are known (what the input shows, so
    that both groups cover every kind of input), given labels where not.

    Args:
        examples: N examples to choose from.
        size: examples wanted; all N if there are no more.
        seed: of the choice. The same examples, size and seed give the same panel.

    Returns:
        int64, (min(size, N),); positions in `examples`, ascending.

    Raises:
        ValueError: size is below 1.
    """
    if size < 1:
        raise ValueError(f"panel must be at least 1, got {size}.")
    generator = np.random.default_rng(seed)
    noisy = None if examples.noisy is None else examples.noisy.cpu().numpy()
    if noisy is None or examples.true_labels is None:
        classes = examples.given_labels.cpu().numpy()
        return np.sort(_in_turns(np.arange(len(examples)), classes, size, generator))
    classes = examples.true_labels.cpu().numpy()
    clean_positions, noisy_positions = np.flatnonzero(~noisy), np.flatnonzero(noisy)
    num_noisy = min(max(size // 2, size - len(clean_positions)), len(noisy_positions))
    chosen = (
        _in_turns(clean_positions, classes, size - num_noisy, generator),
        _in_turns(noisy_positions, classes, num_noisy, generator),
    )
    return np.sort(np.concatenate(chosen))


def _in_turns(positions: np.ndarray, classes: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Draw up to `count` of the positions without replacement, one of each class, then another of each, ...

    Args:
        positions: int, (M,); where to draw from.
        classes: int, (N,); of every position.
        count: how many to draw.
        generator: decides the order of the classes and of the positions inside each.
    """
    drawn = generator.permutation(positions)
    names, column = np.unique(classes[drawn], return_inverse=True)
    by_class = np.argsort(column, kind="stable")
    starts = np.searchsorted(column[by_class], np.arange(len(names)))
    turn = np.empty(len(drawn), dtype=np.int64)
    turn[by_class] = np.arange(len(drawn)) - starts[column[by_class]]
    seat = generator.permutation(len(names))[column]
    return drawn[np.lexsort((seat, turn))[:count]]
