"""Each kind of noise by itself, where a run has several."""

import numpy as np
import pytest

from probes_reports.page import render
from probes_reports.sections import kinds
from probes_reports.sections.section import Absent, Key, Plot, Table
from probes_reports.view import RunView
from probes_reports.wording import plain_text


@pytest.fixture(scope="module")
def view(write_mixed, tmp_path_factory):
    return RunView(write_mixed(tmp_path_factory.mktemp("kinds") / "run"))


def members(view, kind):
    return (view.examples["corruption"] == kind).to_numpy(dtype=bool)


def part(view, sort):
    return next(part for part in kinds.build(view).parts if isinstance(part, sort))


def test_each_kind_has_a_line_that_counts_its_examples(view):
    lines = {trace.name: trace for trace in part(view, Plot).wide.data}

    assert set(lines) == {"clean", "uniform_all", "gaussian", "random_pixels"}
    for kind in ("uniform_all", "gaussian", "random_pixels"):
        counted = [view.epoch(epoch)["correct"][members(view, kind)].mean() for epoch in view.run.closed_epochs]
        np.testing.assert_allclose(lines[kind].y, counted)


def test_the_table_says_what_was_drawn_made_and_memorized(view):
    rows = {plain_text(row[0].text): [plain_text(cell.text) for cell in row[1:]] for row in part(view, Table).rows}

    shares = [view.epoch(epoch)["correct"][members(view, "uniform_all")].mean() for epoch in view.run.closed_epochs]
    half = 1 + next(at for at, share in enumerate(shares) if share >= 0.5)
    ninety = 1 + next(at for at, share in enumerate(shares) if share >= 0.9)
    assert rows["redrawn from all classes (uniform_all)"] == [
        "8 20.0%", "6 wrong labels 15.0%", f"epoch {half}", f"epoch {ninety}", f"{shares[-1]:.0%}", "100% epoch 1",
    ]  # fmt: skip
    assert rows["noise instead of the input (gaussian)"][:2] == ["6 15.0%", "6 replaced inputs 15.0%"]
    assert rows["noise instead of the input (gaussian)"][-1] == "–"  # its labels are right: no true one to turn to
    assert "Drawn but left as they were: 2 of uniform_all" in plain_text(kinds.build(view).caption)


def test_the_page_names_every_kind(view):
    page = render(view.run)

    assert 'id="kinds"' in page
    assert '<a href="#kinds"' in page


def test_a_single_kind_has_no_section_of_its_own(small_run):
    assert isinstance(kinds.build(RunView(small_run)), Absent)
    assert 'id="kinds"' not in render(small_run)


def test_seven_kinds_differ_in_colour_or_dash_in_figure_and_key(write_mixed, tmp_path):
    names = ["uniform_all", "uniform_other", "pair", "instance", "shuffled_pixels", "random_pixels", "gaussian"]
    drawn = np.array([names[at % 7] if at < 35 else "" for at in range(40)])
    many = RunView(write_mixed(tmp_path / "run", wrong=np.arange(40) < 21, kinds=drawn, rates=None))

    lines = [trace.line for trace in part(many, Plot).wide.data if trace.name in {*names, "clean"}]
    swatches = {(swatch.tone, swatch.shape) for swatch in part(many, Key).items}
    assert len({(line.color, line.dash) for line in lines}) == len(swatches) == 8
