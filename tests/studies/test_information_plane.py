"""The study's own loop, cut short."""

import numpy as np
import pytest

from probes.studies.information_plane import HIDDEN, _fall, _medians, _recorded, train_and_record


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_every_layer_is_read_at_every_recorded_epoch(activation):
    run = train_and_record(activation, epochs=3, seed=0, kde_at=[3])

    assert run["epochs"] == [0, 1, 2, 3]
    for key in ("i_x", "i_y", "saturated", "clusters", "snr"):
        assert np.shape(run[key]) == (len(HIDDEN) + 1, 4), key
    information = np.array(run["i_x"])
    assert (information >= 0).all()
    assert (information <= 12).all()
    assert (np.array(run["i_y"]) <= 1).all()
    assert np.array(run["snr"], dtype=float)[:, 0] == pytest.approx(np.nan, nan_ok=True)
    lower, upper = run["kde"][0]["bounds"]
    assert 0 <= lower <= upper <= 12
    assert 0.3 < run["accuracy"] < 1


def test_equal_seeds_give_equal_runs():
    first, second = (train_and_record("tanh", epochs=2, seed=1, kde_at=[]) for _ in range(2))

    assert first == second


def test_the_recorded_epochs_are_dense_at_first_and_even_later():
    recorded = _recorded(1000)

    assert recorded[:21] == list(range(21))
    assert recorded[-3:] == [980, 990, 1000]


def test_a_fall_is_read_from_medians_of_ten():
    """One outlier is no peak."""
    curve = [8.0] * 10 + [50.0] + [8.0] * 10 + [3.0] * 10

    assert _medians(curve).max() == 8
    assert _fall({"i_x": [curve]}, 0) == 5
