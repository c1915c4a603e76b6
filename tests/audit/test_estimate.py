"""Beliefs: the first round's by the noise model, later rounds' as they are, all joined."""

import numpy as np
import pytest

from probes.audit import AuditSettings
from probes.audit.estimate import label_beliefs, label_scores, noise_posterior
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


@pytest.fixture
def rounds(answers):
    held_out = np.random.default_rng(1).dirichlet([2] * 3, (3, 60))
    return Rounds(answers, held_out, np.zeros((3, 60), dtype=np.int64), [1, 1, 1], np.ones((60, 1), dtype=np.float32))


def test_scores_are_a_fairer_witness_dealt_out_in_the_order_of_beliefs(rounds, told):
    belief = label_beliefs(rounds.answers, told, SETTINGS)
    scores = label_scores(rounds, told, told, belief, SETTINGS)
    fair = joined([rounds.answers[0], rounds.held_out[1], rounds.held_out[2]], SETTINGS.floor)
    witness = noise_posterior(fair, told, told, SETTINGS)[np.arange(60), told]

    np.testing.assert_array_equal(scores.argsort(), belief[np.arange(60), told].argsort())
    np.testing.assert_array_equal(np.sort(scores), np.sort(witness))
    assert not np.array_equal(scores, witness)


def test_what_the_first_round_answers_to_the_unseen_and_later_ones_to_the_seen_does_not_count(rounds, told):
    """The count of errors hears the first round on everything, and later ones on what they have not seen."""
    belief = label_beliefs(rounds.answers, told, SETTINGS)
    changed = Rounds(rounds.answers.copy(), rounds.held_out.copy(), rounds.folds, rounds.epochs, rounds.features)
    changed.answers[1:] = 1 / 3
    changed.held_out[0] = 1 / 3

    same, different = (label_scores(part, told, told, belief, SETTINGS) for part in (rounds, changed))
    np.testing.assert_array_equal(same, different)


def test_joined_probabilities_are_their_geometric_mean():
    parts = [np.array([[0.5, 0.5]]), np.array([[0.9, 0.1]]), np.array([[0.8, 0.2]])]

    odds = (9 * 4) ** (1 / 3)
    assert joined(parts, 1e-6)[0, 0] == pytest.approx(odds / (1 + odds))
