"""Measures of acquired skill, on cases that are known."""

import math

import numpy as np
import pytest

from probes.studies import get_study
from probes.studies.results import Results
from probes.studies.scale import Scale
from probes.studies.skill_acquisition import WHAT_IT_IS_NOT, acquire
from probes.studies.skill_measures import area, code_length, enough, kept, saved, skill


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


@pytest.mark.parametrize("family", ["nearest", "mlp"])
def test_a_lost_point_is_done_again_with_the_same_result(family):
    first, second = (acquire(family, "digits", 100, 0.4, steps=20, seed=1) for _ in range(2))

    assert first == second


def test_the_page_says_what_it_is_not(tmp_path):
    study, scale = get_study("skill-acquisition"), Scale(quick=True)
    notes = study.find(Results(study.points(scale), tmp_path), scale).notes

    assert set(WHAT_IT_IS_NOT) <= set(notes)


def test_the_fewest_examples_of_skill_four_fifths():
    row = {"sizes": [25, 50, 100], "skills": [0.5, 0.8, 0.9]}

    assert enough(row) == 50
    assert math.isnan(enough({**row, "skills": [0.5, 0.6, 0.79]}))


def test_bits_saved_are_those_of_the_whole_code():
    """First block of 4 by guessing, 2 bits each; then 12 examples at half a bit: 18 bits less than 32."""
    row = {"classes": 4, "sizes": [4, 16], "bits": code_length([np.full(12, 2**-0.5)], 4, first=4)}

    assert row["bits"] == pytest.approx(14)
    assert saved(row) == pytest.approx(18 / 16)
    assert math.isnan(saved({"sizes": [4, 16], "bits": 14.0}))  # measured before the number of classes was kept


def test_a_table_is_not_turned(tmp_path):
    """Shifts are of images: rows of a table have no neighbours, and their columns no order."""
    random = np.random.default_rng(0)
    rows = [[*random.normal(label, 0.5, 3).round(3), "xyz"[label]] for label in (place % 3 for place in range(150))]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(",".join(map(str, row)) for row in [["a", "b", "c", "label"], *rows]))

    found = acquire("mlp", str(table), 60, 0.0, steps=20, seed=0)

    assert found["shifts"] == {}
    assert math.isnan(kept(found))
    assert found["classes"] == 3


def row(family, noise, seed):
    """What a claim reads, and how each number shows on the page."""
    gains = {"clean": 2.0, "noisy": -1.5 - 0.1 * seed if noise else None}
    shifts = {"moved a pixel": 0.8, "turned 15°": 0.6, "noise": 0.7}
    skills = [0.5, 0.8, 0.9 if family == "mlp" else 0.88]
    return {
        **{"sizes": [25, 50, 100], "skills": skills, "gain": gains, "shifts": shifts, "classes": 10, "bits": 200.0},
        "novelty": None if noise else 0.9,
    }


def test_every_measure_is_on_the_page():
    class MadeUp:
        def values(self, pattern, seeds):
            family, noise, _ = pattern.split("-")
            return [row(family, float(noise.removeprefix("noise")), seed) for seed in seeds]

    found = get_study("skill-acquisition").find(MadeUp(), Scale())
    charts, claims = ({one.id: one for one in many} for many in (found.charts, found.claims))
    numbers = dict(zip(charts["numbers"].header, charts["numbers"].rows[2], strict=True))

    assert [
        claims[f"noise-predicts-nothing-{family}"].values[1] for family in ("logistic", "nearest", "mlp", "cnn")
    ] == ([-1.6] * 4)
    assert claims["deep-is-not-favoured"].values == pytest.approx([0.005] * 5)
    assert claims["shifts-cost-skill"].values == pytest.approx([0.7] * 5)
    assert claims["features-carry-over"].values == (0.9,) * 5
    assert numbers["examples for skill 0.8"] == "50 ± 0"
    assert numbers["bits gained, clean"] == f"{math.log2(10) - 2:.2f} ± 0.00"
    assert "reference, 1." in charts["shifts"].ours
    assert [bar.name for bar in charts["shifts"].bars] == [
        *("logistic regression", "1-nearest neighbour", "MLP 2x512", "small CNN")
    ]
    assert any("clipped at 1e-06" in note for note in found.notes)
    assert not any("full size only" in note for note in found.notes)


class FourFamilies:
    """Made-up rows; changes by family and seed, None where a point is missing."""

    def __init__(self, changes):
        self.changes = changes

    def values(self, pattern, seeds):
        family, noise, _ = pattern.split("-")
        found = []
        for seed in seeds:
            change = self.changes.get((family, seed), {})
            if change is not None:
                found.append({**row(family, float(noise.removeprefix("noise")), seed), **change})
        return found


def claims_of(changes):
    found = get_study("skill-acquisition").find(FourFamilies(changes), Scale(quick=True))
    return {claim.id: claim for claim in found.claims}


def test_learned_features_are_set_against_the_pixels_of_the_same_seed():
    """A seed that lacks one of the two has no difference, and the others keep theirs."""
    novelty = {
        ("mlp", 0): {"novelty": 0.5},
        ("nearest", 0): {"novelty": 0.9},
        ("mlp", 2): {"novelty": 0.8},
        ("nearest", 2): {"novelty": 0.7},
    }
    whole, less = claims_of(novelty), claims_of({**novelty, ("nearest", 1): None, ("logistic", 1): None})

    assert whole["features-beat-pixels"].values == pytest.approx((-0.4, 0, 0.1))
    assert whole["features-beat-pixels"].verdict == "inconclusive"
    assert less["features-beat-pixels"].values == pytest.approx((-0.4, np.nan, 0.1), nan_ok=True)
    assert less["deep-is-not-favoured"].values == pytest.approx((0.005, np.nan, 0.005), nan_ok=True)
    assert "the pixels themselves, without any training, have 0.83 ± 0.12" in whole["features-carry-over"].seen
    assert "the MLP's features 0.73 ± 0.21" in whole["features-carry-over"].seen


def test_shifts_that_cost_nothing_cost_nothing():
    """One that is kept whole at every seed does not pass for a cost."""
    free = {"moved a pixel": 1.0, "turned 15°": 1.0, "noise": 1.0}
    claim = claims_of({("mlp", seed): {"shifts": free} for seed in range(3)})["shifts-cost-skill"]

    assert claim.verdict == "not reproduced"
    assert claims_of({})["shifts-cost-skill"].verdict == "reproduced"


def test_each_shift_is_told():
    changed = {("mlp", 1): {"shifts": {"moved a pixel": 0.8, "turned 15°": 0.6, "noise": 1.1}}}
    seen = claims_of(changed)["shifts-cost-skill"].seen

    assert seen == (
        "Kept, by shift: moved a pixel 0.800 ± 0.000, turned 15° 0.600 ± 0.000, noise 0.833 ± 0.231 (no cost at 1 of 3 "
        "seeds)."
    )
