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


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("factor", [1e300, 1e307, 1e-300])
def test_features_of_any_size_keep_their_differences(factor):
    rows = RANDOM.uniform(-1, 1, (60, 3)) * 17

    scale = FeatureScale.fit(rows * factor)

    assert np.allclose(scale.apply(rows * factor), (rows - rows.mean(0)) / rows.std(0), atol=1e-5)
    assert np.isfinite([*scale.means, *scale.sds]).all()


@pytest.mark.filterwarnings("error")
def test_the_largest_numbers_of_both_signs_have_a_finite_distance():
    rows = np.array([[-1.7e308], [1.7e308], [1.7e308], [-1.7e308]])

    assert FeatureScale.fit(rows).apply(rows).ravel().tolist() == [-1, 1, 1, -1]


@pytest.mark.filterwarnings("error")
def test_what_no_float_holds_beside_training_becomes_the_mean_and_is_counted():
    scale = FeatureScale.fit(np.array([[1.0, 1.0], [3.0, 2.0]]))
    rows = np.array([[1.7e308, 1.0], [np.inf, 2.0], [3.0, 2.0]])

    assert scale.apply(rows)[:, 0].tolist() == [0, 0, 1]
    assert scale.beyond(rows).tolist() == [1, 0]
