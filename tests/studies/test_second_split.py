"""Two stages of training, cut short."""

import numpy as np
import pytest

from probes.studies import Scale, get_study
from probes.studies.second_split import forget, forget_without_noise
from probes.studies.second_split_charts import early_area, late_area, times_of


def test_every_example_has_its_two_times():
    found = forget("digits", 120, first=3, second=2, seed=0)

    noisy, forgotten = np.array(found["noisy"]), np.array(found["forgotten"])
    assert len(noisy) == len(forgotten) == len(found["learned"]) == 120
    assert set(forgotten) <= {1, 2, 3}
    assert {epoch for epoch in found["learned"] if epoch is not None} <= {1, 2, 3}
    kept = np.mean(forgotten[~noisy] == 3)  # right at the last epoch
    assert np.isclose(found["clean_kept"][-1], kept, atol=0.05)  # the mean of two halves of nearly equal size
    assert found == forget("digits", 120, first=3, second=2, seed=0)


def test_the_first_stage_fits_its_half_and_the_second_trains_on_the_other():
    """With noise in both halves; on its own half it would forget nothing, and not swapped it would know of one half."""
    found = forget("digits", 120, first=40, second=6, seed=0)

    halves = np.array_split(np.random.default_rng([0, 5]).permutation(120), 2)
    noisy, forgotten = np.array(found["noisy"]), np.array(found["forgotten"])
    for half in halves:
        assert 0 < noisy[half].sum() < 60
        assert np.mean([found["learned"][index] is not None for index in half]) > 0.95
        assert 0.05 < (forgotten[half] < 7).mean() < 0.9
    assert found["noisy_kept"][-1] < found["clean_kept"][-1]


def test_low_times_are_the_suspicious_ones():
    row = {"noisy": [True, True, False, False], "forgotten": [1, 2, 5, 2]}

    assert early_area(row) == 0.875  # pairs: 1, 1, 1 and a tie
    assert times_of(row, True).tolist() == [1, 2]


def test_what_is_learned_late_or_never_is_suspicious_too():
    row = {"noisy": [True, True, False, False], "learned": [9, None, 2, 9]}

    assert late_area(row) == 0.875


def test_the_control_has_no_noise_and_forgets_less():
    """The same halves, of the same starts, on the true labels; what survives is what the last epoch predicts."""
    found, noisy = (function("digits", 120, 30, 6, 0) for function in (forget_without_noise, forget))

    assert found["noisy"] == [False] * 120
    halves = np.array_split(np.random.default_rng([0, 5]).permutation(120), 2)
    kept = [np.mean(np.array(found["forgotten"])[half] == 7) for half in halves]
    assert found["kept"][-1] == pytest.approx(np.mean(kept))
    assert np.mean([epoch is not None for epoch in found["learned"]]) > 0.95
    assert np.mean(found["forgotten"]) > np.mean(noisy["forgotten"])
    assert len(found["kept"]) == 6


class TwoSeeds:
    """Four examples; the first is noisy, learned late and forgotten at once; without noise nothing is forgotten."""

    def values(self, pattern, seeds):
        if pattern.startswith("without-noise"):
            row = {"noisy": [False] * 4, "learned": [1, 1, 2, None], "forgotten": [21, 21, 21, 11]}
            return [{**row, "kept": [1.0] * 10 + [0.75] * 10} for _ in seeds]
        row = {"noisy": [True, False, False, False], "learned": [30, 1, 2, None], "forgotten": [1, 21, 21, 11]}
        return [{**row, "clean_kept": [1.0] * 19 + [2 / 3], "noisy_kept": [0.0] * 20} for _ in seeds]


def test_claims_and_curves_of_a_case_by_hand():
    found = get_study("second-split").find(TwoSeeds(), Scale(quick=True))
    values = {claim.id: claim.values[0] for claim in found.claims}
    learned = {line.name: line.y for chart in found.charts if chart.id == "learned" for line in chart.lines}

    assert values == {
        "finds-noise": 1.0,
        "clean-is-kept": (53 / 3 - 1) / 20,
        "noise-was-learned": 1.0,
        "beats-the-first-split": pytest.approx(1 - 2 / 3),
    }
    assert learned["clean"][:2] == [1 / 3, 2 / 3]
    assert learned["clean"][-1] == 2 / 3
    assert (learned["noisy, as labelled"][28], learned["noisy, as labelled"][29]) == (0, 1)


def test_without_noise_auroc_is_undefined_and_no_claim_rests_on_it():
    study = get_study("second-split")
    found = study.find(TwoSeeds(), Scale(quick=True))
    charts = {chart.id: chart for chart in found.charts}

    assert charts["detection"].rows == [
        ["with noise", "0.250 ± 0.000", *["1.000 ± 0.000"] * 2, "0.667 ± 0.000", "0.500 ± 0.000"],
        ["without noise", "0.000 ± 0.000", *["–"] * 4],
    ]
    assert charts["numbers"].rows[-1] == ["all, without noise", "18.5 ± 0.0", "21.0 ± 0.0"]
    lines = {id: {line.name: line.y for line in charts[id].lines} for id in ("kept", "learned")}
    assert lines["kept"]["without noise"] == [1.0] * 10 + [0.75] * 10
    assert lines["learned"]["without noise"][:3] == [0.5, 0.75, 0.75]
    shares = {bars.name: bars.y for bars in charts["times"].bars}["without noise"]
    assert dict(zip(charts["times"].categories, shares, strict=True))["never"] == 0.75
    assert [claim.id for claim in found.claims] == [
        *("finds-noise", "clean-is-kept", "noise-was-learned", "beats-the-first-split")
    ]
    assert charts["detection"].header[1].startswith("base rate")


def test_each_seed_has_its_control():
    points = {point.name: point.arguments for point in get_study("second-split").points(Scale())}

    assert len(points) == 10
    assert all(points[f"seed{seed}"] == points[f"without-noise-seed{seed}"] for seed in range(5))


def test_the_page_never_says_mislabelled():
    """A wrong label that was made is called one."""
    study = get_study("second-split")
    found = study.find(TwoSeeds(), Scale(quick=True))
    words = [study.effect, *found.notes, *(chart.paper + chart.ours for chart in found.charts)]

    assert not [text for text in words if "mislabel" in text.lower()]


@pytest.mark.parametrize("quick", [True, False])
def test_every_epoch_of_the_second_stage_lies_in_one_bar(quick):
    times = {chart.id: chart for chart in get_study("second-split").find(TwoSeeds(), Scale(quick=quick)).charts}[
        "times"
    ]
    spans = [name.split(" ")[1].split("–") for name in times.categories if name != "never"]
    assert all(int(span[0]) <= int(span[-1]) for span in spans)
    epochs = [epoch for span in spans for epoch in range(int(span[0]), int(span[-1]) + 1)]

    assert epochs == list(range(1, (20 if quick else 40) + 1))
    assert times.categories[-1] == "never"
    assert sum(times.bars[0].y) == pytest.approx(1)


@pytest.mark.parametrize(
    ("late", "words", "verdict"),
    [
        ([1, 1, 1], "tells more than how late", "reproduced"),
        ([30, 30, 30], "tells less than how late", "not reproduced"),
        ([1, 30, 1], "tells no more, as far as these seeds can tell, than how late", "inconclusive"),
    ],
)
def test_the_page_says_whether_forgetting_tells_more_than_the_first_split(late, words, verdict):
    """A wrong label is forgotten second of four at every seed; it is learned first, last, or either."""

    class Seeds(TwoSeeds):
        def values(self, pattern, seeds):
            rows = super().values(pattern, seeds)
            if pattern.startswith("without-noise"):
                return rows
            for row, epoch in zip(rows, late, strict=True):
                row["forgotten"] = [10, 21, 21, 5]
                row["learned"] = [epoch, 2, 3, 4]
            return rows

    found = get_study("second-split").find(Seeds(), Scale(quick=True))
    charts = {chart.id: chart for chart in found.charts}

    assert {claim.id: claim.verdict for claim in found.claims}["beats-the-first-split"] == verdict
    assert words in charts["learned"].ours
    assert "; average precision 0.500 ± 0.000 against" in charts["learned"].ours
    assert "undefined there (a dash), AUROC is not 0.5." in charts["detection"].ours
    assert words in charts["detection"].ours
