"""Lines over the epochs: dots where something was measured, logarithms within the axis, names that do not collide."""

import numpy as np
import pytest

from probes_reports.figures.epoch_axis import Guide
from probes_reports.figures.epoch_lines import Line, Scale, epoch_lines
from probes_reports.figures.log_ticks import log_ticks
from probes_reports.figures.score_matrix import score_matrix
from probes_reports.palette import LIGHT

EPOCHS = np.array([0, 1, 2, 5, 10, 20, 40])
SHARES = Scale(0, 1, lambda value: f"{value:.0%}", "share", percent=True)


def line(values, **settings):
    return Line("clean", "clean", "clean", EPOCHS, np.asarray(values, dtype=float), **settings)


def texts(figure):
    return [note.text for note in figure.layout.annotations]


@pytest.mark.parametrize("size", ["wide", "half", "narrow", "narrow_half"])
def test_every_size_names_its_lines_and_their_ends(size):
    other = Line("noisy", "wrong labels", "wrong labels", EPOCHS, np.linspace(0.1, 0.2, 7))
    figure = epoch_lines(
        [line(np.linspace(0.5, 0.9, 7)), other], SHARES, [Guide(2, "x", LIGHT.clean, LIGHT.clean)], size=size
    )

    assert {"90%", "20%", "x"} <= set(texts(figure))
    assert any("clean" in text for text in texts(figure))
    assert any("wrong" in text for text in texts(figure))


def test_measured_epochs_have_dots_until_there_are_too_many():
    many = np.arange(200)
    figure = epoch_lines([line(EPOCHS / 40), Line("all", "b", "b", many, many / 200)], SHARES)

    assert [trace.mode for trace in figure.data] == ["lines+markers", "lines"]


def test_missing_values_are_left_out():
    figure = epoch_lines([line([0.1, np.nan, 0.3, 0.4, 0.5, 0.6, np.nan])], SHARES)

    assert figure.data[0].customdata.tolist() == [0, 2, 5, 10, 20]
    assert "60%" in texts(figure)


def test_values_at_or_below_the_foot_of_a_log_axis_are_drawn_on_it():
    scale = Scale(0.01, 10, str, "norm", log=True)
    figure = epoch_lines([line([10, 1, 0.1, 0.01, 0.001, 0, 1])], scale)

    assert figure.data[0].y.tolist() == [1, 0, -1, -2, -2, -2, 0]
    assert figure.data[0].meta["norm"] == [10, 1, 0.1, 0.01, 0.001, 0, 1]  # the table has the values themselves


def test_ends_that_read_the_same_are_written_once():
    other = Line("noisy", "b", "b", EPOCHS, np.full(7, 0.5))
    figure = epoch_lines([line(np.full(7, 0.5)), other], SHARES)

    assert texts(figure).count("50%") == 1


def test_a_single_epoch_has_its_quantiles_as_bars():
    one = Line("clean", "clean", "clean", np.array([5]), np.array([0.5]), np.array([[0.1, 0.4, 0.6, 0.9]]))
    figure = epoch_lines([one], SHARES)

    assert [list(trace.y) for trace in figure.data[:2]] == [[0.1, 0.9], [0.4, 0.6]]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-1.2, 0.1, ["0.1", "0.2", "0.5", "1"]),
        (-2, 2, ["0.01", "0.1", "1", "10", "100"]),
        (-6, -5, ["10<sup>−6</sup>"]),
    ],
)
def test_ticks_of_a_log_axis(low, high, expected):
    assert log_ticks(low, high)[1][: len(expected)] == expected


def test_undefined_correlations_are_dashes_and_small_ones_have_no_sign():
    figure = score_matrix(np.array([[np.nan, -0.001, -0.25]]), ["a"], ["b", "c", "d"], narrow=True)

    assert texts(figure) == ["–", "0.00", "−0.25"]
