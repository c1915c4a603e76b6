"""Kernel interpolation and least norm, against scikit-learn and the pseudo-inverse."""

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel

from probes.studies.data import load_arrays
from probes.studies.linear import interpolate, kernel, least_norm


def test_the_kernel_is_the_gaussian_one():
    rng = np.random.default_rng(0)
    left, right = rng.random((5, 3)), rng.random((4, 3))

    assert kernel(left, right, 0.5) == pytest.approx(rbf_kernel(left, right, gamma=0.5))


def test_interpolation_is_kernel_ridge_without_a_penalty():
    found = interpolate("digits", 200, 1.0, random_labels=False, seed=0)
    data = load_arrays("digits", 200, raw=True)
    model = KernelRidge(alpha=0, kernel="rbf", gamma=1.0).fit(data.train, np.eye(10)[data.labels])
    gram = rbf_kernel(data.train, gamma=1.0)
    norm = np.sqrt(np.trace(model.dual_coef_.T @ gram @ model.dual_coef_))

    assert found["train"] == 1.0
    assert found["test"] == pytest.approx((model.predict(data.test).argmax(1) == data.test_labels).mean(), abs=0.006)
    assert found["norm"] == pytest.approx(norm, rel=1e-6)


def test_random_labels_are_fitted_and_not_generalised():
    found = interpolate("digits", 300, 1.0, random_labels=True, seed=1)

    assert found["train"] == 1.0
    assert found["test"] < 0.3


@pytest.mark.slow
def test_descent_from_zero_ends_at_the_pseudo_inverse():
    assert least_norm("digits", 1)["difference"] < 1e-9


def test_raw_inputs_are_on_the_images_scale():
    raw, standardised = load_arrays("digits", 50, raw=True), load_arrays("digits", 50)

    assert (raw.train.min(), raw.train.max()) == pytest.approx((0, 1), abs=1e-6)
    assert raw.train.shape == (50, 64)
    assert np.corrcoef(raw.train.ravel(), standardised.train.ravel())[0, 1] == pytest.approx(1)
