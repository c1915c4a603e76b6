"""Measures of acquired skill, on cases that are known."""

import math

import numpy as np
import pytest

from probes.studies import get_study
from probes.studies.results import Results
from probes.studies.scale import Scale
from probes.studies.skill_acquisition import WHAT_IT_IS_NOT, acquire, area, code_length, skill


def test_skill_is_zero_at_chance_and_one_without_errors():
    assert (skill(0.1, 10), skill(1.0, 10), skill(0.5, 2)) == pytest.approx((0, 1, 0))


def test_the_area_is_relative_to_the_range_of_doublings():
    assert area([25, 50, 100, 200], [1, 1, 1, 1]) == 1
    assert area([10, 20, 80], [0.0, 1.0, 1.0]) == pytest.approx((0.5 + 2) / 3)


def test_a_code_of_guesses_gains_nothing():
    guesses = [np.full(20, 0.1), np.full(30, 0.1)]

    assert code_length(guesses, 10, first=50) == pytest.approx(100 * math.log2(10))
    assert code_length([np.zeros(1)], 10, first=0) == pytest.approx(-math.log2(1e-6))  # clipped, not infinite


@pytest.mark.parametrize("family", ["logistic", "nearest", "mlp", "cnn"])
def test_every_family_is_measured_alike(family):
    found = acquire(family, "digits", 100, 0.0, steps=20, seed=0)

    assert found["sizes"] == [25, 50, 100]
    assert len(found["skills"]) == 3
    assert 0.2 < found["skills"][-1] <= 1
    assert found["gain"]["noisy"] is None
    assert 0 < found["gain"]["clean"] < math.log2(10)
    assert set(found["shifts"]) == {"moved a pixel", "turned 15°", "noise"}
    assert -1 <= found["novelty"] <= 1


def test_noisy_examples_are_told_apart():
    found = acquire("mlp", "digits", 200, 0.4, steps=20, seed=0)

    assert found["gain"]["noisy"] < found["gain"]["clean"]
    assert found["novelty"] is None


def test_the_page_says_what_it_is_not(tmp_path):
    study, scale = get_study("skill-acquisition"), Scale(quick=True)
    notes = study.find(Results(study.points(scale), tmp_path), scale).notes

    assert set(WHAT_IT_IS_NOT) <= set(notes)
