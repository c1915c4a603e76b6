"""The axis that all figures share."""

from itertools import pairwise

import numpy as np
import pytest

from probes_reports.figures.epoch_axis import Guide, epoch_axis, guide_labels, place, ticks


def test_places_epochs_at_log_of_one_plus_epoch():
    assert place([0, 1, 120]) == pytest.approx([0, np.log(2), np.log(121)])


def test_ticks_are_round_and_end_at_the_last_epoch():
    assert ticks(120) == [0, 1, 2, 5, 10, 20, 50, 120]
    assert ticks(120, first=1)[0] == 1


@pytest.mark.parametrize("last", [1, 2, 3, 7, 21, 51, 99, 1000, 12345])
@pytest.mark.parametrize("width", [255, 948])
def test_tick_labels_never_touch(last, width):
    shown = ticks(last, width=width)
    pixels = place(shown) / place(last) * width
    needed = [4 * (len(f"{a:,}") + len(f"{b:,}")) for a, b in pairwise(shown)]

    assert shown[-1] == last
    assert (np.diff(pixels) > needed).all()


def test_a_run_without_epochs_still_has_an_axis():
    low, high = epoch_axis(0)["range"]

    assert high > low


def test_a_guide_label_that_would_touch_a_more_important_one_is_left_out():
    guides = [Guide(30, "noise memorized", "#1", "#2"), Guide(31, "clean learned", "#1", "#2")]

    assert [label["text"] for label in guide_labels(guides, 120)] == ["noise memorized"]


def test_a_guide_label_stands_aside_for_a_neighbour_as_long_as_it_keeps_its_line():
    first, second = guide_labels([Guide(3, "clean learned", "#1", "#2"), Guide(4, "best validation", "#1", "#2")], 20)

    across = [label["x"] / float(place(20)) * 900 for label in (first, second)]
    half = [3.4 * len(label["text"]) + 6 for label in (first, second)]
    assert first["xshift"] == 0
    assert across[1] + second["xshift"] - half[1] > across[0] + half[0]  # clear of each other
    assert abs(second["xshift"]) < half[1]  # and still above its line
