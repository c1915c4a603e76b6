"""The scoreboard holds every study and every claim."""

import json

from probes.studies import Scale, run_study, write_scoreboard


def test_every_study_is_there_with_its_claims_or_its_reason(small_study, tmp_path):
    run_study(small_study().study, tmp_path, Scale(quick=True))

    board = write_scoreboard(tmp_path, ["small", "broken", "never-run"], {"broken": "it broke."})

    assert json.loads((tmp_path / "scoreboard.json").read_text()) == {"format_version": 1, **board}
    small, broken, never = board["studies"]
    assert (small["page"], small["status"], small["scale"]["quick"]) == ("small/report.html", "complete", True)
    assert [claim["verdict"] for claim in small["claims"]] == ["reproduced"]
    assert (broken["status"], broken["error"], broken["claims"]) == ("failed", "it broke.", [])
    assert (never["status"], never["error"]) == ("not run", "It has not been run yet: probe study never-run")
    assert board["verdicts"] == {"reproduced": 1, "not reproduced": 0, "inconclusive": 0}


def test_a_damaged_study_is_named_and_sinks_nothing(small_study, tmp_path):
    run_study(small_study().study, tmp_path, Scale(quick=True))
    for name, text in (
        ("cut", '{"format_version": 1, "name": "c'),
        ("other", '{"format_version": 1, "name": "other"}'),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "study.json").write_text(text)

    small, *damaged = write_scoreboard(tmp_path, ["small", "cut", "other"])["studies"]

    assert small["status"] == "complete"
    assert all(study["status"] == "failed" and "cannot be read" in study["error"] for study in damaged)
    assert "it has no 'title'" in damaged[1]["error"]
