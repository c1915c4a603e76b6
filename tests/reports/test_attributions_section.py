"""The grid of attribution maps: which maps and examples, what the sentence counts, and runs that have none."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from probes.runs.run import open_run
from probes.runs.writer import RunWriter, write_probe_frame
from probes_reports.assembly import _environment
from probes_reports.figures.attribution_maps import as_pixels, image_shape, map_png
from probes_reports.sections.attributions import build
from probes_reports.sections.section import Absent, Block, Caption, Chooser, Data, Key, Section
from probes_reports.view import RunView
from probes_reports.wording import plain_text

COUNT, EPOCHS = 12, 8
LEARNED = np.array([8, 7, 6, 5, 4, 3, 1, 1, 1, 1, 1, 1])  # epoch from which each is answered as given
TRUE = np.arange(COUNT) % 3


def write_run(
    folder: Path,
    *,
    noisy: int = 6,
    truth: bool = True,
    probe: bool = True,
    methods: tuple[str, ...] = ("saliency", "integrated_gradients"),
    shape: tuple[int, ...] = (1, 2, 2),
    recorded: tuple[int, ...] = (0, 1, 2, 8),
    baseline: float = -0.8,
    classes: list[str] | None = None,
    replaced: bool = False,
) -> RunView:
    """A run in which integrated gradients speak for the true label before `LEARNED` and for the given one from then."""
    meta = {"dataset": {"name": "hand", "classes": classes}, "config": {"model": "mlp"}}
    writer = RunWriter.create(folder, num_examples=COUNT, measure="sweep", meta=meta)
    wrong = np.arange(COUNT) < noisy
    given = TRUE if replaced else np.where(wrong, (TRUE + 1) % 3, TRUE)
    columns: dict[str, object] = {"given_label": given}
    if truth:
        kind = "gaussian" if replaced else "pair"
        columns |= {"true_label": TRUE, "noisy": wrong, "corruption": np.where(wrong, kind, "")}
    writer.write_examples(columns)
    for epoch in range(1, EPOCHS + 1):
        prediction = np.where(epoch >= LEARNED, given, TRUE).astype(np.int32)
        loss = np.where(epoch >= LEARNED, 0.1, 2.0).astype(np.float32)
        signals = {"loss": loss, "margin": -loss, "entropy": loss, "el2n": loss, "prediction": prediction}
        writer.write_epoch(epoch, {"example": np.arange(COUNT), "visits": np.ones(COUNT, np.int32), **signals})
    writer.append_metrics(
        [
            {"epoch": epoch, "group": "validation", "examples": 5, "accuracy": 1 - 0.1 * abs(epoch - 2), "loss": 1.0}
            for epoch in range(1, EPOCHS + 1)
        ]
    )
    if probe:
        metadata = {
            "map_shape": json.dumps(shape),
            "baseline": json.dumps(baseline),
            "n_steps": "50",
            "captum": '"1.0"',
        }
        for epoch in recorded:
            writer.write_probe(
                "attributions", epoch, _frame(epoch, methods, wrong, shape, truth and not replaced), metadata
            )
    writer.finish("complete")
    return RunView(open_run(folder))


def _frame(
    epoch: int, methods: tuple[str, ...], wrong: np.ndarray, shape: tuple[int, ...], true_maps: bool
) -> pd.DataFrame:
    rows = [
        (epoch, "train", example, method, label, _map(epoch, example, method, label, shape))
        for method in methods
        for example in range(COUNT)
        for label in ("given", "true")
        if label == "given" or (true_maps and wrong[example])
    ]
    return pd.DataFrame(rows, columns=["epoch", "split", "example", "method", "label", "map"])


def _map(epoch: int, example: int, method: str, label: str, shape: tuple[int, ...]) -> np.ndarray:
    values = np.zeros(shape, dtype=np.float32).ravel()
    strong = (label == "given") == (epoch >= LEARNED[example])
    values[0], values[-1] = (3.0, -1.0) if strong else (1.0, -0.5)
    return np.abs(values) if method == "saliency" else values


@pytest.fixture(scope="module")
def view(tmp_path_factory) -> RunView:
    return write_run(tmp_path_factory.mktemp("hand") / "run")


def built(view: RunView) -> Section:
    section = build(view)
    assert isinstance(section, Section)
    return section


def grid(section: Section):
    return next(part.data for part in section.parts if isinstance(part, Block))


def decoded(uri: str) -> np.ndarray:
    """RGBA, (H, W, 4)."""
    return np.array(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGBA"))


# maps


def test_channels_and_blocks_are_summed_and_nothing_is_lost():
    values = np.arange(3 * 80 * 50, dtype=np.float64)

    pixels = as_pixels(values, (3, 80, 50))

    assert pixels.shape == (27, 17)
    assert pixels[0, 0] == values.reshape(3, 80, 50)[:, :3, :3].sum()
    assert pixels.sum() == values.sum()


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        ([8, 8], (1, 8, 8)),
        ([3, 8, 9], (3, 8, 9)),
        ([8, 9, 3], (3, 8, 9)),
        ([64], None),
        ([9, 8, 9], None),
        (None, None),
        ("8", None),
    ],
)
def test_only_images_have_an_image_shape(shape, found):
    assert image_shape(shape) == found


def test_a_map_is_coloured_by_sign_and_its_opacity_is_the_share_of_the_largest():
    picture = decoded(map_png(np.array([[4.0, -2.0], [0.0, np.nan]]), "noisy", "true"))

    assert picture[0, 0].tolist() == [213, 94, 0, 255]
    assert picture[0, 1].tolist() == [0, 158, 115, 128]
    assert picture[1, :, 3].tolist() == [0, 0]


def test_a_map_of_zeros_is_clear():
    assert not decoded(map_png(np.zeros((2, 2)), "noisy", "true"))[..., 3].any()


# what is drawn


def test_rows_are_quantiles_of_the_learning_time_from_the_first_memorized(view):
    rows = grid(built(view)).rows

    assert [row.name for row in rows] == ["example 5", "example 3", "example 2", "example 0"]  # learned at 3, 5, 6, 8


def test_columns_are_the_recorded_epochs_without_the_one_before_training(view):
    assert [epoch for epoch, _ in grid(built(view)).epochs] == [1, 2, 8]


def test_the_caption_says_why_epochs_are_bold_and_that_epoch_0_is_left_out(view, tmp_path):
    section = built(view)
    bold = [epoch for epoch, is_key in grid(section).epochs if is_key]
    captions = dict(grid(section).captions)

    assert view.key.peak == 2
    assert bold == [1, 2, 8]
    assert plain_text(captions["difference"]).endswith(
        " In bold: epoch 1, clean learned; 2, best validation; 8, noise memorized. "
        "Epoch 0, before training, was measured too; it is not drawn."
    )
    other = built(write_run(tmp_path / "run", recorded=(3, 5)))
    assert "3, nearest to the best validation" in plain_text(dict(grid(other).captions)["difference"])
    assert "Epoch 0" not in plain_text(dict(grid(other).captions)["difference"])


def test_an_online_run_says_when_its_answers_were_given(tmp_path):
    before = write_run(tmp_path / "run")
    meta = json.loads((before.run.path / "run.json").read_text())
    meta["measure"] = "online"
    (before.run.path / "run.json").write_text(json.dumps(meta))
    lead = "the answer as it was trained on during that epoch (the map is from the epoch’s end),"

    def words(section: Section) -> str:
        return next(part.lead for part in section.parts if isinstance(part, Key))

    assert lead not in words(built(before))
    online = built(RunView(open_run(before.run.path)))
    assert lead in words(online)
    assert "Answers are those during the epoch, maps from its end." in plain_text(film(online).caption)


def test_epoch_0_is_drawn_where_there_is_no_other(tmp_path):
    section = built(write_run(tmp_path / "run", recorded=(0,)))

    assert [epoch for epoch, _ in grid(section).epochs] == [0]


def test_many_recorded_epochs_are_thinned_to_the_first_the_last_and_the_peak(tmp_path):
    section = built(write_run(tmp_path / "run", recorded=tuple(range(1, 60))))

    epochs = [epoch for epoch, _ in grid(section).epochs]
    assert len(epochs) <= 9
    assert {1, 2, 59} <= set(epochs)


def test_the_difference_is_given_less_true(view):
    data = next(part for part in built(view).parts if isinstance(part, Data)).columns
    line = data["example"].index(5)  # epoch 1: its true label is strong

    assert data["epoch"][line] == 1
    assert data["map"][line] == "-2 0 0 0.5"
    assert data["sum"][line] == -1.5


def test_bars_show_the_answers(view):
    first = grid(built(view)).rows[0]

    assert [cell.tone for cell in first.cells] == ["true_area", "true_area", "noisy"]
    assert first.cells[2].title == "epoch 8, answered with 0"


def test_each_recorded_map_can_be_chosen_and_only_the_first_shows_at_the_start(view):
    section = built(view)
    block = next(part for part in section.parts if isinstance(part, Block))
    page = _environment().get_template(block.template).render(data=block.data)

    chooser = next(part for part in section.parts if isinstance(part, Chooser))
    assert [value for value, _ in chooser.options] == [
        "difference", "integrated_given", "integrated_true", "saliency_given", "saliency_true",
    ]  # fmt: skip
    for value, _ in chooser.options:
        shown = page.count(f'data-when="attribution_map={value}">')
        assert (shown > 0) == (value == "difference")


def test_a_hostile_class_name_is_text(tmp_path):
    section = built(write_run(tmp_path / "run", classes=["</script><b>", "one", "two"]))
    block = next(part for part in section.parts if isinstance(part, Block))
    page = _environment().get_template(block.template).render(data=block.data)

    assert "</script><b>" not in page
    assert "&lt;/script&gt;&lt;b&gt;" in page


# sentences


def test_the_answer_counts_signs_over_all_wrong_labels_of_the_panel(view):
    assert plain_text(built(view).answer) == (
        "At epoch 2 the pixels pointed to the true label in all 6 wrongly labelled examples of the panel; "
        "at epoch 8 to the wrong one in all 6."
    )


def test_the_answer_counts_those_that_have_turned(tmp_path):
    answer = plain_text(built(write_run(tmp_path / "run", recorded=(2, 5))).answer)

    assert answer.endswith("at epoch 5 to the wrong one in 3 of the 6.")  # learned by epoch 3, 4 and 5


def test_without_noise_the_maps_of_clean_examples_are_shown(tmp_path):
    section = built(write_run(tmp_path / "run", noisy=0))

    assert plain_text(section.answer) == (
        "At epoch 1 the pixels spoke for the given label in all 12 clean examples of the panel; at epoch 8 in all 12."
    )
    assert {row.tone for row in grid(section).rows} == {"clean"}


def test_without_truth_no_example_is_called_clean(tmp_path):
    section = built(write_run(tmp_path / "run", truth=False))

    assert "clean" not in plain_text(section.answer)
    assert all(row.true == "" for row in grid(section).rows)


def test_saliency_alone_is_not_given_a_direction(tmp_path):
    section = built(write_run(tmp_path / "run", methods=("saliency",)))

    assert plain_text(section.answer).startswith("Only saliency was recorded, which has no sign:")
    assert grid(section).first == "saliency_given"


@pytest.mark.parametrize(
    ("baseline", "words"), [(-0.8, "a blank image (every value -0.80"), (0.0, "the training mean (every value 0.00")]
)
def test_the_baseline_is_stated(tmp_path, baseline, words):
    section = built(write_run(tmp_path / "run", baseline=baseline))

    assert words in plain_text(section.definition[0])


# nothing to draw


def test_without_the_probe_the_command_is_named(tmp_path):
    section = build(write_run(tmp_path / "run", probe=False))

    assert isinstance(section, Absent)
    assert section.command == "probe train --probe attributions"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"shape": (4,)}, "not images (shape 4)"),
        ({"replaced": True}, "Only inputs were replaced"),
    ],
)
def test_what_cannot_be_drawn_is_said(tmp_path, options, reason):
    section = build(write_run(tmp_path / "run", **options))

    assert isinstance(section, Absent)
    assert reason in plain_text(section.reason)


def test_a_page_without_images_has_no_maps_either(view):
    section = build(RunView(view.run, images=False))

    assert isinstance(section, Absent)
    assert "--no-images" in plain_text(section.reason)


# maps measured afterwards


def measured_later(view: RunView, examples: list[int], methods: tuple[str, ...], panel: int = COUNT) -> RunView:
    """The same run, with more maps at every epoch, as `probe measure` adds them."""
    run = view.run
    frame = run.probe("attributions")
    wrong = np.arange(COUNT) < 6
    for epoch in sorted(set(frame["epoch"])):
        more = _frame(int(epoch), methods, wrong, (1, 2, 2), True)
        joined = pd.concat([frame[frame["epoch"] == epoch], more[more["example"].isin(examples)]], ignore_index=True)
        write_probe_frame(run.path, "attributions", int(epoch), joined, {**frame.attrs, "panel": str(panel)})
    return RunView(open_run(run.path))


def rows_of(section: Section, kind: str) -> list[str]:
    """Names of the rows of a map; each has that map in every cell."""
    rows = [row for row in grid(section).rows if kind in row.kinds]
    assert all({found for found, _ in cell.maps} >= {kind} for row in rows for cell in row.cells)
    return [row.name for row in rows]


def options(section: Section) -> list[str]:
    return [value for value, _ in next(part for part in section.parts if isinstance(part, Chooser)).options]


def test_a_map_that_only_another_example_has_is_offered_and_its_example_drawn(tmp_path):
    """Example 4 is neither the group's first, 5, nor among the quantiles."""
    before = write_run(tmp_path / "run")
    assert "grad_cam_given" not in options(built(before))

    section = built(measured_later(before, [4], ("grad_cam", "input_x_gradient")))

    assert options(section)[:5] == options(built(before))[:5]
    assert options(section)[5:] == ["product_given", "product_true", "grad_cam_given", "grad_cam_true"]
    assert rows_of(section, "difference") == ["example 5", "example 3", "example 2", "example 0"]
    assert rows_of(section, "grad_cam_true") == rows_of(section, "product_given") == ["example 4"]
    captions = {kind: plain_text(words) for kind, words in grid(section).captions}
    assert captions["grad_cam_given"].startswith("One wrongly labelled example with Grad-CAM. ")
    assert captions["difference"].startswith("Four of the 6 wrongly labelled examples of the panel, from")
    assert "1610.02391" in plain_text(section.definition[2])


def test_examples_measured_later_are_not_called_the_panel(tmp_path):
    section = built(measured_later(write_run(tmp_path / "run"), [], (), panel=4))

    assert " in all 6 wrongly labelled examples measured;" in plain_text(section.answer)
    assert "those that were measured." in plain_text(section.how_to_read[2])
    assert "panel" not in plain_text(section.definition[1])


def test_every_number_of_a_map_is_of_the_examples_that_have_it(tmp_path):
    """Six wrong labels were measured, three of them with integrated gradients, the others with another method."""
    view = measured_later(write_run(tmp_path / "run"), [0, 2, 4], ("input_x_gradient",), panel=4)
    frame = view.run.probe("attributions")
    dropped = frame["example"].isin([0, 2, 4]) & (frame["method"] != "input_x_gradient")
    for epoch, rows in frame[~dropped].groupby("epoch"):
        write_probe_frame(view.run.path, "attributions", int(epoch), rows.reset_index(drop=True), dict(frame.attrs))
    section = built(RunView(open_run(view.run.path)))

    assert rows_of(section, "difference") == ["example 5", "example 3", "example 1"]
    assert rows_of(section, "product_given") == ["example 4", "example 2", "example 0"]
    whose = "all 3 wrongly labelled examples with integrated gradients"
    assert f" in {whose};" in plain_text(section.answer)
    assert dict(grid(section).captions)["difference"][0].text.startswith("Three wrongly labelled examples with integ")
    wrong = film(section).groups[0]
    assert plain_text(wrong.heads["difference"]).startswith(whose[0].upper() + whose[1:])
    assert [wrong.cards[card].name for card in wrong.reels["difference"].cards] == rows_of(section, "difference")
    for reel in ("difference", "product_given"):
        assert all(frame_of_film(film(section), reel, 0, card).any() for card in range(3))


def test_examples_of_a_run_without_the_probe_are_not_called_a_panel(tmp_path):
    view = write_run(tmp_path / "run")
    meta = json.loads((view.run.path / "run.json").read_text())
    meta["config"]["probe"] = ["none"]
    (view.run.path / "run.json").write_text(json.dumps(meta))
    section = built(RunView(open_run(view.run.path)))

    assert "examples measured;" in plain_text(section.answer)
    assert "panel" not in " ".join(plain_text(words) for _, words in grid(section).captions)


def test_without_integrated_gradients_no_direction_is_claimed(tmp_path):
    section = built(write_run(tmp_path / "run", methods=("grad_cam", "input_x_gradient")))

    assert plain_text(section.answer).startswith("No integrated gradients were recorded")
    assert options(section) == ["product_given", "product_true", "grad_cam_given", "grad_cam_true"]


# the film


def film(section: Section):
    return next((part.data for part in section.parts if isinstance(part, Block) and "film" in part.template), None)


def frame_of_film(data, kind: str, at: int, place: int, group: int = 0) -> np.ndarray:
    """Levels of one map, signed: uint8 as the page holds them, above 20 for values below 0."""
    height, width = data.shape
    reel = data.groups[group].reels[kind]
    levels = np.frombuffer(base64.b64decode(reel.levels), np.uint8)
    levels = levels.reshape(len(data.epochs), len(reel.cards), height, width)[at, place].astype(int)
    return np.where(levels > 20, 20 - levels, levels)


def test_the_film_holds_the_map_of_every_example_at_every_measured_epoch(view):
    data = film(built(view))

    assert data.epochs == (1, 2, 8)
    wrong = data.groups[0]
    assert [card.name for card in wrong.cards] == [f"example {example}" for example in (5, 4, 3, 2, 1, 0)]
    assert list(wrong.reels) == [
        value for value, _ in next(p for p in built(view).parts if isinstance(p, Chooser)).options
    ]
    for at, epoch in enumerate(data.epochs):
        for card, example in enumerate((5, 4, 3, 2, 1, 0)):
            maps = [_map(epoch, example, "integrated_gradients", label, (1, 2, 2)) for label in ("given", "true")]
            difference = (maps[0] - maps[1]).reshape(2, 2)
            expected = np.rint(20 * difference / np.abs(difference).max())
            np.testing.assert_array_equal(frame_of_film(data, "difference", at, card), expected)


def test_the_film_shows_the_clean_examples_too_for_every_map_that_can_be_chosen(view):
    data = film(built(view))
    clean = data.groups[1]

    assert [card.name for card in clean.cards] == [f"example {example}" for example in range(6, 12)]
    assert {card.tone for card in clean.cards} == {"clean"}
    assert clean.shows == {
        "difference": "integrated_given", "integrated_given": "integrated_given", "integrated_true": "integrated_given",
        "saliency_given": "saliency_given", "saliency_true": "saliency_given",
    }  # fmt: skip
    expected = np.rint(20 * _map(1, 6, "integrated_gradients", "given", (1, 2, 2)).reshape(2, 2) / 3)
    np.testing.assert_array_equal(frame_of_film(data, "integrated_given", 0, 0, group=1), expected)
    assert plain_text(clean.heads["difference"]) == (
        "All 6 clean examples of the panel, from the first learned for good to the last."
    )
    assert "the logit of the given label: blue" in plain_text(clean.notes["integrated_true"])
    assert clean.reels["integrated_given"].texts[0] == "The given label was answered in all 6."


def test_a_map_that_no_clean_example_has_is_said_to_be_missing(tmp_path):
    clean = film(built(measured_later(write_run(tmp_path / "run"), [4], ("grad_cam",)))).groups[1]

    assert "grad_cam_given" not in clean.shows
    assert plain_text(clean.heads["grad_cam_given"]) == "No clean example has this map."


def test_the_film_starts_at_the_best_validation_epoch_and_counts_the_answers(view):
    data = film(built(view))

    assert data.epochs[data.start] == 2
    wrong = data.groups[0]
    assert wrong.reels["difference"].texts[0] == "The true label was answered in all 6, the wrong one in none of the 6."
    assert wrong.reels["difference"].texts[2] == "The true label was answered in none of the 6, the wrong one in all 6."
    assert [data.tones[int(code)] for code in wrong.answers[2]] == ["noisy"] * 6


def test_the_films_labels_are_text_and_its_slider_starts_where_it_says(tmp_path):
    section = built(write_run(tmp_path / "run", classes=["</script><b>", "one", "two"]))
    block = next(part for part in section.parts if isinstance(part, Block) and "film" in part.template)
    page = _environment().get_template(block.template).render(data=block.data)

    assert "</script><b>" not in page
    assert 'max="2"' in page
    assert 'value="1" aria-valuetext="epoch 2"' in page
    assert page.count("<canvas") == 12


def test_a_map_that_one_example_has_is_drawn_of_it_alone(tmp_path):
    data = film(built(measured_later(write_run(tmp_path / "run"), [4], ("grad_cam",))))

    wrong = data.groups[0]
    assert [wrong.cards[card].name for card in wrong.reels["grad_cam_given"].cards] == ["example 4"]
    assert frame_of_film(data, "grad_cam_given", 0, 0).any()


def test_a_map_with_missing_values_is_clear_there(tmp_path):
    before = write_run(tmp_path / "run")
    frame = before.run.probe("attributions")
    for epoch in sorted(set(frame["epoch"])):
        rows = frame[frame["epoch"] == epoch].copy()
        rows["map"] = [np.full(4, np.nan, np.float32) for _ in range(len(rows))]
        write_probe_frame(before.run.path, "attributions", int(epoch), rows, dict(frame.attrs))
    section = built(RunView(open_run(before.run.path)))

    assert not frame_of_film(film(section), "difference", 0, 0).any()


def test_one_measured_epoch_has_no_film_and_no_numbers(tmp_path):
    section = built(write_run(tmp_path / "run", recorded=(2,)))

    assert film(section) is None
    assert section.plots() == []


def test_long_films_are_thinned_and_keep_the_peak_and_the_ends(tmp_path):
    data = film(built(write_run(tmp_path / "run", recorded=tuple(range(1, 60)))))

    assert len(data.epochs) <= 24
    assert {1, 2, 59} <= set(data.epochs)


# numbers


def test_concentration_and_stability_are_means_of_the_groups(view):
    """Maps of example i before LEARNED: (1, 0, 0, -0.5), Gini 7 / 12; from then on (3, 0, 0, -1), Gini 5 / 8."""
    plots = {plot.key: {t.name: t for t in plot.wide.data} for plot in built(view).plots()}

    concentration = plots["map_concentration"]
    assert concentration["clean"].customdata.tolist() == [1, 2, 8]
    assert list(concentration["clean"].y) == pytest.approx([5 / 8] * 3)
    assert list(concentration["wrong labels"].y) == pytest.approx([7 / 12, 7 / 12, 5 / 8])
    before, after = np.array([1, 0.5]), np.array([3, 1])
    turned = before @ after / np.linalg.norm(before) / np.linalg.norm(after)
    assert list(plots["map_stability"]["wrong labels"].y) == pytest.approx([1, turned])
    assert plots["map_stability"]["wrong labels"].customdata.tolist() == [2, 8]


def test_the_numbers_say_how_far_the_groups_are_apart_and_how_alike_the_labels_maps_are(view):
    caption = " ".join(plain_text(part.text) for part in built(view).parts if isinstance(part, Caption))

    assert "Mean over 6 clean and 6 noisy examples, integrated gradients" in caption
    assert f"differ by at most {5 / 8 - 7 / 12:.2f} in concentration and 0.01 in steadiness" in caption
    assert "were alike by 0.99 at epoch 2 and 0.99 at epoch 8" in caption


def test_the_axes_are_cut_to_the_values_and_end_values_have_three_decimals(view):
    plot = next(plot for plot in built(view).plots() if plot.key == "map_concentration")

    low, high = plot.wide.layout.yaxis.range
    assert 0.5 < low < 7 / 12 < 5 / 8 < high < 0.7
    texts = {annotation.text for annotation in plot.wide.layout.annotations}
    assert any("0.625" in text for text in texts)


def test_without_truth_there_is_one_line_of_all_examples(tmp_path):
    section = built(write_run(tmp_path / "run", truth=False))

    names = {trace.name for plot in section.plots() for trace in plot.wide.data}
    assert names == {"all examples"}
