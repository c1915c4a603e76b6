"""Gradient scores against trajectory scores: turned to one direction, ranked, and the pairs that stand out."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from probes_reports.figures.score_matrix import _opacity
from probes_reports.palette import DARK, LIGHT, contrast, dark_twins
from probes_reports.sections.correlations import build
from probes_reports.sections.section import Absent, Data
from probes_reports.view import RunView
from probes_reports.wording import plain_text


def table(section):
    data = next(part for part in section.parts if isinstance(part, Data)).columns
    pairs = zip(data["probe_score"], data["trajectory_score"], strict=True)
    return dict(zip(pairs, data["rank_correlation"], strict=True))


@pytest.fixture
def view(small_run, tmp_path, copied) -> RunView:
    return copied(small_run, tmp_path / "run")


def test_scores_whose_low_end_is_suspicious_are_turned(view, write_scores):
    """Against the mean loss itself: +1 with it, and + with the margin, whose low end is suspicious."""
    loss, margin = view.scores["mean_loss"].to_numpy(), view.scores["aum"].to_numpy()
    found = table(build(write_scores(view, gradient_norm=loss)))

    assert found["gradient_norm", "mean_loss"] == pytest.approx(1.0)
    assert found["gradient_norm", "aum"] == pytest.approx(-spearmanr(loss, margin).statistic)
    assert found["gradient_norm", "aum"] > 0


def test_an_example_never_learned_counts_as_learned_last(make_run, tmp_path, copied, write_scores):
    view = copied(make_run(epochs=3), tmp_path / "run")
    epochs = view.scores["learned_epoch"].astype("Float64").fillna(view.last_epoch + 1).to_numpy(dtype=float)
    values = np.random.default_rng(0).normal(size=60)
    found = table(build(write_scores(view, vog=values)))

    assert view.scores["learned_epoch"].isna().sum() > 10
    assert found["vog", "learned_epoch"] == pytest.approx(spearmanr(values, epochs).statistic)


def test_examples_that_lack_a_score_are_left_out_of_its_pairs(view, write_scores):
    loss = view.scores["mean_loss"].to_numpy()
    values = np.where(np.arange(60) < 20, np.nan, -loss)
    found = table(build(write_scores(view, vog=values, input_grad=loss)))

    assert found["vog", "mean_loss"] == pytest.approx(-1.0)
    assert found["input_grad", "mean_loss"] == pytest.approx(1.0)


def test_the_caption_counts_the_examples_that_have_both_scores(view, write_scores):
    loss = view.scores["mean_loss"].to_numpy()
    section = build(write_scores(view, vog=np.where(np.arange(60) < 25, -loss, np.nan), input_grad=loss))

    data = next(part for part in section.parts if isinstance(part, Data)).columns
    assert dict(zip(data["probe_score"], data["examples"], strict=True)) == {"vog": 25, "input_grad": 60}
    assert "over the training examples that have both scores, 25 to 60 of the 60," in plain_text(section.caption)


def test_a_handful_of_examples_makes_no_headline(view, write_scores):
    loss = view.scores["mean_loss"].to_numpy()
    some = np.where(np.arange(60) < 2, loss, np.nan)
    section = build(write_scores(view, gradient_norm=some, vog=np.random.default_rng(0).normal(size=60)))

    assert "radient norm" not in plain_text(section.answer)
    assert np.isnan(table(section)["gradient_norm", "mean_loss"])
    assert "–: fewer than 20 examples have both scores." in plain_text(section.caption)


def test_where_every_score_is_of_a_handful_one_line_says_so(view, write_scores):
    loss = view.scores["mean_loss"].to_numpy()
    section = build(write_scores(view, gradient_norm=np.where(np.arange(60) < 8, loss, np.nan)))

    assert isinstance(section, Absent)
    assert "measured on 8 of the 60 training examples: too few" in plain_text(section.reason)


def test_the_answer_names_the_pairs_and_their_values(view, write_scores):
    loss = view.scores["mean_loss"].to_numpy()
    section = build(write_scores(view, gradient_norm=loss, vog=-loss))

    found = table(section)
    answer = plain_text(section.answer)
    assert answer.startswith("Gradient norm and mean loss order the examples most alike, with rank correlation 1.00.")
    assert answer.endswith("VoG and mean loss come nearest to the opposite order (−1.00).")
    weakest = min(abs(value) for value in found.values())
    assert f"{weakest:.2f}).".removeprefix("-") in answer


def test_pairs_that_show_the_same_number_are_counted_together(view, write_scores):
    loss = view.scores["mean_loss"].to_numpy()
    section = build(write_scores(view, gradient_norm=loss, input_grad=loss))
    answer = plain_text(section.answer)

    assert "order the examples most alike, as " in answer
    others = int(answer.split("as ")[1].split(" other pair")[0])
    found = table(section)
    assert others == sum(round(value, 2) == 1.0 for value in found.values()) - 1
    assert "2 pairs have least to do with each other" in answer


def test_strong_and_weak_cells_differ_in_colour_and_numbers_stay_readable_in_both_themes():
    twins = dark_twins()
    for light in (LIGHT.highlight, LIGHT.series_4):
        for colour, page, ink in ((light, LIGHT.page, LIGHT.ink), (twins[light], DARK.page, DARK.ink)):
            half, strong = mixed(colour, page, _opacity(0.5)), mixed(colour, page, _opacity(0.9))
            assert contrast(half, page) > 1.15
            assert contrast(strong, half) > 1.25
            assert contrast(mixed(colour, page, _opacity(1)), ink) >= 4.5


def mixed(colour, page, alpha) -> str:
    """Hex of a colour of an opacity on the page."""
    pairs = [(int(colour[at : at + 2], 16), int(page[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(alpha * over + (1 - alpha) * under):02x}" for over, under in pairs)


def test_a_slightly_negative_correlation_is_not_called_the_opposite_order(view, write_scores):
    random = np.random.default_rng(6)
    section = build(write_scores(view, vog=random.normal(size=60)))

    assert -0.2 < min(table(section).values()) < 0
    assert "opposite" not in plain_text(section.answer)


def test_the_directions_are_stated(view, write_scores):
    caption = plain_text(build(write_scores(view, vog=np.arange(60.0))).caption)

    assert "correctness, confidence and margin (AUM) point down, so they are negated" in caption


def test_the_matrix_is_drawn_with_its_numbers_and_turned_on_a_phone(view, write_scores):
    section = build(write_scores(view, gradient_norm=view.scores["mean_loss"].to_numpy(), vog=np.arange(60.0)))

    plot = section.plots()[0]
    wide, narrow = plot.wide.data[0].z, plot.narrow.data[0].z
    assert np.asarray(wide).shape == (2, 11)
    np.testing.assert_array_equal(np.asarray(wide), np.asarray(narrow).T)
    texts = [a.text for a in plot.wide.layout.annotations]
    assert "1.00" in texts
    assert len(texts) == 22


@pytest.mark.parametrize("kind", [{"truth": False}, {"noise": "none"}, {"epochs": 1}], ids=str)
def test_neither_truth_nor_noise_nor_many_epochs_are_needed(make_run, tmp_path, kind, copied, write_scores):
    section = build(write_scores(copied(make_run(**kind), tmp_path / "run"), vog=np.arange(60.0)))

    assert plain_text(section.answer)
    assert "nan" not in plain_text(section.answer)


def test_a_score_without_any_value_gets_no_row(view, write_scores):
    view = write_scores(view, vog=np.full(60, np.nan), input_grad=np.arange(60.0))

    assert {row for row, _ in table(build(view))} == {"input_grad"}


def test_a_score_that_is_the_same_everywhere_has_no_correlation(view, write_scores):
    section = build(write_scores(view, vog=np.ones(60)))

    assert isinstance(section, Absent)
    assert plain_text(section.reason) == "No two scores vary over the same examples."


def test_where_no_probe_left_a_score_the_command_is_named(small_run):
    section = build(RunView(small_run))

    assert isinstance(section, Absent)
    assert section.command == "probe measure RUN --probe gradient_norms"
