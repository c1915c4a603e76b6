"""docs/gradient-probes.md says what was measured, and no more."""

import copy
import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def maker():
    """docs/make_gradient_probes.py as a module."""
    spec = spec_from_file_location("make_gradient_probes", DOCS / "make_gradient_probes.py")
    module = sys.modules["make_gradient_probes"] = module_from_spec(spec)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def measured():
    return json.loads((DOCS / "gradient_probes.json").read_text())


def test_the_page_is_what_the_numbers_give(maker, measured):
    assert (DOCS / "gradient-probes.md").read_text() == maker.page(measured), "run docs/make_gradient_probes.py"


def test_three_seeds_were_measured(measured):
    assert list(measured["seeds"]) == ["0", "1", "2"]


def test_an_effect_that_does_not_appear_is_said_with_its_numbers(maker, measured):
    fewer = copy.deepcopy(measured)
    for seed in fewer["seeds"].values():
        seed["coherence"]["5"]["cosine"] = 0.1

    (row,) = (line for line in maker.page(fewer).splitlines() if "pulls against" in line)

    assert row.endswith("| 0.10 ± 0.00 | **no** |")


def test_an_effect_of_some_seeds_alone_is_no_effect(maker):
    assert maker.verdict([True, True, True]) == "yes"
    assert maker.verdict([True, False, True]) == "**no**, in 2 of 3 seeds"
    assert maker.verdict([False]) == "**no**"


def test_other_draws_of_the_noise_are_said_beside_the_seeds(maker, measured):
    draws = measured["draws"]
    assert len(draws["randX"]) == len(draws["randY"]) == 20

    said = maker.drawn({**measured, "draws": {"randX": [0.1, 0.15], "randY": [0.2, 0.9]}})

    assert (said["randX"], said["randY"], said["count"]) == ("0.10 and 0.15", "0.20 and 0.90", "2")
    assert said["above"].startswith("1 of these lie at or above")
    assert "None of them lies at or above" in maker.drawn(measured)["above"]
