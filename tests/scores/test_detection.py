"""AUROC and average precision against scikit-learn, and how missing learning epochs rank."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from probes.scores.detection import auroc, average_precision, ranking_values


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_scikit_learn_under_ties(seed):
    rng = np.random.default_rng(seed)
    score = rng.integers(0, 5, 80).astype(float)
    positive = rng.random(80) < 0.3

    assert auroc(score, positive) == pytest.approx(roc_auc_score(positive, score))
    assert average_precision(score, positive) == pytest.approx(average_precision_score(positive, score))


def test_undefined_without_both_groups():
    for positive in (np.zeros(3, dtype=bool), np.ones(3, dtype=bool)):
        assert auroc(np.arange(3.0), positive) is None
        assert average_precision(np.arange(3.0), positive) is None


def test_missing_scores_are_left_out():
    assert auroc(np.array([1.0, 2.0, np.nan]), np.array([False, True, False])) == 1.0


def test_what_was_never_learned_ranks_last():
    never = np.array([0, 1, -1])

    learned = ranking_values("learned_epoch", [3, np.nan, np.nan], "high", never_learned=never, last_epoch=10)
    events = ranking_values("forgetting_events", [2, 0, np.nan], "high", never_learned=never, last_epoch=10)

    assert np.array_equal(learned, [3, 11, np.nan], equal_nan=True)
    assert np.array_equal(events, [2, 10, np.nan], equal_nan=True)


def test_a_low_direction_is_turned_round():
    assert ranking_values("aum", [1.0, -2.0], "low", never_learned=np.zeros(2), last_epoch=3).tolist() == [-1.0, 2.0]


@pytest.mark.parametrize("positive", [[0, 0, 1], [False, False, True], np.array([0.0, 0.0, 1.0])])
def test_zero_and_one_are_as_good_as_false_and_true(positive):
    assert auroc([0.1, 0.2, 0.9], positive) == 1.0
    assert average_precision([0.1, 0.2, 0.9], positive) == 1.0


def test_other_labels_and_other_lengths_are_refused():
    with pytest.raises(ValueError, match="positive must be True or False"):
        auroc([0.1, 0.2, 0.9], [0, 1, 2])
    with pytest.raises(ValueError, match=r"got \(3,\) and \(2,\)"):
        average_precision([0.1, 0.2, 0.9], [0, 1])
