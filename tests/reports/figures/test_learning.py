"""The hero's data and words."""

import numpy as np
import pytest

from probes_reports.figures.epoch_axis import place
from probes_reports.figures.learning import Band, Curve, Mark, learning_curves

EPOCHS = np.arange(0, 121)
RISING = 1 / (1 + np.exp(-(EPOCHS - 20) / 4.0))
CURVES = [
    Curve("clean", "clean examples", EPOCHS, np.minimum(1, 0.1 + EPOCHS * 0.4), ("<b>clean examples</b>",), ("clean",)),
    Curve("noisy", "wrong labels", EPOCHS, RISING, ("<b>wrong labels</b>",), ("wrong",)),
]


@pytest.mark.parametrize("narrow", [False, True])
def test_draws_the_shares_it_is_given(narrow):
    figure = learning_curves(CURVES, narrow=narrow)

    for trace, curve in zip(figure.data, CURVES, strict=True):
        assert np.array_equal(trace.y, curve.shares)
        assert np.allclose(trace.x, place(curve.epochs))
        assert np.array_equal(trace.customdata, curve.epochs)


def test_lines_that_end_together_share_one_value_at_the_right():
    figure = learning_curves(CURVES)

    assert [note.text for note in figure.layout.annotations].count("100%") == 1


def test_marks_and_bands_stand_at_their_epochs():
    mark = Mark("noisy", 29, float(RISING[29]), ("<b>epoch 29</b>", "memorized"), ("<b>epoch 29</b>",), "solid")
    band = Band(0, 5, "learning the pattern", ("learning",), "clean")

    figure = learning_curves(CURVES, [mark], [band])

    wash, drop = figure.layout.shapes
    assert (wash.x0, wash.x1) == pytest.approx((0, np.log(6)))
    assert drop.x0 == drop.x1 == pytest.approx(np.log(30))
    assert any("epoch 29" in note.text for note in figure.layout.annotations)


def test_one_epoch_and_no_epoch_draw():
    short = Curve("all", "train", np.array([1]), np.array([0.5]), ("train",), ("train",))
    nothing = Curve("all", "train", np.array([], dtype=int), np.array([]), ("train",), ("train",))

    assert learning_curves([short]).data[0].mode == "markers"
    assert len(learning_curves([nothing]).data[0].x) == 0
