"""AUM against package `aum`, the authors' own (`pip install aum`).

It averages over visits and we over visited epochs, in each of which the last visit stands: the two agree on examples
visited at most once an epoch, and on all others too where every batch is an epoch and holds no example twice.
The package takes no tensor of ids (its entries are keys that equal nothing), fails on a batch of one, and an example
never recovers from a NaN: it is fed lists, the batches of an epoch at once, and streams that are finite.
"""

import math

import numpy as np
import pytest
import torch
from aum import AUMCalculator

from probes import ExampleTracker
from probes.scores.margins import aum, margin


@pytest.fixture
def package(tmp_path):
    """What the package makes of a stream: {example: aum}."""

    def measure(stream):
        calculator = AUMCalculator(tmp_path)
        for batches in stream.epochs:
            index, logits, targets = (np.concatenate(column) for column in zip(*batches, strict=True))
            calculator.update(torch.from_numpy(logits), torch.from_numpy(targets), index.tolist())
        return {example: calculator.sums[example] / calculator.counts[example] for example in calculator.counts}

    return measure


def test_agrees_on_examples_visited_at_every_epoch(whole, track, package):
    ours = track(whole, ExampleTracker(whole.num_examples)).scores(["aum"])["aum"]

    assert ours.to_dict() == pytest.approx(package(whole), rel=1e-5, abs=1e-6)


def test_agrees_batch_by_batch_through_its_own_update(whole, track, tmp_path):
    """The same batches, one by one, in float32 as a network gives them."""
    calculator = AUMCalculator(tmp_path)
    tracker = ExampleTracker(whole.num_examples)
    for batches in whole.epochs:
        for index, logits, targets in batches:
            logits = torch.from_numpy(logits).float()
            calculator.update(logits, torch.from_numpy(targets), index.tolist())
            tracker.update(index, logits, targets)
        tracker.end_epoch()
    calculator.finalize()

    theirs = np.genfromtxt(tmp_path / "aum_values.csv", delimiter=",", names=True)
    ours = tracker.scores(["aum"])["aum"][theirs["sample_id"].astype(int)]
    assert ours.to_numpy() == pytest.approx(theirs["aum"], rel=1e-5, abs=1e-6)


def test_missing_visits_are_left_out_by_both(ragged, track, package):
    """Examples seen at most once an epoch, at some epochs not at all."""
    ours = track(ragged, ExampleTracker(ragged.num_examples)).scores(["aum"])["aum"]
    theirs = package(ragged)
    visits, histories = ragged.visits(), ragged.histories()
    once = [example for example in visits if len(visits[example]) == len(histories[example])]

    assert once
    assert any(len(histories[example]) < len(ragged.epochs) for example in once)
    assert ours[once].to_dict() == pytest.approx({example: theirs[example] for example in once}, rel=1e-5, abs=1e-6)
    assert {example for example, value in ours.items() if math.isnan(value)} == set(ours.index) - set(theirs)


def test_repeated_visits_agree_where_every_batch_is_an_epoch(ragged, track, package):
    tracker = track(ragged, ExampleTracker(ragged.num_examples), epoch_per_batch=True)
    ours, theirs = tracker.scores(["aum"])["aum"], package(ragged)
    places = {example: [(epoch, step) for epoch, step, _ in seen] for example, seen in ragged.visits().items()}
    apart = [example for example, seen in places.items() if len(set(seen)) == len(seen)]

    assert ours[apart].to_dict() == pytest.approx({example: theirs[example] for example in apart}, rel=1e-5, abs=1e-6)


def test_of_repeated_visits_the_package_averages_all_and_we_keep_the_last(package, make_stream):
    """The one departure: margins 1 and 3 in the first epoch, 5 in the second."""
    stream = make_stream(2, 0, whole=True)
    batch = type(stream.epochs[0][0])
    rows = [[([0, 1], 1.0), ([0, 1], 3.0)], [([0, 1], 5.0)]]
    epochs = [
        [batch(np.array(index), np.array([[given, 0.0]] * 2), np.array([0, 0])) for index, given in batches]
        for batches in rows
    ]
    tracker = ExampleTracker(2)
    for batches in epochs:
        for one in batches:
            tracker.update(*one)
        tracker.end_epoch()

    assert package(type(stream)(np.zeros(2, int), 2, epochs)) == {0: 3.0, 1: 3.0}
    assert tracker.scores()["aum"].tolist() == [4.0, 4.0]


def test_a_log_of_logits_gives_the_same(whole, package):
    """The pure functions alone: `aum(margin(logits, targets))`."""
    logits = np.full((len(whole.epochs), whole.num_examples, whole.num_classes), np.nan)
    for epoch, batches in enumerate(whole.epochs):
        for batch in batches:
            logits[epoch, batch.index] = batch.logits

    values = aum(margin(logits, whole.targets))

    assert dict(enumerate(values)) == pytest.approx(package(whole), rel=1e-12, abs=1e-12)
