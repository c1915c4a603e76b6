"""Networks on random subsets, and what is kept of them."""

import numpy as np

from probes.studies.noisy_data import noisy_data
from probes.studies.subset_models import SubsetAnswers, draw_subsets, train_on_subsets
from probes.training import TrainConfig
from probes.training.setup import prepare


def test_answers_survive_the_way_through_json():
    random = np.random.default_rng(0)
    tables = [random.random((5, count)) < 0.5 for count in (13, 13, 7)]

    parts = [SubsetAnswers(*(table[rows] for table in tables)).to_dict() for rows in (slice(0, 2), slice(2, 5))]
    found = SubsetAnswers.from_dicts(parts)

    for table, kept in zip(tables, (found.inside, found.train, found.test), strict=True):
        assert np.array_equal(table, kept)


def test_a_subset_depends_on_nothing_but_its_model():
    alone, among = draw_subsets(50, [7], seed=3), draw_subsets(50, [6, 7, 8], seed=3)

    assert np.array_equal(alone[0], among[1])
    assert among.shape == (3, 35)
    assert all(len(set(row)) == 35 for row in among.tolist())
    assert not np.array_equal(among[0], among[1])
    assert not np.array_equal(among[0], draw_subsets(50, [6], seed=4)[0])


def test_blocks_of_models_give_what_one_block_does():
    """So that processes can share them."""
    shared = {"dataset": "digits", "subset": 60, "noise": 0.4, "seed": 1, "epochs": 3}
    whole = SubsetAnswers.from_dicts([train_on_subsets(**shared, first=0, models=4)])

    parts = SubsetAnswers.from_dicts([train_on_subsets(**shared, first=first, models=2) for first in (0, 2)])

    for name in ("inside", "train", "test"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name))
    assert whole.inside.sum(1).tolist() == [42] * 4


def test_models_are_better_on_what_they_were_trained_on():
    found = SubsetAnswers.from_dicts([train_on_subsets("digits", 60, 0.4, seed=0, first=0, models=4, epochs=100)])

    assert found.fitted.min() > 0.95
    assert found.train[~found.inside].mean() < 0.8


def test_the_data_are_those_of_a_run_with_the_same_seeds():
    config = TrainConfig(noise=0.4, subset=100, seed=5, split_seed=5, probe=("none",))

    run, ours = prepare(config).dataset, noisy_data("digits", 100, {"uniform_all": 0.4}, seed=5)

    assert run.fingerprint == ours.fingerprint
    assert run.train.given_labels.tolist() == ours.train.given_labels.tolist()
    assert np.array_equal(run.noisy, ours.noisy)
