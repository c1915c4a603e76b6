"""Names beside lines."""

import numpy as np
import pytest

from probes_reports.figures.direct_labels import Wanted, box_size, place_labels, spread

WIDTH, HEIGHT = 900.0, 350.0


def box(placed, size=13.0):
    """The box of a placed label in px."""
    wide, high = box_size(placed.text.split("<br>"), size)
    x = placed.x + placed.dx
    left = {"left": x, "center": x - wide / 2, "right": x - wide}[placed.xanchor]
    middle = placed.y + placed.dy
    return left, middle - high / 2, left + wide, middle + high / 2


def inside(points, edges):
    left, bottom, right, top = edges
    return ((points[:, 0] > left) & (points[:, 0] < right) & (points[:, 1] > bottom) & (points[:, 1] < top)).any()


@pytest.mark.parametrize("seed", range(8))
def test_labels_touch_neither_lines_nor_each_other(seed):
    random = np.random.default_rng(seed)
    x = np.linspace(0, WIDTH, 60)
    lines = {
        name: np.stack([x, np.clip(HEIGHT / 2 + np.cumsum(random.normal(0, 14, 60)), 0, HEIGHT)], axis=1)
        for name in ("a", "b", "c")
    }
    wanted = [Wanted(name, ((f"<b>line {name},</b>", "with more words"), (name,)), name) for name in lines]

    placed = place_labels(wanted, lines, width=WIDTH, height=HEIGHT)

    boxes = [box(label) for label in placed]
    fine = {
        name: np.stack([np.linspace(0, WIDTH, 4000), np.interp(np.linspace(0, WIDTH, 4000), *line.T)], axis=1)
        for name, line in lines.items()
    }
    assert placed
    assert not any(inside(points, edges) for points in fine.values() for edges in boxes)
    for at, first in enumerate(boxes):
        for second in boxes[at + 1 :]:
            assert first[2] < second[0] or second[2] < first[0] or first[3] < second[1] or second[3] < first[1]


def test_a_label_is_nearer_to_its_own_line_than_to_any_other():
    x = np.linspace(0, WIDTH, 50)
    lines = {"low": np.stack([x, np.full(50, 60.0)], 1), "high": np.stack([x, np.full(50, 250.0)], 1)}

    placed = {
        p.name: p for p in place_labels([Wanted(n, ((n,),), n) for n in lines], lines, width=WIDTH, height=HEIGHT)
    }

    for name, other in (("low", 250.0), ("high", 60.0)):
        middle = placed[name].y + placed[name].dy
        assert abs(middle - lines[name][0, 1]) < abs(middle - other)


def test_takes_the_shorter_text_where_the_longer_one_does_not_fit():
    lines = {"a": np.array([[0.0, 20.0], [90.0, 20.0]])}

    placed = place_labels([Wanted("a", (("much too long for this plot",), ("a",)), "a")], lines, width=90, height=60)

    assert [label.text for label in placed] == ["a"]


def test_a_label_without_room_is_left_out():
    lines = {"a": np.array([[0.0, 5.0], [10.0, 5.0]])}

    assert place_labels([Wanted("a", (("long",),), "a")], lines, width=10, height=10) == []


def test_spread_keeps_order_and_distance():
    moved = spread([100.0, 98.0, 97.0, 10.0], gap=16, low=0, high=120)

    assert moved[0] > moved[1] > moved[2] > moved[3]
    assert (np.diff(sorted(moved)) >= 16 - 1e-3).all()
    assert moved[3] == 10
