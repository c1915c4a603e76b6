"""Tables of other tools, worked by hand."""

import numpy as np
import pytest

from probes.scores.formats import aum_values, cleanlab_issues, td_metrics

NAN = np.nan


def test_cleanlab_flags_what_lies_above_the_cutoff_and_scores_low_what_is_probably_noise():
    table = cleanlab_issues(
        np.array([0.1, 2.0, 1.0]), np.array([0.0, 0.9, 0.25]), 1.0, np.array([2, 0, 1]), np.array([2, 1, 1])
    )

    assert table.to_dict("list") == {
        "is_label_issue": [False, True, False],
        "label_score": [1.0, pytest.approx(0.1), 0.75],
        "given_label": [2, 0, 1],
        "predicted_label": [2, 1, 1],
    }
    assert [str(kind) for kind in table.dtypes] == ["bool", "float64", "int64", "int64"]


def test_cleanlab_keeps_the_row_of_an_example_never_visited_and_flags_none_without_a_cutoff():
    losses, labels = np.array([NAN, 3.0]), np.array([0, -1])

    for cutoff, flags in ((1.0, [False, True]), (None, [False, False])):
        table = cleanlab_issues(losses, np.array([NAN, 0.5]), cutoff, labels, np.array([-1, 1]))
        assert table["is_label_issue"].tolist() == flags
        assert table.isna().to_numpy().tolist() == [[False, True, False, True], [False, False, True, False]]


def test_td_metrics_by_hand():
    """Right, wrong, right; never right; never visited; visited once."""
    probability = np.array([[0.5, 0.25, NAN, NAN], [0.25, 0.25, NAN, 1.0], [0.75, 0.25, NAN, NAN]])
    correct = np.array([[1, 0, -1, -1], [0, 0, -1, 1], [1, 0, -1, -1]], dtype=np.int8)

    table = td_metrics(probability, correct, np.array(["a", "b", "c", "d"]), first=10)

    assert table.to_dict("list") == {
        "guid": ["a", "b", "d"],
        "index": [10, 11, 13],
        "threshold_closeness": [0.25, 0.1875, 0.0],
        "confidence": [0.5, 0.25, 1.0],
        "variability": [pytest.approx(np.sqrt(1 / 24)), 0.0, 0.0],
        "correctness": [2, 0, 1],
        "forgetfulness": [1, 1000, 0],
    }
    assert table.index.tolist() == [10, 11, 13]


def test_aum_values_have_the_highest_first_equal_ones_in_order_and_none_that_was_never_seen():
    table = aum_values(np.array([-1.0, NAN, 2.5, -1.0, 0.0]))

    assert table.to_dict("list") == {"sample_id": [2, 4, 0, 3], "aum": [2.5, 0.0, -1.0, -1.0]}
    assert aum_values(np.array([1.0, 2.0]), np.array(["x", "y"]))["sample_id"].tolist() == ["y", "x"]
