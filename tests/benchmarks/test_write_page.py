"""docs/performance.md says what was measured, and no more."""

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


def test_the_guide_to_probes_names_the_measured_costs(write_page):
    from probes.probing import PROBES

    guide, results = write_page.PROBES_GUIDE.read_text(), write_page.saved()
    doubled = {name: {**result, "figures": {}} for name, result in results.items()}
    for name in ("probing", "probe_memory"):
        doubled[name]["figures"] = {key: 2 * value for key, value in results[name]["figures"].items()}
    changed = set(guide.splitlines()) - set(write_page.with_costs(guide, doubled).splitlines())

    assert guide == write_page.with_costs(guide, results), "run benchmarks/write_page.py"
    assert {line.split("`")[1] for line in changed} == set(PROBES)
