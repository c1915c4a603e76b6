"""`probe report`: a thin wrapper over `probes_reports.build`."""

import json

import pytest


@pytest.fixture
def built(monkeypatch):
    """Stands in for `probes_reports.build` and remembers how it was called."""
    calls = []

    def build(folders, out=None, *, images=True, paths=True):
        calls.append((folders, out, images, paths))
        return out or folders / "report.html"

    monkeypatch.setattr("probes_reports.build", build)
    return calls


def test_the_newest_run_is_drawn_into_its_folder(probe, small_run, built):
    answer = probe("report")

    assert (answer.exit_code, answer.stdout) == (0, "runs/small/report.html\n")
    assert [(str(folder), *rest) for folder, *rest in built] == [("runs/small", None, True, True)]


def test_options_reach_the_library(probe, small_run, built, tmp_path):
    page = tmp_path / "page.html"
    answer = probe("report", "runs/small", "--out", page, "--no-images", "--no-paths", "--json")

    assert json.loads(answer.stdout) == {"report": str(page)}
    assert [tuple(rest) for _, *rest in built] == [(page, False, False)]


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
