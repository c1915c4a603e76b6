"""One number for each attribution map, and clean examples against noisy ones."""

import numpy as np
import pandas as pd
import pytest

from probes.probing import map_similarity, maps_by_group, summarize_maps


def frame_of(*rows):
    """Rows of (epoch, example, method, label, map)."""
    columns = ["epoch", "example", "method", "label", "map"]
    frame = pd.DataFrame([(*row[:4], np.asarray(row[4], dtype=np.float32)) for row in rows], columns=columns)
    return frame.assign(split="train")


def test_concentration_is_the_gini_coefficient_of_the_absolute_values():
    frame = frame_of(
        (1, 0, "saliency", "given", [2, 2, 2, 2]),
        (1, 1, "saliency", "given", [0, 0, -5, 0]),
        (1, 2, "saliency", "given", [1, -2, 3, -4]),
        (1, 3, "saliency", "given", [0, 0, 0, 0]),
    )

    found = summarize_maps(frame).set_index("example")["concentration"]

    assert found[[0, 1, 2]].tolist() == pytest.approx([0, 3 / 4, 1 / 4])  # sum of (2i - 5) i, i 1..4, over 4 times 10
    assert np.isnan(found[3])


def test_overlap_is_the_cosine_of_the_absolute_maps_of_the_two_labels():
    frame = frame_of(
        (1, 0, "grad_cam", "given", [3, 4, 0]),
        (1, 0, "grad_cam", "true", [4, -3, 0]),
        (1, 1, "grad_cam", "given", [1, 0, 0]),
        (1, 1, "grad_cam", "true", [0, 0, 9]),
        (2, 1, "grad_cam", "true", [1, 0, 0]),
        (1, 2, "grad_cam", "given", [1, 1, 1]),
        (1, 3, "grad_cam", "given", [0, 0, 0]),
        (1, 3, "grad_cam", "true", [0, 0, 9]),
    )

    summaries = summarize_maps(frame)

    given = summaries[summaries["label"] == "given"].set_index("example")["overlap"]
    assert given[[0, 1]].tolist() == pytest.approx([24 / 25, 0])
    assert given[[2, 3]].isna().all()
    assert summaries.loc[summaries["label"] == "true", "overlap"].isna().all()


def test_stability_is_that_of_a_map_with_itself_when_it_was_last_measured():
    frame = frame_of(
        (5, 0, "saliency", "given", [0, 2]),
        (1, 0, "saliency", "given", [1, 0]),
        (2, 0, "saliency", "given", [3, 3]),
        (1, 0, "grad_cam", "given", [1, 0]),
        (1, 7, "saliency", "given", [1, 0]),
        (5, 7, "saliency", "given", [-8, 0]),
        (5, 7, "saliency", "true", [1, 0]),
    )

    found = summarize_maps(frame).set_index(["method", "label", "example", "epoch"])

    half = np.sqrt(0.5)
    assert found.loc[("saliency", "given", 0), "stability"].tolist() == pytest.approx([np.nan, half, half], nan_ok=True)
    assert found.loc[("saliency", "given", 0), "since"].tolist() == [pd.NA, 1, 2]
    assert found.loc[("saliency", "given", 7), "stability"].tolist() == pytest.approx([np.nan, 1], nan_ok=True)
    assert found.loc[("saliency", "given", 7), "since"].tolist() == [pd.NA, 1]
    assert np.isnan(found.loc[("grad_cam", "given", 0, 1), "stability"])
    assert np.isnan(found.loc[("saliency", "true", 7, 5), "stability"])


def test_no_summary_depends_on_the_scale_of_a_map_or_the_order_of_rows():
    generator = np.random.default_rng(0)
    rows = [
        (epoch, example, "saliency", label, generator.normal(size=6) ** 3)
        for epoch in (1, 2, 5)
        for example in range(4)
        for label in ("given", "true")
    ]
    plain = summarize_maps(frame_of(*rows))

    grown = summarize_maps(frame_of(*((*row[:4], row[4] * 10.0 ** row[0]) for row in rows)))
    shuffled = summarize_maps(frame_of(*rows).sample(frac=1, random_state=0))

    pd.testing.assert_frame_equal(grown, plain, rtol=1e-5)
    pd.testing.assert_frame_equal(shuffled, plain)


@pytest.mark.parametrize("seed", range(3))
def test_similarity_agrees_with_the_definition(seed):
    first, second = np.random.default_rng(seed).normal(size=(2, 5, 9))

    expected = [
        sum(abs(a * b) for a, b in zip(one, other, strict=True)) / np.sqrt((one @ one) * (other @ other))
        for one, other in zip(first, second, strict=True)
    ]
    np.testing.assert_allclose(map_similarity(first, second), expected)


def test_similarity_of_unrelated_normal_maps_is_two_over_pi():
    first, second = np.random.default_rng(0).normal(size=(2, 100_000))

    assert map_similarity(first, second) == pytest.approx(2 / np.pi, abs=0.01)


def test_similarity_survives_very_large_and_very_small_maps():
    tiny = np.array([3e-38, 4e-38], dtype=np.float32)

    assert map_similarity(tiny, np.array([4e38, 3e38])) == pytest.approx(24 / 25)
    assert np.isnan(map_similarity(tiny, np.zeros(2)))
    assert np.isnan(map_similarity(tiny, np.array([np.nan, 1])))


def test_groups_have_the_mean_and_the_count_of_the_given_labels_maps():
    frame = frame_of(
        (1, 0, "saliency", "given", [1, 1]),
        (1, 1, "saliency", "given", [0, 1]),
        (1, 3, "saliency", "given", [0, 0]),
        (1, 2, "saliency", "given", [3, 4]),
        (1, 2, "saliency", "true", [4, 3]),
        (2, 2, "saliency", "given", [3, 4]),
    )

    table = maps_by_group(summarize_maps(frame), np.array([False, False, True, False]))

    found = table.set_index(["epoch", "method", "summary", "group"])
    assert found.loc[(1, "saliency", "concentration", "clean")].tolist() == [pytest.approx(0.25), 2]
    assert found.loc[(1, "saliency", "concentration", "noisy")].tolist() == [pytest.approx(1 / 14), 1]
    assert found.loc[(1, "saliency", "overlap", "noisy")].tolist() == [pytest.approx(24 / 25), 1]
    assert found.loc[(1, "saliency", "overlap", "clean"), "count"] == 0
    assert np.isnan(found.loc[(1, "saliency", "overlap", "clean"), "mean"])
    assert found.loc[(2, "saliency", "stability", "noisy")].tolist() == [pytest.approx(1), 1]
    assert len(table) == 3 * 3  # three summaries of clean and noisy at epoch 1, of noisy at epoch 2


def test_nothing_measured_has_no_summaries():
    empty = summarize_maps(frame_of())

    assert len(empty) == len(maps_by_group(empty, np.array([], dtype=bool))) == 0
    assert {"concentration", "overlap", "stability", "since"} <= set(empty.columns)


def test_refuses_what_are_no_maps():
    with pytest.raises(ValueError, match=r"^frame must hold attribution maps, .*: no 'map'\.$"):
        summarize_maps(frame_of().drop(columns="map"))
    with pytest.raises(ValueError, match=r"^maps must have one length, got several\."):
        summarize_maps(frame_of((1, 0, "saliency", "given", [1]), (1, 1, "saliency", "given", [1, 2])))
    summaries = summarize_maps(frame_of((1, 4, "saliency", "given", [1, 2])))
    with pytest.raises(ValueError, match=r"^noisy must have an entry for every example: 4 entries, example 4\.$"):
        maps_by_group(summaries, np.zeros(4, dtype=bool))
