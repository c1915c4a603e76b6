"""Regions of the data map: by hand, by sorting, and where something is missing."""

import numpy as np
import pytest

from probes.scores import REGIONS, ambiguous_above, regions


def test_the_third_that_varies_most_is_ambiguous_and_half_parts_the_rest():
    confidence = np.array([0.9, 0.5, 0.49, 0.1, 0.9, 0.1])
    variability = np.array([0.1, 0.2, 0.1, 0.2, 0.3, 0.4])

    region = regions(confidence, variability)

    assert [REGIONS[place] for place in region] == ["easy", "easy", "hard", "hard", "ambiguous", "ambiguous"]
    assert np.bincount(region, minlength=3).tolist() == [2, 2, 2]


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_sorting(seed):
    """Without ties: the last third in the order of variability."""
    rng = np.random.default_rng(seed)
    confidence, variability = rng.random(31), rng.random(31)
    varied = set(np.argsort(variability)[-10:].tolist())

    region = [REGIONS[place] for place in regions(confidence, variability)]

    for example in range(31):
        rest = "easy" if confidence[example] >= 0.5 else "hard"
        assert region[example] == ("ambiguous" if example in varied else rest)


def test_equal_variabilities_stay_together():
    """One epoch: nothing varies, so nothing is ambiguous."""
    assert regions(np.array([0.9, 0.1, 0.9]), np.zeros(3)).tolist() == [0, 1, 0]


def test_missing_stays_missing_and_shapes_no_border():
    confidence, variability = np.array([0.9, 0.9, 0.1, np.nan, 0.5]), np.array([0.1, 0.3, 0.2, 9.0, np.nan])

    assert regions(confidence, variability).tolist() == [0, 2, 1, -1, -1]
    assert regions(np.full(2, np.nan), np.full(2, np.nan)).tolist() == [-1, -1]
    assert regions(np.empty(0), np.empty(0)).tolist() == []
    assert np.isnan(ambiguous_above(np.array([np.nan])))
