"""Learning times by hand, against the definition on random histories, and with missing visits."""

import numpy as np
import pytest

from probes.scores.learning_times import first_learned_epoch, learned_epoch


def column(*history):
    return np.array(history, dtype=np.int8)[:, None]


@pytest.mark.parametrize(
    ("history", "first", "for_good"),
    [((0, 1, 1, 0, 1, 0), 2, -1), ((0, 1, 0, 1, 1), 2, 4), ((1, 1), 1, 1), ((0, 0), -1, -1), ((0, 1), 2, 2)],
)
def test_hand_worked_histories(history, first, for_good):
    assert first_learned_epoch(column(*history)).tolist() == [first]
    assert learned_epoch(column(*history)).tolist() == [for_good]


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_the_definition(seed):
    correct = np.random.default_rng(seed).choice([-1, 0, 1, 1, 1], (8, 60)).astype(np.int8)

    def first(history):
        return next((t + 1 for t, a in enumerate(history) if a == 1), -1)

    def for_good(history):
        stays = [t + 1 for t, a in enumerate(history) if a == 1 and all(b != 0 for b in history[t:])]
        return stays[0] if stays else -1

    assert first_learned_epoch(correct).tolist() == [first(history) for history in correct.T]
    assert learned_epoch(correct).tolist() == [for_good(history) for history in correct.T]


def test_only_visited_epochs_count():
    assert learned_epoch(column(0, 1, -1, 1, -1)).tolist() == [2]
    assert first_learned_epoch(column(-1, -1, 1)).tolist() == [3]


def test_never_visited_and_no_epochs_are_missing():
    assert learned_epoch(column(-1, -1)).tolist() == [-1]
    assert learned_epoch(np.empty((0, 2), dtype=np.int8)).tolist() == [-1, -1]
    assert first_learned_epoch(np.empty((0, 2), dtype=np.int8)).tolist() == [-1, -1]


def test_examples_never_learned_get_the_value_asked_for():
    """E + 1 ranks them last; those never visited stay missing."""
    histories = np.hstack([column(0, 0, 0), column(1, 1, 0), column(0, 1, 1), column(-1, -1, -1)])

    assert first_learned_epoch(histories, never=4).tolist() == [4, 1, 2, -1]
    assert learned_epoch(histories, never=4).tolist() == [4, 4, 2, -1]
