"""The study's own loop, cut short."""

import numpy as np
import pytest

from probes.studies import Scale, get_study
from probes.studies.information_charts import CRITICISM, SHORT
from probes.studies.information_plane import _recorded, train_and_record
from probes.studies.information_readings import HIDDEN, beyond_bounds, fall, medians, signal_fall, signal_words


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_every_layer_is_read_at_every_recorded_epoch(activation):
    run = train_and_record(activation, epochs=3, seed=0, kde_at=[3])

    assert run["epochs"] == [0, 1, 2, 3]
    for key in ("i_x", "i_y", "saturated", "clusters", "snr"):
        assert np.shape(run[key]) == (len(HIDDEN) + 1, 4), key
    information = np.array(run["i_x"])
    assert (information >= 0).all()
    assert (information <= 12).all()
    assert (np.array(run["i_y"]) <= 1).all()
    assert np.array(run["snr"], dtype=float)[:, 0] == pytest.approx(np.nan, nan_ok=True)
    lower, upper = run["kde"][0]["bounds"]
    assert 0 <= lower <= upper <= 12
    assert 0.3 < run["accuracy"] < 1


def test_equal_seeds_give_equal_runs():
    first, second = (train_and_record("tanh", epochs=2, seed=1, kde_at=[]) for _ in range(2))

    assert first == second


def test_the_recorded_epochs_are_dense_at_first_and_even_later():
    recorded = _recorded(1000)

    assert recorded[:21] == list(range(21))
    assert recorded[-3:] == [980, 990, 1000]


def test_a_fall_is_read_from_medians_of_ten():
    """One outlier is no peak."""
    curve = [8.0] * 10 + [50.0] + [8.0] * 10 + [3.0] * 10

    assert medians(curve).max() == 8
    assert fall({"i_x": [curve]}, 0) == 5


def test_the_fall_of_the_signal_is_read_from_the_first_and_last_ten_epochs_of_training():
    """Epoch 0 has no gradients; one outlier is nothing."""
    curve = [None, *[4.0] * 9, 900.0, *[3.0] * 20, *[2.0] * 9, 0.001]

    assert signal_fall({"snr": [curve]}) == 2


@pytest.mark.parametrize(
    ("changed", "outside"),
    [({}, 0), ({"i_x": [[12.5]]}, 0.5), ({"i_y": [[-0.25]]}, 0.25), ({"i_x": [[12 + 1e-12]]}, 0)],
)
def test_an_estimate_outside_its_bounds_is_told(changed, outside):
    run = {"i_x": [[0.0, 12.0]], "i_y": [[1.0]], "kde": [{"bounds": [3.0, 4.0], "i_y": 0.9}], **changed}

    assert beyond_bounds(run) == outside


def made_up(activation, seed):
    """What every claim needs, and hardly more."""
    recorded = _recorded(1000)
    shape = (len(HIDDEN) + 1, len(recorded))
    i_x, snr = np.full(shape, 5.0), np.full(shape, 1.0)
    late = np.array(recorded) > 500
    i_x[:, :40] = 4.0  # before the peak
    if activation == "tanh":
        i_x[-2, late], i_x[-1, late] = 2.5 - 0.01 * seed, 3.2
    else:
        i_x[-2, late] = 4.5 + 0.01 * seed
    snr[0, late] = 0.3 + 0.01 * seed
    flat = {
        key: np.full(shape, value).tolist() for key, value in (("i_y", 0.99), ("saturated", 0.5), ("clusters", 1.0))
    }
    kde = [{"layer": 4, "epoch": 1000, "bounds": [3.0, 4.0], "i_y": 0.9}]
    return {**flat, "epochs": recorded, "i_x": i_x.tolist(), "snr": snr.tolist(), "kde": kde, "accuracy": 0.99}


@pytest.fixture
def findings():
    class Results:
        def values(self, pattern, seeds):
            return [made_up(pattern.split("-")[0], seed) for seed in seeds]

    return get_study("information-plane").find(Results(), Scale(quick=True))


def test_the_five_claims_read_what_the_reference_names(findings):
    measured = {claim.id: claim.to_dict()["measured"]["mean"] for claim in findings.claims}

    assert measured == pytest.approx(
        {
            "tanh-compresses": 2.51,
            "relu-does-not": 0.49,
            "softmax-compresses": 1.8,
            "label-is-kept": 0.99,
            "drift-to-diffusion": np.mean([1 / 0.3, 1 / 0.31, 1 / 0.32]),
            "within-bounds": 0,
        }
    )
    assert {claim.verdict for claim in findings.claims} == {"reproduced"}
    bounds = {claim.id: (claim.rule.low, claim.rule.high) for claim in findings.claims}
    assert bounds["tanh-compresses"] == (2, None)
    assert bounds["relu-does-not"] == (None, 1)
    assert bounds["softmax-compresses"] == (1.5, None)
    assert bounds["label-is-kept"] == (0.95, None)
    assert bounds["drift-to-diffusion"] == (2, None)


def test_every_estimate_is_named_with_its_bins(findings):
    """Never "the" information: the estimator, its bins and the activation."""
    quantities = {claim.id: claim.quantity for claim in findings.claims}

    for id in ("tanh-compresses", "softmax-compresses", "label-is-kept"):
        assert "30 bins on [-1, 1]" in quantities[id]
        assert "tanh" in quantities[id]
    assert "100 bins over the range of the whole run" in quantities["relu-does-not"]
    assert "ReLU" in quantities["relu-does-not"]


def test_the_whole_criticism_stands_beside_the_first_plane_and_in_short_beside_the_other(findings):
    charts = {chart.id: chart for chart in findings.charts}

    assert all(words in charts["plane-tanh"].paper for words in CRITICISM)
    assert charts["plane-relu"].paper.endswith(SHORT)
    assert SHORT in findings.notes
    told = [text for text in (*findings.notes, *(chart.paper for chart in findings.charts)) if CRITICISM[0] in text]
    assert len(told) == 1  # once
    for id in ("plane-tanh", "plane-relu"):
        assert [mark.value for mark in charts[id].marks] == [12, 1]
        assert [line.name for line in charts[id].lines][-2:] == ["before training", "after 1,000 epochs"]
    for name in ("Saxe", "Goldfeld", "Chelombiev"):
        assert any(name in words for words in CRITICISM)
    assert {"clusters", "gradients", "minimal", "kernel"} <= set(charts)
    assert "0.001" in charts["kernel"].ours


def test_no_two_layers_look_alike(findings):
    for chart in findings.charts:
        looks = [(line.swatch, line.dashed, line.marks) for line in getattr(chart, "lines", ())]
        assert len(set(looks)) == len(looks), chart.id


def test_a_signal_that_never_exceeds_its_noise_is_told_so(findings):
    """First and last ten recorded epochs of the first layer and of the logits."""

    def run(first, logits):
        rows = [[None, *[1.0] * 30] for _ in range(len(HIDDEN) + 1)]
        rows[0], rows[-1] = ([None, *[value] * 15, *[value / 2] * 15] for value in (first, logits))
        return {"snr": rows}

    below, above = signal_words([run(0.5, 0.8)] * 2), signal_words([run(2.0, 0.8)] * 2)
    assert below.startswith("In the first layer it goes from 0.50 ± 0.00 to 0.25 ± 0.00; it is below 1 from the start")
    assert "its highest median of 10 epochs is 2.00. That of the logits goes from 0.80 ± 0.00 to 0.40" in above
    claim = {claim.id: claim for claim in findings.claims}["drift-to-diffusion"]
    assert claim.statement == "The signal-to-noise ratio of the first layer's gradients falls at least by half."
    assert claim.seen.startswith("In the first layer it goes from 1.00")


def test_a_sentence_about_a_logarithmic_line_names_the_mean_it_shows():
    """Seeds at 0.01, 0.1 and 1: the line ends at 0.1, their mean is 0.37."""

    class Results:
        def values(self, pattern, seeds):
            runs = [made_up(pattern.split("-")[0], seed) for seed in seeds]
            for run, value in zip(runs, (0.01, 0.1, 1.0), strict=True):
                run["clusters"][-2][-1] = value
            return runs

    found = get_study("information-plane").find(Results(), Scale(quick=True))
    clusters = {chart.id: chart for chart in found.charts}["clusters"]
    drawn = {line.name: line.y[-1] for line in clusters.lines}["3 units"]

    assert drawn == pytest.approx(0.1)
    assert "end 0.10 times as far" in clusters.ours
    assert "by the geometric mean over the seeds, as drawn; 0.37 ± 0.55 by mean ± sd" in clusters.ours


def test_no_sentence_speaks_of_information_without_its_estimator(findings):
    for claim in findings.claims:
        assert "information about" not in claim.statement, claim.id
    for chart in findings.charts:
        assert "information about" not in chart.paper + chart.ours, chart.id
    checks = {claim.id: claim.published for claim in findings.claims}
    assert checks["within-bounds"] == "none: a check of ours"
