"""Label noise against what its definition says of rates, classes and seeds."""

import numpy as np
import pytest

from probes.data import NOISE_KINDS, corrupt_labels
from probes.errors import ConfigError

LABELS = np.arange(10_000) % 10


@pytest.mark.parametrize("seed", range(3))
def test_uniform_all_at_one_flips_nine_tenths_of_ten_classes(seed):
    noise = corrupt_labels(LABELS, "uniform_all", 1.0, 10, seed)

    assert noise.drawn == 1.0
    assert noise.realised == pytest.approx(0.9, abs=3 * np.sqrt(0.09 / len(LABELS)))


@pytest.mark.parametrize("share", [0.1, 0.4, 0.8])
def test_uniform_all_draws_each_example_with_the_probability_asked_for(share):
    noise = corrupt_labels(LABELS, "uniform_all", share, 10, 0)

    spread = 4 * np.sqrt(share * (1 - share) / len(LABELS))
    assert noise.drawn == pytest.approx(share, abs=spread)
    assert noise.realised == pytest.approx(share * 0.9, abs=spread)


def test_uniform_all_may_keep_the_label_of_a_drawn_example():
    noise = corrupt_labels(LABELS, "uniform_all", 0.5, 10, 0)
    drawn = noise.corruption == "uniform_all"

    assert (drawn & ~noise.noisy).any()
    assert not (noise.noisy & ~drawn).any()


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (0.1, 1000), (0.39999, 3999), (1.0, 10_000)])
def test_uniform_other_moves_exactly_the_share_asked_for(share, count):
    noise = corrupt_labels(LABELS, "uniform_other", share, 10, 0)

    assert noise.noisy.sum() == count == (noise.corruption == "uniform_other").sum()
    assert noise.realised == noise.drawn == count / len(LABELS)


@pytest.mark.parametrize(("kind", "wrong_classes"), [("uniform_all", 9), ("uniform_other", 9)])
def test_wrong_labels_are_uniform_over_the_other_classes(kind, wrong_classes):
    noise = corrupt_labels(LABELS, kind, 1.0, 10, 0)
    steps = (noise.given_labels - noise.true_labels)[noise.noisy] % 10

    counts = np.bincount(steps, minlength=10)
    expected = counts.sum() / wrong_classes

    assert counts[0] == 0
    assert np.abs(counts[1:] - expected).max() < 5 * np.sqrt(expected)


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_equal_seeds_give_equal_noise(kind):
    first, again, other = (corrupt_labels(LABELS, kind, 0.4, 10, seed).given_labels for seed in (3, 3, 4))

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_less_noise_with_the_same_seed_is_part_of_more(kind):
    less, more = (corrupt_labels(LABELS, kind, share, 10, 0) for share in (0.2, 0.4))
    drawn = less.corruption == kind

    assert (more.corruption == kind)[drawn].all()
    assert np.array_equal(less.given_labels[drawn], more.given_labels[drawn])


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_no_noise_changes_nothing(kind):
    noise = corrupt_labels(LABELS, kind, 0.0, 10, 0)

    assert np.array_equal(noise.given_labels, LABELS)
    assert set(noise.corruption) == {""}
    assert noise.rates == {"kind": kind, "requested": 0.0, "drawn": 0.0, "realised": 0.0}


def test_labels_passed_in_are_left_as_they_were():
    labels = LABELS.copy()

    corrupt_labels(labels, "uniform_other", 1.0, 10, 0)

    assert np.array_equal(labels, LABELS)


@pytest.mark.parametrize(("share", "shown"), [(float("nan"), "nan"), (-0.1, "-0.1"), (1.5, "1.5"), (np.inf, "inf")])
def test_a_share_outside_zero_to_one_is_refused(share, shown):
    with pytest.raises(ConfigError, match=rf"^noise must lie in \[0, 1\], got {shown}\.$"):
        corrupt_labels(LABELS, "uniform_all", share, 10, 0)


def test_uniform_other_needs_another_class():
    with pytest.raises(ConfigError, match="'uniform_other' needs at least 2 classes, got 1"):
        corrupt_labels(np.zeros(5, dtype=int), "uniform_other", 0.5, 1, 0)


def test_an_unknown_kind_suggests_the_nearest():
    with pytest.raises(ConfigError, match="unknown noise kind 'uniform-other'. Did you mean 'uniform_other'?"):
        corrupt_labels(LABELS, "uniform-other", 0.5, 10, 0)


def test_a_label_outside_the_classes_is_refused():
    with pytest.raises(ValueError, match=r"labels must lie in \[0, 9\), got 0 to 9"):
        corrupt_labels(LABELS, "uniform_all", 0.5, 9, 0)
