from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.data import ExampleSet
from probes.probing import choose_panel


def example_set(given_labels, true_labels=None):
    return ExampleSet(np.zeros((len(given_labels), 2), dtype=np.float32), given_labels, true_labels=true_labels)


def noisy_set(count, rate, seed=0, classes=10):
    generator = np.random.default_rng(seed)
    true = generator.integers(classes, size=count)
    return example_set(np.where(generator.random(count) < rate, (true + 1) % classes, true), true)


labels = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)


@given(labels, st.integers(1, 40), st.integers(0, 5), st.booleans())
def test_is_sorted_without_repeats_as_large_as_asked_and_fixed_by_the_seed(pairs, size, seed, truth_known):
    given_labels, true_labels = np.array(pairs).T
    examples = example_set(given_labels, true_labels if truth_known else None)

    panel = choose_panel(examples, size, seed)

    assert panel.tolist() == sorted(set(panel.tolist()))
    assert len(panel) == min(size, len(examples))
    assert panel.min() >= 0
    assert panel.max() < len(examples)
    assert panel.tolist() == choose_panel(examples, size, seed).tolist()


@given(labels, st.integers(1, 40), st.integers(0, 5))
def test_half_is_noisy_unless_a_group_is_too_small(pairs, size, seed):
    given_labels, true_labels = np.array(pairs).T
    noisy = given_labels != true_labels

    chosen = noisy[choose_panel(example_set(given_labels, true_labels), size, seed)]

    room = len(chosen)
    if noisy.sum() < size // 2:
        assert chosen.sum() == noisy.sum()
    elif (~noisy).sum() < size - size // 2:
        assert chosen.sum() == room - (~noisy).sum()
    else:
        assert chosen.sum() == size // 2


@given(labels, st.integers(1, 40), st.integers(0, 5))
def test_no_class_of_a_group_gets_two_more_than_one_that_has_examples_left(pairs, size, seed):
    given_labels, true_labels = np.array(pairs).T
    noisy = given_labels != true_labels
    panel = choose_panel(example_set(given_labels, true_labels), size, seed)

    for group in (noisy, ~noisy):
        available = Counter(true_labels[group].tolist())
        chosen = Counter(true_labels[panel][group[panel]].tolist())
        left = [name for name in available if chosen[name] < available[name]]
        if left:
            assert max(chosen.values(), default=0) <= min(chosen[name] for name in left) + 1


def test_thirty_two_of_a_noisy_set_are_sixteen_clean_and_sixteen_noisy_of_every_class():
    examples = noisy_set(1400, 0.4)

    panel = choose_panel(examples)

    noisy, true = examples.noisy.numpy()[panel], examples.true_labels.numpy()[panel]
    assert noisy.sum() == 16
    for group in (noisy, ~noisy):
        assert sorted(Counter(true[group].tolist()).values()) == [1, 1, 1, 1, 2, 2, 2, 2, 2, 2]


def test_without_truth_the_given_labels_take_turns():
    panel = choose_panel(example_set([0] * 90 + [1] * 6 + [2] * 4), size=12)

    assert np.bincount(np.array([0] * 90 + [1] * 6 + [2] * 4)[panel]).tolist() == [4, 4, 4]


def test_classes_left_over_are_drawn_and_not_always_the_first():
    examples = example_set(np.arange(10).repeat(5))

    first_class = [int(choose_panel(examples, size=1, seed=seed)[0]) // 5 for seed in range(40)]

    assert len(set(first_class)) > 5


def test_another_seed_chooses_other_examples():
    examples = noisy_set(1400, 0.4)

    assert choose_panel(examples, seed=0).tolist() != choose_panel(examples, seed=1).tolist()


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_a_missing_group_is_filled_from_the_other(rate):
    assert len(choose_panel(noisy_set(100, rate))) == 32


def test_a_panel_chosen_from_a_panel_is_the_whole_panel():
    examples = noisy_set(300, 0.4)

    assert choose_panel(examples.select(choose_panel(examples))).tolist() == list(range(32))


def test_a_set_without_examples_has_an_empty_panel():
    assert choose_panel(example_set(np.zeros(0, dtype=int))).tolist() == []


def test_refuses_a_panel_of_none():
    with pytest.raises(ValueError, match=r"^panel must be at least 1, got 0\.$"):
        choose_panel(noisy_set(10, 0.4), size=0)
