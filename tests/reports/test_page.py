"""The page as a file: self-contained, policed, escaped."""

import json
import re
from html.parser import HTMLParser

import pytest

import probes_reports
from probes.errors import ConfigError, RunExistsError, RunNotFoundError
from probes_reports.assembly import POLICY
from probes_reports.page import render
from probes_reports.sections import figure_names

HOSTILE = "</script><img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """Tags with their attributes, visible text, and the JSON islands."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self.islands, self._inside = [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = dict(attrs).get("type", tag) if tag in ("script", "style") else None

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        if self._inside == "application/json":
            self.islands.append(data)
        elif self._inside is None:
            self.words.append(data)

    def of(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def html(small_run):
    return render(small_run)


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_carries_its_policy_before_anything_else_loads(page):
    assert {"http-equiv": "Content-Security-Policy", "content": POLICY} in page.of("meta")
    assert POLICY.startswith("default-src 'none';")
    assert "http" not in POLICY


def test_nothing_comes_from_outside(page):
    for tag, attributes in page.tags:
        for name in ("src", "href", "srcset", "data", "action"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#")), (tag, attributes)


def test_styles_load_nothing(html):
    styles = "".join(re.findall(r"<style>(.*?)</style>", html, re.S))

    assert "url(" not in styles
    assert "@import" not in styles


def test_every_link_leads_to_an_element(page):
    ids = {attributes.get("id") for _, attributes in page.tags}

    assert {a["href"][1:] for a in page.of("a")} <= ids
    assert {b["aria-controls"] for b in page.of("button") if "aria-controls" in b} <= ids


def test_a_hostile_class_name_stays_text(html, page):
    assert not [image for image in page.of("img") if "onerror" in image]
    assert HOSTILE not in html
    assert html.count("<script") == html.count("</script>")


def test_figures_get_names_escaped_for_plotly(page):
    """Plotly renders a subset of HTML, so text from data is escaped before it."""
    figures = [island for island in page.islands if '"layout"' in island]
    texts = json.dumps([json.loads(island) for island in figures])

    assert "onerror=alert" in texts
    assert "<img" not in texts
    assert "&lt;img" in texts


def test_islands_cannot_end_their_element(page):
    assert page.islands
    for island in page.islands:
        assert not set(island) & {"<", ">", "&", "\u2028", "\u2029"}
        json.loads(island)


def test_absent_sections_say_why(make_run):
    words = " ".join(Page(render(make_run(examples=False, metrics=False))).words)

    assert "The labels that training saw were not recorded" in words


@pytest.mark.parametrize("kind", [{"epochs": 0}, {"truth": False}, {"noise": "all"}, {"noise": "none"}], ids=str)
def test_every_kind_of_run_has_a_page(make_run, kind):
    assert Page(render(make_run(**kind))).of("h1") == [{}]


def test_images_and_paths_can_be_left_out(small_run):
    text = render(small_run, images=False, paths=False)

    page = Page(text)
    assert not [image for image in page.of("img") if image.get("src", "").startswith("data:image/png")]
    assert not [island for island in page.islands if "data:image/png" in island]
    assert str(small_run.path) not in text


def test_a_page_of_a_small_run_is_at_most_8_mb(html):
    assert len(html.encode()) < 8_000_000


def test_build_writes_where_it_is_told_and_leaves_nothing_else(small_run, tmp_path):
    out = tmp_path / "new" / "page.html"

    assert probes_reports.build(small_run.path, out) == out
    assert [entry.name for entry in out.parent.iterdir()] == ["page.html"]
    assert probes_reports.build([small_run.path]) == small_run.path / "report.html"


def test_build_names_what_is_wrong(small_run, tmp_path):
    with pytest.raises(RunNotFoundError, match="nowhere"):
        probes_reports.build(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="at least one run"):
        probes_reports.build([])
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        probes_reports.build(small_run.path, tmp_path / "file" / "page.html")


def test_figure_returns_a_plotly_figure_by_name(small_run):
    import plotly.graph_objects as go

    assert isinstance(probes_reports.figure(small_run, "learning"), go.Figure)
    assert isinstance(probes_reports.figure(small_run.path, "fate"), go.Figure)
    assert {"learning", "fate"} <= set(figure_names())


def test_figure_suggests_the_nearest_name(small_run):
    with pytest.raises(ConfigError, match="Did you mean 'learning'"):
        probes_reports.figure(small_run, "lerning")


def test_figure_says_why_it_cannot_be_drawn(make_run):
    with pytest.raises(ConfigError, match="'fate' cannot be drawn: No epoch"):
        probes_reports.figure(make_run(epochs=0), "fate")


def test_importing_the_package_loads_no_plotly():
    import subprocess
    import sys

    heavy = "{'plotly', 'pandas', 'torch', 'jinja2'}"
    code = f"import sys, probes_reports; print(sorted(set(sys.modules) & {heavy}))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["examples", "provenance"])
def test_a_section_without_plots_is_said_not_to_be_a_figure(small_run, name):
    with pytest.raises(ConfigError, match=f"'{name}' is a section of the page, but not a plotly figure.*data_map"):
        probes_reports.figure(small_run, name)


def test_build_replaces_a_report_but_no_other_file(small_run, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")

    probes_reports.build(small_run.path, tmp_path / "page.html")
    probes_reports.build(small_run.path, tmp_path / "page.html")

    with pytest.raises(RunExistsError, match="is not a report"):
        probes_reports.build(small_run.path, tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "mine"
