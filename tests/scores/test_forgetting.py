"""Forgetting events by hand, against the definition on random histories, and with missing visits."""

import math
from itertools import pairwise

import numpy as np
import pytest

from probes.scores.forgetting import forgetting_events, never_learned, unforgettable


def column(*history):
    return np.array(history, dtype=np.int8)[:, None]


@pytest.mark.parametrize(
    ("history", "events", "never", "kept"),
    [
        ((0, 1, 1, 0, 1, 0), 2, False, False),
        ((0, 0, 0), 0, True, False),
        ((1, 1, 1), 0, False, True),
        ((0, 0, 1), 0, False, True),
    ],
)
def test_hand_worked_histories(history, events, never, kept):
    assert forgetting_events(column(*history)).tolist() == [events]
    assert never_learned(column(*history)).tolist() == [never]
    assert unforgettable(column(*history)).tolist() == [kept]


def test_never_learned_is_not_unforgettable():
    """Both have no events; only `never_learned` tells them apart."""
    correct = np.array([[0, 1], [0, 1]], dtype=np.int8)  # epochs x examples

    assert forgetting_events(correct).tolist() == [0, 0]
    assert never_learned(correct).tolist() == [True, False]


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_the_definition(seed):
    """A plain loop over each example's visited history gives the same counts."""
    correct = np.random.default_rng(seed).integers(-1, 2, (20, 40), dtype=np.int8)
    histories = [[a for a in history if a >= 0] for history in correct.T]
    expected = [sum(a == 1 and b == 0 for a, b in pairwise(history)) for history in histories]

    assert forgetting_events(correct).tolist() == expected


def test_a_gap_between_visits_hides_no_event():
    """Right, not visited, wrong: one event, between consecutive visited epochs."""
    assert forgetting_events(column(1, -1, 0)).tolist() == [1]
    assert forgetting_events(column(1, -1, 1)).tolist() == [0]


def test_never_visited_is_missing():
    never = column(-1, -1)

    assert forgetting_events(never).tolist() == [-1]
    assert never_learned(never).tolist() == [-1]
    assert unforgettable(never).tolist() == [-1]


@pytest.mark.parametrize(
    ("value", "dtype"), [(0, np.int32), (4, np.int32), (1000, np.int32), (math.inf, np.float64), (math.nan, np.float64)]
)
def test_never_learned_examples_get_the_value_asked_for(value, dtype):
    """Published codes say T, 1000 or infinity; the other examples keep their counts, and missing stays missing."""
    histories = np.hstack([column(0, 0, 0, 0), column(1, 0, 1, 1), column(1, 1, 1, 1), column(-1, -1, -1, -1)])

    events = forgetting_events(histories, never_learned=value)

    assert events.dtype == dtype
    assert np.array_equal(events, [value, 1, 0, -1], equal_nan=True)


def test_a_first_right_answer_is_no_event():
    """The answer before the first visit counts as wrong: a learning event, which is not counted here."""
    assert forgetting_events(column(0, 1)).tolist() == [0]
    assert forgetting_events(column(-1, 1, 0)).tolist() == [1]
