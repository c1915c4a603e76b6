"""Where the points of a study are computed changes nothing of what comes out."""

import json
from pathlib import Path

import pytest

from probes.studies import Scale, memorization, run_study
from probes.studies.claim import Claim, at_least
from probes.studies.first_epoch import wrong_after_one_epoch
from probes.studies.point import Computation
from probes.studies.study import Findings, Study

WAYS = [("loky", 2), ("dask", 2)]  # against one worker in this process


def small_points(scale: Scale) -> list[Computation]:
    shared = {"dataset": scale.dataset, "subset": 40, "shares": {"uniform_all": 0.0}, "runs": 2}
    return [Computation(f"errors-seed{seed}", wrong_after_one_epoch, {**shared, "seed": seed}) for seed in scale.seeds]


def small_find(results, scale: Scale) -> Findings:
    errors = tuple(float(sum(value["wrong"])) for value in results.values("errors-seed{seed}", scale.seeds))
    return Findings([Claim("errors", "Some err.", "A paper", "errors", at_least(0), "no number", errors)], [])


SMALL = Study("small", "Errors", "Who errs?", "A paper", "Some err.", small_points, small_find)


def what_came_out(study: Study, out: Path, backend: str, workers: int) -> tuple[dict, dict]:
    """Of study.json what does not tell the time, and the result of every computation."""
    scale = Scale(quick=True, seeds=(0, 1, 2), subset=60)
    content = run_study(study, out, scale, backend=backend, workers=workers)
    results = {path.name: json.loads(path.read_text())["result"] for path in (out / study.name).glob("quick*/*.json")}
    return {key: content[key] for key in ("claims", "charts", "status", "failed", "notes")}, results


@pytest.fixture
def few_models(monkeypatch):
    """The study `memorization` of eight models a seed, in blocks of four."""
    monkeypatch.setattr(memorization, "_models", lambda scale: dict.fromkeys(scale.seeds, 8))
    monkeypatch.setattr(memorization, "_control", lambda scale: {scale.seeds[0]: 4})
    monkeypatch.setattr(memorization, "_block", lambda scale: 4)
    monkeypatch.setattr(memorization, "EPOCHS", 5)
    return memorization.STUDY


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "workers"), WAYS)
def test_a_small_study_has_the_same_numbers_everywhere(tmp_path, backend, workers):
    pytest.importorskip("distributed")
    expected = what_came_out(SMALL, tmp_path / "here", "loky", 1)

    assert what_came_out(SMALL, tmp_path / "there", backend, workers) == expected
    assert len(expected[1]) == 3


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "workers"), WAYS)
def test_memorization_has_the_same_numbers_everywhere(tmp_path, few_models, backend, workers):
    pytest.importorskip("distributed")
    expected = what_came_out(few_models, tmp_path / "here", "loky", 1)

    assert what_came_out(few_models, tmp_path / "there", backend, workers) == expected
    assert len(expected[1]) == 7
    assert expected[0]["status"] == "complete"


@pytest.mark.slow
def test_what_a_stopped_memorization_lacks_is_all_that_is_done(tmp_path, few_models):
    """Two of its blocks are lost; the others stay as they are, and so does the result."""
    expected = what_came_out(few_models, tmp_path, "loky", 1)
    blocks = sorted((tmp_path / "memorization").glob("quick*/seed*.json"))
    lost, kept = blocks[1:3], blocks[3:]
    times = [path.stat().st_mtime_ns for path in kept]
    for path in lost:
        path.unlink()

    again = what_came_out(few_models, tmp_path, "loky", 1)

    assert again == expected
    assert [path.stat().st_mtime_ns for path in kept] == times
