"""The curves of the study are Gini coefficients of running means."""

import numpy as np
import pytest

from probes.probing import loss_sensitivity
from probes.studies import sensitivity
from probes.studies.sensitivity import _data, _Maker, class_matrix, gini_over_steps


def test_a_curve_is_the_gini_coefficient_of_the_mean_so_far(monkeypatch):
    monkeypatch.setattr(sensitivity, "EXAMPLES", 30)
    curve = gini_over_steps("digits", "real", steps=4, seed=0)["gini"]

    inputs, labels, classes = _data("digits", "real", 0, unique=False)
    rows = loss_sensitivity(_Maker(64, classes), inputs, labels, steps=4, lr=0.1, batch_size=60, seed=0)
    for step in range(4):
        mean = rows[: step + 1].mean(0)
        pairwise = np.abs(mean[:, None] - mean[None]).sum() / (2 * len(mean) ** 2 * mean.mean())
        assert curve[step] == pytest.approx(pairwise)


def test_conditions_change_what_they_name(monkeypatch):
    monkeypatch.setattr(sensitivity, "EXAMPLES", 100)
    real, noise, labels = (_data("digits", name, 0, unique=False) for name in ("real", "randX", "randY"))

    assert (noise[1] == real[1]).all()
    assert (labels[0] == real[0]).all()
    assert (labels[1] != real[1]).mean() > 0.7
    assert noise[0].mean() == pytest.approx(real[0].mean(), abs=0.05)
    assert abs(np.corrcoef(noise[0].ravel(), real[0].ravel())[0, 1]) < 0.05


def test_unique_classes_are_one_per_example(monkeypatch):
    monkeypatch.setattr(sensitivity, "EXAMPLES", 20)
    _, labels, classes = _data("digits", "real", 0, unique=True)

    assert (labels.tolist(), classes) == (list(range(20)), 20)


def test_the_class_matrix_is_square_and_positive(monkeypatch):
    monkeypatch.setattr(sensitivity, "EXAMPLES", 30)
    matrix = np.array(class_matrix("digits", "real", steps=2, seed=0)["matrix"])

    assert matrix.shape == (10, 10)
    assert (matrix > 0).all()
