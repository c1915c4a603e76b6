"""Second-split forgetting: by hand, by walking backwards, and with gaps."""

import numpy as np
import pytest

from probes.scores import second_split_forgetting


def test_the_first_epoch_from_which_it_stays_wrong():
    """At once; after one right epoch; back again and lost; right at the end; only the last is wrong."""
    correct = np.array([[0, 1, 1, 0, 1], [0, 0, 0, 0, 1], [0, 0, 1, 1, 1], [0, 0, 0, 1, 0]], dtype=np.int8)

    assert second_split_forgetting(correct).tolist() == [1, 2, 4, 5, 4]


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_walking_backwards(seed):
    correct = np.random.default_rng(seed).integers(-1, 2, (7, 60), dtype=np.int8)
    expected = []
    for history in correct.T:
        seen = [(epoch, value) for epoch, value in enumerate(history, start=1) if value >= 0]
        first = 8 if seen else -1
        for epoch, value in reversed(seen):
            if value == 1:
                break
            first = epoch
        expected.append(first)

    assert second_split_forgetting(correct).tolist() == expected


def test_epochs_without_a_visit_decide_nothing():
    correct = np.array([[-1, 1, -1], [0, -1, -1], [-1, 0, -1], [0, -1, -1]], dtype=np.int8)

    assert second_split_forgetting(correct).tolist() == [2, 3, -1]
    assert second_split_forgetting(np.empty((0, 2), dtype=np.int8)).tolist() == [-1, -1]
