"""Beliefs, who is heard in them, the count that they give, and when it is not to be trusted."""

import numpy as np
import pytest

from probes.audit import AuditSettings
from probes.audit.estimate import (
    dealt,
    doubts,
    estimate_errors,
    fair_beliefs,
    label_beliefs,
    noise_posterior,
    surest_disagreement,
)
from probes.audit.noise_model import joined
from probes.audit.rounds import Rounds

SETTINGS = AuditSettings()


@pytest.fixture
def answers():
    return np.random.default_rng(0).dirichlet([2] * 3, (3, 60))


@pytest.fixture
def told():
    return np.arange(60) % 3


def test_the_first_round_is_read_by_the_noise_model_and_later_ones_as_they_are(answers, told):
    first = noise_posterior(answers[0], told, told, SETTINGS)

    np.testing.assert_allclose(label_beliefs(answers[:1], told, SETTINGS), first, atol=1e-6)
    assert not np.allclose(first, answers[0], atol=0.01)
    product = first**0.5 * (answers[1] * answers[2]) ** 0.25  # the first counts half
    expected = product / product.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(label_beliefs(answers, told, SETTINGS), expected, atol=5e-3)


def test_the_posterior_is_about_the_label_that_is_asked_and_its_table_of_the_one_that_was_told():
    random = np.random.default_rng(0)
    true = random.integers(0, 2, 400)
    told = np.where(random.random(400) < 0.2, 1 - true, true)
    answers = np.eye(2)[true] * 0.4 + 0.3  # 7 to 3
    belief = noise_posterior(answers, told, true, SETTINGS)

    odds = 7 / 3 * (0.8 / 0.2)
    assert belief[np.arange(400), true] == pytest.approx(np.full(400, odds / (1 + odds)), abs=0.02)


def test_fair_beliefs_hear_the_first_round_on_everything_and_later_ones_on_the_unseen(answers, told):
    held_out = np.random.default_rng(1).dirichlet([2] * 3, (3, 60))
    rounds = Rounds(answers, held_out, np.zeros((3, 60), dtype=np.int64), [1, 1, 1], np.ones((60, 1), dtype=np.float32))
    heard = joined([answers[0], held_out[1], held_out[2]], SETTINGS.floor)

    np.testing.assert_array_equal(fair_beliefs(rounds, told, SETTINGS), noise_posterior(heard, told, told, SETTINGS))


def test_probabilities_are_dealt_out_in_an_order():
    assert dealt(np.array([0.9, 0.1, 0.5]), np.array([7, 9, 8])).tolist() == [0.1, 0.9, 0.5]
    assert dealt(np.array([0.9, 0.1]), np.array([1, 1])).tolist() == [0.1, 0.9]  # the first comes first


GIVEN = np.repeat(np.arange(4), 100)
CLASSES = list("abcd")
CERTAIN = np.eye(4)[GIVEN]


def estimated(scores, by_round=None, held_out=CERTAIN, folds=None):
    folds = np.arange(400) % 2 if folds is None else folds
    return estimate_errors(scores, by_round or [scores, scores], folds, np.stack([held_out, held_out]), GIVEN)


def test_the_range_reaches_over_the_counts_of_later_rounds_and_not_of_the_first():
    scores = np.full(400, 0.9)
    tenth = np.where((np.arange(400) % 10 == 0)[:, None], np.roll(CERTAIN, 1, axis=1), CERTAIN)
    found = estimated(scores, [np.zeros(400), np.full(400, 0.8), np.full(400, 0.95)], held_out=tenth)

    assert found["errors"] == pytest.approx(40)
    assert found["by_round"] == pytest.approx([400, 80, 20])
    spread = 2 * (400 * 0.9 * 0.1) ** 0.5
    assert (found["low"], found["high"]) == pytest.approx((20 - spread, 80 + spread))


def test_the_range_holds_the_spread_over_folds_and_disagreements_that_pass_for_hard():
    scores, folds = np.where(np.arange(400) < 200, 1.0, 0.0), np.repeat([0, 1], 200)
    held_out = np.roll(CERTAIN, 100, axis=0)  # of everything another class is answered
    found = estimated(scores, held_out=held_out, folds=folds)

    of_folds, of_hard = 400 * (0.5**0.5) / 2**0.5, 0.25 * (400 - 200)
    assert found["disagreement"] == 1
    assert found["low"] == max(0, 200 - 2 * (of_folds**2 + of_hard**2) ** 0.5)
    assert found["high"] == 400


def doubted(scores, **facts):
    estimate, flagged = estimated(scores, **facts), scores < 0.5
    return doubts(estimate, facts.get("held_out", CERTAIN), GIVEN, flagged, CLASSES)


def test_a_count_that_nothing_speaks_against_is_trusted():
    scores = np.ones(400)
    scores[::10] = 0.01
    held_out = np.where((scores < 0.5)[:, None], np.roll(CERTAIN, 1, axis=1), CERTAIN)

    assert doubted(scores, held_out=held_out) == (True, [])


def test_the_disagreement_of_the_surest_quarter_of_each_class_that_is_named():
    named, sure = np.repeat([0, 1], [8, 4]), np.array([0.9, 0.9, 0.8, 0.7, 0.7, 0.7, 0.6, 0.6, 0.6, 0.7, 0.6, 0.6])
    held_out = np.where(np.arange(2) == named[:, None], sure[:, None], 1 - sure[:, None])
    given = named.copy()
    given[[1, 3, 4]] = 1  # of class 0's surest two one disagrees, of class 1's surest one none
    assert surest_disagreement(held_out, given) == pytest.approx(8 / 12 * 1 / 2)

    sure[2] = 0.9  # one as sure as the second belongs to them
    held_out = np.where(np.arange(2) == named[:, None], sure[:, None], 1 - sure[:, None])
    assert surest_disagreement(held_out, given) == pytest.approx(8 / 12 * 1 / 3)


def test_the_surest_are_the_first_rounds_and_the_range_reaches_down_to_what_they_disagree_with():
    tenth = np.where((np.arange(400) % 10 == 0)[:, None], np.roll(CERTAIN, 1, axis=1), CERTAIN)
    scores = np.where(np.arange(400) % 2, 1.0, 0.0)  # 200 errors, sure of each
    found = estimate_errors(scores, [scores, scores], np.arange(400) // 2 % 2, np.stack([tenth, CERTAIN]), GIVEN)

    assert (found["disagreement_where_sure"], found["disagreement"]) == (0.1, 0)
    assert (found["low"], found["high"]) == (40, 200)


def test_labels_of_classes_that_overlap_are_not_counted_as_wrong_in_silence():
    """Nobody's error: with the odds of a logistic model, most disagreement is where the network is unsure."""
    random = np.random.default_rng(0)
    right = random.uniform(0.5, 1, 400)  # P(the class that is named)
    named = np.where(random.random(400) < right, GIVEN, (GIVEN + 1) % 4)
    held_out = np.full((400, 4), 0.0)
    held_out[np.arange(400), named] = right
    trusted, warnings = doubted(np.where(named == GIVEN, 0.95, 0.3), held_out=held_out)

    assert not trusted
    assert any("classes overlap and nobody could. As few as" in sentence for sentence in warnings)


def test_a_later_round_that_counts_otherwise_than_all_together_is_told():
    scores = np.ones(400)
    scores[:40] = 0.01
    other = np.ones(400)
    other[:60] = 0.01
    trusted, warnings = doubted(scores, by_round=[scores, other])

    assert not trusted
    assert any("from 40 to 59 wrong labels" in sentence for sentence in warnings)


def test_a_class_that_networks_never_name_is_not_counted_as_wrong_in_silence():
    """Labels of a rare class that is not learned all look wrong, and the networks agree with nearly all others."""
    scores = np.ones(400)
    scores[GIVEN == 3] = 0.01
    held_out = np.where((GIVEN == 3)[:, None], np.eye(4)[0], CERTAIN)
    trusted, warnings = doubted(scores, held_out=held_out)

    assert not trusted
    assert any("Most labels of d are flagged" in sentence for sentence in warnings)


def test_a_class_with_many_wrong_labels_that_networks_do_name_is_no_cause_for_doubt():
    scores, names = np.ones(400), GIVEN.copy()
    wrong = np.flatnonzero(GIVEN == 3)[:60]
    scores[wrong], names[wrong] = 0.01, 2  # 60 labels of d are c
    names[:20] = 3  # and 20 labels of a are d
    scores[:20] = 0.01

    assert doubted(scores, held_out=np.eye(4)[names])[0]


def test_joined_probabilities_are_their_geometric_mean():
    parts = [np.array([[0.5, 0.5]]), np.array([[0.9, 0.1]]), np.array([[0.8, 0.2]])]

    odds = (9 * 4) ** (1 / 3)
    assert joined(parts, 1e-6)[0, 0] == pytest.approx(odds / (1 + odds))
