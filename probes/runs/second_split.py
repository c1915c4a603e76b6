"""Second-split forgetting from two saved runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from probes.errors import ConfigError
from probes.runs.run import Run
from probes.runs.trajectories import block_of, dense_trajectories
from probes.scores.learning_times import learned_epoch
from probes.scores.second_split import second_split_forgetting

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["second_split"]


def second_split(first: Run, second: Run, examples: Sequence[int] | np.ndarray | None = None) -> pd.DataFrame:
    """When each example of a half is learned, and when it is forgotten once training goes on with the other half.

    Both runs number the same N examples in the same way. The first holds a training on half A: its trajectories
    must show the examples of A, those of B do not matter. The second holds the same network going on with half B
    alone, at a learning rate high enough to forget: after each epoch it must show the examples of A, which it does
    not train on (record a pass over A in eval mode as the epoch). Swap the halves and concatenate both results to
    have every example; average over seeds.

    Args:
        first: of training on A.
        second: of going on with B, looking at A.
        examples: int, positions of the examples of A; by default those that both runs show. Needed where both show
            all N, as those trained on in the second run cannot be told from the others.

    Returns:
        A row per example of A, index `example`: `first_split_learning`, first epoch from which it stays right in
        the first run (missing if there is none), and `second_split_forgetting`, first epoch from which it stays
        wrong in the second (E + 1 if never); low means mislabelled. Int64.

    Raises:
        ConfigError: the runs do not number the same examples, no example is shown by both, or one that is asked for
            is not.

    Source:
        Maini et al., NeurIPS 2022, https://arxiv.org/abs/2210.15031.
    """
    import pandas as pd

    if first.num_examples != second.num_examples:
        raise ConfigError(
            f"the runs must number the same examples: {first.path} has {first.num_examples}, "
            f"{second.path} has {second.num_examples}."
        )
    learned = _as_epochs(first, _in_blocks(first, _first_split))
    forgotten = _as_epochs(second, _in_blocks(second, second_split_forgetting))
    shown = (learned >= 0) & (forgotten >= 0)
    half = np.flatnonzero(shown) if examples is None else _positions(examples, shown)
    if len(half) == 0:
        raise ConfigError(f"no example is shown, with its label, by both {first.path} and {second.path}.")
    _check_labels(first, second, half)
    learning = pd.arrays.IntegerArray(learned[half].astype(np.int64), learned[half] == 0)
    forgetting = pd.array(forgotten[half].astype(np.int64), dtype="Int64")
    return pd.DataFrame(
        {"first_split_learning": learning, "second_split_forgetting": forgetting},
        index=pd.Index(half, name="example"),
    )


def _first_split(correct: np.ndarray) -> np.ndarray:
    """`learned_epoch`, with 0 for an example that is wrong at its last visited epoch, -1 for one never visited."""
    visited = (correct >= 0).any(axis=0)
    return np.where(visited, np.maximum(learned_epoch(correct), 0), -1)


def _in_blocks(run: Run, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """A function of `correct` (E, n) -> (n,), over all examples in bounded memory."""
    epochs = run.closed_epochs
    block = block_of(len(epochs))
    parts = []
    for start in range(0, run.num_examples, block):
        stop = min(start + block, run.num_examples)
        held = dense_trajectories(run._store, ["correct"], epochs, start, stop, run.given_labels)
        parts.append(function(held["correct"]))
    return np.concatenate(parts)


def _as_epochs(run: Run, rows: np.ndarray) -> np.ndarray:
    """Rows of the trajectories, from 1, as epochs of the run; the one after the last is E + 1, 0 and -1 stay."""
    names = np.array([0, *run.closed_epochs, run.num_epochs + 1])
    return np.where(rows >= 0, names[np.maximum(rows, 0)], rows)


def _positions(examples: Sequence[int] | np.ndarray, shown: np.ndarray) -> np.ndarray:
    """The positions asked for, checked."""
    positions = np.asarray(examples)
    if positions.ndim != 1 or (len(positions) and positions.dtype.kind not in "iu"):
        raise ConfigError("examples must be positions, a list of integers.")
    outside = (positions < 0) | (positions >= len(shown))
    if outside.any():
        raise ConfigError(f"examples must lie in [0, {len(shown)}), got {positions[outside][0]}.")
    positions = positions.astype(np.int64)
    if not shown[positions].all():
        raise ConfigError(f"example {positions[~shown[positions]][0]} is not shown by both runs.")
    return positions


def _check_labels(first: Run, second: Run, half: np.ndarray) -> None:
    """Given labels differ where the examples are numbered differently, or were relabelled in between."""
    before, after = first.given_labels, second.given_labels
    assert before is not None
    assert after is not None
    differ = half[before[half] != after[half]]
    if len(differ):
        example = differ[0]
        raise ConfigError(
            f"the runs must number the same examples: example {example} has given label {before[example]} in "
            f"{first.path}, {after[example]} in {second.path}."
        )
