"""How the loss sinks: quantiles and histograms of the figure, slider states, and the section's words."""

from __future__ import annotations

import json

import numpy as np
import pytest

from probes.runs.run import open_run
from probes.runs.writer import RunWriter
from probes_reports.sections import loss
from probes_reports.sections.section import Absent, Data, Slider
from probes_reports.view import RunView
from probes_reports.wording import plain_text

N, E = 200, 8
NOISY = np.arange(N) % 4 == 0


def losses(epochs=E):
    """Clean around 1 / epoch, noisy ones ten times as much until the end, when they meet."""
    random = np.random.default_rng(0)
    base = np.exp(random.normal(0, 0.5, (epochs, N))) / np.arange(1, epochs + 1)[:, None]
    late = np.arange(1, epochs + 1)[:, None] == epochs
    return np.where(NOISY & ~late, 10 * base, base).astype(np.float32)


@pytest.fixture
def view_of(tmp_path):
    """Write a run with these losses (NaN: not visited) and open its view."""

    def write(table, noisy=NOISY, peak=3, measure="sweep"):
        writer = RunWriter.create(tmp_path / "run", num_examples=N, measure=measure)
        known = {} if noisy is None else {"noisy": noisy, "true_label": np.where(noisy, 1, 0)}
        writer.write_examples({"given_label": np.zeros(N, dtype=int), **known})
        for epoch, row in enumerate(table, start=1):
            held = np.flatnonzero(~np.isnan(row))
            ones = np.ones(len(held), dtype=np.float32)
            columns = {"visits": ones, "margin": ones, "entropy": ones, "el2n": ones, "prediction": ones}
            writer.write_epoch(epoch, {"example": held, "loss": row[held], **columns})
            if peak is not None:
                metrics = {"examples": 9, "accuracy": float(epoch == peak), "true_label_accuracy": None, "loss": 1.0}
                writer.append_metrics([{"epoch": epoch, "group": group, **metrics} for group in ("validation", "test")])
        writer.finish("complete")
        return RunView(open_run(tmp_path / "run"))

    return write


def part(section, kind):
    return next(part for part in section.parts if isinstance(part, kind))


def median_of(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


def test_quantiles_are_those_of_each_group(view_of):
    table = losses()

    figure = loss.build(view_of(table)).plots()[0].wide

    for name, group in (("clean", ~NOISY), ("wrong labels", NOISY)):
        trace = median_of(figure, name)
        expected = np.quantile(table[:, group], [0.05, 0.25, 0.5, 0.75, 0.95], axis=1)
        held = [trace.meta[key] for key in ("quantile_05", "quantile_25", "median", "quantile_75", "quantile_95")]
        assert list(trace.customdata) == list(range(1, E + 1))
        np.testing.assert_allclose(held, expected, rtol=1e-6)
        np.testing.assert_allclose(trace.y, np.log10(expected[2]), rtol=1e-6)


def test_ribbons_run_forth_and_back_between_their_quantiles(view_of):
    figure = loss.build(view_of(losses())).plots()[0].wide

    median = median_of(figure, "clean")
    outer, inner = [trace for trace in figure.data if trace.name == "clean, ribbon"]
    np.testing.assert_allclose(inner.y[:E], np.log10(median.meta["quantile_75"]))
    np.testing.assert_allclose(inner.y[E:], np.log10(median.meta["quantile_25"])[::-1])
    assert outer.y[:E].min() >= inner.y[:E].min()


def test_the_histogram_holds_every_example_once(view_of):
    """Shares of a slice and of what lies below the scale add up to one; the CSV counts the same examples."""
    table = losses()
    table[5, :30] = 1e-9
    section = loss.build(view_of(table))

    data = part(section, Data).columns
    counts = np.zeros((E, 2), dtype=int)
    for epoch, group, examples in zip(data["epoch"], data["group"], data["examples"], strict=True):
        counts[epoch - 1, int(group != "clean")] += examples
    assert (counts == [np.sum(~NOISY), np.sum(NOISY)]).all()
    lowest = min(low for low in data["loss_from"] if low > 0)
    below = sum(
        n for n, e, low in zip(data["examples"], data["epoch"], data["loss_from"], strict=True) if e == 6 and low == 0
    )
    assert below == np.sum(table[5] < lowest) >= 30


def test_bins_lie_where_the_losses_are(view_of):
    table = losses()
    section = loss.build(view_of(table))

    data = part(section, Data).columns
    rows = list(zip(*(data[name] for name in ("epoch", "group", "loss_from", "loss_to", "examples")), strict=True))
    for epoch, group, low, high, examples in rows[::7]:
        member = NOISY if group != "clean" else ~NOISY
        inside = (table[epoch - 1] >= low * 1.001) & (table[epoch - 1] < high * 0.999) & member
        outside = (table[epoch - 1] < low * 0.999) | (table[epoch - 1] >= high * 1.001) | ~member
        assert inside.sum() <= examples <= N - outside.sum()


@pytest.mark.parametrize("epochs", [1, 2, E])
def test_names_stand_beside_their_medians(view_of, epochs):
    """In the plot, and nearer to their own median at that place than to the other one."""
    plot = loss.build(view_of(losses(epochs + 1)[:epochs])).plots()[0]

    for figure in (plot.wide, plot.narrow):
        for name, other in (("clean", "wrong labels"), ("wrong labels", "clean")):
            note = next(
                note for note in figure.layout.annotations if note.text == f"<b>{name}</b>" and note.xref is None
            )
            low, high = figure.layout.xaxis.range
            assert low < note.x < high
            own, far = (np.interp(note.x, median_of(figure, n).x, median_of(figure, n).y) for n in (name, other))
            assert abs(note.y - own) < abs(note.y - far)


def test_both_panels_share_one_scale(view_of):
    plot = loss.build(view_of(losses())).plots()[0]

    for figure in (plot.wide, plot.narrow):
        assert figure.layout.yaxis.range == figure.layout.yaxis2.range
        assert {trace.yaxis for trace in figure.data if trace.type == "bar"} == {"y2"}
        assert figure.layout.xaxis2.range[0] > figure.layout.xaxis2.range[1] == figure.layout.xaxis3.range[0] == 0


def test_the_slider_starts_at_the_validation_peak_in_the_drawn_state(view_of):
    section = loss.build(view_of(losses(), peak=3))

    slider, plot = part(section, Slider), section.plots()[0]
    assert slider.values[slider.start] == "3"
    for figure, layouts in ((plot.wide, slider.wide), (plot.narrow, slider.narrow)):
        for index, attribute, states in slider.traces:
            np.testing.assert_array_equal(figure.data[index][attribute], states[slider.start])
        for path, states in layouts.items():
            assert len(states) == len(slider.values)
            assert json.dumps(_plain(figure.layout[path])) == json.dumps(_plain(states[slider.start]))


def _plain(value):
    return list(value) if isinstance(value, tuple | list) else value


def test_the_answer_gives_medians_and_detection_at_the_peak_and_at_the_end(view_of):
    """AUROC by counting pairs."""
    table = losses()

    answer = plain_text(loss.build(view_of(table, peak=3)).answer)

    def pairs(row):
        return np.mean(row[NOISY][:, None] > row[~NOISY][None, :])

    clean, wrong = (np.median(table[2, group]) for group in (~NOISY, NOISY))
    assert f"At epoch 3 the median loss was {clean:.2f} on clean examples and {wrong:.2f} on wrong labels." in answer
    assert f"the loss fell from AUROC {pairs(table[2]):.3f} to {pairs(table[-1]):.3f}." in answer


def test_a_peak_at_the_end_is_told_once(view_of):
    answer = plain_text(loss.build(view_of(losses(3), peak=3)).answer)

    assert answer.count("At epoch") == 1
    assert "As a detector the loss had AUROC" in answer


def test_unknown_truth_is_one_group_on_one_side(view_of):
    section = loss.build(view_of(losses(), noisy=None, peak=None))

    figure = section.plots()[0].wide
    assert {trace.name.split(",")[0] for trace in figure.data} == {"all examples"}
    assert figure.layout.xaxis2.range[0] == 0
    assert "xaxis3" not in figure.layout.to_plotly_json()
    assert "the slider starts at epoch 8, the last one" in plain_text(section.caption)
    assert "The true labels are unknown" in plain_text(section.caption)
    assert "AUROC" not in plain_text(section.answer)


@pytest.mark.parametrize(
    ("noisy", "held", "said"),
    [(np.zeros(N, bool), "clean", "no wrong labels"), (np.ones(N, bool), "wrong labels", "no clean group")],
)
def test_an_empty_group_is_left_out(view_of, noisy, held, said):
    section = loss.build(view_of(losses(), noisy))

    assert {trace.name.split(",")[0] for trace in section.plots()[0].narrow.data} == {held}
    assert said in plain_text(section.caption)


def test_a_group_that_was_never_visited_is_left_out(view_of):
    section = loss.build(view_of(np.where(NOISY, np.nan, losses())))

    assert {trace.name.split(",")[0] for trace in section.plots()[0].wide.data} == {"clean"}
    assert "None of the wrong labels has been visited." in plain_text(section.caption)


def test_missing_visits_are_left_out(view_of):
    """A group without a visit at an epoch has no point there; an epoch without any visit does not exist."""
    table = losses()
    table[3, NOISY] = np.nan
    table[6] = np.nan

    section = loss.build(view_of(table))

    figure = section.plots()[0].wide
    assert list(median_of(figure, "wrong labels").customdata) == [1, 2, 3, 5, 6, 8]
    assert list(median_of(figure, "clean").customdata) == [1, 2, 3, 4, 5, 6, 8]
    assert len(part(section, Slider).values) == 7


def test_zero_and_equal_losses_are_drawn(view_of):
    section = loss.build(view_of(np.zeros((2, N), dtype=np.float32)))

    figure = section.plots()[0].wide
    assert np.isfinite(median_of(figure, "clean").y).all()
    assert figure.layout.yaxis.range[1] - figure.layout.yaxis.range[0] >= 1


def test_a_run_without_an_epoch_says_so(view_of):
    section = loss.build(view_of(losses(0)))

    assert isinstance(section, Absent)
    assert plain_text(section.reason) == "No epoch has been finished yet."


def test_long_runs_are_thinned_but_keep_key_epochs():
    drawn = loss.drawn_epochs(range(5001), key=[7, 1234, 4999])

    assert len(drawn) <= loss.MOST_EPOCHS
    assert {0, 7, 1234, 4999, 5000} <= set(drawn.tolist())
    assert (np.diff(drawn) > 0).all()
    assert drawn[:10].tolist() == list(range(10))


def test_short_runs_are_drawn_whole():
    assert loss.drawn_epochs([0, 1, 2, 5], key=[2]).tolist() == [0, 1, 2, 5]


@pytest.mark.parametrize("noisy", [NOISY, None])
def test_the_share_below_the_scale_stands_under_the_name_of_its_group_and_over_no_bar(view_of, noisy):
    table = losses()
    table[2, :30] = 1e-9
    plot = loss.build(view_of(table, noisy=noisy)).plots()[0]

    for figure in (plot.wide, plot.narrow):
        below = [note for note in figure.layout.annotations if "lower \u2193" in note.text]
        names = {note.x: note.yshift for note in figure.layout.annotations if note.yshift == -29}
        assert below
        assert all(note.yanchor == "top" and note.yshift <= names[note.x] - 15 for note in below)
