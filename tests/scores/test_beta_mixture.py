"""The two-Beta mixture: its definition step by step, its monotone table, and honesty where there is nothing to fit."""

import math

import numpy as np
import pytest
from scipy.stats import beta as beta_distribution

from probes.scores import auroc, noise_probability_bmm


def two_groups(seed, clean=300, noisy=120):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.gamma(2, 0.1, clean), rng.gamma(8, 0.4, noisy)])


def slow_posterior(losses):
    """The published procedure, an example at a time, densities from scipy."""
    low, high = np.percentile(losses, 5), np.percentile(losses, 95)
    scaled = [min(max((loss - low) / (high - low), 1e-3), 1 - 1e-3) for loss in losses]
    kept = [x for x, loss in zip(scaled, losses, strict=True) if low <= loss <= high]
    parameters, weights = [(1.0, 2.0), (2.0, 1.0)], [0.5, 0.5]

    def joint(x):
        return [w * beta_distribution.pdf(x, a, b) for w, (a, b) in zip(weights, parameters, strict=True)]

    for _ in range(10):
        shares = []
        for x in kept:
            both = [max(value, 1e-12) for value in joint(x)]
            shares.append([value / sum(both) for value in both])
        parameters, weights = [], []
        for component in (0, 1):
            share = [row[component] for row in shares]
            mean = math.fsum(s * x for s, x in zip(share, kept, strict=True)) / math.fsum(share)
            variance = math.fsum(s * (x - mean) ** 2 for s, x in zip(share, kept, strict=True)) / math.fsum(share)
            alpha = mean * (mean * (1 - mean) / variance - 1)
            parameters.append((alpha, alpha * (1 - mean) / mean))
            weights.append(math.fsum(share) / len(kept))
    table = []
    for x in np.linspace(1e-12, 1 - 1e-12, 100):
        both = joint(x)
        table.append(both[1] / (sum(both) + 1e-12))
    top = table.index(max(table))
    table[top:] = [max(table)] * (100 - top)
    return np.array([table[int(100 * x)] for x in scaled])


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_published_procedure(seed):
    losses = two_groups(seed)

    np.testing.assert_allclose(noise_probability_bmm(losses), slow_posterior(losses), atol=1e-9)


def test_separates_two_clear_groups():
    probability = noise_probability_bmm(two_groups(0))

    assert (probability[:300] < 0.5).mean() > 0.98
    assert (probability[300:] > 0.5).mean() > 0.85
    assert auroc(probability, np.arange(420) >= 300) > 0.98


def test_the_highest_losses_have_the_highest_probability():
    """Past its maximum the posterior would fall again; the table stays up there."""
    losses = np.append(two_groups(1), [20.0, 50.0])

    probability = noise_probability_bmm(losses)

    assert probability[-2:].tolist() == [probability.max()] * 2


def test_the_unit_and_the_order_of_the_losses_do_not_matter():
    losses = two_groups(2)
    order = np.random.default_rng(0).permutation(len(losses))

    np.testing.assert_allclose(noise_probability_bmm(losses * 2.0**-30), noise_probability_bmm(losses), atol=1e-9)
    np.testing.assert_allclose(noise_probability_bmm(losses[order]), noise_probability_bmm(losses)[order], atol=1e-9)


def test_missing_stays_missing_and_changes_nothing():
    losses = two_groups(3)

    with_gaps = noise_probability_bmm(np.concatenate([[np.nan], losses, [np.inf]]))

    assert np.isnan(with_gaps[[0, -1]]).all()
    assert np.array_equal(with_gaps[1:-1], noise_probability_bmm(losses))


@pytest.mark.parametrize(
    "losses",
    [[], [np.nan], [1.0], [1.0, 1.0], [0.0, 1.0], [0.0] * 99 + [1.0], [0.0] * 70 + [2.0] * 30, [1e-300, 2e-300, 0.0]],
    ids=["none", "missing", "one", "equal", "two", "one apart", "two values", "tiny"],
)
def test_is_missing_where_no_two_components_can_be_fitted(losses):
    probability = noise_probability_bmm(np.array(losses))

    assert probability.shape == (len(losses),)
    assert np.isnan(probability).all()
