"""The noise model against counts that can be made by hand."""

import numpy as np
import pytest

from probes.audit.noise_model import fit_noise_model, label_posterior, sharpened


def counted(table, examples):
    """True and given labels of so many examples of each class, given as the table says."""
    counts = np.rint(np.array(table) * examples).astype(int)
    true, given = np.indices(counts.shape)
    return np.repeat(true.ravel(), counts.ravel()), np.repeat(given.ravel(), counts.ravel())


def fitted(table, examples):
    true, given = counted(table, examples)
    return fit_noise_model(np.eye(len(table))[true], given)


def test_where_classes_differ_beyond_chance_the_table_is_the_table_of_counts():
    table = [[0.8, 0.2, 0, 0], [0, 1, 0, 0], [0.5, 0, 0.5, 0], [0, 0, 0.1, 0.9]]

    np.testing.assert_allclose(fitted(table, 1000), table, atol=0.01)


def test_errors_that_differ_by_chance_alone_are_spread_over_all_classes():
    random = np.random.default_rng(0)
    true = np.repeat(np.arange(5), 60)
    given = np.where(random.random(300) < 0.3, (true + random.integers(1, 5, 300)) % 5, true)
    counts = np.zeros((5, 5))
    np.add.at(counts, (true, given), 1)
    table = fit_noise_model(np.eye(5)[true], given)

    assert np.std(np.diag(counts) / 60) > 0.03
    assert np.std(np.diag(table)) < 0.01
    off = ~np.eye(5, dtype=bool)
    assert np.std(counts[off] / 60) > 0.03
    assert np.std(table[off]) < np.std(counts[off] / 60) / 2
    assert np.diag(table).mean() == pytest.approx(np.diag(counts).sum() / 300, abs=0.01)


def test_a_class_whose_labels_are_bad_keeps_its_own_share_of_errors():
    """Nine classes alike and one of its own: the priors give way where the counts are clear."""
    table = np.eye(10)
    table[3] = 1 / 15
    table[3, 3] = 0.4
    found = fitted(table, 200)

    assert found[3, 3] == pytest.approx(0.4, abs=0.02)
    assert np.diag(found)[np.arange(10) != 3].min() > 0.99
    assert found[3, np.arange(10) != 3] == pytest.approx(np.full(9, 1 / 15), abs=0.01)


def test_two_classes_need_no_spread():
    np.testing.assert_allclose(fitted([[0.7, 0.3], [0.1, 0.9]], 1000), [[0.7, 0.3], [0.1, 0.9]], atol=0.01)


def test_a_class_that_no_answer_names_gets_what_all_have_in_common():
    answers, given = np.repeat([[1.0, 0, 0], [0, 1.0, 0]], 100, axis=0), np.repeat([0, 2, 1, 2], [80, 20, 80, 20])
    table = fit_noise_model(answers, given)

    assert table[2, 2] == pytest.approx(0.8, abs=0.02)
    np.testing.assert_allclose(table.sum(axis=1), 1)


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

    np.testing.assert_allclose(fit_noise_model(answers, given), made, atol=0.03)


def test_sharpening_keeps_the_order_and_raises_the_top():
    sharp = sharpened(np.array([[0.6, 0.4, 0.0]]), 0.5, 1e-6)

    assert sharp[0].tolist() == pytest.approx([0.36 / 0.52, 0.16 / 0.52, 0], abs=1e-6)
