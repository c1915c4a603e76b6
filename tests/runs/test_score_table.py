"""The table of scores: what is there unasked, what is there by name, and windows."""

import numpy as np
import pytest

from probes import ExampleTracker
from probes.scores import CATALOGUE, REGIONS, noise_probability_bmm, regions


@pytest.fixture(scope="module")
def tracker():
    """200 examples over five epochs; the last is never visited."""
    rng = np.random.default_rng(0)
    recorded = ExampleTracker(200)
    for epoch in range(5):
        logits = rng.normal(0, 2, (199, 3))
        logits[:, 0] += epoch
        recorded.update(np.arange(199), logits, np.where(np.arange(199) < 150, 0, 1))
        recorded.end_epoch()
    return recorded


def test_scores_by_name_only_are_not_there_unasked(tracker):
    columns = tracker.scores().columns

    assert [name for name in CATALOGUE if name not in columns] == ["noise_probability_bmm", "region"]


def test_a_region_is_a_name(tracker):
    table = tracker.scores(["region", "confidence", "variability"])

    expected = regions(table["confidence"].to_numpy(), table["variability"].to_numpy())
    assert table["region"].cat.categories.tolist() == list(REGIONS)
    assert table["region"].iloc[:-1].tolist() == [REGIONS[place] for place in expected[:-1]]
    assert table["region"].isna().tolist() == [False] * 199 + [True]
    assert set(table["region"].dropna()) == set(REGIONS)


def test_a_mixture_is_fitted_to_the_window(tracker):
    probability = tracker.scores("noise_probability_bmm", epochs=(1, 2))["noise_probability_bmm"]

    losses = tracker.trajectory("loss")[:2].astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(probability, noise_probability_bmm(losses), atol=1e-6)
    assert np.isnan(probability.iloc[-1])


@pytest.mark.parametrize("epoch", [1, 3, 5])
def test_el2n_at_one_epoch_is_a_window_of_that_epoch(tracker, epoch):
    """The norm of softmax minus one-hot, as published, from the logits of that epoch alone."""
    read = tracker.scores("el2n", epochs=(epoch, epoch))["el2n"].to_numpy()

    rng = np.random.default_rng(0)
    logits = [rng.normal(0, 2, (199, 3)) for _ in range(epoch)][-1]
    logits[:, 0] += epoch - 1
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    p[np.arange(199), np.where(np.arange(199) < 150, 0, 1)] -= 1
    np.testing.assert_allclose(read[:-1], np.linalg.norm(p, axis=1), rtol=1e-5)
    assert np.isnan(read[-1])
