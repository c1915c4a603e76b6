"""What counts as a second descent, and what never does."""

from dataclasses import replace

import numpy as np
import pytest

from probes.studies import Scale
from probes.studies.descent import own_peaks, running_median, spike_words, spikes
from probes.studies.descent_map import descent_map
from probes.studies.double_descent import STUDY, _claims, _widths, describe_descent


def curves(mean, noise, seeds=5):
    """The same curve for each seed, moved as a whole or at its end."""
    return np.array(mean) + noise * np.linspace(-1, 1, seeds)[:, None]


def test_a_second_descent_is_seen():
    found = describe_descent(curves([0.5, 0.2, 0.4, 0.1], 0.01))

    assert (found.dip, found.peak, found.second) == (1, 2, True)
    assert found.recovery == pytest.approx([0.3] * 5)


@pytest.mark.parametrize(
    "mean",
    [
        [0.5, 0.2, 0.4, 0.4, 0.4],  # a plateau
        [0.5, 0.2, 0.3, 0.4, 0.5],  # still rising
        [0.5, 0.4, 0.3, 0.2, 0.1],  # falling all the way
        [0.1, 0.1, 0.1, 0.1, 0.1],  # nothing at all
    ],
)
def test_a_plateau_is_never_called_one(mean):
    rng = np.random.default_rng(0)
    errors = np.array(mean) + 0.01 * rng.standard_normal((5, 5)) * (np.arange(5) == 4)

    assert not describe_descent(errors).second
    assert not describe_descent(np.array([mean])).second


def test_a_recovery_within_two_sd_is_not_one():
    """Mean recovery 0.1, sd over seeds 0.08."""
    errors = np.array([[0.5, 0.2, 0.4, 0.3 + change] for change in (-0.08, 0.0, 0.08)])
    found = describe_descent(errors)

    assert np.mean(found.recovery) == pytest.approx(0.1)
    assert not found.second


def test_one_seed_decides_nothing():
    assert not describe_descent(np.array([[0.5, 0.2, 0.4, 0.1]])).second


def test_falling_all_the_way_has_no_peak_and_nothing_to_recover():
    found = describe_descent(curves([0.5, 0.4, 0.1], 0.0))

    assert (found.dip, found.peak, set(found.recovery)) == (0, 0, {0.0})


def test_without_a_peak_neither_it_nor_a_second_descent_is_reproduced():
    """Error and misfit fall all the way, at every seed."""
    error, widths = curves([0.5, 0.4, 0.1], 0.001), [4, 32, 256]
    claims = {claim.id: claim for claim in _claims(error, 1 - error, np.tile(error, (1, 3)), widths)}

    assert claims["second-descent-in-width"].verdict == "not reproduced"
    assert claims["peak-at-interpolation"].verdict == "inconclusive"


def test_an_error_that_still_rises_at_the_widest_has_no_peak_yet():
    error, widths = curves([0.5, 0.1, 0.2], 0.001), [4, 32, 256]
    claims = {claim.id: claim for claim in _claims(error, 1 - error, np.tile(error, (1, 3)), widths)}

    assert claims["peak-at-interpolation"].verdict == "inconclusive"
    assert "no peak within these widths" in claims["second-descent-in-width"].seen


@pytest.mark.parametrize("rounding", [1e-17, 1e-9, 0.004])
def test_rounding_is_no_recovery(rounding):
    """Seeds that agree to the last digit have no spread; a plateau of theirs is still one."""
    errors = np.tile([0.5, 0.2, 0.4 + rounding, 0.4, 0.4], (5, 1))

    assert not describe_descent(errors).second


def test_words_tell_dip_peak_and_recovery_and_follow_the_verdict():
    widths = [4, 16, 64, 256, 1024]
    plateau, falls = curves([0.5, 0.2, 0.4, 0.4, 0.4], 0.001), curves([0.5, 0.2, 0.4, 0.3, 0.1], 0.001)

    endings = ("not more than two sd over the seeds and 0.005: no second descent.", "0.005: a second descent.")
    for error, ending in ((plateau, endings[0]), (falls, endings[1])):
        claims = {claim.id: claim for claim in _claims(error, 1 - error, error, widths)}
        assert claims["second-descent-in-width"].seen.startswith("Dip at 16 units, peak at 64; later recovery 0.")
        assert claims["second-descent-in-width"].seen.endswith(ending)
        assert claims["second-descent-in-epochs"].seen.endswith(ending)
        assert (claims["second-descent-in-width"].verdict == "reproduced") == (error is falls)


def test_where_the_verdict_is_open_the_words_are_too():
    """Some seeds recover, others do not."""
    errors = np.array([[0.5, 0.2, 0.4, end] for end in (0.37, 0.38, 0.36, 0.31, 0.30)])
    claim = _claims(errors, 1 - errors, errors, [4, 16, 64, 256])[0]

    assert claim.verdict == "inconclusive"
    assert claim.seen.endswith("0.005: these seeds cannot tell whether there is a second descent.")


def test_each_seed_has_its_own_peak_and_its_own_first_fit():
    """Three peaks at three widths; the first fit is of each seed, too."""
    error = np.array([[0.4, 0.1, 0.3, 0.2, 0.1, 0.1], [0.4, 0.1, 0.2, 0.3, 0.1, 0.1], [0.4, 0.1, 0.1, 0.2, 0.3, 0.1]])
    fit = np.array([[0.5, 0.6, 0.7, 1, 1, 1], [0.5, 0.6, 0.7, 1, 1, 1], [0.5, 0.6, 1, 1, 1, 1]])
    claim = _claims(error, fit, error, [2, 4, 8, 16, 32, 64])[1]

    assert own_peaks(error) == [2, 3, 4]
    assert claim.values == (1, 0, 2)
    assert claim.seen == "By seed, the peak is at 8, 16, 32 units, the first fit at 16, 16, 8."
    assert own_peaks(np.array([[0.3, 0.2, 0.1], [0.3, 0.1, 0.2]])) == [None, None]


def test_a_spike_of_ten_epochs_makes_no_peak_and_one_of_eleven_does():
    level = np.full(60, 0.1)
    for length, highest in ((10, 0.1), (11, 0.9)):
        spiked = level.copy()
        spiked[30 : 30 + length] = 0.9
        assert running_median(spiked).max() == highest
    assert running_median(level).shape == (40,)


def test_a_spike_is_told_by_its_seed_and_epochs():
    """Epochs of the long way to a fit are none."""
    fit = np.concatenate([np.linspace(0.1, 1, 40), np.ones(60)])
    spiked = fit.copy()
    spiked[[70, 71, 80]] = 0.94

    assert spikes(fit) == []
    assert spikes(spiked) == [71, 72, 81]
    assert "of its training set: seed 3 at epochs 71–72, 81. No dip" in spike_words([2, 3], [[], [71, 72, 81]])
    assert spike_words([2, 3], [[], []]) == ""


def test_a_spike_of_one_seed_is_no_peak_of_the_study(monkeypatch):
    """Test error dips, rises to 0.2 and stays; at one epoch of one seed it is 0.9."""

    def curve(run, group):
        width, seed = (int("".join(filter(str.isdigit, part))) for part in run.split("-")[-2:])
        values = np.repeat([0.5, 1.0], [20, 80]) if group != "test" else 1 - np.repeat([0.1, 0.2], [40, 60])
        if (width, seed) == (2048, 1) and not run.startswith("without-noise-"):
            values[80:83] = 0.1
        return values

    monkeypatch.setattr("probes.studies.double_descent.curve", curve)
    found = STUDY.find(MadeUp(), Scale(quick=True))
    claims = {claim.id: claim for claim in found.claims}
    chart = {chart.id: chart for chart in found.charts}["by-epoch"]

    assert claims["rise-in-epochs"].values == pytest.approx([0.1, 0.1, 0.1])
    assert claims["second-descent-in-epochs"].values == pytest.approx([0, 0, 0])
    assert "seed 1 at epochs 81–83" in claims["rise-in-epochs"].seen
    assert "seed 1 at epochs 81–83" in chart.ours
    assert max(chart.lines[0].y) > 0.3  # the chart shows it


def test_the_map_tells_where_the_peak_goes():
    """At epoch 1 none; later at 8 units, in the end at 4."""
    courses = {2: [0.5, 0.1, 0.1], 4: [0.4, 0.1, 0.3], 8: [0.3, 0.3, 0.1], 16: [0.2, 0.1, 0.1]}
    moves = descent_map("id", "?", "-", {width: [np.array(course)] for width, course in courses.items()}).ours
    flat = descent_map("id", "?", "-", {width: [np.full(3, 0.1)] for width in courses}).ours

    assert "ends at narrower networks; units at epoch: 8 at 2, 4 at 3; at the other" in moves
    assert "At no epoch shown does it peak" in flat


class MadeUp:
    """Runs whose curve is their name; some are missing."""

    def __init__(self, *missing):
        self.missing = missing

    def run(self, name):
        return None if name in self.missing else name

    def runs(self, pattern, seeds):
        return [name for name in (self.run(pattern.format(seed=seed)) for seed in seeds) if name is not None]


def test_a_seed_counts_only_with_every_width(monkeypatch):
    """Otherwise the peak of one seed would be set against the end of another."""

    def curve(run, group):
        width, seed = (int("".join(filter(str.isdigit, part))) for part in run.split("-")[-2:])
        return np.full(9, width / 10_000 + seed / 10)

    monkeypatch.setattr("probes.studies.double_descent.curve", curve)
    scale = Scale(quick=True)
    charts = {chart.id: chart for chart in STUDY.find(MadeUp("width12-seed1"), scale).charts}
    lines = {line.name: line for line in charts["by-width"].lines}

    expected = [np.mean([1 - width / 10_000 - seed / 10 for seed in (0, 2)]) for width in _widths(scale)]
    assert lines["test error"].y == pytest.approx(expected)
    assert charts["by-both"].columns[:2] == ["1", "2"]
    assert charts["by-both"].columns[-1] == "9"
    assert dict(zip(charts["by-both"].rows, charts["by-both"].values, strict=True)) == {
        str(width): pytest.approx([error] * len(charts["by-both"].columns))
        for width, error in zip(_widths(scale), expected, strict=True)
    }


PEAK, WITHOUT_NOISE = (0.30, 0.34, 0.40), (0.12, 0.11, 0.13)  # by seed


def courses_of(peak, without_noise):
    """Of a test error that dips at 12 units and peaks at 32; of the widest network, over the epochs."""

    def curve(run, group):
        width, seed = (int("".join(filter(str.isdigit, part))) for part in run.split("-")[-2:])
        high = (without_noise if run.startswith("without-noise-") else peak)[seed]
        if width == 2048 and group == "test":  # by epoch: down to 0.1, up to the peak, and on a level
            return 1 - np.repeat([0.5, 0.1, high], 20)
        return np.full(60, 1 - {4: 0.5, 12: 0.1, 32: high}.get(width, 0.1))

    return curve


def found_of(monkeypatch, *missing, without_noise=WITHOUT_NOISE):
    monkeypatch.setattr("probes.studies.double_descent.curve", courses_of(PEAK, without_noise))
    return STUDY.find(MadeUp(*missing), Scale(quick=True))


@pytest.mark.parametrize("along", ["width", "epochs"])
def test_the_rise_is_compared_with_that_of_the_same_seed_without_noise(monkeypatch, along):
    claim = {claim.id: claim for claim in found_of(monkeypatch).claims}[f"rises-more-with-noise-in-{along}"]

    assert claim.values == pytest.approx([0.30 - 0.12, 0.34 - 0.11, 0.40 - 0.13])
    assert claim.verdict == "reproduced"
    assert claim.seen == "The rise is 0.247 ± 0.050 with noise and 0.020 ± 0.010 without."


@pytest.mark.parametrize("missing", ["width4-seed1", "without-noise-width4-seed1"])
def test_a_seed_that_lacks_one_of_the_two_is_not_compared(monkeypatch, missing):
    claims = {claim.id: claim.values for claim in found_of(monkeypatch, missing).claims}

    assert claims["rises-more-with-noise-in-width"] == pytest.approx([0.30 - 0.12, 0.40 - 0.13])
    assert len(claims["rises-more-with-noise-in-epochs"]) == 3
    assert len(claims["second-descent-in-width"]) == (2 if missing.startswith("width") else 3)


def test_equal_courses_rise_alike(monkeypatch):
    verdicts = {claim.id: claim.verdict for claim in found_of(monkeypatch, without_noise=PEAK).claims}

    assert verdicts["rises-more-with-noise-in-width"] == verdicts["rises-more-with-noise-in-epochs"] == "not reproduced"


def test_both_courses_are_drawn(monkeypatch):
    charts = {chart.id: chart for chart in found_of(monkeypatch).charts}
    by_width = {line.name: line.y for line in charts["by-width"].lines}
    by_epoch = {line.name: line.y for line in charts["by-epoch"].lines}

    assert by_width["test error"][2] == pytest.approx(np.mean(PEAK))
    assert by_width["test error without noise"][2] == pytest.approx(np.mean(WITHOUT_NOISE))
    assert by_epoch["test error without noise"][-1] == pytest.approx(np.mean(WITHOUT_NOISE))
    assert charts["by-both"].values[0][-1] == pytest.approx(np.mean(PEAK))
    assert charts["by-both-without-noise"].values[0][-1] == pytest.approx(np.mean(WITHOUT_NOISE))
    assert charts["numbers"].rows[2][3] == "0.120 ± 0.010"


@pytest.mark.parametrize("quick", [True, False])
def test_every_run_has_a_twin_without_noise(quick):
    points = {point.name: point.config for point in STUDY.points(Scale(quick=quick))}

    assert len(points) == 2 * len(_widths(Scale(quick=quick))) * (3 if quick else 5)
    for name, config in points.items():
        if not name.startswith("without-noise-"):
            assert config.noise == 0.2
            assert points[f"without-noise-{name}"] == replace(config, noise=0.0)
