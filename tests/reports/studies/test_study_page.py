"""The page of a study: what it says, what it holds, and what it never does."""

import re

import pytest

import probes_reports
from probes.errors import ConfigError, RunExistsError, RunNotFoundError
from probes_reports.assembly import POLICY
from probes_reports.studies.answer import answer, lede, warnings
from probes_reports.studies.charts import build_charts
from probes_reports.studies.view import StudyView
from probes_reports.wording import plain_text

LARGEST = 12_000_000  # bytes


def outside_scripts(html):
    return re.sub(r"<script\b.*?</script>", "", html, flags=re.S)


@pytest.fixture(scope="module")
def html(whole, tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "page.html"
    return probes_reports.build(whole / "everything", out).read_text(encoding="utf-8")


def sentence(write, claims):
    return plain_text(answer(StudyView(write(claims=[claim.to_dict() for claim in claims])))).replace("\xa0", " ")


# what it says


def test_the_answer_counts_the_verdicts_and_names_what_failed(write, made):
    held = made.claim()
    missed = made.claim("b", statement="It never falls.", values=(0.1, 0.11, 0.12))
    unsure = made.claim("c", statement="It stays.", values=(0.5,))

    assert sentence(write, [held, missed, unsure]) == (
        "1 of 3 claims was reproduced, 1 was not reproduced, 1 is inconclusive. "
        "Not reproduced: “It never falls”. Inconclusive: “It stays”."
    )


@pytest.mark.parametrize(
    ("values", "number", "text"),
    [
        ((0.5, 0.5, 0.6), 2, "All 2 claims were reproduced."),
        ((0.5, 0.5, 0.6), 1, "The claim was reproduced."),
        ((0.1, 0.1, 0.1), 1, "The claim was not reproduced. Not reproduced: “It rises”."),
        ((0.5,), 1, "1 of 1 claim is inconclusive. Inconclusive: “It rises”."),
        ((), 0, "No claim could be judged."),
    ],
)
def test_the_answer_where_all_claims_are_alike(write, made, values, number, text):
    assert sentence(write, [made.claim(values=values)] * number) == text


def test_of_many_failures_some_are_named_and_the_others_counted(write, made):
    claims = [made.claim(str(n), statement=f"Claim {n}.", values=(0.1, 0.1, 0.1)) for n in range(5)]

    assert sentence(write, claims).endswith("“Claim 0”; “Claim 1”; “Claim 2” and 2 more.")


def test_the_lede_sets_the_paper_beside_the_size_of_the_study(write):
    assert plain_text(lede(StudyView(write()))).replace("\xa0", " ").startswith(
        "In the paper: It peaks, then falls. Here: quick size, digits, 3 seeds (0–2); 2 runs and 1 computation in "
        "1 min 15 s."
    )  # fmt: skip


def test_failed_points_and_too_few_seeds_are_warned_of(write):
    scale = {"quick": False, "seeds": [4], "dataset": "digits", "subset": 1000}
    told = warnings(StudyView(write(failed=[{"point": "a", "error": "b"}], scale=scale)))

    assert told == [
        "1 of 3 points failed: what needs them is missing.",
        "A verdict needs 3 seeds; with 1 the claims stay inconclusive.",
    ]
    assert warnings(StudyView(write())) == []


def test_every_claim_shows_its_verdict_values_rule_and_source(html, made):
    page = outside_scripts(html)

    for claim in made.every_claim():
        told = claim.to_dict()
        block = re.search(rf'<li class="claim v-(\w+)"(?:(?!</li>).)*?{re.escape(_escaped(told["statement"]))}.*?</li>',
                          page, re.S)  # fmt: skip
        assert block is not None, told["statement"]
        for text in (told["verdict"], told["quantity"], told["rule"], told["source"], told["published"], told["seen"]):
            assert _escaped(text) in block[0]
    assert page.count('class="verdict-shape"') == len(made.every_claim())
    assert "n = 2 of 3" in page
    assert "no value" in page


def _escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def test_each_chart_has_the_papers_effect_beside_ours_and_its_data(write, made):
    charts = [chart.to_dict() for chart in made.every_chart()]
    page = outside_scripts(probes_reports.build(write(charts=charts)).read_text(encoding="utf-8"))

    sections = re.findall(r'<section id="chart-(.*?)</section>', page, re.S)
    assert len(sections) == len(charts)
    for chart, section in zip(charts, sections, strict=True):
        assert chart["question"] in section
        if chart["id"] == "empty":
            assert "None of its values could be measured." in section
            continue
        assert section.index(chart["paper"]) < section.index(chart["ours"])
        assert ("data-csv=" in section) == (chart["id"] != "memorized")


def test_a_kind_of_chart_from_a_newer_version_is_named(write):
    chart = {"kind": "sphere", "id": "s", "question": "Is it round?", "paper": "", "ours": ""}
    page = probes_reports.build(write(charts=[chart])).read_text(encoding="utf-8")

    assert "This version draws no chart of the kind sphere: update." in page


# what it never does


def test_nothing_from_the_file_becomes_markup(html):
    assert "<img src=x" not in html
    assert outside_scripts(html).count("&lt;img src=x onerror=alert(1)&gt;") > 15


def test_the_page_asks_for_nothing_and_stays_small(html):
    own = html.split("<script>/**\n* plotly.js")[0]

    assert f'content="{POLICY.replace(chr(39), "&#39;")}"' in html
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:|//|file:|javascript:)""", own)
    assert len(html.encode()) < LARGEST


def test_a_gallery_without_pictures_says_why(write):
    chart = {"kind": "gallery", "id": "g", "question": "?", "paper": "p", "ours": "No image carries another.",
             "lead_title": "a", "others_title": "b", "rows": []}  # fmt: skip

    assert "No image carries another." in outside_scripts(
        probes_reports.build(write(charts=[chart])).read_text(encoding="utf-8")
    )


def test_a_gallery_of_any_size_keeps_the_page_small(write):
    import io

    import numpy as np
    from PIL import Image

    from probes.studies.chart import Gallery, GalleryRow, picture

    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)).save(buffer, "PNG")
    large = picture(buffer.getvalue(), "large")
    words = {"id": "g", "question": "Which?", "paper": "p", "ours": "o", "lead_title": "l", "others_title": "o"}
    chart = Gallery(**words, rows=[GalleryRow(large, [large] * 9)] * 8)
    page = probes_reports.build(write(charts=[chart.to_dict()])).read_text(encoding="utf-8")

    assert len(page.encode()) < LARGEST
    assert "1 of 8 rows: the others are too large for a page." in page


def test_pictures_are_ink_on_paper_and_only_where_wanted(whole, html, tmp_path):
    bare = probes_reports.build(whole / "everything", tmp_path / "bare.html", images=False).read_text(encoding="utf-8")

    assert outside_scripts(html).count('<img class="thumb ink" src="data:image/png;base64,') == 4
    assert "no picture</span>" in html
    assert 'src="data:image' not in outside_scripts(bare)
    assert "The pictures were left out of this page." in bare


def test_a_picture_that_is_none_is_not_embedded(write):
    entry = {"image": "javascript:alert(1)", "caption": "x"}
    words = {"kind": "gallery", "id": "g", "question": "?", "paper": "p", "ours": "o"}
    chart = {**words, "lead_title": "l", "others_title": "o", "rows": [{"lead": entry, "others": []}]}
    page = probes_reports.build(write(charts=[chart])).read_text(encoding="utf-8")

    assert "javascript:alert" not in page


def test_links_lead_from_the_page_to_the_runs(write, tmp_path):
    beside = outside_scripts(probes_reports.build(write()).read_text(encoding="utf-8"))
    elsewhere = tmp_path / "else" / "page.html"
    away = outside_scripts(probes_reports.build(write(), elsewhere).read_text(encoding="utf-8"))

    assert 'href="./quick/noise%200.4%23seed0"' in beside
    assert 'href="./../patterns/quick/noise0-seed0"' in away


def test_a_run_cannot_name_another_address(write):
    page = outside_scripts(probes_reports.build(write(runs=["javascript:alert(1)"])).read_text(encoding="utf-8"))

    assert 'href="./javascript%3Aalert%281%29"' in page


def test_without_paths_no_file_is_named(whole, tmp_path, write):
    html = probes_reports.build(whole / "everything", tmp_path / "page.html", paths=False).read_text(encoding="utf-8")
    scale = {"quick": True, "seeds": [0, 1, 2], "dataset": "/home/secret/data", "subset": None}
    mine = probes_reports.build(write(scale=scale), tmp_path / "mine.html", paths=False).read_text(encoding="utf-8")

    assert "secret" not in html + mine
    assert "own data" in mine
    assert "noise0-seed0" not in html


def test_provenance_names_versions_time_and_the_hash_of_the_file(write):
    import hashlib

    folder = write()
    page = probes_reports.build(folder).read_text(encoding="utf-8").replace("\xa0", " ")

    assert hashlib.sha256((folder / "study.json").read_bytes()).hexdigest() in page
    assert "python 3.11, torch 2" in page
    assert "3 points, 3 of them in the last call, 2 workers, 1 min 15 s" in page


# folders


def test_it_is_report_html_in_the_folder_of_the_study(write):
    folder = write()

    assert probes_reports.build(folder) == folder / "report.html"


def test_two_studies_are_refused(write):
    with pytest.raises(ConfigError, match="one study folder at a time"):
        probes_reports.build([write(), write("other")])


def test_another_file_is_not_replaced(write, tmp_path):
    (tmp_path / "mine.html").write_text("my notes")

    with pytest.raises(RunExistsError, match="not a report"):
        probes_reports.build(write(), tmp_path / "mine.html")


@pytest.mark.parametrize(
    "damage",
    [
        {"claims": None},
        {"claims": [{"statement": "half"}]},
        {"charts": [{"kind": "lines", "id": "a", "question": "?", "paper": "", "ours": ""}]},
        {"charts": [{"kind": "heat", "id": "a", "question": "?", "paper": "", "ours": "", "x_title": "", "y_title": "",
                     "value_title": "", "rows": ["a"], "columns": ["b"], "values": [[1, 2]]}]},
        {"charts": [{"kind": "table", "id": "a", "question": "?", "paper": "", "ours": "", "header": ["a", "b"],
                     "rows": [["only one"]]}]},
        {"scale": "large"},
    ],
)  # fmt: skip
def test_a_damaged_study_is_one_clear_line(write, damage):
    with pytest.raises(RunNotFoundError, match="cannot be read") as error:
        probes_reports.build(write(**damage))

    assert "\n" not in str(error.value)


def test_every_kind_of_chart_is_drawn(write, made):
    charts = build_charts(StudyView(write(charts=[chart.to_dict() for chart in made.every_chart()])))

    drawn = {plot.key for section in charts if hasattr(section, "plots") for plot in section.plots()}
    assert drawn == {"chart-1-curves", "chart-2-width", "chart-3-bars", "chart-4-depth-plot", "chart-5-strength"}
