"""docs/performance.md says what was measured, and no more."""

import json
import re

import pytest


@pytest.fixture
def write_page(benchmark_module):
    return benchmark_module("write_page")


def test_the_page_is_what_the_measurements_say(write_page):
    assert write_page.PAGE.read_text() == write_page.page(write_page.saved()), "run benchmarks/write_page.py"


def test_every_figure_is_on_the_page_once(write_page):
    rows = re.findall(r"^\| (.*?) \| \S+ \|", write_page.PAGE.read_text(), re.MULTILINE)

    for result in write_page.saved().values():
        for what in result["what"].values():
            assert rows.count(what) == 1, what


def test_a_missed_target_is_said(write_page):
    assert write_page.judged(3.5, ("at most", 3)) == "at most 3: **missed**"
    assert write_page.judged(9, ("at least", 10)) == "at least 10: **missed**"
    assert write_page.judged(2.9, ("at most", 3)) == "at most 3"
    assert write_page.judged(2.9, None) == ""


def test_the_guide_to_audits_says_of_planting_what_was_measured(write_page):
    control = json.loads((write_page.RESULTS / "planting.json").read_text())
    guide = write_page.GUIDE.read_text()

    assert write_page.filled(guide, write_page.planting(control)) == guide, "run benchmarks/write_page.py"


def test_planting_that_finds_too_few_is_said_to_miss(write_page):
    one = {"data": "d", "examples": 1000, "share": 0.2, "recall": 0.9, "planted": 20, "planted_true": 2}

    near, far = (
        write_page.planting({"results": [{**one, "planted_recall": recall}]}).splitlines()[-1]
        for recall in (0.85, 0.75)
    )

    assert near == "| d, 1,000 examples, 0.2 | 1 | 0.900 | 0.850 | 0.050 | 2 of 20 | 0.944 |"
    assert far == "| d, 1,000 examples, 0.2 | 1 | 0.900 | 0.750 | 0.150: **missed** | 2 of 20 | 0.833 |"


def test_the_guide_to_probes_names_the_measured_costs(write_page):
    from probes.probing import PROBES

    guide, results = write_page.PROBES_GUIDE.read_text(), write_page.saved()
    doubled = {name: {**result, "figures": {}} for name, result in results.items()}
    for name in ("probing", "probe_memory"):
        doubled[name]["figures"] = {key: 2 * value for key, value in results[name]["figures"].items()}
    changed = set(guide.splitlines()) - set(write_page.with_costs(guide, doubled).splitlines())

    assert guide == write_page.with_costs(guide, results), "run benchmarks/write_page.py"
    assert {line.split("`")[1] for line in changed} == set(PROBES)


def test_the_guide_to_studies_says_what_was_measured(write_page):
    guide = write_page.STUDIES_GUIDE.read_text()

    assert write_page.filled(guide, write_page.studies(write_page.kept("study_cost")), "costs") == guide


def test_every_study_has_a_row_of_its_costs(write_page):
    from probes.studies import STUDIES

    rows = write_page.studies(write_page.kept("study_cost")).splitlines()

    assert [row.split("`")[1] for row in rows if row.startswith("| `")] == list(STUDIES)


def test_a_study_that_takes_too_long_is_said_to(write_page):
    one = {"seconds": 80.0, "workers": 2, "verdicts": {"reproduced": 3, "inconclusive": 1}}
    size = {"seconds": 900.0, "studies": {"depth": one}}

    told = write_page.studies(
        {"sizes": {"quick": size, "full": size}, "machine": write_page.kept("tracker")["machine"]}
    )

    assert "| `depth` | 80: **over 75** | 80 | 3 | 0 | 1 |" in told
