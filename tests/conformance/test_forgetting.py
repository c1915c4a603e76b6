"""Forgetting statistics against a plain walk through each example's presentations (Toneva et al., ICLR 2019).

They count at every presentation and we between consecutive visited epochs, in each of which the last visit stands: the
two agree on examples visited at most once an epoch, and on all others too where every batch is an epoch and holds no
example twice. Ours are never more: what we do not see are transitions within an epoch.
"""

import math

import numpy as np
import pytest

from probes import ExampleTracker
from probes.scores import forgetting_events, never_learned, unforgettable


def right(row, given):
    """Prediction as `argmax` gives it: the first of equal logits."""
    return row.index(max(row)) == given


def forgetting_statistics(answers):
    """Section 3: a forgetting event is a fall of the accuracy on the example between two consecutive presentations.

    The previous accuracy is 0 before the first presentation, so that a first right answer is a learning event.

    Returns:
        Forgetting events, whether ever learned.
    """
    before, forgotten, learned = 0, 0, False
    for now in answers:
        if before > now:
            forgotten += 1
        if now > before:
            learned = True
        before = now
    return forgotten, learned


def paper_count(answers):
    """Section 3: examples never learned count as forgotten infinitely often when sorted."""
    forgotten, learned = forgetting_statistics(answers)
    return forgotten if learned else math.inf


def their_codes_count(answers, presentations):
    """What their code sorts by: of a never-learned example, the number of presentations."""
    forgotten, learned = forgetting_statistics(answers)
    return forgotten if learned else presentations


def cartographys_forgetfulness(answers):
    """The code of dataset cartography: 1000 for one that is never right, else how often it is missed once learnt."""
    if sum(answers) == 0:
        return 1000
    learnt, times = False, 0
    for now in answers:
        if learnt and not now:
            learnt, times = False, times + 1
        elif now and not learnt:
            learnt = True
    return times


@pytest.fixture
def answers(stream):
    """{example: right or not, at each visited epoch}."""
    return {
        example: [int(right(row, stream.targets[example])) for _, row in history]
        for example, history in stream.histories().items()
    }


@pytest.fixture
def correct(tracker):
    return tracker.trajectory("correct")


def ours(values, answers):
    """A pure function's values of the examples that were visited, after a look at the others."""
    missing = sorted(set(range(len(values))) - set(answers))
    assert values[missing].tolist() == [-1] * len(missing)
    return {example: values[example].item() for example in answers}


def test_columns_are_those_of_the_definition(answers, scores):
    seen = scores.loc[list(answers)]
    found = [forgetting_statistics(history) for history in answers.values()]

    assert seen["forgetting_events"].tolist() == [events for events, _ in found]
    assert seen["never_learned"].tolist() == [not learned for _, learned in found]
    assert seen["unforgettable"].tolist() == [learned and events == 0 for events, learned in found]
    assert scores.drop(list(answers))[["forgetting_events", "never_learned", "unforgettable"]].isna().all(axis=None)


def test_never_learned_as_infinite_is_the_papers_order(answers, correct):
    assert ours(forgetting_events(correct, never_learned=math.inf), answers) == {
        example: paper_count(history) for example, history in answers.items()
    }


def test_never_learned_as_every_presentation_is_their_codes_order(answers, correct):
    epochs = len(correct)

    assert ours(forgetting_events(correct, never_learned=epochs), answers) == {
        example: their_codes_count(history, epochs) for example, history in answers.items()
    }


def test_never_learned_as_1000_is_cartographys_forgetfulness(answers, correct):
    assert ours(forgetting_events(correct, never_learned=1000), answers) == {
        example: cartographys_forgetfulness(history) for example, history in answers.items()
    }


def test_every_reading_marks_the_same_examples_as_unforgettable(answers, correct):
    """Only the count of never-learned examples differs between them."""
    kept = ours(unforgettable(correct), answers)
    never = ours(never_learned(correct), answers)

    assert [paper_count(history) == 0 for history in answers.values()] == [bool(flag) for flag in kept.values()]
    assert [paper_count(history) == math.inf for history in answers.values()] == [bool(flag) for flag in never.values()]


def presentations(stream):
    return {
        example: [int(right(row, stream.targets[example])) for _, _, row in visits]
        for example, visits in stream.visits().items()
    }


def test_events_at_presentations_are_at_least_those_at_epochs(ragged, track):
    ours = track(ragged, ExampleTracker(ragged.num_examples)).scores(["forgetting_events"])["forgetting_events"]
    visits, histories = ragged.visits(), ragged.histories()
    theirs = {example: forgetting_statistics(seen)[0] for example, seen in presentations(ragged).items()}

    once = [example for example in visits if len(visits[example]) == len(histories[example])]
    assert ours[once].tolist() == [theirs[example] for example in once]
    assert all(ours[example] <= theirs[example] for example in theirs)


def test_events_at_presentations_are_ours_where_every_batch_is_an_epoch(ragged, track):
    tracker = track(ragged, ExampleTracker(ragged.num_examples), epoch_per_batch=True)
    ours = tracker.scores(["forgetting_events"])["forgetting_events"]
    places = {example: [(epoch, step) for epoch, step, _ in seen] for example, seen in ragged.visits().items()}
    apart = [example for example, seen in places.items() if len(set(seen)) == len(seen)]
    repeated = [example for example in apart if len({epoch for epoch, _ in places[example]}) < len(places[example])]

    assert repeated
    found = presentations(ragged)
    assert ours[apart].tolist() == [forgetting_statistics(found[example])[0] for example in apart]


def test_their_hand_worked_history():
    """Learned, forgotten, learned, forgotten: 2 events; the first right answer is none."""
    assert forgetting_statistics([0, 1, 1, 0, 1, 0]) == (2, True)
    assert forgetting_statistics([1, 1, 1]) == (0, True)
    assert forgetting_events(np.array([[0, 1, 1, 0, 1, 0], [1] * 6], dtype=np.int8).T).tolist() == [2, 0]
