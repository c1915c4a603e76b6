"""The heat map of answers."""

import numpy as np

from probes_reports.figures.fate import Block, fate_map


def blocks():
    upper = np.array([[0, 2, 3], [0, 2, 2]], dtype=np.int8)
    lower = np.array([[0, 1, 1], [1, 1, 1], [0, 0, 1]], dtype=np.int8)
    return [
        Block("2 wrong labels", np.array([7, 3]), upper, ["a", "b"]),
        Block("3 clean", np.array([0, 1, 2]), lower, ["c", "d", "e"]),
    ]


def test_each_column_spans_one_epoch_of_the_log_axis():
    figure = fate_map(blocks(), np.array([0, 1, 2]))

    assert np.allclose(figure.data[0].x, np.log([1, 2, 3, 4]))
    assert np.array_equal(figure.data[1].z, blocks()[1].answers)


def test_rows_keep_their_order_from_the_top_and_their_names():
    figure = fate_map(blocks(), np.array([0, 1, 2]))

    assert figure.data[0].meta["matrix"]["rows"] == [7, 3]
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]
    assert figure.layout.yaxis.domain[0] > figure.layout.yaxis2.domain[1]


def test_answers_of_every_kind_have_their_own_colour():
    scale = fate_map(blocks(), np.array([0, 1, 2])).data[0].colorscale

    assert len({colour for _, colour in scale}) == 5


def test_names_of_blocks_stand_on_a_plate_of_the_page_s_colour():
    plates = [note.bgcolor for note in fate_map(blocks(), np.array([0, 1, 2])).layout.annotations if "<b>" in note.text]

    assert plates == ["rgba(255,255,255,0.88)"] * 2
