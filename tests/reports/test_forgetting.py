"""What is forgotten: the figure's shares, and the section's words."""

from __future__ import annotations

import numpy as np
import pytest

from probes.runs.run import open_run
from probes.runs.writer import RunWriter
from probes_reports.figures.forgetting import ForgettingShares, forgetting_columns
from probes_reports.sections import forgetting
from probes_reports.sections.section import Absent
from probes_reports.view import RunView
from probes_reports.wording import plain_text

# epochs x examples: 1 right, 0 wrong, -1 not visited; examples 0-3 are clean (3 is never visited), 4-7 noisy
HISTORY = np.array(
    [
        [1, 0, 1, -1, 1, 0, 1, 0],
        [1, 1, 0, -1, 0, 0, -1, 1],
        [1, 0, 1, -1, 1, 0, 0, 1],
        [1, 1, 1, -1, 0, 0, 1, 1],
    ]
)
NOISY = np.array([False, False, False, False, True, True, True, True])


@pytest.fixture
def view_of(tmp_path):
    """Write a run with these answers and open its view."""

    def write(history, noisy=NOISY, labels=True, measure="sweep", online=None):
        count = history.shape[1]
        writer = RunWriter.create(tmp_path / "run", num_examples=count, measure=measure)
        if labels:
            known = {} if noisy is None else {"noisy": noisy, "true_label": np.where(noisy, 1, 0)}
            writer.write_examples({"given_label": np.zeros(count, dtype=int), **known})
        for table, kind in ((history, False), (online, True)):
            for epoch, row in enumerate([] if table is None else table, start=1):
                held = np.flatnonzero(row >= 0)
                ones = np.ones(len(held), dtype=np.float32)
                columns = {"visits": ones, "loss": ones, "margin": ones, "entropy": ones, "el2n": ones}
                prediction = np.where(row[held] == 1, 0, 1)
                writer.write_epoch(epoch, {"example": held, "prediction": prediction, **columns}, online=kind)
        writer.finish("complete")
        return RunView(open_run(tmp_path / "run"))

    return write


def columns(figure, name):
    """Number of events -> share of one group, without empty columns."""
    trace = next(trace for trace in figure.data if trace.name == name)
    return {count: share for count, share in zip(trace.customdata, trace.y, strict=True) if share}


def test_shares_are_counted_by_hand(view_of):
    """Clean: 0, 1, 1 events and one example not visited. Noisy: 2, never learned, 1 (over a gap), 0."""
    figure = forgetting.build(view_of(HISTORY)).plots()[0].wide

    assert columns(figure, "clean") == pytest.approx({"0": 1 / 3, "1": 2 / 3})
    assert columns(figure, "wrong labels") == {"0": 0.25, "1": 0.25, "2": 0.25, "never learned": 0.25}


def test_columns_of_a_group_add_up_to_one(view_of):
    history = np.random.default_rng(1).integers(0, 2, (40, 8))

    figure = forgetting.build(view_of(history)).plots()[0].narrow

    assert all(sum(trace.y) == pytest.approx(1) for trace in figure.data)


def test_the_answer_says_what_was_kept_and_never_learned(view_of):
    assert plain_text(forgetting.build(view_of(HISTORY)).answer) == (
        "33.3% of the clean examples were learned and never forgotten, 25.0% of the wrong labels. On average the "
        "learned ones were forgotten 0.7 against 1.0 times. 25.0% of the wrong labels were never learned."
    )


def test_without_never_learned_examples_there_is_no_column_for_them(view_of):
    section = forgetting.build(view_of(HISTORY[:, :5], NOISY[:5]))

    assert "never<br>learned" not in section.plots()[0].wide.layout.xaxis.ticktext
    assert "Every example was learned at some epoch." in plain_text(section.answer)


@pytest.mark.parametrize(
    ("measure", "said"),
    [
        ("sweep", "published counts are online"),
        ("online", "Counted online, in the training passes, as published counts are."),
    ],
)
def test_the_caption_says_how_it_was_counted(view_of, measure, said):
    assert said in plain_text(forgetting.build(view_of(HISTORY, measure=measure)).caption)


def test_a_run_that_measured_both_gives_its_online_counts(view_of):
    """Online the clean ones are forgotten once each, of the noisy ones only the learned are counted."""
    online = np.array([[1, 1, 1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 0, 0, 0], [1] * 4 + [0] * 4])

    section = forgetting.build(view_of(HISTORY, measure="both", online=online))

    assert "Online, this run counts 1.0 for clean examples and 2.0 for wrong labels on average." in plain_text(
        section.caption
    )


def test_many_events_widen_the_columns(view_of):
    """Right, wrong, right, wrong ...: 20 events each, more than the fine columns tell apart."""
    history = np.tile([[1], [0]], (20, 8))

    figure = forgetting.build(view_of(history)).plots()[0].wide

    assert list(figure.layout.xaxis.ticktext) == ["0", "1", "2–3", "4–7", "8–15", "16+"]
    assert columns(figure, "clean") == {"16+": 1.0}


@pytest.mark.parametrize(
    ("most", "names"), [(1, "0 1 2 3"), (3, "0 1 2 3"), (6, "0 1 2 3 4 5 6+"), (9, "0 1 2 3 4 5 6+")]
)
def test_columns_end_at_the_highest_count(view_of, most, names):
    history = np.ones((20, 8), dtype=int)
    history[1 : 2 * most : 2, 0] = 0

    figure = forgetting.build(view_of(history)).plots()[0].wide

    assert " ".join(figure.layout.xaxis.ticktext) == names


def test_unknown_truth_is_one_group(view_of):
    section = forgetting.build(view_of(HISTORY, noisy=None))

    assert [trace.name for trace in section.plots()[0].wide.data] == ["all examples"]
    assert "The true labels are unknown" in plain_text(section.caption)


@pytest.mark.parametrize(
    ("noisy", "held", "said"),
    [(np.zeros(8, bool), "clean", "no wrong labels"), (np.ones(8, bool), "wrong labels", "no clean group")],
)
def test_an_empty_group_is_left_out(view_of, noisy, held, said):
    section = forgetting.build(view_of(HISTORY, noisy))

    assert [trace.name for trace in section.plots()[0].wide.data] == [held]
    assert said in plain_text(section.caption)


@pytest.mark.parametrize(
    ("epochs", "labels", "reason"),
    [(0, True, "No epoch has been finished"), (1, True, "from the second one on"), (4, False, "were not recorded")],
)
def test_what_cannot_be_told_is_said(view_of, epochs, labels, reason):
    section = forgetting.build(view_of(HISTORY[:epochs], labels=labels))

    assert isinstance(section, Absent)
    assert reason in plain_text(section.reason)


@pytest.mark.parametrize("narrow", [False, True])
def test_every_group_is_named_and_every_column_has_its_percentage(narrow):
    random = np.random.default_rng(2)
    for _ in range(20):
        shares = random.dirichlet(np.ones(8), 2)
        groups = [
            ForgettingShares("clean", "clean", shares[0, :7], float(shares[0, 7])),
            ForgettingShares("noisy", "wrong labels", shares[1, :7], float(shares[1, 7])),
        ]
        figure = forgetting_columns(groups, ["0", "1", "2", "3", "4", "5", "6+"], narrow=narrow)
        texts = [note.text for note in figure.layout.annotations]
        assert {"<b>clean</b>", "<b>wrong labels</b>"} <= set(texts)
        assert sum(text.endswith("%") for text in texts) == 16
