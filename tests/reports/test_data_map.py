"""The data map: regions, what is drawn of whom, callouts, sentences, and runs with little in them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from probes.runs.run import open_run
from probes.runs.writer import RunWriter
from probes_reports.figures.callouts import free_spot, place_callouts
from probes_reports.figures.data_map import Callout, Cloud, data_map
from probes_reports.sections import data_map as section_module
from probes_reports.sections import data_map_cards
from probes_reports.sections.data_map import build
from probes_reports.sections.data_map_windows import AMBIGUOUS, EASY, HARD, regions
from probes_reports.sections.section import Absent, Block, Plot, Section, Table
from probes_reports.view import RunView
from probes_reports.wording import plain_text

# Six clean examples, learned at once; three wrong labels, learned at epoch 4. Probability of the given label.
CLEAN = [0.9, 0.9, 0.9, 0.9, 0.9, 0.9]
WRONG = [0.1, 0.1, 0.1, 0.9, 0.9, 0.9]
PROBABILITY = np.array([WRONG] * 3 + [CLEAN] * 6, dtype=np.float64).T  # epochs x examples
TRUE = np.arange(9) % 3
GIVEN = np.where(np.arange(9) < 3, (TRUE + 1) % 3, TRUE)


def write_run(
    folder: Path,
    probability: np.ndarray = PROBABILITY,
    *,
    truth: bool = True,
    noisy: np.ndarray | None = None,
    peak: int | None = 3,
    images: bool = False,
    classes: list[str] | None = None,
) -> RunView:
    """A run whose given labels have these probabilities (epochs x examples, NaN: not visited)."""
    epochs, count = probability.shape
    meta = {"dataset": {"name": "hand", "classes": classes}}
    writer = RunWriter.create(folder, num_examples=count, measure="sweep", meta=meta)
    true, given = np.arange(count) % 3, np.resize(GIVEN, count)
    if noisy is not None:
        given = np.where(noisy, (true + 1) % 3, true)
    columns = {"given_label": given}
    if truth:
        columns |= {
            "true_label": true,
            "noisy": given != true,
            "corruption": np.where(given != true, "uniform_other", ""),
        }
    writer.write_examples(columns)
    if images:
        writer.write_thumbnails({example: _png(example) for example in range(count)})
    for epoch, row in enumerate(probability, start=1):
        seen = np.flatnonzero(~np.isnan(row))
        loss = -np.log(row[seen]).astype(np.float32)
        prediction = np.where(row[seen] > 0.5, given[seen], true[seen]).astype(np.int32)
        other = {"margin": -loss, "entropy": loss, "el2n": loss, "prediction": prediction}
        writer.write_epoch(epoch, {"example": seen, "visits": np.ones(len(seen), np.int32), "loss": loss, **other})
    if peak is not None:
        writer.append_metrics(
            [_metric(epoch, group, peak) for epoch in range(1, epochs + 1) for group in ("validation", "test")]
        )
    writer.finish("complete")
    return RunView(open_run(folder))


def _metric(epoch: int, group: str, peak: int) -> dict[str, object]:
    accuracy = 0.9 - 0.1 * abs(epoch - peak)
    return {
        "epoch": epoch,
        "group": group,
        "examples": 10,
        "accuracy": accuracy,
        "true_label_accuracy": accuracy,
        "loss": 1.0,
    }


def _png(seed: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((4, 4), seed * 20, dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def section(tmp_path_factory) -> Section:
    """Of the run above, with its defaults."""
    return built(write_run(tmp_path_factory.mktemp("hand") / "run"))


def built(view: RunView) -> Section:
    section = build(view)
    assert isinstance(section, Section)
    return section


def tooltips(section: Section) -> dict[str, object]:
    return next(part.data.cards for part in section.all_parts() if isinstance(part, Block))


# regions


def test_the_third_that_varies_most_is_ambiguous_and_half_parts_the_rest():
    confidence = np.array([0.9, 0.5, 0.2, 0.9, 0.1, 0.6])
    variability = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])

    region, threshold = regions(confidence, variability)

    assert threshold == pytest.approx(1 / 3)  # two thirds of the way from the first to the last of six
    assert region.tolist() == [EASY, EASY, HARD, EASY, AMBIGUOUS, AMBIGUOUS]


def test_equal_variabilities_stay_together_and_unvisited_examples_have_no_region():
    region, _ = regions(np.array([0.9, 0.2, np.nan, 0.9]), np.array([0.2, 0.2, np.nan, 0.2]))

    assert region.tolist() == [EASY, HARD, -1, EASY]


# what is drawn


def test_marks_lie_at_mean_and_population_deviation_of_the_given_labels_probability(section):
    early, whole = section.plots()

    for plot, epochs in ((early, 3), (whole, 6)):
        window = PROBABILITY[:epochs]
        clean, wrong = plot.wide.data[0], plot.wide.data[1]
        np.testing.assert_allclose(clean.y, window.mean(axis=0)[3:], rtol=1e-5)
        np.testing.assert_allclose(wrong.x, window.std(axis=0)[:3], atol=1e-6)
        assert wrong.customdata.tolist() == [0, 1, 2]


def test_both_maps_have_the_same_axes_and_noisy_marks_are_diamonds(section):
    early, whole = (plot.wide for plot in section.plots())

    assert early.layout.xaxis.range == whole.layout.xaxis.range
    assert early.layout.yaxis.range == whole.layout.yaxis.range
    assert [trace.marker.symbol for trace in early.data[:2]] == ["circle", "diamond"]


def test_counts_of_the_regions_are_printed_by_group(section):
    early, whole = (part for part in section.all_parts() if isinstance(part, Table))

    assert [[plain_text(cell.text) for cell in row] for row in early.rows] == [
        ["easy to learn", "6 (100%)", "0 (0%)"],
        ["hard to learn", "0 (0%)", "3 (100%)"],
        ["ambiguous", "0 (0%)", "0 (0%)"],
    ]
    assert [plain_text(row[2].text) for row in whole.rows] == ["0 (0%)", "0 (0%)", "3 (100%)"]


def test_many_examples_are_drawn_as_a_stated_sample_of_both_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(section_module, "MOST_POINTS", 60)
    noisy = np.arange(300) < 100
    probability = np.where(noisy, 0.2, 0.8)[None, :] * np.array([[1.0], [0.9], [1.1], [1.0]])

    section = built(write_run(tmp_path / "run", probability, noisy=noisy))
    clean, wrong = section.plots()[0].wide.data[:2]

    assert (len(clean.x), len(wrong.x)) == (40, 20)
    assert "a stratified, seeded sample of 60 of the 300" in plain_text(section.caption)


def test_class_names_cannot_become_markup_in_plotly(tmp_path):
    section = built(write_run(tmp_path / "run", classes=["<b>0</b>", "<i>", "2"]))

    assert section.plots()[0].wide.data[0].text[0] == "given &lt;b&gt;0&lt;/b&gt;, true &lt;b&gt;0&lt;/b&gt;"
    assert "<i>" not in "".join(
        note.text for note in section.plots()[0].wide.layout.annotations if "given" in note.text
    )


def test_thumbnails_are_pulled_out_and_left_out_with_the_images(tmp_path):
    view = write_run(tmp_path / "run", images=True)

    assert len(built(view).plots()[0].wide.layout.images) == 2  # of equals the easiest clean one is the hardest too
    without = built(RunView(view.run, images=False))
    assert without.plots()[0].wide.layout.images == ()
    assert any("example 0" in note.text for note in without.plots()[0].wide.layout.annotations)


# the card beside the pointer


def test_the_card_knows_labels_and_fate(section):
    cards = tooltips(section)

    assert cards["given"][0] == 1
    assert cards["true"][0] == 0
    assert cards["answers"][0] == "222333"  # true label until epoch 3, then the wrong one
    assert cards["answers"][3] == "111111"
    assert cards["learned"][:4].tolist() == [4, 4, 4, 1]


def test_thumbnails_of_the_cards_stay_within_their_budget(tmp_path, monkeypatch):
    view = write_run(tmp_path / "run", images=True)
    size = len(view.images([0])[0])
    monkeypatch.setattr(data_map_cards, "MOST_IMAGE_BYTES", 4 * size + size // 2)

    section = built(view)

    assert len(tooltips(section)["images"]) == 4
    assert "4 have their thumbnail in this file" in plain_text(section.caption)


# sentences


def test_the_same_wrong_labels_are_hard_in_one_window_and_ambiguous_in_the_other(section):
    assert plain_text(section.answer) == (
        "It depends on when one looks. Until epoch 3, 100% of the wrong labels were hard to learn; "
        "over all 6 epochs 100% of the same examples were ambiguous."
    )


def test_without_a_change_it_does_not_depend(tmp_path):
    probability = np.array([[0.1, 0.1, 0.1, *CLEAN]] * 6) * (1 + 0.01 * np.arange(6))[:, None]

    answer = plain_text(built(write_run(tmp_path / "run", probability)).answer)

    assert answer == "100% of the wrong labels were hard to learn over all 6 epochs, 100% until epoch 3."


def test_without_noise_the_regions_are_counted(tmp_path):
    answer = plain_text(built(write_run(tmp_path / "run", noisy=np.zeros(9, dtype=bool))).answer)

    assert answer == (
        "66.7% of the examples were easy to learn and none hard over all 6 epochs; "
        "the 33.3% that varied most are called ambiguous."
    )


def test_without_truth_there_is_one_group(tmp_path):
    section = built(write_run(tmp_path / "run", truth=False))

    assert [trace.name for trace in section.plots()[0].wide.data if trace.name] == ["examples"]
    assert "wrong" not in plain_text(section.answer)


# windows


def test_without_validation_only_the_whole_run_is_shown_and_said_so(tmp_path):
    section = built(write_run(tmp_path / "run", peak=None))

    assert [plot.key for plot in section.plots()] == ["data_map_run"]
    assert "no validation accuracy was recorded" in plain_text(section.caption)


def test_a_peak_at_the_first_epoch_takes_two(tmp_path):
    section = built(write_run(tmp_path / "run", peak=1))

    np.testing.assert_allclose(section.plots()[0].wide.data[0].y, 0.9, rtol=1e-5)
    assert section.plots()[0].data_title == "epochs 1 to 2"
    assert "One epoch has no variability" in plain_text(section.caption)


@pytest.mark.parametrize("epochs", [0, 1])
def test_too_few_epochs_are_said(tmp_path, epochs):
    section = build(write_run(tmp_path / "run", PROBABILITY[:epochs]))

    assert isinstance(section, Absent)


def test_examples_that_were_never_visited_are_not_drawn(tmp_path):
    probability = PROBABILITY.copy()
    probability[:, [0, 8]] = np.nan

    section = built(write_run(tmp_path / "run", probability))

    assert section.plots()[0].wide.data[1].customdata.tolist() == [1, 2]


# callouts


@pytest.mark.parametrize("seed", range(8))
def test_leader_lines_never_cross_and_boxes_never_overlap(seed):
    random = np.random.default_rng(seed)
    targets = random.uniform((0, 0), (460, 376), (4, 2))
    points = random.normal((150, 200), 40, (500, 2))

    slots = place_callouts(targets, points, width=460, height=376, picture=44, text=(90, 51))

    segments = [(target, np.array([slot.x, slot.y])) for target, slot in zip(targets, slots, strict=True)]
    for at, one in enumerate(segments):
        for to in range(at):
            assert not _cross(one, segments[to])
            a, b = slots[at].box, slots[to].box
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def _cross(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> bool:
    def side(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> bool:
        return bool((b[0] - a[0]) * (c[1] - a[1]) > (b[1] - a[1]) * (c[0] - a[0]))

    (a, b), (c, d) = one, other
    return side(a, b, c) != side(a, b, d) and side(c, d, a) != side(c, d, b)


def test_callouts_hide_no_point_where_there_is_room():
    points = np.random.default_rng(0).uniform((0, 0), (200, 376), (800, 2))

    slots = place_callouts(points[:3], points, width=460, height=376, picture=44, text=(90, 34))

    for left, bottom, right, top in (slot.box for slot in slots):
        inside = (points > (left, bottom)).all(axis=1) & (points < (right, top)).all(axis=1)
        assert not inside.any()


def test_callouts_without_room_are_left_out():
    assert place_callouts(np.zeros((3, 2)), np.zeros((1, 2)), width=60, height=60, picture=44, text=(90, 34)) == []


def test_the_last_callouts_go_where_not_all_fit():
    cloud = Cloud(
        "examples", "clean", np.arange(3), np.array([0.9, 0.5, 0.1]), np.array([0.1, 0.2, 0.3]), ["a", "b", "c"]
    )
    tall = tuple("x" * 30 for _ in range(8))
    callouts = [Callout("clean", 0.5, 0.1 * at, tall, tall) for at in range(4)]

    figure = data_map([cloud], callouts, 0.2)

    assert 0 < sum("x" * 30 in note.text for note in figure.layout.annotations) < 4


def test_a_groups_name_stands_nearer_to_its_own_points():
    random = np.random.default_rng(0)
    left, right = random.normal((100, 150), 10, (200, 2)), random.normal((350, 150), 10, (200, 2))

    x, _ = free_spot(left, right, [], width=460, height=300, size=(60, 18))

    assert abs(x - 100) < abs(x - 350)


def test_the_figure_is_found_by_name(section):
    assert [part.key for part in section.all_parts() if isinstance(part, Plot)] == list(section_module.FIGURES)
