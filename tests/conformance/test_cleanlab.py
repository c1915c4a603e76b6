"""Cleanlab's label quality scores, of one epoch's probabilities, against our scores of a window of that epoch."""

import math

import numpy as np
import pytest
from cleanlab.rank import (
    get_confidence_weighted_entropy_for_each_label,
    get_normalized_margin_for_each_label,
    get_self_confidence_for_each_label,
)

from probes import ExampleTracker
from probes.scores.margins import margin

SINGLE = 1e-6  # signals are kept in float32


def softmax(row):
    total = sum(math.exp(value) for value in row)
    return [math.exp(value) / total for value in row]


@pytest.fixture
def epochs(stream):
    """Per epoch: the examples visited, their given labels, and their logits at the last visit."""
    rows = [{} for _ in stream.epochs]
    for example, history in stream.histories().items():
        for epoch, row in history:
            rows[epoch - 1][example] = row
    return [(list(seen), stream.targets[list(seen)], np.array(list(seen.values()))) for seen in rows]


def probabilities(logits):
    return np.array([softmax(row) for row in logits.tolist()])


def test_confidence_in_a_window_of_one_epoch_is_self_confidence(epochs, tracker):
    for epoch, (seen, labels, logits) in enumerate(epochs, 1):
        ours = tracker.scores(["confidence"], epochs=(epoch, epoch))["confidence"]

        theirs = get_self_confidence_for_each_label(labels, probabilities(logits))
        assert ours[seen].to_numpy() == pytest.approx(theirs, abs=SINGLE)
        assert ours.drop(seen).isna().all()


def test_confidence_is_the_mean_self_confidence(epochs, scores):
    found = {}
    for seen, labels, logits in epochs:
        theirs = get_self_confidence_for_each_label(labels, probabilities(logits))
        for example, value in zip(seen, theirs.tolist(), strict=True):
            found.setdefault(example, []).append(value)

    expected = {example: sum(values) / len(values) for example, values in found.items()}
    assert scores["confidence"].dropna().to_dict() == pytest.approx(expected, abs=SINGLE)


def test_margin_of_probabilities_is_the_normalized_margin(epochs):
    for _, labels, logits in epochs:
        ours = (margin(logits, labels, of="probabilities") + 1) / 2

        assert ours == pytest.approx(get_normalized_margin_for_each_label(labels, probabilities(logits)), abs=1e-12)


def test_margins_of_logits_and_of_probabilities_agree_in_sign(epochs, tracker):
    """Not in size: one is unbounded, the other lies in [-1, 1]."""
    for epoch, (seen, labels, logits) in enumerate(epochs, 1):
        ours = tracker.scores(["aum"], epochs=(epoch, epoch))["aum"][seen].to_numpy()

        theirs = 2 * get_normalized_margin_for_each_label(labels, probabilities(logits)) - 1
        assert np.sign(ours).tolist() == np.sign(np.round(theirs, 12)).tolist()


def test_entropy_and_confidence_give_the_confidence_weighted_entropy(epochs, tracker, stream):
    """Theirs divides the entropy by ln K and by the confidence, then maps x to ln(1 + x) / x."""
    for epoch, (seen, labels, logits) in enumerate(epochs, 1):
        ours = tracker.scores(["mean_entropy", "confidence"], epochs=(epoch, epoch)).loc[seen]
        ratio = (ours["mean_entropy"] / math.log(stream.num_classes) / ours["confidence"]).to_numpy()

        theirs = get_confidence_weighted_entropy_for_each_label(labels, probabilities(logits))
        assert np.log1p(ratio) / ratio == pytest.approx(theirs, rel=1e-4)


def test_both_say_the_same_of_masked_classes():
    """-inf at a class that is not the given one: a probability of 0 there."""
    logits, labels = np.array([[1.0, -np.inf, 0.0], [0.5, 2.0, -np.inf]]), np.array([0, 1])
    tracker = ExampleTracker(2)
    tracker.update([0, 1], logits, labels)
    tracker.end_epoch()

    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert tracker.scores()["confidence"].tolist() == pytest.approx(get_self_confidence_for_each_label(labels, chances))
    assert (margin(logits, labels, of="probabilities") + 1) / 2 == pytest.approx(
        get_normalized_margin_for_each_label(labels, chances)
    )
