"""Margins of logits and of probabilities: by hand, against a plain loop, and with missing visits."""

import math

import numpy as np
import pytest

from probes.scores.margins import aum, margin

HALF = math.log(2)  # of logits (ln 2, 0, 0): probabilities (1/2, 1/4, 1/4)


@pytest.mark.parametrize(("of", "expected"), [("logits", [HALF, -HALF, 0.0]), ("probabilities", [0.25, -0.25, 0.0])])
def test_hand_worked_values(of, expected):
    logits = np.array([[HALF, 0.0, 0.0], [HALF, 0.0, 0.0], [3.0, 3.0, -1000.0]])
    targets = np.array([0, 2, 1])

    found = margin(logits, targets, of=of)

    assert found.dtype == np.float64
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("of", ["logits", "probabilities"])
def test_agrees_with_a_plain_loop(of):
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(0, 2, (4, 9, 5)), rng.integers(0, 5, 9)  # epochs, examples, classes

    def one(row, given):
        if of == "probabilities":
            row = [math.exp(value) / sum(math.exp(other) for other in row) for value in row]
        return row[given] - max(value for k, value in enumerate(row) if k != given)

    expected = [[one(row, given) for row, given in zip(epoch.tolist(), targets, strict=True)] for epoch in logits]
    assert margin(logits, targets, of=of) == pytest.approx(np.array(expected))


def test_large_logits_overflow_nothing():
    assert margin(np.array([[1000.0, 0.0]]), np.array([0]), of="probabilities").tolist() == [1.0]


def test_the_logits_are_left_as_they_were():
    logits = np.array([[1.0, 0.0]])

    margin(logits, np.array([0]))

    assert logits.tolist() == [[1.0, 0.0]]


def test_missing_visits_have_no_margin_and_no_part_in_the_area():
    logits = np.array([[[1.0, 0.0], [np.nan, np.nan]], [[3.0, 0.0], [0.0, 2.0]]])

    assert np.array_equal(margin(logits, np.array([0, 1])), [[1.0, np.nan], [3.0, 2.0]], equal_nan=True)
    assert aum(margin(logits, np.array([0, 1]))).tolist() == [2.0, 2.0]


def test_refuses_a_margin_of_something_else():
    with pytest.raises(ValueError, match="unknown of 'probability'.*Did you mean 'probabilities'"):
        margin(np.array([[1.0, 0.0]]), np.array([0]), of="probability")
