"""`probe study`: what it prints where, how it ends, and what it goes on with."""

import json
import re
from dataclasses import replace

import pytest

import probes.studies
from probes.studies.chart import LineChart, band
from probes.studies.claim import Claim, at_least
from probes.studies.point import Computation
from probes.studies.study import Findings, Study

SEEDS = (0, 1, 2)


class Bench:
    """Tiny studies in the place of the real ones; `calls`: points that were computed, `trouble`: what goes wrong."""

    def __init__(self):
        self.calls = []
        self.trouble = {}

    def measure(self, study, seed, kind):
        """A number that grows with the seed."""
        self.calls.append(f"{study}-{kind}-{seed}")
        if (error := self.trouble.get(f"{study}-{kind}-{seed}")) is not None:
            raise error
        return {"value": 0.9 + 0.01 * seed + (0.02 if kind == "second" else 0)}

    def study(self, name):
        """Two computations a seed, and two claims of which one fails."""

        def points(scale):
            return [
                Computation(f"{kind}-{seed}", self.measure, {"study": name, "seed": seed, "kind": kind})
                for kind in ("first", "second")
                for seed in scale.seeds
            ]

        def find(results, scale):
            found = {
                kind: [value["value"] for value in results.values(f"{kind}-{{seed}}", scale.seeds)]
                for kind in ("first", "second")
            }
            words = ("somewhere 2017", "share", at_least(0.5), "no number")
            line = band("first", list(scale.seeds), [found["first"]])
            chart = LineChart("line", "How?", "It rises.", "It rises.", "seed", "value", [line])
            return Findings(
                [
                    Claim("high", f"{name} is high.", *words, tuple(found["first"])),
                    Claim("higher", f"{name} is above 2.", *words[:2], at_least(2.0), "2", tuple(found["second"])),
                ],
                [chart],
            )

        return Study(name, name.title(), f"Is {name} high?", "Somewhere 2017", "It is high.", points, find)


@pytest.fixture
def bench(monkeypatch, tmp_path):
    """Two tiny studies, alpha and beta, and nothing else, in a folder of their own."""
    bench = Bench()
    for name in list(probes.studies.STUDIES):
        monkeypatch.delitem(probes.studies.STUDIES, name)
    for name in ("alpha", "beta"):
        monkeypatch.setitem(probes.studies.STUDIES, name, "A tiny one.")
    monkeypatch.setattr(probes.studies, "get_study", bench.study)
    monkeypatch.chdir(tmp_path)
    return bench


@pytest.fixture
def study(probe, bench):
    """Calls `probe study` with one worker, and three seeds unless told otherwise."""

    def call(*words):
        seeds = () if "--seeds" in words else ("--seeds", "0-2")
        return probe("study", *words, *seeds, "--workers", "1")

    return call


def test_prints_the_folder_and_says_each_verdict(study, bench, tmp_path):
    answer = study("alpha", "--quick")

    assert (answer.exit_code, answer.stdout) == (0, "studies/alpha\n")
    lines = answer.stderr.splitlines()
    assert lines[0] == "alpha: 0 of 6 done"
    assert lines[6].startswith("alpha: 6 of 6 done")
    assert re.split("  +", lines[7]) == ["reproduced", "alpha is high.", "0.91 ± 0.01 (3)"]
    assert re.split("  +", lines[8]) == ["not reproduced", "alpha is above 2.", "0.93 ± 0.01 (3)"]
    assert lines[9] == "Page: studies/alpha/report.html"
    assert (tmp_path / "studies/alpha/report.html").exists()


def test_json_is_what_study_json_holds_and_quiet_is_silent(study, tmp_path):
    answer = study("alpha", "--json", "--quiet", "--seeds", "3-5", "--out", "mine")

    assert answer.stderr == ""
    told = json.loads(answer.stdout)
    kept = json.loads((tmp_path / "mine/alpha/study.json").read_text())
    assert told == {key: value for key, value in kept.items() if key != "format_version"}
    assert told["scale"] == {"quick": False, "seeds": [3, 4, 5], "dataset": "digits", "subset": None}
    assert [claim["verdict"] for claim in told["claims"]] == ["reproduced", "not reproduced"]


def test_what_is_done_is_not_done_again(study, bench):
    study("alpha")
    bench.calls.clear()
    again = study("alpha", "--seeds", "0-3")

    assert again.exit_code == 0
    assert bench.calls == ["alpha-first-3", "alpha-second-3"]


def test_too_few_seeds_are_inconclusive(study):
    answer = study("alpha", "--seeds", "0")

    assert answer.exit_code == 0
    assert answer.stderr.count("inconclusive") == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("alhpa",), "alpha"),
        (("al",), "all"),
        (("alpha", "--backend", "locky"), "loky"),
        (("alpha", "--workers", "0"), "--workers must be at least 1, got 0."),
        (("alpha", "--seeds", "2-0"), "2-0"),
        (("alpha", "--dataset", "digitz"), "digits"),
        (("alpha", "--subset", "0"), "subset must be at least 1, got 0."),
        (("alpha", "--subset", "99999"), "subset must be between 1 and 1,400, got 99,999."),
        (("all", "--subset", "99999"), "subset must be between 1 and 1,400, got 99,999."),
        (("alpha", "--dataset", "gone.npz"), "there is no file gone.npz."),
        ((), "Missing argument"),
    ],
)
def test_what_cannot_be_done_is_one_line_before_any_work(bench, refused, tmp_path, words, message):
    assert message in refused("study", *words)
    assert bench.calls == []
    assert list(tmp_path.iterdir()) == []


def test_a_failing_point_is_named_and_the_others_are_judged(study, bench, tmp_path):
    bench.trouble["alpha-second-1"] = ZeroDivisionError("ours")
    answer = study("alpha")

    assert (answer.exit_code, answer.stdout) == (1, "studies/alpha\n")
    assert "Failed: second-1: ZeroDivisionError: ours" in answer.stderr
    assert "1 of 6 points failed" in answer.stderr
    kept = json.loads((tmp_path / "studies/alpha/study.json").read_text())
    assert (kept["status"], kept["claims"][0]["verdict"]) == ("incomplete", "reproduced")
    assert "second-1" in (tmp_path / "studies/alpha/report.html").read_text()

    bench.trouble.clear()
    bench.calls.clear()
    assert study("alpha").exit_code == 0
    assert bench.calls == ["alpha-second-1"]


def test_a_study_of_which_nothing_could_be_done_is_one_line(study, bench):
    bench.trouble = {f"alpha-{kind}-{seed}": ValueError("no") for kind in ("first", "second") for seed in SEEDS}
    answer = study("alpha", "--quiet")

    assert (answer.exit_code, answer.stdout) == (1, "")
    assert answer.stderr.splitlines()[-1].startswith("Error: no point of alpha could be carried out; the first: ")


def test_ctrl_c_keeps_what_was_finished_and_says_how_to_go_on(study, bench):
    bench.trouble["alpha-first-2"] = KeyboardInterrupt()
    answer = study("alpha")

    assert (answer.exit_code, answer.stdout) == (130, "")
    last = answer.stderr.splitlines()[-1]
    assert last == "Interrupted: what was finished is kept. Go on with the same command."

    bench.trouble.clear()
    bench.calls.clear()
    assert study("alpha").exit_code == 0
    assert "alpha-first-0" not in bench.calls


def test_all_writes_a_scoreboard_of_every_study(study, tmp_path):
    answer = study("all", "--quick")

    assert (answer.exit_code, answer.stdout) == (0, "studies/scoreboard.html\n")
    assert answer.stderr.splitlines()[-1] == "2 studies: 2 reproduced, 2 not reproduced, 0 inconclusive."
    page = (tmp_path / "studies/scoreboard.html").read_text()
    assert page.count('href="./alpha/report.html"') == page.count('href="./beta/report.html"') == 1
    assert (tmp_path / "studies/beta/report.html").exists()


def test_one_failing_study_does_not_sink_the_others(study, bench, tmp_path):
    bench.trouble = {f"alpha-{kind}-{seed}": ValueError("no") for kind in ("first", "second") for seed in SEEDS}
    answer = study("all", "--json", "--quiet")

    assert answer.exit_code == 1
    assert "Error: alpha: no point of alpha could be carried out" in answer.stderr
    board = json.loads(answer.stdout)
    assert [(study["name"], study["status"]) for study in board["studies"]] == [
        ("alpha", "failed"),
        ("beta", "complete"),
    ]
    assert board["verdicts"] == {"reproduced": 1, "not reproduced": 1, "inconclusive": 0}
    assert "no point of alpha could be carried out" in (tmp_path / "studies/scoreboard.html").read_text()


def test_a_mistake_in_what_a_study_finds_does_not_sink_the_others(study, bench, monkeypatch):
    whole = bench.study

    def broken(name):
        def find(results, scale):
            raise IndexError("no such seed")

        return replace(whole(name), find=find) if name == "alpha" else whole(name)

    monkeypatch.setattr(probes.studies, "get_study", broken)
    answer = study("all", "--json", "--quiet")

    assert answer.exit_code == 1
    assert "Error: alpha: IndexError: no such seed" in answer.stderr
    alpha, beta = json.loads(answer.stdout)["studies"]
    assert (alpha["status"], alpha["error"]) == ("failed", "IndexError: no such seed")
    assert (beta["status"], len(beta["claims"])) == ("complete", 2)


def test_ctrl_c_in_all_says_how_to_go_on(study, bench):
    bench.trouble["beta-first-1"] = KeyboardInterrupt()
    answer = study("all")

    assert (answer.exit_code, answer.stdout) == (130, "")
    assert answer.stderr.splitlines()[-1] == "Interrupted: what was finished is kept. Go on with the same command."

    bench.trouble.clear()
    bench.calls.clear()
    assert study("all").exit_code == 0
    assert not [call for call in bench.calls if call.startswith("alpha") or call == "beta-first-0"]


def test_one_study_alone_brings_a_scoreboard_up_to_date(study, bench, tmp_path):
    """Otherwise the scoreboard would say of it what its page no longer does; of the other nothing changes."""
    study("all", "--quick")
    bench.trouble = {f"beta-{kind}-{seed}": ValueError("no") for kind in ("first", "second") for seed in SEEDS}
    study("all", "--seeds", "0-2")
    study("alpha", "--seeds", "0-3")

    alpha, beta = json.loads((tmp_path / "studies/scoreboard.json").read_text())["studies"]
    assert (alpha["scale"]["seeds"], alpha["scale"]["quick"]) == ([0, 1, 2, 3], False)
    assert beta["status"] == "failed"
    assert "4 seeds (0–3)" in (tmp_path / "studies/scoreboard.html").read_text()

    bench.trouble.clear()
    study("beta")
    assert json.loads((tmp_path / "studies/scoreboard.json").read_text())["studies"][1]["status"] == "complete"


def test_one_study_alone_begins_no_scoreboard(study, tmp_path):
    study("alpha")

    assert not (tmp_path / "studies/scoreboard.json").exists()


def test_a_failing_point_of_one_study_is_told_by_all(study, bench):
    bench.trouble["beta-first-0"] = ValueError("no")

    assert study("all", "--quiet").exit_code == 1


def test_report_draws_the_page_of_a_study_and_of_all(study, probe, tmp_path):
    study("all", "--quiet")
    one = probe("report", "studies/alpha", "--out", "alpha.html", "--no-paths")
    board = probe("report", "studies", "--json")

    assert (one.exit_code, one.stdout) == (0, "alpha.html\n")
    assert json.loads(board.stdout) == {"report": "studies/scoreboard.html"}
    assert "alpha is high." in (tmp_path / "alpha.html").read_text()
