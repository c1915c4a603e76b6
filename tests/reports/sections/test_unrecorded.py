"""One line tells what was not measured; sections that wait for a probe do not stand empty on the page."""

import json

import pytest

from probes.runs.run import open_run
from probes_reports.page import render
from probes_reports.sections import SECTIONS, builder
from probes_reports.sections.section import Absent
from probes_reports.sections.unrecorded import gathered, unrecorded
from probes_reports.view import RunView
from probes_reports.wording import plain_text


def sections_of(view):
    return gathered(view, [builder(key)(view) for key in SECTIONS])


def test_a_run_without_probes_gets_one_line_and_no_empty_section(small_run):
    sections = sections_of(RunView(small_run))

    waiting = [section for section in sections if isinstance(section, Absent)]
    assert [section.key for section in waiting] == ["unrecorded"]
    text = plain_text(waiting[0].reason)
    for name in ("attributions", "critical_samples", "gradient_norms", "coherence", "vog", "prediction_depth"):
        assert name in text


def test_the_line_is_not_in_the_navigation(small_run):
    page = render(small_run)

    assert page.count('id="unrecorded"') == 1
    assert 'href="#unrecorded"' not in page
    assert 'href="#gradients"' not in page


def test_what_was_measured_is_not_listed(small_run, tmp_path, copied, write_critical, write_norms):
    view = write_norms(copied(small_run, tmp_path / "run"), lambda epoch, noisy: 1.0, name="self_influence")
    view = write_critical(view, {3: 0.2}, {3: 0.1})

    text = plain_text(unrecorded(view).reason)
    assert "critical_samples" not in text
    assert "gradient_norms" not in text  # self_influence holds the same norms
    assert "(coherence)" in text
    assert [s.key for s in sections_of(view) if s.key in ("gradients", "critical_samples")] == [
        "gradients", "critical_samples",
    ]  # fmt: skip


@pytest.fixture
def with_config(small_run, tmp_path, copied):
    """The small run with another config."""

    def make(**config):
        view = copied(small_run, tmp_path / "run")
        meta = json.loads((view.run.path / "run.json").read_text())
        (view.run.path / "run.json").write_text(json.dumps({**meta, "config": config}))
        return RunView(open_run(view.run.path))

    return make


def test_with_checkpoints_it_can_still_be_measured(small_run, tmp_path, copied):
    view = copied(small_run, tmp_path / "run")
    (view.run.path / "checkpoints/epoch-00003").mkdir(parents=True)

    assert unrecorded(view).command == "probe measure RUN --probe NAME"


@pytest.mark.parametrize(
    ("config", "command"),
    [
        ({"noise": 0.4}, "probe train --probe NAME"),
        ({}, "tracker.record(probe, model, examples)"),
        ({"import": {"source": "log.csv"}}, ""),
    ],
    ids=["no checkpoints", "a loop of one's own", "imported"],
)
def test_the_way_to_record_fits_the_run(with_config, config, command):
    assert unrecorded(with_config(**config)).command == command


def test_a_run_without_epochs_has_no_such_line(make_run):
    assert unrecorded(RunView(make_run(epochs=0))) is None


def test_a_complete_run_has_no_such_line(small_run, tmp_path, copied):
    view = copied(small_run, tmp_path / "run")
    for name in ("attributions", "critical_samples", "gradient_norms", "coherence", "input_grad", "vog",
                 "self_influence", "loss_curvature", "prediction_depth"):  # fmt: skip
        (view.run.path / "probes" / name).mkdir(parents=True)

    assert unrecorded(RunView(open_run(view.run.path))) is None
