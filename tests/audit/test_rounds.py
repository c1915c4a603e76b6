"""Held-out answers decide how long the first round is read; later rounds learn beliefs with what compute is left."""

import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from probes.audit import AuditSettings
from probes.audit.progress import Work
from probes.audit.rounds import run_rounds

SETTINGS = AuditSettings(steps=96, fewest_epochs=1, most_epochs=12)  # of 8 steps an epoch: 12 epochs
GIVEN = np.arange(96) % 2
PEAK = [0.6, 0.8, 0.8, 0.4, 0.3, 0.1]


class Scripted:
    """Networks whose probability of the given label is known in advance: by round and epoch, unseen or seen."""

    def __init__(self, unseen, seen=(0.9,) * 12, settings=SETTINGS):
        self.unseen, self.seen, self.learned, self.work = unseen, seen, [], Work(None)
        self.settings = settings

    def build(self, seed):
        self.learned.append(None)
        return SimpleNamespace(round=(len(self.learned) - 1) // 3, epoch=0, rows=None)

    def train_epoch(self, network, rows, targets, epoch):
        network.epoch, network.rows = epoch, rows
        self.learned[3 * network.round] = targets
        self.work.trained += len(rows)

    def answers(self, network, rows):
        right = np.full(len(rows), self.unseen[network.round][network.epoch - 1], dtype=float)
        right[np.isin(rows, network.rows)] = self.seen[network.epoch - 1]
        values = np.empty((len(rows), 2))
        values[np.arange(len(rows)), GIVEN[rows]] = right
        values[np.arange(len(rows)), 1 - GIVEN[rows]] = 1 - right
        self.work.answered += len(rows)
        return values

    def answers_and_features(self, network, rows):
        return self.answers(network, rows), np.full(
            (len(rows), 2), 10 * network.round + network.epoch, dtype=np.float32
        )

    def run(self):
        return run_rounds(self, GIVEN, 2, self.settings, 0, self.work)


def mean(values):
    """The geometric mean of probabilities of two classes."""
    values = np.array(values)
    return 1 / (1 + np.exp(-np.log(values / (1 - values)).mean()))


OTHERS = [[0.7] * 12, [0.95] * 12]


def test_the_window_ends_where_held_out_answers_so_far_predict_labels_best():
    trainer = Scripted([PEAK, *OTHERS])
    rounds = trainer.run()

    assert mean(PEAK[:2]) < mean(PEAK[:3]) > mean(PEAK[:4])
    assert rounds.epochs == [3, 3, 3]
    assert trainer.work.trained == 2 * 96 * (4 + 3 + 3)  # a fourth epoch to see it


@pytest.mark.parametrize("seen", [np.linspace(0.1, 0.99, 12), np.linspace(0.99, 0.1, 12)], ids=["rises", "falls"])
def test_what_networks_have_seen_does_not_choose_the_window(seen):
    assert Scripted([PEAK, *OTHERS], seen).run().epochs[0] == 3


def test_a_fit_that_never_stops_rising_leaves_the_compute_for_a_second_round_as_long():
    trainer = Scripted([np.linspace(0.5, 0.9, 12), *OTHERS])

    assert trainer.run().epochs == [6, 6]  # of 12 that can be had
    assert trainer.work.passes == 12 * 9 * 96


def test_a_round_that_could_not_be_as_long_as_the_first_is_left_out():
    assert Scripted([[0.5, 0.6, 0.7, 0.1, 0.1, 0.1], *OTHERS]).run().epochs == [3, 3, 3]  # 4 + 3 + 3 of 12
    assert Scripted([[0.5, 0.6, 0.7, 0.8, 0.1, 0.1], *OTHERS]).run().epochs == [4, 4]  # 5 + 4 + 4 would be 13


def test_answers_are_geometric_means_of_all_networks_and_held_out_ones_of_those_that_have_not_seen():
    rounds = Scripted([PEAK, *OTHERS]).run()

    rows = np.arange(96)
    for answers, unseen in zip(rounds.answers, (PEAK[:3], [0.7] * 3, [0.95] * 3), strict=True):
        np.testing.assert_allclose(answers[rows, GIVEN], mean([*unseen, *[0.9] * 6]), atol=1e-5)
    np.testing.assert_allclose(rounds.held_out[:, rows, GIVEN].T, [[mean(PEAK[:3]), 0.7, 0.95]] * 96, atol=1e-5)
    np.testing.assert_array_equal(rounds.features, np.full((96, 6), 23))
    assert (rounds.folds[0] != rounds.folds[1]).any()


def test_later_rounds_learn_beliefs_in_place_of_labels():
    trainer = Scripted([PEAK, *OTHERS])
    trainer.run()

    labels, beliefs = trainer.learned[0], trainer.learned[3]
    assert torch.equal(labels, torch.nn.functional.one_hot(torch.from_numpy(GIVEN), 2).float())
    assert not torch.equal(labels, beliefs)
    assert torch.allclose(beliefs.sum(dim=1), torch.ones(96))


def test_later_rounds_learn_from_answers_to_everything():
    seen, unseen = Scripted([PEAK, *OTHERS]), Scripted([PEAK, *OTHERS], seen=(0.6,) * 12)
    seen.run()
    unseen.run()

    assert not torch.equal(seen.learned[3], unseen.learned[3])


def test_one_epoch_that_can_be_had_makes_two_rounds_of_one():
    trainer = Scripted([PEAK, *OTHERS], settings=replace(SETTINGS, steps=1))

    assert trainer.run().epochs == [1, 1]


def test_progress_tells_the_end_of_a_window_that_ended_early_and_ends_at_all():
    told = []
    trainer = Scripted([PEAK, *OTHERS])
    trainer.work = Work(told.append)
    trainer.run()

    ends = [(p.round, p.rounds, p.epoch) for p in told if p.epoch == p.epochs]
    assert ends == [(1, 3, 4), (2, 3, 3), (3, 3, 3)]
    assert told[-1].share == 1
    assert all(first.share <= then.share for first, then in itertools.pairwise(told))


def test_the_third_round_learns_from_both_rounds_before_it():
    one, other = Scripted([PEAK, [0.7] * 12, [0.95] * 12]), Scripted([PEAK, [0.9] * 12, [0.95] * 12])
    one.run()
    other.run()
    third = [trainer.learned[6] for trainer in (one, other)]

    assert not torch.equal(*third)
    first_only = Scripted([[0.6, 0.6, 0.9, 0.4, 0.3, 0.1], [0.7] * 12, [0.95] * 12])
    first_only.run()
    assert not torch.equal(third[0], first_only.learned[6])
