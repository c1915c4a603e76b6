"""When are examples learned: the figure's shares, and the section's words."""

from __future__ import annotations

import numpy as np
import pytest

from probes.runs.run import open_run
from probes.runs.writer import RunWriter
from probes_reports.figures.when import LearningTimes, any_cut, learning_times
from probes_reports.sections import when
from probes_reports.sections.section import Absent
from probes_reports.view import RunView
from probes_reports.wording import plain_text

# epochs x examples: 1 right, 0 wrong, -1 not visited; examples 0-3 are clean, 4 and 5 noisy
HISTORY = np.array(
    [
        [1, 0, 1, -1, 0, 0],
        [1, 1, 0, -1, 0, 0],
        [1, 0, 1, -1, 0, 0],
        [1, 1, 1, -1, 1, 0],
    ]
)
NOISY = np.array([False, False, False, False, True, True])


@pytest.fixture
def view_of(tmp_path):
    """Write a run with these answers and open its view."""

    def write(history, noisy=NOISY, labels=True, peak=None):
        count = history.shape[1]
        given = np.zeros(count, dtype=int)
        writer = RunWriter.create(tmp_path / "run", num_examples=count, measure="sweep")
        if labels:
            known = {} if noisy is None else {"noisy": noisy, "true_label": np.where(noisy, 1, 0)}
            writer.write_examples({"given_label": given, **known})
        for epoch, row in enumerate(history, start=1):
            held = np.flatnonzero(row >= 0)
            ones = np.ones(len(held), dtype=np.float32)
            columns = {"loss": ones, "margin": ones, "entropy": ones, "el2n": ones}
            prediction = np.where(row[held] == 1, 0, 1)
            writer.write_epoch(epoch, {"example": held, "visits": ones, "prediction": prediction, **columns})
            if peak is not None:
                metrics = {"examples": 9, "accuracy": float(epoch == peak), "true_label_accuracy": None, "loss": 1.0}
                writer.append_metrics([{"epoch": epoch, "group": group, **metrics} for group in ("validation", "test")])
        writer.finish("complete")
        return RunView(open_run(tmp_path / "run"))

    return write


def bars(figure, name):
    """First epoch of each bin -> share of one series, without empty bins."""
    trace = next(trace for trace in figure.data if trace.name == name)
    return {first: share for first, share in zip(trace.meta["first"], trace.meta["shares"], strict=True) if share}


def test_shares_are_of_the_visited_members_of_each_group(view_of):
    section = when.build(view_of(HISTORY))

    figure = section.plots()[0].wide
    assert bars(figure, "clean, first learned") == pytest.approx({1: 2 / 3, 2: 1 / 3})
    assert bars(figure, "clean, learned for good") == pytest.approx({1: 1 / 3, 3: 1 / 3, 4: 1 / 3})
    assert bars(figure, "wrong labels, first learned") == {4: 0.5}
    assert bars(figure, "wrong labels, learned for good") == {4: 0.5}


def test_the_answer_counts_what_was_lost_after_the_validation_peak(view_of):
    """Of the three visited clean examples two were right at epoch 1; example 2 was lost again."""
    section = when.build(view_of(HISTORY, peak=1))

    assert plain_text(section.answer) == (
        "Half of the clean examples were first answered as labelled by epoch 1, half of the wrong labels by epoch 4. "
        "33.3% of the clean ones, right at epoch 1, were lost again later."
    )


def test_without_validation_the_answer_counts_forgetting(view_of):
    section = when.build(view_of(HISTORY))

    assert plain_text(section.answer).endswith(" 66.7% of the clean ones were lost again at least once.")


def test_a_group_less_than_half_learned_says_how_much(view_of):
    history = np.array([[1, 1, 0, 0, 0], [1, 1, 0, 0, 1]])

    section = when.build(view_of(history, np.array([False, False, True, True, True])))

    assert "only 33.3% of the wrong labels within 2 epochs." in plain_text(section.answer)
    texts = [note.text for note in section.plots()[0].wide.layout.annotations]
    assert "wrong labels (never: 66.7%)" in texts
    assert "wrong labels (not at the end: 66.7%)" in texts


def test_unknown_truth_is_one_group(view_of):
    section = when.build(view_of(HISTORY, noisy=None))

    figure = section.plots()[0].wide
    assert [trace.name for trace in figure.data] == ["all examples, first learned", "all examples, learned for good"]
    assert bars(figure, "all examples, first learned") == pytest.approx({1: 0.4, 2: 0.2, 4: 0.2})
    assert "The true labels are unknown" in plain_text(section.caption)


@pytest.mark.parametrize(
    ("noisy", "held", "said"),
    [(np.zeros(6, bool), "clean", "no wrong labels"), (np.ones(6, bool), "wrong labels", "no clean group")],
)
def test_an_empty_group_is_left_out(view_of, noisy, held, said):
    section = when.build(view_of(HISTORY, noisy))

    assert {trace.name.split(",")[0] for trace in section.plots()[0].narrow.data} == {held}
    assert said in plain_text(section.caption)


def test_a_run_without_an_epoch_says_so(view_of):
    section = when.build(view_of(HISTORY[:0]))

    assert isinstance(section, Absent)
    assert plain_text(section.reason) == "No epoch has been finished yet."


def test_a_run_without_labels_says_so(view_of):
    section = when.build(view_of(HISTORY, labels=False))

    assert isinstance(section, Absent)
    assert "were not recorded" in plain_text(section.reason)


def test_nothing_learned_says_so(view_of):
    section = when.build(view_of(np.zeros((2, 6), dtype=int)))

    assert isinstance(section, Absent)
    assert plain_text(section.reason) == "No example was answered with its given label within 2 epochs."


@pytest.mark.parametrize(("last", "width"), [(1, 1), (60, 1), (61, 2), (120, 2), (121, 5), (1500, 50)])
def test_bins_are_round_and_bounded(last, width):
    edges = when.epoch_bins(last)

    assert edges[0] == 1
    assert set(np.diff(edges)) == {width}
    assert edges[-2] <= last < edges[-1]
    assert len(edges) - 1 <= 60


def test_a_bar_beyond_the_scale_is_cut_and_says_its_value():
    clean = LearningTimes("clean", "clean", np.array([0.9, 0.1]), np.array([0.5, 0.5]))
    noisy = LearningTimes("noisy", "wrong labels", np.array([0.1, 0.1]), np.array([0.0, 0.1]))
    long = LearningTimes("clean", "clean", np.array([0.9, 0.02]), np.array([0.1, 0.05]))

    figure = learning_times([long, noisy], np.array([1, 2, 3]))

    assert any_cut(figure)
    assert not any_cut(learning_times([clean, noisy], np.array([1, 2, 3])))
    assert max(figure.data[0].y) == figure.layout.yaxis.range[1] < 0.9
    assert figure.data[0].meta["shares"] == [0.9, 0.02]
    assert "90.0% at epoch 1 ↑" in [note.text for note in figure.layout.annotations]


def test_a_long_bar_of_the_lower_group_points_down():
    clean = LearningTimes("clean", "clean", np.array([0.05, 0.05]), np.array([0.05, 0.05]))
    noisy = LearningTimes("noisy", "wrong labels", np.array([0.02, 0.8]), np.array([0.0, 0.1]))

    figure = learning_times([clean, noisy], np.array([1, 6, 11]))

    assert "80.0% at epochs 6–10 ↓" in [note.text for note in figure.layout.annotations]
    assert min(figure.data[1].y) == figure.layout.yaxis.range[0]


@pytest.mark.parametrize("narrow", [False, True])
def test_names_do_not_stand_on_bars(narrow):
    """Wherever the bars are: the box of a name, estimated from its length, is clear of every bar of its side."""
    random = np.random.default_rng(3)
    for _ in range(20):
        shares = random.dirichlet(np.full(30, 0.4), 4) * 0.9
        groups = [LearningTimes("clean", "clean", *shares[:2]), LearningTimes("noisy", "wrong labels", *shares[2:])]
        figure = learning_times(groups, np.arange(1, 32), narrow=narrow)
        width = (343 if narrow else 506) - figure.layout.margin.l - figure.layout.margin.r
        names = [note for note in figure.layout.annotations if note.text.startswith(("clean", "wrong"))]
        assert len(names) == 4
        for note in names:
            right = width * note.x
            left = right - len(note.text) * 6.4
            series = next(
                trace
                for trace in figure.data
                if (trace.yaxis or "y") == note.yref and trace.name.startswith(note.text.split(" (")[0])
            )
            under = [abs(y) for x, y in zip(series.x, series.y, strict=True) if left < (x - 0.5) / 30 * width < right]
            assert not under or abs(note.y) > max(under)
