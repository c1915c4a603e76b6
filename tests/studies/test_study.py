"""A study carries out what is missing, tells what failed, and gives the same answer however it was interrupted."""

import json
from dataclasses import replace

import pytest
from filelock import FileLock

from probes import open_run
from probes.errors import ConfigError, ProbeError, RunLockedError
from probes.studies import Scale, run_study
from probes.studies import study as study_module

THREE = Scale(seeds=(0, 1, 2))


def without_timings(content):
    return {key: value for key, value in content.items() if key != "timings"}


def test_writes_what_the_contract_names(small_study, tmp_path):
    content = run_study(small_study(train=True).study, tmp_path, THREE)

    kept = json.loads((tmp_path / "small/study.json").read_text())
    assert {**kept, "format_version": 1} == {"format_version": 1, **content}
    assert kept["name"] == "small"
    assert [open_run(tmp_path / "small" / folder).status for folder in kept["runs"]] == ["complete"]
    assert kept["claims"][0]["measured"]["values"] == [1, 4, 9]
    assert (kept["status"], kept["failed"]) == ("complete", [])


def test_what_is_done_is_not_done_again(small_study, tmp_path):
    small, progress = small_study(train=True), []
    first = run_study(small.study, tmp_path, THREE)
    weights = (tmp_path / "small/full/run-seed0/run.json").stat().st_mtime_ns

    second = run_study(small.study, tmp_path, THREE, on_progress=progress.append)

    assert [(step.done, step.points) for step in progress] == [(4, 4)]
    assert (tmp_path / "small/full/run-seed0/run.json").stat().st_mtime_ns == weights
    assert without_timings(second) == without_timings(first)


def test_one_that_was_broken_off_finishes_only_what_is_missing(small_study, tmp_path, monkeypatch):
    """Stopped in the middle, then run again: the same as never stopped."""
    small, done = small_study(train=True), []

    def stop(progress):
        if progress.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(small.study, tmp_path / "stopped", THREE, on_progress=stop)
    assert not (tmp_path / "stopped/small/study.json").exists()
    resumed = run_study(small.study, tmp_path / "stopped", THREE, on_progress=lambda step: done.append(step.last))
    whole = run_study(small.study, tmp_path / "whole", THREE)

    assert done == [None, "square-seed2", "run-seed0"]
    assert without_timings(resumed) == without_timings(whole)


def test_a_run_that_was_killed_goes_on(small_study, tmp_path):
    """It is neither taken for done nor started anew where a checkpoint stands."""
    small = small_study(train=True)
    run_study(small.study, tmp_path, THREE)
    meta = tmp_path / "small/full/run-seed0/run.json"
    meta.write_text(meta.read_text().replace('"complete"', '"running"'))

    run_study(small.study, tmp_path, THREE)

    assert open_run(meta.parent).status == "complete"
    assert open_run(meta.parent).num_epochs == 2


def test_a_failed_point_is_reported_and_sinks_nothing(small_study, tmp_path):
    progress = []
    content = run_study(small_study(fail=(1,)).study, tmp_path, THREE, on_progress=progress.append)

    assert content["failed"] == [{"point": "square-seed1", "error": "ZeroDivisionError: no such square"}]
    assert content["status"] == "incomplete"
    assert content["claims"][0]["measured"]["values"] == [1, 9]
    assert content["claims"][0]["verdict"] == "inconclusive"
    assert [step.error for step in progress if step.error] == ["ZeroDivisionError: no such square"]


def test_says_so_where_nothing_could_be_carried_out(small_study, tmp_path):
    with pytest.raises(ProbeError, match="no point of small could be carried out; the first: ZeroDivisionError"):
        run_study(small_study(fail=(0, 1, 2)).study, tmp_path, THREE)


def test_sizes_do_not_mix(small_study, tmp_path):
    """A quick study leaves the points of the full one where they are."""
    small = small_study()
    for scale in (THREE, Scale(quick=True), Scale(subset=100), Scale(dataset="fashion-mnist")):
        run_study(small.study, tmp_path, scale)

    folders = {path.name for path in (tmp_path / "small").iterdir() if path.is_dir()}
    assert folders == {"full", "quick", "full-100", "full-fashion-mnist"}


def test_more_seeds_add_only_theirs(small_study, tmp_path):
    small, done = small_study(), []
    run_study(small.study, tmp_path, THREE)

    content = run_study(
        small.study, tmp_path, Scale(seeds=(0, 1, 2, 3)), on_progress=lambda step: done.append(step.last)
    )

    assert done == [None, "square-seed3"]
    assert content["claims"][0]["measured"]["values"] == [1, 4, 9, 16]


@pytest.mark.slow
def test_two_workers_give_what_one_gives(small_study, tmp_path):
    one = run_study(small_study(train=True).study, tmp_path / "one", THREE, workers=1)
    two = run_study(small_study(train=True).study, tmp_path / "two", THREE, workers=2)

    assert without_timings(two) == without_timings(one)
    (first, second) = (open_run(tmp_path / name / "small/full/run-seed0") for name in ("one", "two"))
    assert (first.trajectory("loss") == second.trajectory("loss")).all()


def test_two_at_once_are_refused(small_study, tmp_path):
    (tmp_path / "small").mkdir()
    with FileLock(tmp_path / "small/.lock"), pytest.raises(RunLockedError, match="worked on by another process"):
        run_study(small_study().study, tmp_path, THREE)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"backend": "dusk"}, "dask"), ({"workers": 0}, "workers must be at least 1, got 0")],
)
def test_bad_settings_are_named(small_study, tmp_path, settings, message):
    with pytest.raises(ConfigError, match=message):
        run_study(small_study().study, tmp_path, THREE, **settings)


def test_the_time_left_follows_the_pace(small_study, tmp_path, monkeypatch):
    clock = iter([0.0, 0.0, 10.0, 20.0, 30.0, 30.0])  # start, clock, three points, end
    monkeypatch.setattr(study_module.time, "monotonic", lambda: next(clock))
    progress = []
    run_study(small_study().study, tmp_path, THREE, on_progress=progress.append)

    assert [step.eta_s for step in progress] == [None, 20.0, 10.0, 0.0]


def test_data_of_its_own_are_named(small_study, tmp_path):
    content = run_study(replace(small_study().study, own_data="twelve bits"), tmp_path, THREE)

    assert content["scale"] == {**THREE.to_dict(), "dataset": "twelve bits"}
