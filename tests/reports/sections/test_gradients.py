"""Gradient norms of clean and noisy examples, their coherence, and what is said of them."""

import numpy as np
import pytest

from probes_reports.sections.gradients import build
from probes_reports.sections.section import Absent, Caption, Columns, Section
from probes_reports.view import RunView
from probes_reports.wording import plain_text


def lengths(epoch, noisy):
    """Clean 2 long at epoch 3 and 0.5 at the end; noisy four times as long."""
    return (4 if noisy else 1) * {0: 5.0, 1: 3.0, 3: 2.0, 12: 0.5}[epoch]


def coherence(cosine, *, clean=4.0, noisy=2.0):
    return {
        ("clean", "m_coherence"): clean,
        ("noisy", "m_coherence"): noisy,
        ("clean", "stiffness_cosine"): 0.04,
        ("noisy", "stiffness_cosine"): 0.01,
        ("clean", "gsnr_mean"): 0.03,
        ("noisy", "gsnr_mean"): 0.01,
        ("clean/noisy", "cosine_of_means"): cosine,
    }


def keys(section: Section):
    return [plot.key for plot in section.plots()]


def captions(section: Section) -> str:
    return " ".join(plain_text(part.text) for part in section.all_parts() if isinstance(part, Caption))


@pytest.fixture
def view(small_run, tmp_path, copied) -> RunView:
    return copied(small_run, tmp_path / "run")


def test_medians_and_ribbons_are_those_of_the_groups(view, write_norms):
    random = np.random.default_rng(0)
    view = write_norms(view, lambda epoch, noisy: random.lognormal(1 + noisy))
    frame = view.run.probe("gradient_norms")

    traces = {trace.name: trace for trace in build(view).plots()[0].wide.data if trace.meta}
    for name, group in (("clean", view.clean), ("wrong labels", view.noisy)):
        rows = frame[group[frame["example"]]]
        for quantile, column in ((0.05, "quantile_05"), (0.5, "median"), (0.75, "quantile_75")):
            expected = rows.groupby("epoch")["gradient_norm"].quantile(quantile)
            assert traces[name].meta[column] == pytest.approx(expected.tolist(), rel=1e-6)
    assert traces["clean"].y.tolist() == pytest.approx(np.log10(traces["clean"].meta["median"]).tolist())


def test_the_answer_is_the_cosine_at_the_best_validation_epoch_and_what_became_of_it(
    view, write_norms, write_coherence
):
    view = write_norms(write_coherence(view, {1: coherence(0.1), 3: coherence(-0.6), 12: coherence(0.15)}), lengths)

    assert plain_text(build(view).answer) == (
        "At epoch 3 the wrong labels pulled against the clean examples: their mean gradients had cosine −0.60. "
        "The median gradient then was 8.00 long for wrong labels and 2.00 for clean examples. "
        "At epoch 12 the cosine was 0.15."
    )


@pytest.mark.parametrize(
    ("cosine", "words"),
    [(-0.1, "pulled neither with nor against the clean examples"), (0.5, "pulled the same way as the clean examples")],
)
def test_where_the_noise_does_not_pull_against_the_pattern_that_is_said(view, cosine, words, write_coherence):
    assert words in plain_text(build(write_coherence(view, {3: coherence(cosine)})).answer)


@pytest.mark.parametrize(("clean", "word"), [(4.0, "more"), (1.5, "no more")])
def test_which_group_agrees_more_is_computed(view, clean, word, write_coherence):
    section = build(write_coherence(view, {3: coherence(-0.6, clean=clean)}))

    numbers = f"(m-coherence {clean:.2f} against 2.00)"
    assert f"clean gradients agreed {word} among themselves than noisy ones {numbers}" in captions(section)
    assert "20 clean and as many noisy examples" in captions(section)


def test_every_measure_has_its_figure_with_the_values_measured(view, write_coherence):
    section = build(write_coherence(view, {1: coherence(0.1), 3: coherence(-0.6)}))

    assert keys(section) == ["m_coherence", "cosine_of_means", "stiffness", "gsnr"]
    drawn = {plot.key: {trace.name: trace for trace in plot.wide.data} for plot in section.plots()}
    assert list(drawn["cosine_of_means"]["clean with wrong labels"].y) == [0.1, -0.6]
    assert list(drawn["m_coherence"]["clean"].y) == [4.0, 4.0]
    assert list(drawn["gsnr"]["wrong labels"].meta["gsnr"]) == [0.01, 0.01]


def test_halves_stand_two_in_a_row_and_an_odd_one_beside_nothing(make_run, tmp_path, copied, write_coherence):
    view = copied(make_run(noise="none"), tmp_path / "run")
    values = {("clean", name): 1.0 for name in ("m_coherence", "stiffness_cosine", "gsnr_mean")}
    section = build(write_coherence(view, {3: values, 12: values}))

    rows = [part.columns for part in section.parts if isinstance(part, Columns)]
    assert [[bool(column) for column in row] for row in rows] == [[True, True], [True, False]]


def test_norms_alone_make_the_section(view, write_norms):
    section = build(write_norms(view, lengths))

    assert keys(section) == ["gradient_norms"]
    assert plain_text(section.answer) == (
        "At epoch 3 the median gradient was 8.00 long for wrong labels and 2.00 for clean examples. "
        "At epoch 12 it was 2.00 and 0.50."
    )


def test_norms_of_some_examples_are_counted(view, write_norms):
    noisy, clean = np.flatnonzero(view.noisy), np.flatnonzero(~view.noisy)
    view = write_norms(view, lengths, examples=np.concatenate([noisy, clean[:30]]))
    section = build(view)

    assert plain_text(section.answer).startswith(
        "At epoch 3 the median gradient of the 20 wrong labels and 30 clean examples measured was 8.00 long"
    )
    assert "each of 20 wrong labels and 30 clean examples, of 60 training examples," in captions(section)


def test_norms_of_a_handful_make_no_headline(view, write_norms):
    clean = np.flatnonzero(~view.noisy)[:1]
    section = build(write_norms(view, lengths, examples=np.concatenate([np.flatnonzero(view.noisy)[:7], clean])))

    assert plain_text(section.answer) == (
        "Gradients were measured of 7 wrong labels and 1 clean example: too few for a sentence about them, which takes "
        "20 of each group."
    )
    assert keys(section) == ["gradient_norms"]


def test_norms_that_self_influence_measured_serve_as_well(view, write_norms):
    assert keys(build(write_norms(view, lengths, name="self_influence"))) == ["gradient_norms"]


def test_without_noise_there_is_one_group(make_run, tmp_path, copied, write_norms, write_coherence):
    view = copied(make_run(noise="none"), tmp_path / "run")
    view = write_norms(write_coherence(view, {3: {("clean", "m_coherence"): 4.0}}), lengths)
    section = build(view)

    assert "8.00" not in plain_text(section.answer)
    assert "no wrong labels" in captions(section)
    assert "Measured on a panel of 20 examples" in captions(section)
    assert "cosine_of_means" not in keys(section)


def test_without_truth_nothing_is_called_clean(make_run, tmp_path, copied, write_norms, write_coherence):
    view = copied(make_run(truth=False), tmp_path / "run")
    view = write_norms(write_coherence(view, {3: {("all", "m_coherence"): 4.0}}), lengths)
    section = build(view)

    assert plain_text(section.answer).startswith("At epoch 3 the median gradient was 2.00 long.")
    assert "clean" not in plain_text(section.answer)
    assert "The true labels are unknown" in captions(section)


def test_coherence_alone_without_noise_is_one_sentence(make_run, tmp_path, copied, write_coherence):
    view = copied(make_run(noise="none"), tmp_path / "run")
    section = build(write_coherence(view, {3: {("clean", "m_coherence"): 4.0}}))

    assert plain_text(section.answer) == (
        "At epoch 3 a step on one example helped as many as 4.00 of 20 (m-coherence)."
    )


def test_one_epoch_draws_dots_and_bars(view, write_norms):
    section = build(write_norms(view, lengths, epochs=(12,)))

    assert plain_text(section.answer) == (
        "At epoch 12 the median gradient was 2.00 long for wrong labels and 0.50 for clean examples."
    )
    assert {trace.mode for trace in section.plots()[0].wide.data if trace.meta} == {"lines+markers"}


def test_norms_that_are_not_finite_are_left_out(view, write_norms):
    section = build(write_norms(view, lambda epoch, noisy: np.nan if noisy or epoch == 12 else 2.0))

    traces = [trace for trace in section.plots()[0].wide.data if trace.meta]
    assert [(trace.name, trace.customdata.tolist()) for trace in traces] == [("clean", [0, 1, 3])]


def test_gradients_that_are_all_not_finite_are_said_to_be(view, write_norms, write_coherence):
    view = write_coherence(write_norms(view, lambda *_: np.inf), {3: coherence(np.nan, clean=np.nan, noisy=np.nan)})
    values = dict.fromkeys(coherence(0), np.nan)
    section = build(write_coherence(view, {3: values}))

    assert isinstance(section, Absent)
    assert plain_text(section.reason) == "Gradients were measured, but none of them is finite."


def test_norms_of_zero_are_drawn_at_the_foot(view, write_norms):
    section = build(write_norms(view, lambda epoch, noisy: 0.0 if epoch == 12 else 1.0 + noisy))

    low = section.plots()[0].wide.layout.yaxis.range[0]
    assert all(np.isfinite(trace.y).all() and min(trace.y) >= low - 1e-9 for trace in section.plots()[0].wide.data)


def test_where_nothing_was_recorded_the_command_is_named(small_run):
    section = build(RunView(small_run))

    assert isinstance(section, Absent)
    assert section.command == "probe measure RUN --probe gradient_norms"
