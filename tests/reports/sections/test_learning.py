"""The words and numbers at the top of the page."""

from dataclasses import replace

import pytest

from probes_reports.sections.learning import build
from probes_reports.sections.learning_words import hero_facts, lede, tiles
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


@pytest.mark.parametrize("status", ["complete", "interrupted", "failed"])
def test_a_run_that_ended_without_an_epoch_is_not_told_to_go_on(make_run, status):
    top = hero(make_run(epochs=0, initial=False, metrics=False, status=status))

    assert plain_text(top.lede) == "Nothing was recorded: the run ended before an epoch was finished."


def test_an_empty_group_has_no_line(make_run):
    names = [trace.name for trace in hero(make_run(noise="none")).section.plots()[0].wide.data if trace.name]

    assert names == ["test set", "clean examples"]


def facts_of(run, **changes):
    return replace(hero_facts(RunView(run)), **changes)


def test_what_was_memorized_before_the_peak_is_told_first(small_run):
    usual = facts_of(small_run)
    late = replace(usual.key, noisy_memorized=2, peak=9)

    text = plain_text(lede(replace(usual, key=late, noisy_at_memorized=1.0, true_at_peak=0.1)))

    assert "By epoch 2 the network repeated 100% of the wrong labels. At epoch 9 it answered 10.0%" in text
    assert "instead" not in text


def test_without_validation_the_peak_of_true_labels_is_told(make_run):
    run = make_run(metrics=False)

    text = plain_text(hero(run).lede)

    epoch, share = (run.summary()[f"noisy_true_label_peak{end}"] for end in ("_epoch", ""))
    assert f"At epoch {epoch} the network answered {percent(share)} of those examples, the most of any epoch" in text


def test_chance_is_told_where_most_labels_are_wrong_or_the_ranking_is_poor(small_run):
    def note(**changes):
        return tiles(facts_of(small_run, **changes))[3].note

    assert "by chance" not in note(found_auroc=0.9)
    assert note(found_auroc=0.55).endswith("; by chance 33.3%")
    assert note(found_auroc=0.9, num_noisy=54).endswith("; by chance 90.0%")


def test_a_run_that_goes_on_is_told_so_far(make_run):
    assert " so far." in plain_text(hero(make_run(status="interrupted")).lede)
