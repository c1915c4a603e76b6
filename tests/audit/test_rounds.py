"""The window ends where held-out answers fit best, and what is left of the budget goes to more networks."""

from types import SimpleNamespace

import numpy as np

from probes.audit import AuditSettings
from probes.audit.progress import Work
from probes.audit.rounds import run_rounds

SETTINGS = AuditSettings(steps=96, fewest_epochs=1, most_epochs=12)  # 8 steps an epoch: 12 epochs
GIVEN = np.arange(96) % 2


class Scripted:
    """Networks whose answer to every example is known in advance: by epoch, for those that have seen it and not."""

    def __init__(self, unseen, seen):
        self.unseen, self.seen, self.built = unseen, seen, 0

    def build(self, seed):
        self.built += 1
        return SimpleNamespace(epoch=0, rows=None, net=None)

    def train_epoch(self, network, rows, targets, epoch):
        network.epoch, network.rows = epoch, rows

    def answers(self, network, rows):
        right = np.full(len(rows), self.unseen[network.epoch - 1])
        right[np.isin(rows, network.rows)] = self.seen[network.epoch - 1]
        values = np.empty((len(rows), 2))
        values[np.arange(len(rows)), GIVEN[rows]] = right
        values[np.arange(len(rows)), 1 - GIVEN[rows]] = 1 - right
        return values

    def features(self, network):
        return np.ones((len(GIVEN), 2), dtype=np.float32)


def run(unseen, seen=(0.9,) * 40):
    trainer = Scripted(unseen, seen)
    return trainer, run_rounds(trainer, GIVEN, 2, SETTINGS, 0, Work(None))


def test_the_window_ends_where_held_out_answers_so_far_predict_labels_best():
    _, rounds = run([0.6, 0.8, 0.8, 0.4, 0.3] + [0.1] * 40)

    assert (rounds.window, rounds.tried) == (3, 5)  # two epochs without a better fit end it


def test_a_fit_that_never_stops_rising_takes_the_whole_budget():
    trainer, rounds = run(np.linspace(0.5, 0.9, 40))

    assert rounds.window == rounds.tried == SETTINGS.epochs_of(64) == 12
    assert (len(rounds.answers), trainer.built) == (1, 3)


def test_what_is_left_of_the_budget_trains_more_networks_on_other_folds():
    trainer, rounds = run([0.6, 0.8, 0.8, 0.4, 0.3] + [0.1] * 40)

    assert (len(rounds.answers), trainer.built) == (3, 9)  # 5 epochs and twice 3, of 12
    assert (rounds.folds[0] != rounds.folds[1]).any()


def test_what_networks_have_seen_does_not_choose_the_window():
    _, rising = run([0.6, 0.8, 0.8, 0.4, 0.3] + [0.1] * 40, seen=np.linspace(0.5, 1, 45))
    _, falling = run([0.6, 0.8, 0.8, 0.4, 0.3] + [0.1] * 40, seen=np.linspace(0.9, 0.1, 45))

    assert rising.window == falling.window == 3


def test_answers_are_geometric_means_over_the_window():
    _, rounds = run([0.6, 0.8, 0.8, 0.4, 0.3] + [0.1] * 40, seen=[0.5, 0.7, 0.9] + [0.99] * 40)

    def mean(values):
        odds = np.log(np.array(values) / (1 - np.array(values))).mean()
        return 1 / (1 + np.exp(-odds))

    rows = np.arange(96)
    unseen, seen = [0.6, 0.8, 0.8], [0.5, 0.7, 0.9]
    np.testing.assert_allclose(rounds.held_out[0, rows, GIVEN], mean(unseen), atol=1e-5)
    np.testing.assert_allclose(rounds.answers[0, rows, GIVEN], mean(unseen + seen + seen), atol=1e-5)
