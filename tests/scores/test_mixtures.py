"""Noise probability: two clear groups, monotone, honest where there is nothing to fit."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.scores.mixtures import noise_probability


def test_separates_two_clear_groups():
    rng = np.random.default_rng(0)
    losses = np.concatenate([rng.normal(0.2, 0.05, 300), rng.normal(2.0, 0.3, 100)])

    probability = noise_probability(losses)

    assert (probability[:300] < 0.01).mean() > 0.99
    assert (probability[300:] > 0.99).mean() > 0.99


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_never_falls_as_the_loss_rises(seed):
    """The wider component wins far below the lower mean too; there it must not be called noisy."""
    rng = np.random.default_rng(seed)
    losses = rng.lognormal(0, 1, 50)

    rising = noise_probability(losses)[np.argsort(losses)]

    assert (np.diff(rising) >= 0).all()
    assert ((rising >= 0) & (rising <= 1)).all()


def test_one_easy_example_does_not_make_all_others_noisy():
    rng = np.random.default_rng(1)
    clean, noisy = np.clip(rng.normal(0.5, 0.02, 700), 0.44, 0.56), np.clip(rng.normal(2, 0.5, 300), 0.8, 4)
    clean[0] = 0.2  # far below the others: the wider component wins there

    probability = noise_probability(np.concatenate([clean, noisy]))

    assert probability[:700].max() < 0.1
    assert probability[700:].min() > 0.99


def test_missing_stays_missing_and_changes_nothing():
    losses = np.array([0.1, 0.2, 3.0, 0.15, 2.9])

    with_gap = noise_probability(np.append(losses, np.nan))

    assert np.isnan(with_gap[-1])
    assert np.array_equal(with_gap[:-1], noise_probability(losses))


def test_undefined_without_two_distinct_losses():
    assert np.isnan(noise_probability(np.array([0.5, 0.5]))).all()
    assert np.isnan(noise_probability(np.array([np.nan]))).all()
