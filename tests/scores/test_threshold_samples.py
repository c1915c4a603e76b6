"""Threshold samples: the sets, the percentile, and who judges whom."""

import numpy as np
import pytest

from probes.scores import aum_threshold, draw_threshold_sets, flag_by_threshold


@pytest.mark.parametrize(("examples", "classes", "size"), [(1400, 10, 127), (11, 10, 1), (10, 1, 5), (7, 2, 2)])
def test_two_disjoint_sets_as_large_as_one_more_class(examples, classes, size):
    first, second = draw_threshold_sets(examples, classes, seed=3)

    assert len(set(first)) == len(set(second)) == size
    assert not set(first) & set(second)
    assert set(first) | set(second) <= set(range(examples))


def test_the_seed_decides_the_sets():
    first, again, other = (draw_threshold_sets(100, 4, seed=seed)[0].tolist() for seed in (0, 0, 1))

    assert first == again
    assert first != other


@pytest.mark.parametrize(("examples", "classes", "match"), [(5, 5, "num_examples must be at least"), (9, 0, "classes")])
def test_too_few_examples_or_classes_are_refused(examples, classes, match):
    with pytest.raises(ValueError, match=match):
        draw_threshold_sets(examples, classes, seed=0)


def test_the_threshold_is_a_percentile_of_the_threshold_samples_alone():
    aum = np.append(np.arange(101) / 10, [1000.0, np.nan])  # 0.0 ... 10.0
    samples = np.append(np.arange(101), 102)

    assert aum_threshold(aum, samples) == pytest.approx(9.9)
    assert aum_threshold(aum, samples, percentile=50) == pytest.approx(5.0)
    assert np.isnan(aum_threshold(aum, np.array([102])))


@pytest.mark.parametrize("percentile", [-1, 101, float("nan")])
def test_a_percentile_outside_0_to_100_is_refused(percentile):
    with pytest.raises(ValueError, match="percentile must lie in"):
        aum_threshold(np.zeros(3), np.array([0]), percentile)


def test_each_example_is_judged_by_the_runs_in_which_it_had_its_own_label():
    """Thresholds 1 and 2. Examples 0 and 1 are judged by the other run, 2 to 5 by both; flagged: by all who judge."""
    first = np.array([1.0, 0.0, 0.5, 0.5, 3.0, np.nan])
    second = np.array([5.0, 2.0, 1.5, 2.5, 3.0, 1.0])

    flagged, aum = flag_by_threshold([first, second], [np.array([0]), np.array([1])])

    assert flagged.tolist() == [0, 1, 1, 0, 0, 1]
    assert aum.tolist() == [5.0, 0.0, 1.0, 1.5, 3.0, 1.0]


def test_whom_no_run_judges_is_missing():
    never = np.array([1.0, np.nan, 0.0])

    flagged, aum = flag_by_threshold([never, never], [np.array([0]), np.array([0])])

    assert flagged.tolist() == [-1, -1, 1]
    assert np.isnan(aum[:2]).all()


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_counting_threshold_samples_above(seed):
    """As the authors' code has it: flagged where more than 1 % of the threshold samples lie above, in every run."""
    rng = np.random.default_rng(seed)
    runs = rng.normal(1, 2, (2, 1005))
    sets = draw_threshold_sets(1005, 4, seed=seed)  # 201 each: the percentile is one of them
    for run, examples in zip(runs, sets, strict=True):
        run[examples] = rng.normal(-2, 1, len(examples))

    flagged, aum = flag_by_threshold(runs, sets)

    for example in range(1005):
        judges = [run for run in (0, 1) if example not in sets[run]]
        above = [(runs[run][sets[run]] > runs[run][example]).mean() for run in judges]
        assert flagged[example] == all(share > 0.01 for share in above)
        assert aum[example] == pytest.approx(np.mean([runs[run][example] for run in judges]))


def test_runs_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="a set per run"):
        flag_by_threshold([np.zeros(3)], [np.array([0]), np.array([1])])
    with pytest.raises(ValueError, match="one length"):
        flag_by_threshold([np.zeros(3), np.zeros(4)], [np.array([0]), np.array([1])])
