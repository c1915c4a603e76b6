"""Verdicts follow from the rule and the values alone."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from probes.studies.claim import VERDICTS, Claim, above, at_least, at_most, below, between, exactly, interval

REPRODUCED, NOT_REPRODUCED, INCONCLUSIVE = VERDICTS


def claim(values, rule, seen=""):
    return Claim("id", "It rises.", "A paper", "rise", rule, "no number", tuple(values), seen)


@pytest.mark.parametrize(
    ("rule", "values", "verdict"),
    [
        (at_least(0.1), [0.18, 0.19, 0.20], REPRODUCED),
        (at_least(0.1), [0.01, 0.02, 0.03], NOT_REPRODUCED),
        (at_least(0.1), [0.05, 0.12, 0.19], INCONCLUSIVE),
        (at_most(0.1), [0.01, 0.02, 0.03], REPRODUCED),
        (at_most(0.1), [0.18, 0.19, 0.20], NOT_REPRODUCED),
        (between(0.87, 0.93), [0.90, 0.90, 0.91], REPRODUCED),
        (between(0.87, 0.93), [0.99, 0.99, 0.98], NOT_REPRODUCED),
        (between(0.87, 0.93), [0.5, 0.9, 1.3], INCONCLUSIVE),
        (exactly(2864), [2864, 2864, 2864], REPRODUCED),
        (exactly(2864), [2864, 2864, 2865], NOT_REPRODUCED),
        (at_least(1.0), [1.0, 1.0, 1.0], REPRODUCED),
        (at_least(0.1), [0.1, 0.1, 0.1], REPRODUCED),  # the mean of the three is 0.10000000000000002
        (at_most(0.1), [0.1, 0.1, 0.1], REPRODUCED),
        (above(0.1), [0.1, 0.1, 0.1], NOT_REPRODUCED),
        (below(0.1), [0.1, 0.1, 0.1], NOT_REPRODUCED),
        (above(0.0), [0.01, 0.02, 0.05], INCONCLUSIVE),
        (above(0.0), [0.02, 0.02, 0.03], REPRODUCED),
        (below(0.0), [0.02, 0.02, 0.03], NOT_REPRODUCED),
        (below(1.0, exact=True), [0.5, 0.9, 1.0], NOT_REPRODUCED),
        (at_most(1e-5, exact=True), [1e-7, 2e-7, 1e-6], REPRODUCED),
        (at_most(1e-5, exact=True), [1e-7, 2e-7, 1e-3], NOT_REPRODUCED),
    ],
)
def test_the_interval_of_the_mean_decides(rule, values, verdict):
    assert claim(values, rule).verdict == verdict


@pytest.mark.parametrize("values", [[], [0.9], [0.9, 0.9], [0.9, 0.9, math.nan], [0.9, 0.9, math.inf]])
def test_fewer_than_three_values_or_one_unknown_decide_nothing(values):
    for rule in (at_least(0.5), exactly(0.9)):
        assert claim(values, rule).verdict == INCONCLUSIVE


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=8))
def test_the_interval_is_students(values):
    low, high = interval(values)
    if np.std(values) > 1e-6:
        expected = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
        assert (low, high) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@given(st.lists(st.floats(-10, 10), min_size=3, max_size=8), st.floats(-10, 10))
def test_a_rule_and_its_opposite_never_both_hold(values, bound):
    verdicts = {claim(values, rule(bound)).verdict for rule in (at_least, at_most)}

    assert verdicts != {REPRODUCED} or interval(values) == (bound, bound)


def test_what_is_kept_is_strict_json_with_what_the_contract_names():
    kept = claim([0.1, 0.2, math.nan], at_least(0.1), "It rose twice.").to_dict()

    assert json.loads(json.dumps(kept, allow_nan=False)) == kept
    assert {"id", "statement", "source", "quantity", "rule", "published", "measured", "verdict"} <= kept.keys()
    assert kept["measured"]["n"] == 2
    assert kept["measured"]["mean"] == pytest.approx(0.15)
    assert kept["measured"]["sd"] == pytest.approx(0.1 / math.sqrt(2))
    assert kept["measured"]["values"] == [0.1, 0.2, None]
    assert (kept["verdict"], kept["seen"]) == (INCONCLUSIVE, "It rose twice.")


def test_rules_say_what_they_ask():
    assert at_least(0.1).text.startswith("the 95 % interval of the mean lies at or above 0.1")
    assert between(0.87, 0.93).text.startswith(
        "the 95 % interval of the mean lies at or above 0.87 and at or below 0.93"
    )
    assert above(0.1).text.startswith("the 95 % interval of the mean lies above 0.1;")
    assert below(1e-5, exact=True).text == "every value is below 1e-05"
    assert exactly(2864).text == "every value is exactly 2864"
    assert at_most(1e-5, exact=True).text == "every value is at or below 1e-05"
