"""The scoreboard: every study, every claim, and a filter that needs nobody."""

import re

import pytest

import probes_reports
from probes.errors import ConfigError, RunNotFoundError
from probes.studies.folder import write_json


@pytest.fixture(scope="module")
def html(whole, tmp_path_factory):
    page = probes_reports.build(whole, tmp_path_factory.mktemp("board") / "board.html")
    return re.sub(r"<script\b.*?</script>", "", page.read_text(encoding="utf-8"), flags=re.S)


def test_every_study_and_every_claim_is_there_in_the_given_order(html, made):
    studies = re.findall(r'<section id="study-\d+".*?</section>', html, re.S)

    assert [("Patterns first" in s, "Not carried out" in s, "Some of its points failed" in s) for s in studies] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]
    kinds = {"reproduced": "reproduced", "not reproduced": "not", "inconclusive": "open"}
    expected = [kinds[claim.verdict] for claim in made.every_claim()]
    assert re.findall(r'<li class="board-claim v-(\w+)"', studies[0]) == expected
    assert "0.9 (figure 1)" in studies[0]
    assert "12,374 ± 27" in studies[0]
    assert "The peaks are at epochs 6, 3, 7." in studies[0]


def test_counts_are_at_the_top(html, made):
    verdicts = [claim.verdict for claim in made.every_claim()]
    tiles = dict(re.findall(r'<span class="name">(.*?)</span>\s*<span class="value">(\d+)', html))

    assert tiles == {
        "reproduced": str(verdicts.count("reproduced")),
        "not reproduced": str(verdicts.count("not reproduced")),
        "inconclusive": str(verdicts.count("inconclusive")),
        "failed": "1",
    }


def test_a_failed_study_is_shown_with_its_reason(html):
    assert "no point of /home/secret could be carried out &lt;/script&gt;" in html
    assert "1 study could not be carried out." in html


def test_a_study_that_was_never_run_is_named_and_has_not_failed(tmp_path):
    line = {"page": "x/report.html", "claims": []}
    studies = [
        {**line, "name": "broken", "status": "failed", "error": "it broke."},
        {**line, "name": "later", "status": "not run", "error": "It has not been run yet: probe study later"},
    ]
    write_json(tmp_path / "scoreboard.json", {"kind": "scoreboard", "studies": studies, "verdicts": {}})
    html = probes_reports.build(tmp_path).read_text(encoding="utf-8")

    assert "1 study could not be carried out. 1 has not been run yet." in html
    assert "studies; 1 not run yet" in html
    assert "probe study later" in html
    assert re.findall(r'<span class="held">(.*?)</span>', html) == ["failed", "not run"]


def test_links_lead_to_the_pages_of_what_was_carried_out(whole, html):
    beside = probes_reports.build(whole).read_text(encoding="utf-8")

    assert re.findall(r'href="(\./[^"]*)"', beside) == ["./patterns/report.html", "./thin/report.html"]
    assert len(re.findall(r'href="\./\.\./[^"]*patterns/report.html"', html)) == 1
    for target in re.findall(r'href="#([^"]+)"', html):
        assert f'id="{target}"' in html, target


def test_without_paths_no_file_is_named(whole, tmp_path):
    page = probes_reports.build(whole, tmp_path / "board.html", paths=False).read_text(encoding="utf-8")

    assert "secret" not in page
    assert "report.html" not in page


def test_nothing_from_the_file_becomes_markup_and_nothing_is_asked_for(html):
    assert "<img src=x" not in html
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:|//|file:|javascript:)""", html)


def test_it_is_scoreboard_html_in_the_folder(whole):
    assert probes_reports.build(whole) == whole / "scoreboard.html"


def test_an_empty_scoreboard_is_a_page(tmp_path):
    write_json(tmp_path / "scoreboard.json", {"kind": "scoreboard", "studies": []})

    assert "No claim could be judged." in probes_reports.build(tmp_path).read_text(encoding="utf-8")


def test_a_damaged_scoreboard_is_one_clear_line(tmp_path):
    write_json(tmp_path / "scoreboard.json", {"studies": [{"title": "no name"}]})

    with pytest.raises(RunNotFoundError, match="cannot be read"):
        probes_reports.build(tmp_path)


def test_two_scoreboards_are_refused(whole):
    with pytest.raises(ConfigError, match="one folder of studies at a time"):
        probes_reports.build([whole, whole])
