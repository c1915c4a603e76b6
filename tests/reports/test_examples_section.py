"""The rows of cards: who is chosen, what a card says, and runs with little in them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from probes.runs.run import Run, open_run
from probes.runs.writer import RunWriter
from probes_reports.assembly import _environment
from probes_reports.figures.example_strips import (
    AS_LABELLED,
    OTHER,
    TRUE,
    UNSEEN,
    WRONG,
    LossScale,
    Segment,
    answer_codes,
    loss_path,
    loss_scale,
    spaced_epochs,
    strip,
)
from probes_reports.sections import examples as section_module
from probes_reports.sections.examples import build
from probes_reports.sections.section import Absent, Block, Data, Heading, Section, Table
from probes_reports.view import RunView
from probes_reports.wording import plain_text

# Ten examples over four epochs: 1 where answered as given. 0 to 2 are noisy; 2 is never learned, 9 forgotten twice.
CORRECT = np.array(
    [
        [0, 0, 0, 1, 1, 1, 1, 1, 1, 1],
        [0, 0, 0, 1, 1, 1, 1, 1, 0, 0],
        [0, 1, 0, 1, 1, 1, 1, 1, 1, 1],
        [1, 1, 0, 1, 1, 1, 1, 1, 1, 0],
    ]
)
LOSS = np.where(CORRECT == 1, 0.2, 2.0) + np.arange(10) / 1000  # of equals the later example has the higher loss
HOSTILE = '</script><img src=x onerror="alert(1)">'


def write_run(
    folder: Path,
    *,
    epochs: int = 4,
    truth: bool = True,
    noisy: tuple[int, ...] = (0, 1, 2),
    images: bool = True,
    peak: int | None = 2,
    classes: list[str] | None = None,
    ids: list[str] | None = None,
) -> RunView:
    meta = {"dataset": {"name": "hand", "classes": classes}}
    writer = RunWriter.create(folder, num_examples=10, measure="sweep", meta=meta)
    true = np.arange(10) % 3
    given = np.where(np.isin(np.arange(10), noisy), (true + 1) % 3, true)
    columns: dict[str, object] = {"given_label": given}
    if truth:
        columns |= {"true_label": true, "noisy": given != true, "corruption": np.where(given != true, "pair", "")}
    writer.write_examples(columns | ({"id": ids} if ids else {}))
    if images:
        writer.write_thumbnails({example: _png() for example in range(10)})
    for epoch in range(1, epochs + 1):
        prediction = np.where(CORRECT[epoch - 1] == 1, given, np.where(given != true, true, (true + 2) % 3))
        loss = LOSS[epoch - 1].astype(np.float32)
        signals = {
            "loss": loss,
            "margin": -loss,
            "entropy": loss,
            "el2n": loss,
            "prediction": prediction.astype(np.int32),
        }
        writer.write_epoch(epoch, {"example": np.arange(10), "visits": np.ones(10, np.int32), **signals})
    if peak is not None:
        writer.append_metrics(
            [
                {
                    "epoch": epoch,
                    "group": "validation",
                    "examples": 5,
                    "accuracy": 1 - 0.1 * abs(epoch - peak),
                    "loss": 1.0,
                }
                for epoch in range(1, epochs + 1)
            ]
        )
    writer.finish("complete")
    return RunView(open_run(folder))


def write_unlabelled(folder: Path, signal: str, values: np.ndarray) -> Run:
    """Four examples, one epoch, one signal."""
    writer = RunWriter.create(folder, num_examples=4, measure="online")
    writer.write_examples({"id": ["a", "b", "c", "d"]})
    missing = np.full(4, np.nan, dtype=np.float32)
    columns = dict.fromkeys(("loss", "margin", "entropy", "el2n"), missing) | {signal: values.astype(np.float32)}
    none = np.full(4, -1, np.int32)
    writer.write_epoch(1, {"example": np.arange(4), "visits": np.ones(4, np.int32), "prediction": none, **columns})
    writer.finish("complete")
    return open_run(folder)


def _png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.zeros((4, 4), dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def view(tmp_path_factory) -> RunView:
    return write_run(tmp_path_factory.mktemp("hand") / "run")


def built(view: RunView) -> Section:
    section = build(view)
    assert isinstance(section, Section)
    return section


def rows(section: Section) -> dict[str, list]:
    """Title -> cards."""
    titles = [part.text[0].text for part in section.parts if isinstance(part, Heading)]
    cards = [list(part.data.cards) for part in section.parts if isinstance(part, Block)]
    return dict(zip(titles, cards, strict=True))


def html(section: Section) -> str:
    """Every row as the page holds it."""
    blocks = [part for part in section.parts if isinstance(part, Block)]
    return "".join(_environment().get_template(block.template).render(data=block.data) for block in blocks)


# who is chosen


def test_each_row_holds_the_extremes_of_its_score(view):
    found = {title: [(card.example, card.reason) for card in cards] for title, cards in rows(built(view)).items()}

    assert found["Most forgotten"] == [(9, "forgotten 2 times"), (8, "forgotten once")]
    assert found["Learned last"][:3] == [(0, "from epoch 4"), (1, "from epoch 3"), (8, "from epoch 3")]
    assert found["Most suspicious"][:2] == [(2, "mean loss 2.00"), (0, "mean loss 1.55")]
    assert [example for example, _ in found["Suspicious but right"]] == [9, 8, 7, 6, 5, 4]
    assert found["Never learned"] == [(2, "mean loss 2.00")]


def test_rows_without_anyone_fall_away(tmp_path):
    found = rows(built(write_run(tmp_path / "run", noisy=(), epochs=1)))

    assert "Most forgotten" not in found
    assert "Suspicious but right" not in found  # without noise it would repeat the row above it


def test_without_truth_no_card_has_a_true_label_and_none_is_called_right(tmp_path):
    section = built(write_run(tmp_path / "run", truth=False))

    assert "Suspicious but right" not in rows(section)
    assert "<dt>true</dt>" not in html(section)
    assert all(card.tone == "ink" for cards in rows(section).values() for card in cards)


def test_the_true_label_is_green_only_where_it_is_another(view):
    cards = {card.example: card for cards in rows(built(view)).values() for card in cards}

    assert (cards[0].tone, cards[0].true_tone) == ("noisy", "true")
    assert (cards[9].tone, cards[9].true_tone) == ("clean", "clean")


# sentences


def test_the_answer_counts_noisy_examples_among_the_highest_losses(view):
    assert plain_text(built(view).answer) == (
        "The example with the highest mean loss has a wrong label. "
        "At epoch 2 the network answered it with the true one."
    )


def test_the_answer_counts_more_in_a_larger_run(view, monkeypatch):
    monkeypatch.setattr(section_module, "INSPECTED_SHARE", 2)  # half of the ten: 2, 0, 9, 1 and 8

    assert plain_text(built(view).answer) == (
        "3 of the 5 examples with the highest mean loss have wrong labels. "
        "At epoch 2 the network answered all of these with the true one."
    )


def test_without_truth_the_answer_compares_losses(tmp_path):
    answer = plain_text(built(write_run(tmp_path / "run", truth=False)).answer)

    assert answer == "The example with the highest mean loss has 2.00; the median of all 10 examples is 0.43."


def test_without_noise_the_answer_says_so(tmp_path):
    answer = plain_text(built(write_run(tmp_path / "run", noisy=())).answer)

    assert answer.endswith("Every label is as it came: what has a high loss here is hard, not wrong.")


# cards


def test_a_hostile_class_name_is_shown_as_text_with_its_whole_name_in_the_title(tmp_path):
    page = html(built(write_run(tmp_path / "run", classes=[HOSTILE, "b", "c"])))

    assert "<img src=x" not in page
    assert 'title="&lt;/script&gt;&lt;img src=x onerror=&#34;alert(1)&#34;&gt;"' in page
    assert '<ul class="cards long">' in page


def test_without_images_a_card_shows_its_number(view):
    section = built(RunView(view.run, images=False))

    assert '<span class="no-thumb">9</span>' in html(section)
    assert "<img" not in html(section)
    assert "shows the number" in plain_text(section.caption)


def test_an_id_is_named_only_where_paths_may_be(tmp_path):
    run = write_run(tmp_path / "run", ids=[f"/secret/{n}.png" for n in range(10)]).run

    assert "example 9, id /secret/9.png" in html(built(RunView(run)))
    assert "/secret/" not in html(built(RunView(run, paths=False)))


def test_the_strip_of_a_card_follows_its_answers(view):
    card = next(card for cards in rows(built(view)).values() for card in cards if card.example == 1)

    assert [part.tone for part in card.strip] == ["true_area", "noisy"]
    assert card.strip[1].start == pytest.approx(np.log(4 / 2) / np.log(6 / 2))  # epoch 3 on the axis from 1 to 5


def test_the_data_hold_a_line_for_each_card(view):
    section = built(view)
    data = next(part for part in section.parts if isinstance(part, Data)).columns

    assert len(data["example"]) == sum(map(len, rows(section).values()))
    assert data["row"][0] == "Most forgotten"


@pytest.mark.parametrize("epochs", [0])
def test_a_run_without_an_epoch_says_so(tmp_path, epochs):
    assert isinstance(build(write_run(tmp_path / "run", epochs=epochs)), Absent)


# no labels


@pytest.mark.parametrize("paths", [True, False])
def test_without_labels_the_most_suspicious_are_listed_by_mean_loss(tmp_path, paths):
    run = write_unlabelled(tmp_path / "run", "loss", np.array([0.5, 4.0, np.nan, 2.0]))
    section = built(RunView(run, paths=paths))

    (table,) = (part for part in section.parts if isinstance(part, Table))
    cells = [[plain_text(cell.text) for cell in row] for row in table.rows]
    assert [column.title for column in table.columns][: 2 + paths] == ["example", *(["id"] * paths), "mean loss"]
    assert [row[: 2 + paths] for row in cells] == [
        [place, *([name] * paths), loss]
        for place, name, loss in [("1", "b", "4.00"), ("3", "d", "2.00"), ("0", "a", "0.50")]
    ]
    assert "were not recorded" in plain_text(section.caption)


def test_without_labels_and_losses_the_next_best_score_ranks(tmp_path):
    section = built(RunView(write_unlabelled(tmp_path / "run", "margin", np.array([0.5, 4.0, np.nan, -2.0]))))

    assert next(part for part in section.parts if isinstance(part, Data)).columns["example"] == [3, 0, 1]


def test_without_labels_and_any_score_that_is_said(tmp_path):
    section = build(RunView(write_unlabelled(tmp_path / "run", "loss", np.full(4, np.nan))))

    assert isinstance(section, Absent)
    assert "were not recorded" in plain_text(section.reason)


# strips and lines


def test_answers_are_named_as_in_the_fate_map():
    codes = answer_codes(
        prediction=np.array([1, 0, 2, 0, -1, 1]),
        given=np.array([1, 1, 1, 0, 0, -1]),
        true=np.array([0, 0, 0, 0, 0, 0]),
        noisy=np.array([True, True, True, False, False, False]),
    )

    assert codes.tolist() == [WRONG, TRUE, OTHER, AS_LABELLED, UNSEEN, OTHER]


def test_a_strip_joins_equal_neighbours_and_leaves_out_unvisited_epochs():
    parts = strip(np.array([OTHER, OTHER, UNSEEN, WRONG]), np.arange(4))

    shares = np.log(np.array([1, 3, 4, 5])) / np.log(5)
    assert [part.tone for part in parts] == ["other_area", "noisy"]
    assert parts[0] == Segment(0.0, pytest.approx(shares[1]), "other_area")
    assert parts[1].start == pytest.approx(shares[2])
    assert parts[1].start + parts[1].width == pytest.approx(1.0)


def test_a_loss_line_is_broken_where_it_is_missing():
    path = loss_path(np.array([10.0, np.nan, 0.1, 1.0]), np.arange(4), LossScale(0.1, 10.0), width=100, height=30)

    assert path == "M0.0 0.0M68.3 30.0L86.1 15.0L100.0 15.0"


def test_the_loss_scale_spans_whole_powers_of_ten_and_survives_zero_and_infinity():
    assert loss_scale(np.array([0.0, np.inf, 3.0])) == LossScale(pytest.approx(1e-5), pytest.approx(10.0))
    assert loss_scale(np.array([np.nan])) == LossScale(0.1, 1.0)


def test_long_runs_are_drawn_at_epochs_spaced_as_on_the_axis():
    epochs = spaced_epochs(range(10_001), 400)

    assert len(epochs) <= 400
    assert (epochs[0], epochs[-1]) == (0, 10_000)
    assert np.diff(epochs)[:5].tolist() == [1] * 5
    assert spaced_epochs([1, 2, 5], 400).tolist() == [1, 2, 5]
