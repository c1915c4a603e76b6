"""The noise model against counts that can be made by hand."""

import numpy as np
import pytest

from probes.audit.noise_model import fit_noise_model, label_posterior, sharpened


def test_of_certain_answers_the_table_is_the_table_of_counts():
    true, given = np.array([0] * 10 + [1] * 10 + [2] * 10), np.array([0] * 8 + [1] * 2 + [1] * 10 + [2] * 5 + [0] * 5)
    table = fit_noise_model(np.eye(3)[true], given, smoothing=0.0)

    np.testing.assert_allclose(table, [[0.8, 0.2, 0], [0, 1, 0], [0.5, 0, 0.5]], atol=1e-3)


def test_smoothing_spreads_errors_evenly_and_leaves_their_sum():
    true, given = np.zeros(10, dtype=int), np.array([0] * 6 + [1] * 4)
    table = fit_noise_model(np.eye(3)[true], given, smoothing=0.5)

    np.testing.assert_allclose(table[0], [0.6, 0.3, 0.1], atol=1e-3)


def test_the_posterior_is_bayes_rule():
    answers, table = np.array([[0.7, 0.3]]), np.array([[0.9, 0.1], [0.2, 0.8]])
    belief = label_posterior(answers, np.array([1]), table)

    expected = 0.7 * 0.1 / (0.7 * 0.1 + 0.3 * 0.8)
    assert belief[0].tolist() == pytest.approx([expected, 1 - expected])


def test_uncertain_answers_find_the_table_that_made_the_labels():
    random = np.random.default_rng(0)
    answers = random.dirichlet([0.2] * 3, 20_000)
    true = (answers.cumsum(axis=1) > random.random((20_000, 1))).argmax(axis=1)
    made = np.array([[0.7, 0.3, 0], [0, 0.9, 0.1], [0.2, 0, 0.8]])
    given = (made[true].cumsum(axis=1) > random.random((20_000, 1))).argmax(axis=1)

    np.testing.assert_allclose(fit_noise_model(answers, given, smoothing=0.0), made, atol=0.03)


def test_sharpening_keeps_the_order_and_raises_the_top():
    sharp = sharpened(np.array([[0.6, 0.4, 0.0]]), 0.5, 1e-6)

    assert sharp[0].tolist() == pytest.approx([0.36 / 0.52, 0.16 / 0.52, 0], abs=1e-6)
