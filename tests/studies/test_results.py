"""Curves and times read off runs."""

import numpy as np
import pytest

from probes.studies.chart import band, cell, spread, swatch
from probes.studies.results import curve, epochs_to
from probes.training import TrainConfig, train


def test_a_curve_is_the_column_of_run_epochs(tmp_path):
    run = train(TrainConfig(epochs=3, width=8, depth=1, subset=50, noise=0.4, probe="none"), tmp_path / "run")

    table = run.epochs
    expected = table[(table["group"] == "test") & (table["epoch"] > 0)].sort_values("epoch")["accuracy"]
    assert curve(run, "test").tolist() == expected.tolist()
    correct = run.trajectory("correct")[:, run.noisy]
    assert curve(run, "train/noisy") == pytest.approx(correct.mean(1))
    assert np.isnan(curve(run, "train/gaussian")).all()


@pytest.mark.parametrize(
    ("values", "first"), [([0.2, 0.9, 0.95], 2.0), ([0.9], 1.0), ([0.1, 0.2], np.nan), ([], np.nan)]
)
def test_the_first_epoch_that_reaches_a_share(values, first):
    assert epochs_to(np.array(values), 0.9) == pytest.approx(first, nan_ok=True)


def test_a_band_is_mean_and_sd_over_the_seeds_that_have_a_value():
    line = band("test", [1, 2], [[1.0, 2.0], [3.0, np.nan]])

    assert list(line.y) == [2.0, 2.0]
    assert list(line.low) == pytest.approx([2 - np.sqrt(2), 2.0])
    assert list(line.high) == pytest.approx([2 + np.sqrt(2), 2.0])
    assert len(band("test", [1], [[1.0]]).low) == 0


def test_a_spread_leaves_out_the_seeds_without_a_value():
    line = spread("time", [1, 2, 3], [[1.0, np.nan, 3.0], [np.nan], [4.0]])

    assert line.y == pytest.approx([2.0, np.nan, 4.0], nan_ok=True)
    assert line.high == pytest.approx([2 + np.sqrt(2), np.nan, 4.0], nan_ok=True)


def test_cells_and_colours():
    assert (cell([]), cell([0.5]), cell([1, 2, 3], 1)) == ("–", "0.500", "2.0 ± 1.0")
    assert (cell([np.nan]), cell([1, np.nan, 3], 0), cell([2, np.inf], 0)) == ("–", "2 ± 1 (2 of 3)", "2 (1 of 2)")
    assert [swatch(place) for place in range(6)] == ["1", "2", "3", "4", "5", "1"]
