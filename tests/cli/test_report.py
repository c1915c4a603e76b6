"""`probe report`: a thin wrapper over `probes_reports.build`."""

import json
import shutil

import pytest


@pytest.fixture
def built(monkeypatch):
    """Stands in for `probes_reports.build` and remembers how it was called."""
    calls = []

    def build(folders, out=None, *, images=True, paths=True, skip_bad=False):
        calls.append((folders, out, images, paths, skip_bad))
        return out or folders / "report.html"

    monkeypatch.setattr("probes_reports.build", build)
    return calls


def test_the_newest_run_is_drawn_into_its_folder(probe, small_run, built):
    answer = probe("report")

    assert (answer.exit_code, answer.stdout) == (0, "runs/small/report.html\n")
    assert [(str(folder), *rest) for folder, *rest in built] == [("runs/small", None, True, True, False)]


def test_options_reach_the_library(probe, small_run, built, tmp_path):
    page = tmp_path / "page.html"
    answer = probe("report", "runs/small", "--out", page, "--no-images", "--no-paths", "--skip-bad", "--json")

    assert json.loads(answer.stdout) == {"report": str(page)}
    assert [tuple(rest) for _, *rest in built] == [(page, False, False, True)]


def test_open_shows_the_page_in_the_browser(probe, small_run, built, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    probe("report", "--open")

    assert opened == [(small_run / "report.html").as_uri()]


def test_a_missing_run_is_one_line(refused):
    assert refused("report", "nowhere") == "nowhere does not exist. `probe list runs` shows the runs there are."


def test_no_run_at_all_says_what_to_do(refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert "Make one with `probe train`" in refused("report")


def test_the_page_is_written(probe, small_run, tmp_path):
    answer = probe("report", "--out", tmp_path / "page.html")

    assert answer.exit_code == 0, answer.stderr
    assert (tmp_path / "page.html").read_text(encoding="utf-8").lower().startswith("<!doctype html>")


@pytest.fixture
def two_runs(small_run, tmp_path, monkeypatch):
    """`before` and `after`, copies of one run under other names, as seen from the current folder."""
    for name in ("before", "after"):
        shutil.copytree(small_run, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_several_runs_are_compared(probe, two_runs):
    answer = probe("report", "before", "after", "--json")

    assert json.loads(answer.stdout) == {"report": "runs/comparison-before-after.html"}
    page = (two_runs / "runs/comparison-before-after.html").read_text(encoding="utf-8")
    assert "<strong>A</strong> before" in page
    assert "<strong>B</strong> after" in page


def test_a_bad_folder_among_several_is_one_line_or_skipped(probe, refused, two_runs):
    assert refused("report", "before", "nowhere").startswith("nowhere does not exist.")

    answer = probe("report", "before", "nowhere", "after", "--skip-bad", "--out", "page.html")

    assert (answer.exit_code, answer.stdout) == (0, "page.html\n")
    assert answer.stderr.startswith("Warning: skipped nowhere: nowhere does not exist.")
    assert answer.stderr.count("\n") == 1


def test_a_run_named_twice_is_one_line(refused, two_runs):
    assert "named twice" in refused("report", "before", "before/")
