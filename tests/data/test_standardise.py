"""Standardised inputs against numpy's own mean and standard deviation."""

import numpy as np
import pytest

from probes.data.standardise import FeatureScale, PixelScale

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("shape", [(50, 4, 3), (50, 4, 3, 3)])
def test_pixels_by_one_mean_or_one_per_channel(dtype, shape):
    images = (RANDOM.random(shape) * 200).astype(dtype)
    raw = images / 255 if dtype == np.uint8 else images.astype(np.float64)
    axes = (0, 1, 2)

    scale = PixelScale.fit(images)
    scaled = scale.apply(images)

    expected = (raw - raw.mean(axes)) / raw.std(axes)
    assert scaled.dtype == np.float32
    assert scaled.shape == (50, *((1,) if len(shape) == 3 else (3,)), 4, 3)
    assert np.allclose(np.moveaxis(scaled, 1, -1).reshape(shape), expected, atol=1e-5)


def test_equal_pixels_become_zero():
    black = np.zeros((3, 2, 2), dtype=np.uint8)

    assert np.array_equal(PixelScale.fit(black).apply(black), np.zeros((3, 1, 2, 2)))


def test_floats_beyond_one_are_shown_by_their_own_range():
    images = np.array([[[-1.0, 3.0]]])

    assert PixelScale.fit(images).shown(images).tolist() == [[[0, 255]]]


def test_features_each_by_their_own():
    rows = RANDOM.normal(5, [1, 10, 100], (80, 3))

    scale = FeatureScale.fit(rows[:60])

    assert np.allclose(scale.apply(rows), (rows - rows[:60].mean(0)) / rows[:60].std(0), atol=1e-5)


def test_a_constant_feature_becomes_zero_even_where_it_is_not_constant_elsewhere():
    rows = np.array([[0.1, 1.0], [0.1, 2.0], [0.1, 3.0]])

    scale = FeatureScale.fit(rows)

    assert scale.apply(np.array([[0.1, 2.0], [7.0, 2.0]])).tolist() == [[0, 0], [0, 0]]


def test_a_missing_value_becomes_the_mean():
    rows = np.array([[1.0], [np.nan], [3.0], [np.inf]])

    assert FeatureScale.fit(rows).apply(rows).tolist() == [[-1], [0], [1], [0]]


def test_flags_stay_as_they_are():
    rows = np.array([[0.0, 0.0], [1.0, 4.0], [1.0, 8.0]])

    scaled = FeatureScale.fit(rows, np.array([True, False])).apply(rows)

    assert scaled[:, 0].tolist() == [0, 1, 1]
    assert scaled[:, 1].mean() == pytest.approx(0, abs=1e-7)
