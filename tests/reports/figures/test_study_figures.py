"""The figures of studies, on their data: positions, gaps, zeros on logarithms, names."""

import numpy as np
import pytest

from probes_reports.figures.study_axis import shown, study_axis
from probes_reports.figures.study_bars import BarFigure, StudyBars, study_bars
from probes_reports.figures.study_heat import HeatFigure, study_heat
from probes_reports.figures.study_lines import LineFigure, StudyLine, named_beside, study_lines
from probes_reports.figures.study_names import Reference
from probes_reports.figures.study_scatter import ScatterFigure, StudyPoints, study_scatter

NAN = float("nan")
NONE = np.empty(0)


def line(name="a", x=(1, 2, 3), y=(0.1, 0.5, 0.9), low=(), high=(), **more):
    arrays = (np.array(values, dtype=float) for values in (x, y, low, high))
    return StudyLine(name, *arrays, **more)


def texts(figure):
    return [label.text for label in figure.layout.annotations]


# axes


def test_a_logarithmic_axis_has_a_place_for_zero_left_of_the_smallest():
    axis = study_axis([np.array([0.0, 1.0, 10.0, 1000.0])], "units", log=True)

    zero, one, ten, thousand = axis.place([0.0, 1.0, 10.0, 1000.0])
    assert axis.low < zero < one == 0
    assert (ten, thousand) == (1, 3)
    assert (zero, "0") in axis.ticks
    assert np.isnan(axis.place([-1.0])).all()


def test_epochs_are_log_1_plus_epoch_as_on_every_page():
    axis = study_axis([np.arange(1, 61)], "epoch", log=True, most=12)

    assert axis.place([1, 60]) == pytest.approx(np.log1p([1, 60]))
    assert [text for _, text in axis.ticks] == ["1", "2", "5", "10", "20", "50", "60"]


@pytest.mark.parametrize(
    ("values", "share", "ticks"),
    [
        ([0.02, 0.98], True, ["0%", "20%", "40%", "60%", "80%", "100%"]),
        ([0.97, 0.985], True, ["97.0%", "97.5%", "98.0%", "98.5%", "99.0%", "99.5%", "100.0%"]),
        ([-3, 17], False, ["0", "5", "10", "15"]),
        ([0.001, 0.002], False, ["0.0010", "0.0012", "0.0014", "0.0016", "0.0018", "0.0020"]),
        ([4, 4], False, ["2", "3", "4", "5", "6"]),
        ([], False, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
    ],
)
def test_ticks_are_round_and_told_apart(values, share, ticks):
    axis = study_axis([np.array(values, dtype=float)], "y", is_share=share)

    assert [text for _, text in axis.ticks] == ticks
    assert all(axis.low <= position <= axis.high for position, _ in axis.ticks)


def test_whole_numbers_have_no_ticks_between_them():
    axis = study_axis([np.array([2.0, 3.0])], "layers", most=12)

    assert [text for _, text in axis.ticks] == ["2", "3"]


@pytest.mark.parametrize(
    ("values", "log", "share", "ticks"),
    [
        ([16, 64, 256, 1024], True, False, ["16", "64", "256", "1,024"]),
        ([0, 0.2, 0.4, 0.8], False, True, ["0%", "20%", "40%", "80%"]),
        ([0, 0.01, 100], True, False, ["0", "0.01", "100"]),
        ([1, 1.01, 5], False, False, ["1", "2", "3", "4", "5"]),
    ],
)
def test_few_values_have_the_ticks_unless_they_would_touch(values, log, share, ticks):
    axis = study_axis([np.array(values, dtype=float)], "x", log=log, is_share=share, at_values=True, most=5)

    assert [text for _, text in axis.ticks] == ticks


def test_a_band_of_shares_does_not_stretch_the_axis_beyond_all_and_nothing():
    axis = study_axis([np.array([0.1, 0.95]), np.array([-0.1, 1.2])], "y", is_share=True)

    assert axis.low > -0.1
    assert axis.high < 1.1


@pytest.mark.parametrize(
    ("value", "share", "text"),
    [(0.5, True, "50.0%"), (1.2, True, "120.0%"), (12345.6, False, "12,346"), (0.01234, False, "0.0123"),
     (NAN, False, "unknown"), (0, False, "0")],
)  # fmt: skip
def test_values_are_shown_with_the_digits_that_count(value, share, text):
    assert shown(value, is_share=share) == text


# lines


def test_a_missing_value_leaves_a_gap_in_line_and_band():
    y = np.array([0.1, 0.2, NAN, 0.4, 0.5])
    figure = study_lines(LineFigure("x", "y", (line(x=range(5), y=y, low=y - 0.1, high=y + 0.1),)))

    bands = [trace for trace in figure.data if trace.fill == "toself"]
    drawn = figure.data[-1]
    assert [sorted(set(band.x)) for band in bands] == [[0, 1], [3, 4]]
    assert np.isnan(drawn.y[2])
    assert drawn.connectgaps is False


def test_a_line_shows_what_it_was_given_and_its_csv_too():
    figure = study_lines(LineFigure("units", "error", (line(x=(1, 10, 100), y=(0.5, NAN, 0)),), log_x=True, log_y=True))

    drawn = figure.data[-1]
    assert list(drawn.x) == pytest.approx([0, 1, 2])
    assert list(drawn.customdata) == [1, 10, 100]
    assert drawn.meta["value"] == [0.5, None, 0.0]
    assert drawn.meta["csv"]["units"] == "customdata"
    assert drawn.meta["csv"]["error"] == "meta.value"


def test_points_have_error_bars_and_no_line():
    figure = study_lines(LineFigure("x", "y", (line(low=(0, 0.4, 0.8), high=(0.3, 0.6, 1.0), points=True),)))

    drawn = figure.data[0]
    assert (drawn.mode, len(figure.data)) == ("markers", 1)
    assert list(drawn.error_y.array) == pytest.approx([0.2, 0.1, 0.1])
    assert list(drawn.error_y.arrayminus) == pytest.approx([0.1, 0.1, 0.1])


def test_lines_differ_in_more_than_their_colour():
    lines = tuple(line(str(n), x=range(30), y=np.linspace(0, n, 30), swatch=str(n)) for n in range(1, 6))
    figure = study_lines(LineFigure("x", "y", lines))

    assert len({trace.line.dash for trace in figure.data}) == 5


def test_names_stand_beside_the_lines_and_are_escaped():
    lines = (line("<b>rising</b>"), line("falling", y=(0.9, 0.5, 0.1), swatch="2"))
    drawn = LineFigure("x", "y", lines, (Reference("y", 0.3, "<i>chance</i>"),))

    told = texts(study_lines(drawn))
    assert "<b>&lt;b&gt;rising&lt;/b&gt;</b>" in told
    assert "<b>falling</b>" in told
    assert "&lt;i&gt;chance&lt;/i&gt;" in told
    assert named_beside(drawn)


def test_lines_without_room_for_their_names_are_told():
    same = tuple(line(f"line {number}", swatch="other") for number in range(12))

    assert not named_beside(LineFigure("x", "y", same))


def test_a_phone_has_no_names_in_the_plot_but_every_reference():
    drawn = LineFigure("x", "y", (line("rising"),), (Reference("x", 2, "here"),))

    told = texts(study_lines(drawn, narrow=True))
    assert "here" in told
    assert not any("rising" in text for text in told)


# bars, matrices, points


@pytest.mark.parametrize("narrow", [False, True])
def test_bars_begin_at_zero_and_a_missing_one_is_a_dash(narrow):
    bars = StudyBars("a", np.array([2.0, NAN, 4.0]), np.array([1.0, NAN, 3.0]), np.array([3.0, NAN, 5.0]))
    figure = study_bars(BarFigure("epochs", ("x", "y", "z"), (bars,)), narrow=narrow)

    drawn = figure.data[0]
    length, errors = (drawn.x, drawn.error_x) if narrow else (drawn.y, drawn.error_y)
    assert drawn.base == 0
    assert list(length) == pytest.approx([2, NAN, 4], nan_ok=True)
    assert list(errors.array) == [1, 0, 1]
    assert [text for text in texts(figure) if text in ("2", "–", "4")] == ["2", "–", "4"]


def test_bars_of_a_group_stand_beside_each_other():
    two = tuple(StudyBars(name, np.array([1.0, 2.0]), NONE, NONE, name) for name in ("1", "2"))
    first, second = study_bars(BarFigure("y", ("a", "b"), two)).data

    assert first.x[0] + first.width / 2 <= second.x[0] - second.width / 2
    assert second.x[0] < 0.5 < first.x[1]


def test_a_matrix_shows_each_number_and_leaves_gaps():
    values = np.array([[0.1, NAN], [1.0, 10.0]])
    figure = study_heat(HeatFigure("x", "y", "value", ("a", "<b>"), ("c", "d"), values, log=True))

    assert np.isnan(figure.data[0].z[0][1])
    assert figure.data[0].z[1][1] == pytest.approx(1)
    assert [text for text in texts(figure) if text in ("0.1", "–", "1", "10")] == ["0.1", "–", "1", "10"]
    assert "&lt;b&gt;, c<br>value: 1" in figure.data[0].text[1][0]


def test_numbers_that_do_not_fit_their_cells_are_left_to_the_tooltip():
    values = np.full((10, 10), 0.00123)
    names = tuple(str(number) for number in range(10))
    drawn = HeatFigure("x", "y", "value", names, names, values)

    assert "0.00123" in texts(study_heat(drawn))
    assert "0.00123" not in texts(study_heat(drawn, narrow=True))
    assert "0.00123" in study_heat(drawn, narrow=True).data[0].text[0][0]


def test_points_are_named_where_there_is_room():
    points = StudyPoints(
        "dropout", np.array([0.1, 0.9, NAN]), np.array([0.5, 0.6, 0.7]), ("0", "<b>", "lost"), "2", True
    )
    figure = study_scatter(ScatterFigure("x", "y", (points,), share_x=True))

    told = texts(figure)
    assert {"0", "&lt;b&gt;"} <= set(told)
    assert "lost" not in told
    assert figure.data[0].mode == "lines+markers"
    assert figure.data[0].meta["x"] == [0.1, 0.9, None]
