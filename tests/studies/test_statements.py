"""What the studies of Zhang et al. and Arpit et al. say of their numbers, and how their figures tell series apart."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from probes.studies import (
    Scale,
    capacity,
    critical_samples,
    depth,
    first_epoch,
    get_study,
    patterns_first,
    randomization,
    regularization,
    sensitivity,
)
from probes.studies.regularization import Effect
from probes.studies.results import Results
from probes_reports.figures.study_axis import DASHES

FULL = Scale()


def claims_by_id(claims):
    return {claim.id: claim for claim in claims}


def effects(**changed):
    """Three seeds of every setting: nothing is memorized less, and nothing costs anything, unless it is said."""
    known = {setting: Effect([1.0] * 3, [0.98] * 3, [0.97] * 3) for setting in regularization._settings(FULL)}
    for name, (memorized, real) in changed.items():
        family, strength = name.rsplit("_", 1)
        setting = (family.replace("_", " "), strength.replace("p", "."))
        assert setting in known
        known[setting] = Effect([memorized] * 3, [real] * 3, [real] * 3)
    return known


def test_only_regularisers_that_cost_little_are_free():
    known = effects(dropout_0p75=(0.2, 0.98), dropout_0p9=(0.1, 0.77), weight_decay_0p05=(0.1, 0.955),
                    weight_decay_0p01=(0.24, 0.96), input_noise_1=(0.51, 0.98))  # fmt: skip

    ours = regularization._figure(known).ours

    assert "below no regulariser: dropout 0.75, weight decay 0.01. The same" in ours
    assert "higher cost: dropout 0.9, weight decay 0.05. Means" in ours


def test_dropout_is_held_against_the_best_of_the_others_that_is_free():
    known = effects(dropout_0p75=(0.3, 0.98), dropout_0p9=(0.1, 0.77), weight_decay_0p01=(0.2, 0.97),
                    weight_decay_0p05=(0.05, 0.9), input_noise_1=(0.4, 0.98))  # fmt: skip

    claim = regularization._best_for_free(known)

    assert claim.values == pytest.approx((0.1, 0.1, 0.1))
    assert claim.verdict == "not reproduced"
    assert "dropout 0.300 ± 0.000, weight decay 0.200 ± 0.000, input noise 0.400" in claim.seen


def test_a_run_that_is_missing_leaves_the_best_for_free_open_in_its_seed_alone():
    known = effects(dropout_0p75=(0.3, 0.98))
    known["dropout", "0.9"] = Effect([0.1] * 3, [math.nan, 0.7, 0.7], [0.97] * 3)

    values = regularization._best_for_free(known).values

    assert math.isnan(values[0])
    assert values[1:] == pytest.approx((-0.7, -0.7))


def test_weight_decay_is_judged_by_what_it_keeps_out_by_its_cost_and_beside_dropout():
    known = effects(dropout_0p5=(0.66, 0.97), weight_decay_0p01=(0.24, 0.9))
    claims = claims_by_id(regularization._decay(known))

    assert claims["decay-slows-memorizing"].verdict == "reproduced"
    assert claims["decay-for-free"].values == pytest.approx([-0.07] * 3)
    assert claims["decay-for-free"].verdict == "not reproduced"
    assert claims["dropout-beats-decay"].values == pytest.approx([0.42] * 3)
    assert claims["dropout-beats-decay"].verdict == "not reproduced"


def test_depths_are_compared_in_points_and_any_two_of_them():
    by_depth = {1: [0.53, 0.54, 0.52], 2: [0.60, 0.61, 0.60], 3: [0.56, 0.55, 0.56], 5: [0.54, 0.53, 0.53]}
    claims = claims_by_id(depth._claims(0.6, by_depth))

    assert claims["depth-hardly-matters-0.6"].verdict == "reproduced"
    assert claims["no-two-depths-differ-0.6"].values == pytest.approx((0.07, 0.08, 0.08))
    assert claims["no-two-depths-differ-0.6"].verdict == "not reproduced"
    assert all("5 points" in claims[id].statement for id in claims if not id.startswith("deeper"))
    assert "7.3 points at 60% noise" in depth._figure({0.6: by_depth}).ours


def test_what_is_said_of_the_paper_and_what_we_ask_name_their_sources_apart():
    claims = claims_by_id(depth._claims(0.4, {1: [0.7] * 3, 5: [0.7] * 3}))

    assert claims["deeper-is-better-0.4"].source == "often said of Zhang et al. 2017, section 2.2; not by it"
    assert claims["depth-hardly-matters-0.4"].source.startswith("our own question")
    assert all(claim.published.startswith("none") for claim in claims.values())


def looks(lines):
    """Colour and dash, as the page draws them."""
    return [(line.swatch, "dashed" if line.dashed else DASHES.get(line.swatch, "solid")) for line in lines]


def test_seven_kinds_of_data_have_seven_colours():
    conditions = critical_samples._conditions(FULL)
    ratios = {condition: [{0: (0.1, 0.0), 1: (0.2, 0.0)}] for condition in conditions}

    lines = critical_samples._figure(ratios).lines

    assert len(lines) == 7
    assert len({colour for colour, _ in looks(lines)}) == 7


def test_training_is_solid_and_test_dashed_at_every_share_of_noise():
    noises = patterns_first._noises(FULL)
    _, chart = patterns_first._curves({noise: [] for noise in noises})

    assert [line.name for line in chart.lines] == [f"{n:.0%} noise, {of}" for n in noises for of in ("train", "test")]
    assert {dash for _, dash in looks(chart.lines[::2])} == {"solid"}
    assert {dash for _, dash in looks(chart.lines[1::2])} == {"dashed"}
    assert [line.swatch for line in chart.lines[::2]] == [line.swatch for line in chart.lines[1::2]]
    assert len({line.swatch for line in chart.lines}) == len(noises)
    assert "test accuracy dashed, where the paper has validation" in chart.ours


def test_the_ends_of_the_curve_of_random_inputs_are_told_beside_those_of_chance():
    wrong = np.r_[50, np.full(998, 85), 100]  # of 1,000 examples, in 100 runs
    told = first_epoch._ends([first_epoch._Errors(wrong, 100, 0.1), None])

    low, high = (binom.ppf(at, 100, wrong.mean() / 100) for at in (0.0005, 0.9995))
    assert "50% to 100% of the runs are wrong" in told
    assert f"{low:.0f}% to {high:.0f}% would be" in told


def curves(real, inputs, labels):
    return {
        name: [np.array(of)] * 3 for name, of in zip(("real", "randX", "randY"), (real, inputs, labels), strict=True)
    }


def test_the_step_from_which_real_data_stay_above_is_told():
    found = curves([0.1, 0.3, 0.2, 0.4], [0.0] * 4, [0.2, 0.1, 0.3, 0.1])
    assert sensitivity._when_above(found).endswith(
        "above random inputs throughout, above random labels from step 4 on."
    )

    fallen = curves([0.1, 0.1], [0.0, 0.2], [0.0, 0.0])
    assert "above random inputs not at the end" in sensitivity._when_above(fallen)


def test_throughout_is_the_least_difference_after_the_first_steps():
    real, other = np.full(30, 0.3), np.full(30, 0.2)
    other[3], other[17] = 0.9, 0.35
    claim = sensitivity._throughout(curves(real, other, other), "randY")

    assert claim.id == "throughout-labels"
    assert claim.values == pytest.approx([-0.05] * 3)


class _Unfitted(Results):
    """Random inputs with few units reach 60 %, the others all; one run of them failed."""

    def per_seed(self, pattern, seeds, read, missing):
        few = pattern.startswith("random-inputs-width16")
        return [missing if few and seed == 0 else read(self._made(few)) for seed in seeds]

    def _made(self, few):
        accuracy = [0.5, 0.61, 0.6] if few else [0.5, 0.9, 1.0]
        rows = [pd.DataFrame({"group": group, "epoch": [1, 2, 3], "accuracy": accuracy}) for group in
                ("train/all", "validation")]  # fmt: skip
        values = {"epochs": pd.concat(rows), "num_epochs": 3, "num_examples": 100, "config": {"batch_size": 64}}
        return SimpleNamespace(**values)


def test_what_was_not_fitted_is_told_below_the_figure_with_what_it_reached(tmp_path):
    found = capacity._find(_Unfitted(capacity._points(FULL), tmp_path), FULL)
    ours = {chart.id: chart.ours for chart in found.charts}
    reached = "random inputs with 16 units (4 seeds: at best 61.0 to 61.0 % of the training set within 3 epochs)"

    assert ours["time-by-width"].endswith(f"not drawn: {reached}.")
    assert "Not fitted" not in ours["steps-by-size"]
    assert f"Without a time, since not fitted: {reached}." in found.notes
    assert "Without a time, since the run is not there: random inputs with 16 units (1 of 5 seeds)." in found.notes


def test_where_lines_of_the_loss_end_is_told():
    told = randomization._lengths({"true labels": 60, "random labels": 120, "Gaussian inputs": 60, "missing": 0})

    assert told == "after 60 epochs for true labels, Gaussian inputs; after 120 epochs for random labels"
    assert randomization._loss_id("MLP 1x512") == "loss-1x512-perceptron"
    assert randomization._loss_id("small AlexNet") == "loss-small-alexnet"


@pytest.mark.parametrize(
    "name", ["regularization", "depth", "critical-samples", "patterns-first", "first-epoch", "sensitivity", "capacity",
             "expressivity", "linear", "randomization"]
)  # fmt: skip
def test_a_statement_stands_by_itself(name, tmp_path):
    """It is quoted alone in headlines: it must name what it is about."""
    study = get_study(name)
    for claim in study.find(Results(study.points(FULL), tmp_path), FULL).claims:
        words = claim.statement.rstrip(".").split()
        assert words[0] not in ("It", "They", "This", "Both"), claim.statement
