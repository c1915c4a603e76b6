"""The words and numbers at the top of the page."""

import pytest

from probes_reports.sections.learning import build
from probes_reports.view import RunView
from probes_reports.wording import percent, plain_text


def hero(run):
    return build(RunView(run))


def test_tells_the_whole_story_in_three_sentences(small_run):
    summary = small_run.summary()

    text = plain_text(hero(small_run).lede)

    assert text.startswith("Before training, 20 of the 60 labels were made wrong. At epoch 3 the network answered ")
    assert f"it repeated {percent(1.0)} of the wrong labels instead" in text or "of the wrong labels" in text
    assert f"fell from {percent(summary['peak_test_accuracy'])} to {percent(summary['final_test_accuracy'])}" in text


def test_tiles_show_the_summary(small_run):
    summary = small_run.summary()

    values = [plain_text(tile.value) for tile in hero(small_run).tiles]

    assert values[0] == f"epoch {summary['clean_learned_epoch']}"
    assert values[1] == f"epoch {summary['noisy_memorized_epoch']}"
    assert values[2].endswith(percent(summary["final_test_accuracy"]))
    assert values[3].endswith("%")


def test_header_says_what_was_asked_and_what_came(small_run):
    assert hero(small_run).facts == (
        "toy",
        "40% of labels moved to another class, 33.3% wrong",
        "seed 0",
        "measured in a sweep after every epoch",
    )


def test_without_truth_it_says_so(make_run):
    assert "cannot tell clean from noisy" in plain_text(hero(make_run(truth=False)).lede)


@pytest.mark.parametrize(
    "kind",
    [
        {"noise": "none"},
        {"noise": "all"},
        {"metrics": False},
        {"initial": False},
        {"epochs": 0},
        {"epochs": 1, "initial": False},
        {"examples": False, "metrics": False, "initial": False},
        {"visited": range(5, 40)},
        {"status": "interrupted"},
    ],
    ids=str,
)
def test_has_words_for_every_kind_of_run(make_run, kind):
    top = hero(make_run(**kind))

    words = (
        plain_text(top.lede) + plain_text(top.section.answer) + "".join(plain_text(t.value) + t.note for t in top.tiles)
    )
    assert len(top.tiles) == 4
    assert "nan" not in words.lower().split()
    assert "None" not in words


def test_an_empty_group_has_no_line(make_run):
    names = [trace.name for trace in hero(make_run(noise="none")).section.plots()[0].wide.data if trace.name]

    assert names == ["test set", "clean examples"]
