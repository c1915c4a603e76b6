"""The memorization study on answers that are made up."""

import itertools

import numpy as np
import pytest

from probes.data import load_dataset
from probes.studies import Scale, get_study
from probes.studies.claim import above
from probes.studies.measured_memorization import Measured
from probes.studies.memorization import STUDY
from probes.studies.noisy_data import noisy_data
from probes.studies.subset_models import SubsetAnswers


class MadeUp:
    """Results of a study whose models look their training examples up, and know the true class of all others.

    Test example 0 is right only where the first noisy training example was seen, 1 where the first clean one was.
    """

    def __init__(self, missing: str | None = None) -> None:
        self.missing = missing

    def value(self, name: str) -> dict | None:
        if name == self.missing:
            return None
        seed, first = (int("".join(filter(str.isdigit, part))) for part in name.split("-")[-2:])
        without_noise = name.startswith("without-noise-")
        data = data_of(seed, 0.0 if without_noise else 0.4)
        random = np.random.default_rng([seed, first])
        inside = np.stack([random.permutation(40) < 28 for _ in range(32)])
        test = np.ones((32, len(data.test)), dtype=bool)
        if without_noise:  # the first five are known by having been seen alone
            return SubsetAnswers(inside, inside | (np.arange(40) >= 5), test).to_dict()
        test[:, 0] = inside[:, np.argmax(data.noisy)]
        test[:, 1] = inside[:, np.argmin(data.noisy)]
        return SubsetAnswers(inside, inside | ~data.noisy, test).to_dict()

    def run(self, name: str) -> None:
        return None


def data_of(seed, noise=0.4):
    return noisy_data("digits", 40, {"uniform_all": noise}, seed)


@pytest.fixture
def scale():
    return Scale(quick=True, subset=40)


def claims(found):
    return {claim.id: claim for claim in found.claims}


def test_a_learner_that_looks_up_memorizes_the_noisy_examples_alone(scale):
    found = claims(STUDY.find(MadeUp(), scale))

    assert found["noisy-memorized-more"].values == (1.0, 1.0, 1.0)
    assert found["noisy-memorized-more"].rule == above(0.3)
    assert found["wrong-labels-memorized"].values == (1.0, 1.0, 1.0)
    assert found["models-interpolate"].values == (1.0, 1.0, 1.0)
    assert found["noisy-memorized-more"].seen.endswith("is 0.000 / 0.000 / 0.000 on average, by seed.")
    assert {claim.verdict for claim in found.values()} <= {"reproduced", "inconclusive"}
    assert STUDY.find(MadeUp(), scale).notes[0].startswith("Networks 64-256-10 on random 70% of the training set")


def test_only_what_a_memorized_example_carries_is_a_pair(scale):
    """The noisy example counts; the clean one is known without having been seen, whatever it carries."""
    data = data_of(0)
    answers = SubsetAnswers.from_dicts([MadeUp().value(f"seed0-models{first:04d}") for first in (0, 32)])

    found = Measured(0, answers, data, None)

    noisy, clean = np.argmax(data.noisy), np.argmin(data.noisy)
    assert (found.influence.value[noisy, 0], found.influence.value[clean, 1]) == (1.0, 1.0)
    assert found.pairs(found.influence.value, 0.9) == 1
    assert found.sure(found.influence)[:, :2].nonzero() == (noisy, 0)
    assert found.pairs(found.chance.value, 0.9) == 0


def test_the_gallery_shows_a_wrong_label_with_the_test_image_that_it_carries(scale):
    data = data_of(0)
    place = int(np.argmax(data.noisy))
    given, true = int(data.train.given_labels[place]), int(data.train.true_labels[place])

    charts = {chart.id: chart for chart in STUDY.find(MadeUp(), scale).charts}

    rows = {row.lead.caption: row.others for row in charts["carried-by-wrong-labels"].rows}
    others = rows[f"“{given}”, truly “{true}”, memorization 1.00"]
    assert others[0].caption == f"“{int(data.test.given_labels[0])}”, influence 1.00 ± 0.00"
    assert others[0].image.startswith("data:image/png;base64,")
    assert charts["carried"].rows == []
    assert charts["carried"].ours.startswith("No memorized training image with the right label carries")


def test_every_claim_is_there_whatever_is_missing(scale):
    whole, less = claims(STUDY.find(MadeUp(), scale)), claims(STUDY.find(MadeUp("seed1-models0032"), scale))

    assert list(whole) == list(less)
    assert less["enough-runs"].values[1] < whole["enough-runs"].values[1]


def test_seeds_of_more_models_count_pairs_by_as_many_as_the_others(scale):
    """Chance alone passes a threshold more often by fewer models: counts by unequal numbers have no common mean."""

    whole, less = (claims(STUDY.find(MadeUp(missing), scale)) for missing in (None, "seed1-models0032"))

    by_32 = [
        Measured(seed, SubsetAnswers.from_dicts([MadeUp().value(f"seed{seed}-models0000")]), data_of(seed), None)
        for seed in scale.seeds
    ]
    excess = tuple(float(one.pairs(one.influence.value) - one.pairs(one.chance.value)) for one in by_32)
    assert less["influential-pairs"].values == excess != whole["influential-pairs"].values
    assert "by 32 models of each seed" in less["influential-pairs"].quantity
    assert less["influential-pairs"].seen.startswith("All 64 models of seed 0 give")  # before what fewer give
    few = by_32[0]
    most = Measured(
        0, SubsetAnswers.from_dicts([MadeUp().value(f"seed0-models{first:04d}") for first in (0, 32)]), data_of(0), None
    )
    hold = int(((few.influence.value >= 0.15) & (few.value >= 0.25)[:, None] & most.influential).sum())
    told = f"Of the {few.pairs(few.influence.value):,} pairs by its first 32 models {hold} hold by all of them"
    assert told in less["influential-pairs"].seen
    assert "Without noise, as in the paper, those above chance are 0 at seed 0." in less["influential-pairs"].seen
    assert "All" not in whole["influential-pairs"].seen


def test_memorization_without_noise_stands_beside_that_with_it(scale):
    """One seed of 64 models: 5 of 40 examples are memorized, none is noisy, and nothing is there to be ranked."""
    found = STUDY.find(MadeUp(), scale)
    charts = {chart.id: chart for chart in found.charts}

    bars = {bars.name: bars for bars in charts["histogram"].bars}
    assert [bars["without noise"].y[place] for place in (1, -1)] == [35 / 40, 5 / 40]
    assert bars["clean"].y[1] == bars["noisy"].y[-1] == 1
    assert charts["histogram"].ours.endswith("3 repetitions; without noise 0.125 of all, seed 0.")
    assert [len(bars[name].low) for name in ("clean", "without noise")] == [11, 0]  # one seed has no spread
    assert "all without noise 0.125; " in claims(found)["noisy-memorized-more"].seen
    row = dict(zip(charts["numbers"].header, charts["numbers"].rows[-1], strict=True))
    assert (row["seed"], row["models"], row["clean"], row["noisy"]) == ("0 (no noise)", "64", "0.125", "–")
    assert charts["scores"].ours.endswith("share of noisy examples is 0 and every AUROC undefined, not 0.5.")
    assert any(note.startswith("Without noise: 64 models at seed 0, on") for note in found.notes)


def test_detection_is_told_with_average_precision_and_base_rate(scale, monkeypatch):
    """Memorization finds every noisy example of the made-up models, and nothing else: both measures are 1."""
    found = STUDY.find(MadeUp(), scale)
    scores = {chart.id: chart for chart in found.charts}["scores"]
    row = dict(zip(scores.header, scores.rows[0], strict=True))
    base = np.array([data_of(seed).noisy.mean() for seed in scale.seeds])

    assert row["AUROC for noisy"] == row["average precision"] == "1.000 ± 0.000"
    assert (
        f"The base rate of noisy examples, which average precision has to exceed, is {base.mean():.3f}" in scores.ours
    )
    monkeypatch.setattr("probes.studies.memorization_charts.average_precision", lambda score, positive: 0.25)
    scores = {chart.id: chart for chart in STUDY.find(MadeUp(), scale).charts}["scores"]
    assert scores.rows[0][1:3] == ["1.000 ± 0.000", "0.250 ± 0.000"]
    published = {claim.id: claim.published for claim in found.claims}
    assert published["within-bounds"] == published["enough-runs"] == "none: a check of ours"


def test_without_a_control_nothing_is_said_of_it(scale):
    class NoControl(MadeUp):
        def value(self, name):
            return None if name.startswith("without-noise-") else super().value(name)

    charts = {chart.id: chart for chart in STUDY.find(NoControl(), scale).charts}

    assert [bars.name for bars in charts["histogram"].bars] == ["clean", "noisy"]
    assert "ithout noise" not in charts["scores"].ours + charts["histogram"].ours


def test_the_control_has_the_subsets_of_its_seed():
    """Of two seeds, on the labels as they are: what differs from the noisy models is the noise."""
    points = {point.name: point for point in STUDY.points(Scale()) if "-models" in point.name}
    control = {name: point for name, point in points.items() if name.startswith("without-noise-")}

    assert sum(point.arguments["models"] for point in control.values()) == 2 * 192
    for name, point in control.items():
        noisy = points[name.removeprefix("without-noise-")]
        assert point.function is noisy.function
        assert point.arguments == {**noisy.arguments, "noise": 0.0}


def test_nothing_done_says_nothing(scale):
    class Nothing:
        def value(self, name):
            return None

    found = STUDY.find(Nothing(), scale)

    assert all(claim.verdict == "inconclusive" for claim in found.claims)
    assert found.charts == []


def test_a_full_study_trains_a_thousand_models_on_all_digits():
    points = get_study("memorization").points(Scale())
    first = [point for point in points if point.name.startswith("seed0-")]

    assert sum(point.arguments["models"] for point in first) >= 1000
    others: dict[str, int] = {}
    for point in points:
        if point.name.startswith("seed") and point not in first:
            others[point.name[:5]] = others.get(point.name[:5], 0) + point.arguments["models"]
    assert len(others) == 4
    assert len(set(others.values())) == 1
    assert all(point.arguments["subset"] is None and point.arguments["noise"] == 0.4 for point in first)
    numbers = list(
        itertools.chain.from_iterable(
            range(point.arguments["first"], point.arguments["first"] + point.arguments["models"]) for point in first
        )
    )
    assert len(set(numbers)) == len(numbers)
    assert len(load_dataset("digits").train) == 1400
