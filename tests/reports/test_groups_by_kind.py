"""A run with several kinds of noise: every figure and table that compares groups has one for each kind."""

import re

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from probes_reports import figure
from probes_reports.comparison import curves, groups
from probes_reports.comparison.compared import read_runs
from probes_reports.comparison.pairing import pair
from probes_reports.page import render
from probes_reports.sections import data_map, fate, finding_kinds, forgetting, loss, when
from probes_reports.sections.groups import groups_by_kind, kinds_note
from probes_reports.sections.section import Heading, Key, Table
from probes_reports.view import RunView
from probes_reports.wording import plain_text

KINDS = ["uniform_all", "random_pixels", "gaussian"]  # label noise first, as documented
N = 40


@pytest.fixture(scope="module")
def view(write_mixed, tmp_path_factory):
    return RunView(write_mixed(tmp_path_factory.mktemp("mixed") / "run"))


def noisy_of(view, kind):
    return ((view.examples["corruption"] == kind) & view.examples["noisy"]).to_numpy(dtype=bool)


def table_of(section):
    return next(part for part in section.all_parts() if isinstance(part, Table))


def rows_of(table):
    return {plain_text(row[0].text): [plain_text(cell.text) for cell in row[1:]] for row in table.rows}


def test_groups_are_the_clean_and_each_kind_and_nobody_is_in_two(view):
    found = groups_by_kind(view)

    assert [group.label for group in found] == ["clean", *KINDS]
    assert len({group.role for group in found}) == 4
    assert np.sum([group.members for group in found], axis=0).tolist() == [1] * N
    for group in found[1:]:
        np.testing.assert_array_equal(group.members, noisy_of(view, group.label))
    assert kinds_note(view).endswith("among the clean: 2 of uniform_all.")


def test_one_kind_stays_one_group(small_run):
    view = RunView(small_run)

    assert [group.label for group in groups_by_kind(view)] == ["clean", "wrong labels"]
    assert kinds_note(view) == ""


def test_more_kinds_than_colours_share_the_last_one(write_mixed, tmp_path):
    names = [f"matrix:{letter}" for letter in "abcdefg"]
    kinds = np.array([names[at % 7] if at < 21 else "" for at in range(N)])
    view = RunView(write_mixed(tmp_path / "run", wrong=np.arange(N) < 21, kinds=kinds, rates=None))

    found = groups_by_kind(view)
    assert [group.label for group in found] == ["clean", *names[:4], "3 other kinds"]
    assert found[-1].members.sum() == 9
    assert "3 other kinds" in render(view.run)


def test_fate_has_a_block_a_kind(view):
    plot = fate.build(view).plots()[0].wide

    assert [trace.name for trace in plot.data] == [
        "6 wrong labels: uniform_all", "4 replaced inputs: random_pixels", "6 replaced inputs: gaussian", "24 clean",
    ]  # fmt: skip
    for kind, trace in zip(KINDS, plot.data, strict=False):
        assert sorted(trace.meta["matrix"]["rows"]) == np.flatnonzero(noisy_of(view, kind)).tolist()


def test_half_had_turned_counts_wrong_labels_alone(write_mixed, tmp_path):
    """The replaced inputs are memorized by epoch 2; the wrong labels (2, 3, 4 of every 5) only later."""
    wrong = (np.arange(N) % 5 >= 2) & (np.arange(N) < 12)
    kinds = np.where(wrong, "pair", np.where((np.arange(N) % 5 == 0) & (np.arange(N) >= 12), "gaussian", ""))
    run = write_mixed(tmp_path / "run", wrong=wrong, kinds=kinds, rates=None)
    view = RunView(run)
    given, share = view.given[wrong], []
    for epoch in run.closed_epochs:
        share.append((run.epoch(epoch)["prediction"][wrong] == given).mean())
    half = 1 + next(at for at, value in enumerate(share) if value >= 0.5)

    assert half != view.key.noisy_half
    assert f"Half had turned by epoch {half}," in plain_text(fate.build(view).answer)


@pytest.mark.parametrize(("attribute", "score"), [("first learned", "first_learned_epoch"), ("good", "learned_epoch")])
def test_when_has_bars_of_each_kind(view, attribute, score):
    traces = {trace.name: trace for trace in figure(view.run, "when").data}

    for kind in KINDS:
        bars = next(trace for name, trace in traces.items() if name.startswith(kind) and attribute in name)
        times = view.scores[score][noisy_of(view, kind)].dropna().to_numpy(dtype=int)
        first = bars.meta["first"]
        counted = [float((times == epoch).sum()) / noisy_of(view, kind).sum() for epoch in first]
        np.testing.assert_allclose(bars.meta["shares"], counted)
    assert "of gaussian by epoch" in plain_text(when.build(view).answer)


def test_forgetting_has_columns_of_each_kind(view):
    traces = {trace.name: trace for trace in figure(view.run, "forgetting").data}

    assert list(traces) == ["clean", *KINDS]
    for kind in KINDS:
        events = view.scores["forgetting_events"][noisy_of(view, kind)].to_numpy(dtype=int)
        never = view.scores["never_learned"][noisy_of(view, kind)].to_numpy(dtype=bool)
        assert traces[kind].y[0] == pytest.approx(((events == 0) & ~never).mean())
    assert "of random_pixels" in plain_text(forgetting.build(view).answer)


def test_loss_has_a_line_and_a_histogram_of_each_kind(view):
    section = loss.build(view)
    plot = section.plots()[0].wide
    medians = {trace.name: trace for trace in plot.data if trace.meta}

    assert list(medians) == ["clean", *KINDS]
    for kind in KINDS:
        expected = [np.median(view.epoch(epoch)["loss"][noisy_of(view, kind)]) for epoch in view.run.closed_epochs]
        np.testing.assert_allclose(medians[kind].meta["median"], expected)
    assert len({trace.line.dash for trace in medians.values()}) == 4  # never colour alone
    assert [item.label for item in next(p for p in section.parts if isinstance(p, Key)).items] == ["clean", *KINDS]
    slider = next(part for part in section.parts if type(part).__name__ == "Slider")
    assert [plot.data[at].xaxis for at, _, _ in slider.traces] == ["x2", "x3", "x4", "x5"]


def test_data_map_has_a_marker_and_a_row_of_each_kind(view):
    section = data_map.build(view)
    clouds = {trace.name: trace for trace in section.plots()[0].wide.data if trace.name}

    assert list(clouds) == ["clean", *KINDS]
    assert len({trace.marker.symbol for trace in clouds.values()}) == 4
    for kind in KINDS:
        assert sorted(clouds[kind].customdata) == np.flatnonzero(noisy_of(view, kind)).tolist()
    rows = rows_of(table_of(section))
    assert list(rows) == ["clean", *KINDS]
    assert sum(int(cell.split()[0]) for cell in rows["gaussian"]) == 6


def test_scores_are_judged_on_each_kind_alone(view):
    table = next(part for part in finding_kinds.kind_parts(view, [_score("mean_loss")]) if isinstance(part, Table))
    values = rows_of(table)["mean loss"]

    losses = view.scores["mean_loss"].to_numpy(dtype=float)
    for kind, value in zip(KINDS, values, strict=True):
        held = noisy_of(view, kind) | view.clean
        assert float(value) == pytest.approx(roc_auc_score(noisy_of(view, kind)[held], losses[held]), abs=6e-4)


def _score(name):
    from probes.scores import CATALOGUE

    return CATALOGUE[name]


def test_names_of_kinds_are_never_markup(write_mixed, tmp_path):
    kinds = np.array(["<img src=x>"] * 8 + ["gaussian"] * 10 + [""] * 22)
    view = RunView(write_mixed(tmp_path / "run", kinds=kinds, rates=None))

    for name in ("kinds", "fate", "when", "forgetting", "loss", "data_map_run"):
        assert "<img" not in figure(view.run, name).to_json().replace("\\u003c", "<")
    assert "<img src=x>" not in render(view.run, images=False)


# several runs ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two(write_mixed, tmp_path_factory):
    """A: uniform_all, gaussian, random_pixels. B: the same data, uniform_all on the same examples, pair on others."""
    folder = tmp_path_factory.mktemp("two")
    kinds = np.array(["uniform_all"] * 8 + ["pair"] * 4 + [""] * 28)
    runs = [write_mixed(folder / "a"), write_mixed(folder / "b", wrong=np.arange(N) < 12, kinds=kinds, rates=None)]
    for run in runs:
        _name_the_data(run.path)
    return read_runs([run.path for run in runs])


def _name_the_data(folder):
    import json

    meta = json.loads((folder / "run.json").read_text())
    meta["dataset"]["fingerprint"] = "same"
    (folder / "run.json").write_text(json.dumps(meta))


def test_change_per_group_has_a_row_a_kind_and_says_which_run_has_it(two):
    rows = {row.label[0]: row for row in groups.group_rows(two, pair(two), "end")}

    kinds = {"uniform_all in both", "pair in B only", "random_pixels in A only", "gaussian in A only"}
    assert kinds <= set(rows)
    row, members = rows["gaussian in A only"], two[0].examples.kinds["gaussian"]
    assert row.sizes == (6, 6)
    assert row.shares == tuple(pytest.approx(run.end.as_given[members].mean()) for run in two)
    assert rows["pair in B only"].sizes == (4, 4)
    caption = plain_text(groups.build(two, pair(two)).caption)
    assert "Noise of one run or some of them only: pair in B; random_pixels in A; gaussian in A." in caption


def test_a_kind_without_a_common_example_is_named(write_mixed, tmp_path):
    kinds = np.roll(np.array(["uniform_all"] * 8 + ["gaussian"] * 6 + [""] * 26), 20)
    wrong = kinds == "uniform_all"
    runs = [write_mixed(tmp_path / "a"), write_mixed(tmp_path / "b", wrong=wrong, kinds=kinds, rates=None)]
    for run in runs:
        _name_the_data(run.path)
    runs = read_runs([run.path for run in runs])

    caption = plain_text(groups.build(runs, pair(runs)).caption)
    assert caption.endswith("because no shared example has it in every run that does: uniform_all and gaussian.")


def test_kinds_of_unpaired_runs_stand_side_by_side(two):
    from probes_reports.comparison.pairing import Pairing

    rows = {row.key: row for row in groups.group_rows(two, Pairing((), reason="no ids"), "end")}

    assert rows["uniform_all"].sizes == (6, 8)  # two of the eight in A got their own label back
    assert not rows["uniform_all"].paired
    assert "gaussian" not in rows  # nothing to compare it with: the caption names it


def test_curves_have_a_panel_a_kind(two):
    section = curves.build(two)
    titles = [plain_text(part.text) for part in section.all_parts() if isinstance(part, Heading)]
    panels = {plot.key: plot.wide for plot in section.plots()}

    assert [title for title in titles if title.split()[0] in (*KINDS, "pair")] == [
        f"{kind} answered as labelled" for kind in ("uniform_all", "pair", "random_pixels", "gaussian")
    ]
    assert [trace.name[0] for trace in panels["curves-kind-pair"].data] == ["B"]
    line = panels["curves-kind-gaussian"].data[0]
    assert line.y[-1] == pytest.approx(two[0].end.as_given[two[0].examples.kinds["gaussian"]].mean())


def test_runs_of_one_and_the_same_kind_are_compared_as_ever(small_run, make_run):
    runs = read_runs([small_run.path, make_run(epochs=8).path])

    assert not [row for row in groups.group_rows(runs, pair(runs), "end") if "uniform_other" in row.key]
    assert "kind" not in " ".join(plot.key for plot in curves.build(runs).plots())


def test_titles_of_tooltips_ask_only_for_what_plotly_knows_there(view):
    """In a unified title `%{customdata}` is a dash: it knows x alone, and page.js adds the epoch where x is a log."""
    for name in ("learning", "kinds", "when", "loss", "finding", "inspection"):
        title = figure(view.run, name).layout.xaxis.unifiedhovertitle.text or ""
        assert "customdata" not in title, name
    assert figure(view.run, "when").layout.xaxis.unifiedhovertitle.text == "epoch %{x}"


def test_replaced_inputs_are_hard_but_clean_never_wrong(write_mixed, tmp_path):
    kinds = np.where(np.arange(N) < 8, "gaussian", np.where(np.arange(N) < 16, "random_pixels", ""))
    view = RunView(write_mixed(tmp_path / "run", wrong=np.zeros(N, dtype=bool), kinds=kinds, rates=None))

    page = re.sub(r"<script.*?</script>", "", render(view.run), flags=re.DOTALL)
    assert "Suspicious but clean" in page
    assert "hard, not replaced" in page
    assert "Suspicious but right" not in page
    assert "of them as labelled" not in page
