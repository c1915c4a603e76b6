"""Learning times against loops over each example's history."""

import numpy as np
import pytest

from probes import ExampleTracker
from probes.scores import first_learned_epoch, learned_epoch


def first_learned(answers):
    """Toneva et al., ICLR 2019, section 3: the first presentation at which the example is learned, counted from 1."""
    for epoch, now in answers:
        if now:
            return epoch
    return None


def iteration_learned(answers):
    """Baldock et al., NeurIPS 2021, section 2: learned at t if right at every step from t on, and not at t - 1.

    With the given label where they take the converged network's final prediction.
    """
    for epoch, now in answers:
        if now and all(later for when, later in answers if when >= epoch):
            return epoch
    return None


def presentations_needed_to_learn(answers):
    """The code of Toneva et al.: the last presentation with a wrong answer, counted from 1; 0 where none is wrong."""
    wrong = [epoch for epoch, now in answers if not now]
    return wrong[-1] if wrong else 0


@pytest.fixture
def histories(stream):
    """{example: [(epoch, right or not), ...]}; the first of equal logits is the prediction."""
    return {
        example: [(epoch, row.index(max(row)) == stream.targets[example]) for epoch, row in history]
        for example, history in stream.histories().items()
    }


@pytest.mark.parametrize(
    ("column", "definition"), [("first_learned_epoch", first_learned), ("learned_epoch", iteration_learned)]
)
def test_columns_are_those_of_the_definition(histories, scores, column, definition):
    found = {example: definition(history) for example, history in histories.items()}

    assert scores[column].dropna().to_dict() == {example: when for example, when in found.items() if when is not None}
    assert None in found.values()


def test_windows_start_afresh(histories, tracker):
    """Nothing before the window is used, and epochs keep their numbers."""
    window = tracker.scores(["first_learned_epoch", "learned_epoch"], epochs=(4, 7))
    inside = {example: [(t, now) for t, now in history if 4 <= t <= 7] for example, history in histories.items()}

    for column, definition in (("first_learned_epoch", first_learned), ("learned_epoch", iteration_learned)):
        found = {example: definition(history) for example, history in inside.items()}
        assert window[column].dropna().to_dict() == {example: when for example, when in found.items() if when}


def test_never_as_one_past_the_last_epoch_ranks_it_last(histories, tracker):
    correct = tracker.trajectory("correct")
    past = len(correct) + 1

    for function, definition in ((first_learned_epoch, first_learned), (learned_epoch, iteration_learned)):
        values = function(correct, never=past)
        assert {example: values[example] for example in histories} == {
            example: definition(history) or past for example, history in histories.items()
        }
        assert (np.delete(values, list(histories)) == -1).all()


def test_presentations_needed_to_learn_are_one_less(whole, track):
    """On examples visited at every epoch; elsewhere an epoch without a visit may lie between."""
    correct = track(whole, ExampleTracker(whole.num_examples)).trajectory("correct")
    histories = whole.histories()
    theirs = [
        presentations_needed_to_learn(
            [(epoch, row.index(max(row)) == whole.targets[example]) for epoch, row in histories[example]]
        )
        for example in range(whole.num_examples)
    ]

    assert (learned_epoch(correct, never=len(correct) + 1) - 1).tolist() == theirs


def test_agreement_with_the_final_prediction_is_the_papers_iteration_learned(whole, track):
    """Baldock et al.'s own reference, in place of the given label: every example settles at some epoch."""
    prediction = track(whole, ExampleTracker(whole.num_examples)).trajectory("prediction")
    expected = []
    for history in prediction.T.tolist():
        settled = len(history)
        while settled > 1 and history[settled - 2] == history[-1]:
            settled -= 1
        expected.append(settled)

    assert learned_epoch((prediction == prediction[-1]).astype(np.int8)).tolist() == expected
