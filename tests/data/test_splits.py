"""Stratified draws, of any number and any sizes of classes."""

import numpy as np
import pytest

from probes.data.splits import draw_stratified, split_rows
from probes.errors import ConfigError


@pytest.mark.parametrize(
    ("size", "validation", "test", "expected"),
    [
        (1000, True, True, (800, 100, 100)),
        (1000, True, False, (900, 100, 0)),
        (1000, False, True, (900, 0, 100)),
        (1000, False, False, (1000, 0, 0)),
        (60_000, True, False, (54_000, 6_000, 0)),
        (90_000, True, True, (78_000, 6_000, 6_000)),
    ],
)
def test_each_missing_part_takes_a_tenth_of_training_and_at_most_six_thousand(size, validation, test, expected):
    labels = np.arange(size) % 7

    *parts, notes = split_rows(labels, list("abcdefg"), 0, validation=validation, test=test)

    assert tuple(map(len, parts)) == expected
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(size))
    assert notes == []


@pytest.mark.parametrize("seed", range(5))
def test_each_class_gets_its_share_to_within_one(seed):
    labels = np.random.default_rng(seed).choice(5, 997, p=[0.5, 0.3, 0.1, 0.07, 0.03])

    drawn = draw_stratified(labels, 100, seed)

    exact = np.bincount(labels) * 100 / 997
    assert drawn.sum() == 100
    assert np.abs(np.bincount(labels[drawn], minlength=5) - exact).max() < 1


def test_equal_seeds_draw_the_same_and_others_do_not():
    labels = np.arange(100) % 4

    first, again, other = (draw_stratified(labels, 20, seed) for seed in (1, 1, 2))

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_class_of_one_stays_in_training_and_is_named():
    labels = np.array([0] * 20 + [1] * 20 + [2])

    train, validation, test, notes = split_rows(labels, ["ant", "bee", "yak"], 0, validation=True, test=True)

    assert 40 in train
    assert len(validation) == len(test) == 4
    assert notes == [
        "1 of 3 classes has too few examples to be in the validation part: yak.",
        "1 of 3 classes has too few examples to be in the test part: yak.",
    ]


def test_a_part_leaves_one_of_each_class_where_it_can():
    labels = np.array([0] * 20 + list(range(1, 11)))

    assert draw_stratified(labels, 9, 0)[20:].any()
    assert not draw_stratified(labels, 9, 0, spare=True)[20:].any()


def test_nothing_but_classes_of_one_is_still_split():
    train, validation, test, notes = split_rows(np.arange(8), list("abcdefgh"), 0, validation=True, test=True)

    assert (len(train), len(validation), len(test)) == (6, 1, 1)
    assert notes[0].startswith("7 of 8 classes have too few examples to be in the validation part: ")
    assert notes[0].endswith(" and 2 more.")


def test_fewer_examples_than_parts_are_refused():
    with pytest.raises(ConfigError, match="2 examples are too few to split"):
        split_rows(np.array([0, 1]), list("ab"), 0, validation=True, test=True)


def test_a_training_part_of_one_class_is_refused():
    with pytest.raises(
        ConfigError, match=r"^3 examples are too few to split: training would be left with one class\.$"
    ):
        split_rows(np.array([0, 1, 0]), list("ab"), 0, validation=True, test=True)


@pytest.mark.parametrize("count", range(0, 13))
def test_any_number_is_drawn_exactly(count):
    assert draw_stratified(np.array([0] * 7 + [3] * 4 + [9]), count, 0).sum() == count
