"""The critical sample ratio over the epochs: what is drawn, what is said, and runs that have little to say."""

import numpy as np
import pytest

from probes_reports.sections.critical_samples import build
from probes_reports.sections.section import Absent, Section
from probes_reports.wording import plain_text

GROWS = {0: 0.6, 1: 0.4, 3: 0.2, 12: 0.8}
FLOOR = {0: 0.1, 1: 0.1, 3: 0.02, 12: 0.14}


def lines_of(section: Section):
    return {trace.name: trace for trace in section.plots()[0].wide.data}


def test_shares_floor_and_test_accuracy_stand_on_one_epoch_axis(small_run, tmp_path, copied, write_critical):
    section = build(write_critical(copied(small_run, tmp_path / "run"), GROWS, FLOOR))

    lines = lines_of(section)
    assert lines["critical samples"].customdata.tolist() == [0, 1, 3, 12]
    assert list(lines["critical samples"].y) == pytest.approx([0.6, 0.4, 0.2, 0.8])
    assert list(lines["critical by chance"].y) == pytest.approx([0.1, 0.1, 0.02, 0.14])
    tests = small_run.epochs[small_run.epochs["group"] == "test"].sort_values("epoch")
    assert list(lines["test accuracy"].y) == pytest.approx(tests["accuracy"].tolist())
    assert lines["test accuracy"].mode == "lines"
    assert lines["critical samples"].x.tolist() == np.log1p([0, 1, 3, 12]).tolist()


def test_the_answer_sets_the_best_validation_epoch_against_the_last(small_run, tmp_path, copied, write_critical):
    section = build(write_critical(copied(small_run, tmp_path / "run"), GROWS, FLOOR))

    assert plain_text(section.answer) == (
        "Closer in the end: at epoch 3 a change of 5% of the range turned the answer to 20.0% of the validation "
        "examples, at epoch 12 to 80.0%. Chance alone found 2.0% and 14.0%. Test accuracy was 95.0% and 77.0%."
    )


@pytest.mark.parametrize(
    ("last", "start"),
    [(0.24, "No closer in the end, as far as these examples can tell: "), (0.0, "Farther away in the end: ")],
)
def test_where_the_ratio_does_not_grow_the_answer_says_so(small_run, tmp_path, last, start, copied, write_critical):
    """Of 50 examples two more are within twice the standard error; none against ten are not."""
    section = build(write_critical(copied(small_run, tmp_path / "run"), {**GROWS, 12: last}, FLOOR))

    assert plain_text(section.answer).startswith(start)


def test_the_settings_are_stated(small_run, tmp_path, copied, write_critical):
    caption = plain_text(build(write_critical(copied(small_run, tmp_path / "run"), GROWS, FLOOR)).caption)

    assert "the 50 validation examples" in caption
    assert "r = 5%, alpha = 4.17%, beta = 3.33% of the range of the input, at most 10 iterations" in caption


def test_settings_that_were_not_kept_are_not_made_up(small_run, tmp_path, copied, write_critical):
    view = write_critical(copied(small_run, tmp_path / "run"), GROWS, FLOOR, settings=False)
    section = build(view)

    assert "a small change of the input" in plain_text(section.answer)
    assert "alpha" not in plain_text(section.caption)


def test_one_epoch_is_a_dot_and_one_sentence(small_run, tmp_path, copied, write_critical):
    section = build(write_critical(copied(small_run, tmp_path / "run"), {12: 0.8}, FLOOR))

    assert plain_text(section.answer) == (
        "At epoch 12 a change of 5% of the range turned the answer to 80.0% of the validation examples. "
        "Chance alone found 14.0%."
    )
    assert "markers" in lines_of(section)["critical samples"].mode


def test_epochs_without_a_value_are_left_out(small_run, tmp_path, copied, write_critical):
    view = write_critical(copied(small_run, tmp_path / "run"), {**GROWS, 12: float("nan")}, FLOOR)

    assert lines_of(build(view))["critical samples"].customdata.tolist() == [0, 1, 3]


def test_no_value_at_all_is_said(small_run, tmp_path, copied, write_critical):
    section = build(write_critical(copied(small_run, tmp_path / "run"), {3: float("nan")}, FLOOR))

    assert isinstance(section, Absent)
    assert plain_text(section.reason) == "The search for critical samples found no usable value."


def test_without_test_accuracy_the_ratio_stands_alone(make_run, tmp_path, copied, write_critical):
    section = build(write_critical(copied(make_run(metrics=False), tmp_path / "run"), GROWS, FLOOR))

    assert set(lines_of(section)) == {"critical samples", "critical by chance"}
    assert "est accuracy" not in plain_text(section.answer) + plain_text(section.caption)


def test_the_split_that_was_searched_is_named(small_run, tmp_path, copied, write_critical):
    section = build(write_critical(copied(small_run, tmp_path / "run"), GROWS, FLOOR, split="train"))

    assert "of the train examples" in plain_text(section.answer)


def test_where_nothing_was_recorded_the_command_is_named(small_run):
    from probes_reports.view import RunView

    section = build(RunView(small_run))

    assert isinstance(section, Absent)
    assert section.command == "probe measure RUN --probe critical_samples"
    assert section.probes == ("critical_samples",)
