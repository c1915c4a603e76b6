"""What holds for every study there is."""

import json
from dataclasses import replace

import pytest

from probes.studies import STUDIES, Scale, get_study, run_study
from probes.studies.claim import VERDICTS
from probes.studies.point import Computation
from probes.studies.results import Results


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_is_complete_and_named_for_its_file(name):
    study = get_study(name)

    assert study.name == name
    assert all((study.title, study.question, study.source, study.effect))
    for scale in (Scale(), Scale(quick=True), Scale(dataset="fashion-mnist", subset=1000)):
        names = [point.name for point in study.points(scale)]
        assert names
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", STUDIES)
def test_the_arguments_of_points_survive_json(name):
    """Otherwise a finished point would never be recognised."""
    for point in get_study(name).points(Scale(quick=True)):
        if isinstance(point, Computation):
            assert json.loads(json.dumps(point.arguments)) == point.arguments


@pytest.mark.parametrize("quick", [True, False])
@pytest.mark.parametrize("name", STUDIES)
def test_without_any_result_every_claim_is_inconclusive(name, quick, tmp_path):
    """Points that failed are missing, and sink nothing."""
    study, scale = get_study(name), Scale(quick=quick)
    found = study.find(Results(study.points(scale), tmp_path), scale)

    claims = [claim.to_dict() for claim in found.claims]
    charts = [chart.to_dict() for chart in found.charts]
    json.dumps([claims, charts, list(found.notes)], allow_nan=False)
    assert claims
    assert {claim["verdict"] for claim in claims} == {"inconclusive"}
    for ids in ([claim["id"] for claim in claims], [chart["id"] for chart in charts]):
        assert len(set(ids)) == len(ids)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["randomization", "depth", "regularization", "capacity", "patterns-first", "critical-samples"],
)
def test_studies_of_runs_are_carried_out_at_any_size(name, tmp_path, monkeypatch):
    """One seed of small networks for a few epochs: every claim has its value, and one seed decides nothing."""
    whole = Scale.config

    def small(scale, **options):
        config = whole(scale, **options)
        at = tuple(epoch for epoch in config.probe_at if epoch <= 6)
        return replace(config, epochs=6, width=min(config.width, 32), probe_epochs=at if config.probe_names else None)

    monkeypatch.setattr(Scale, "config", small)
    content = run_study(get_study(name), tmp_path, Scale(quick=True, seeds=(0,), subset=100))

    assert (content["failed"], content["status"]) == ([], "complete")
    assert {claim["verdict"] for claim in content["claims"]} <= set(VERDICTS[1:])
    assert all(len(claim["measured"]["values"]) == 1 for claim in content["claims"])
