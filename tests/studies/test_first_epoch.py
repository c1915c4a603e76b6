"""After one epoch: how much examples differ in how often they are right."""

import numpy as np
import pytest

from probes.studies import Scale, get_study, run_study
from probes.studies.first_epoch import overdispersion, wrong_after_one_epoch


@pytest.mark.parametrize("share", [0.1, 0.5, 0.87])
def test_a_binomial_has_an_overdispersion_of_one(share):
    wrong = np.random.default_rng(0).binomial(100, share, size=200_000)

    assert overdispersion(wrong, 100) == pytest.approx(1.0, abs=0.02)


def test_examples_that_are_always_right_or_always_wrong_have_that_of_the_number_of_runs():
    """All of the variance is between examples: D = runs, up to N / (N - 1)."""
    wrong = np.repeat([0, 40], 500)

    assert overdispersion(wrong, 40) == pytest.approx(40 * 1000 / 999)


def test_it_grows_with_the_runs_as_the_correlation_of_two_runs_says():
    """Of examples that are wrong with a probability of 0.2 or of 0.6, D = 1 + (runs - 1) rho, rho = 0.04 / 0.24."""
    random = np.random.default_rng(1)
    chance = np.where(np.arange(100_000) % 2, 0.2, 0.6)

    for runs in (2, 10, 100):
        wrong = random.binomial(runs, chance)
        assert overdispersion(wrong, runs) == pytest.approx(1 + (runs - 1) * 0.04 / 0.24, rel=0.03)


def test_no_errors_have_no_overdispersion():
    assert np.isnan(overdispersion(np.zeros(5, dtype=int), 10))


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_errors_are_counted_against_the_given_label(noise):
    """Which is the true one where there is no noise, and only then."""
    found = wrong_after_one_epoch("digits", 200, {"uniform_all": noise}, seed=0, runs=3)

    assert len(found["wrong"]) == 200
    assert set(found["wrong"]) <= {0, 1, 2, 3}
    assert (np.mean(found["wrong"]) / 3 == pytest.approx(1 - found["as_true"])) == (noise == 0.0)


@pytest.mark.slow
def test_the_study_tells_real_data_from_random_inputs(tmp_path):
    """Of 300 digits, where an epoch is short, the order of the three kinds is as on all."""
    found = run_study(get_study("first-epoch"), tmp_path, Scale(quick=True, subset=300))

    table = next(chart for chart in found["charts"] if chart["kind"] == "table")
    assert [row[0] for row in table["rows"]] == ["real data", "random inputs (randX)", "random labels (randY)"]
    spread = {claim["id"]: claim["measured"]["mean"] for claim in found["claims"]}
    assert spread["real-spread"] > 2 * spread["random-inputs-alike"]
    curves = next(chart for chart in found["charts"] if chart["kind"] == "lines")
    assert len(curves["lines"]) == 4
    for line in curves["lines"]:
        assert line["y"] == sorted(line["y"])
