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
    assert "cannot be read" in never["error"]
    assert board["verdicts"] == {"reproduced": 1, "not reproduced": 0, "inconclusive": 0}
