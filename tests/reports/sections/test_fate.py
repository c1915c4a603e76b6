"""The fate map of a run."""

import numpy as np

from probes_reports.sections.fate import build
from probes_reports.sections.section import Absent
from probes_reports.view import RunView
from probes_reports.wording import percent, plain_text


def test_colours_are_the_answers(small_run):
    view = RunView(small_run)
    plot = build(view).plots()[0]

    upper = plot.wide.data[0]
    rows, prediction = upper.meta["matrix"]["rows"], small_run.trajectory("prediction", initial=True)
    for cells, example in zip(upper.z, rows, strict=True):
        given, true = view.given[example], view.true[example]
        expected = [3 if p == given else 2 if p == true else 0 for p in prediction[:, example]]
        assert cells.tolist() == expected


def test_rows_are_sorted_by_the_epoch_learned_for_good(small_run):
    plot = build(RunView(small_run)).plots()[0]

    for trace in plot.wide.data:
        learned = small_run.scores().loc[trace.meta["matrix"]["rows"], "learned_epoch"]
        assert learned.astype("Float64").fillna(np.inf).is_monotonic_increasing


def test_the_sentence_counts_who_met_the_true_label_first(small_run):
    view = RunView(small_run)
    prediction = small_run.trajectory("prediction")
    wrong = np.flatnonzero(view.noisy)
    histories = [[int(p) for p in prediction[:, e] if p in (view.given[e], view.true[e])] for e in wrong]
    first = np.mean([bool(h) and h[0] == view.true[e] for h, e in zip(histories, wrong, strict=True)])

    assert plain_text(build(view).answer).startswith(f"{percent(float(first))} of the wrongly labelled examples")


def test_examples_that_were_not_visited_are_not_answers(make_run):
    view = RunView(make_run(visited=range(5, 40)))

    cells = {
        example: row
        for trace in build(view).plots()[0].wide.data
        for example, row in zip(trace.meta["matrix"]["rows"], trace.z, strict=True)
    }
    assert (cells[0] == 4).all()
    assert (cells[5] != 4).all()


def test_says_why_it_is_absent(make_run):
    without_labels = build(RunView(make_run(examples=False, metrics=False)))
    without_epochs = build(RunView(make_run(epochs=0)))

    assert isinstance(without_labels, Absent)
    assert "not recorded" in plain_text(without_labels.reason)
    assert isinstance(without_epochs, Absent)
