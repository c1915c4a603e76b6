"""Memorization and influence by subsets, where the answers are known."""

import itertools

import numpy as np
import pytest

from probes.scores.subset_influence import influence_by_subsets, memorization_by_subsets


def all_subsets(of: int, size: int) -> np.ndarray:
    """bool, (R, of): every training set of this size."""
    chosen = list(itertools.combinations(range(of), size))
    return np.array([[example in subset for example in range(of)] for subset in chosen])


def test_a_worked_case():
    """Example 0: 2 of 3 right with it, 0 of 1 without; example 1: 1 of 2 either way."""
    inside = np.array([[1, 1], [1, 1], [1, 0], [0, 0]])
    correct = np.array([[1, 1], [0, 0], [1, 1], [0, 0]])

    found = memorization_by_subsets(inside, correct)

    assert found.value == pytest.approx([2 / 3, 0.0])
    assert found.inside.tolist() == [3, 2]
    assert found.outside.tolist() == [1, 2]
    assert np.isnan(found.error[0]), "one model alone says nothing of its spread"
    assert found.error[1] == pytest.approx(np.sqrt(0.5 / 2 + 0.5 / 2))


def test_memorization_of_a_majority_vote_is_known_exactly():
    """A learner that looks an example up, and answers the majority for what it has not seen.

    Four examples are of class 0, one of class 1: that one is answered correctly only by those that saw it, the others
    by all who trained on any three, whether they saw them or not.
    """
    labels = np.array([0, 0, 0, 0, 1])
    inside = all_subsets(5, 3)
    majority = np.array([np.bincount(labels[subset]).argmax() for subset in inside])
    correct = inside | (majority[:, None] == labels)

    found = memorization_by_subsets(inside, correct)

    assert found.value.tolist() == [0, 0, 0, 0, 1]
    assert found.error.tolist() == [0, 0, 0, 0, 0]


def test_influence_finds_the_example_that_carries_a_test_example():
    """Test example 0 needs training example 2, 1 needs none, 2 is spoilt by training example 0."""
    inside = all_subsets(5, 3)
    correct = np.stack([inside[:, 2], np.ones(len(inside), dtype=bool), ~inside[:, 0]], axis=1)

    found = influence_by_subsets(inside, correct)

    assert found.value.shape == found.error.shape == (5, 3)
    assert found.value[2, 0] == 1
    assert (found.value[:, 1] == 0).all()
    assert found.value[0, 2] == -1


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_definition(seed):
    random = np.random.default_rng(seed)
    inside, train, test = (random.random((40, count)) < 0.6 for count in (6, 6, 4))

    memorization, influence = memorization_by_subsets(inside, train), influence_by_subsets(inside, test)

    for i in range(6):
        for found, place, right in (
            (memorization, i, train[:, i]),
            *((influence, (i, j), test[:, j]) for j in range(4)),
        ):
            with_it, without = right[inside[:, i]], right[~inside[:, i]]
            assert found.value[place] == pytest.approx(with_it.mean() - without.mean())
            error = np.sqrt(with_it.var(ddof=1) / len(with_it) + without.var(ddof=1) / len(without))
            assert found.error[place] == pytest.approx(error)


def test_the_standard_error_is_the_spread_over_repetitions():
    """Of an example that half of the models get right without it, 90 % with it."""
    random = np.random.default_rng(0)
    inside = random.random((2000, 200, 1)) < 0.7
    correct = random.random((2000, 200, 1)) < np.where(inside, 0.9, 0.5)

    found = [memorization_by_subsets(*both) for both in zip(inside, correct, strict=True)]

    assert np.mean([one.value for one in found]) == pytest.approx(0.4, abs=0.01)
    assert np.mean([one.error for one in found]) == pytest.approx(np.std([one.value for one in found]), rel=0.05)


def test_an_example_that_every_model_saw_is_unknown():
    found = memorization_by_subsets(np.ones((4, 1), dtype=bool), np.ones((4, 1), dtype=bool))

    assert np.isnan(found.value).all()
    assert found.outside.tolist() == [0]


def test_refuses_answers_of_other_models():
    with pytest.raises(ValueError, match=r"one row per model, got \(4, 2\) and \(3, 2\)"):
        influence_by_subsets(np.ones((4, 2)), np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"shape of inside, \(4, 2\), got \(4, 3\)"):
        memorization_by_subsets(np.ones((4, 2)), np.ones((4, 3)))
