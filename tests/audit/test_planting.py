"""Planting known wrong labels."""

import numpy as np

from probes.audit.planting import plant_labels
from probes.data import corrupt_labels


def test_as_many_as_asked_for_move_to_another_class():
    given = np.arange(200) % 4
    planted = plant_labels(given, 0.1, 4, seed=0)

    assert len(planted.rows) == 20
    assert ((planted.labels != given) == np.isin(np.arange(200), planted.rows)).all()
    assert set(planted.labels) == {0, 1, 2, 3}


def test_planted_examples_are_not_those_that_noise_of_the_same_seed_draws():
    given = np.arange(2000) % 4
    noisy = corrupt_labels(given, "uniform_other", 0.1, 4, seed=0).noisy
    planted = plant_labels(given, 0.1, 4, seed=0)

    assert noisy[planted.rows].mean() < 0.2


def test_at_least_one_is_planted():
    assert len(plant_labels(np.arange(30) % 3, 0.001, 3, seed=0).rows) == 1


def test_the_report_counts_planted_ones_below_the_cutoff():
    planted = plant_labels(np.arange(100) % 2, 0.04, 2, seed=0)
    scores = np.ones(100)
    scores[planted.rows[:3]] = 0.1
    scores[(planted.rows[0] + 1) % 100] = 0.1  # not counted unless planted

    report = planted.report(scores, 0.5)
    assert (report["planted"], report["found"] >= 3) == (4, True)
    assert report["recall"] == report["found"] / 4
