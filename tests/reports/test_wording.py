"""Every branch of the verdict, and how numbers are written."""

import math

import pytest

from probes_reports.wording import (
    REPLACED_INPUTS,
    Facts,
    auroc,
    count,
    noisy,
    number,
    part_of,
    percent,
    plain_text,
    prose,
    verdict,
)


def facts(**changes):
    """RP's usual run: clean learned at 2, half of the noise at 18, 90% of it at 30, of 120 epochs."""
    usual = {
        "num_examples": 1400,
        "num_noisy": 492,
        "last_epoch": 120,
        "clean_learned_epoch": 2,
        "noisy_half_memorized_epoch": 18,
        "noisy_memorized_epoch": 30,
        "final_clean_accuracy": 1.0,
        "final_noisy_accuracy": 1.0,
        "estimated_noise_rate": 0.364,
    }
    return Facts(**{**usual, **changes})


CASES = {
    "yes": (
        {},
        "Yes",
        "Clean examples were learned by epoch 2; the wrong labels were memorized only by epoch 30.",
    ),
    "yes at exactly three times": (
        {"noisy_half_memorized_epoch": 6},
        "Yes",
        "Clean examples were learned by epoch 2; the wrong labels were memorized only by epoch 30.",
    ),
    "yes, 90% of the noise not reached": (
        {"noisy_memorized_epoch": None, "final_noisy_accuracy": 0.7},
        "Yes",
        "Clean examples were learned by epoch 2; by epoch 120 only 70.0% of the wrong labels were memorized.",
    ),
    "yes, half of the noise not reached in time enough": (
        {
            "noisy_half_memorized_epoch": None,
            "noisy_memorized_epoch": None,
            "last_epoch": 6,
            "final_noisy_accuracy": 0.021,
        },
        "Yes",
        "Clean examples were learned by epoch 2; by epoch 6 only 2.1% of the wrong labels were memorized.",
    ),
    "only partly": (
        {"noisy_half_memorized_epoch": 5},
        "Only partly",
        "Clean examples were learned by epoch 2, half of the wrong labels already by epoch 5.",
    ),
    "no, at the same epoch": (
        {"noisy_half_memorized_epoch": 2},
        "No",
        "Half of the wrong labels were memorized by epoch 2, before 90% of the clean examples were learned (epoch 2).",
    ),
    "no, clean never learned": (
        {"clean_learned_epoch": None},
        "No",
        "Half of the wrong labels were memorized by epoch 18, before 90% of the clean examples were learned "
        "(not within 120 epochs).",
    ),
    "no noise": (
        {
            "num_noisy": 0,
            "noisy_half_memorized_epoch": None,
            "noisy_memorized_epoch": None,
            "final_noisy_accuracy": None,
        },
        "Cannot tell",
        "Every label is as it came: clean examples were learned by epoch 2.",
    ),
    "no noise, not learned": (
        {"num_noisy": 0, "clean_learned_epoch": None, "final_clean_accuracy": 0.5},
        "Cannot tell",
        "Every label is as it came: by epoch 120 50.0% of the clean examples were learned.",
    ),
    "nothing clean": (
        {"num_noisy": 1400, "clean_learned_epoch": None, "final_clean_accuracy": None},
        "Cannot tell",
        "Every label is wrong, there is no clean group: the wrong labels were memorized by epoch 30.",
    ),
    "truth unknown": (
        {"num_noisy": None},
        "Cannot tell",
        "The true labels are unknown; an estimated 36.4% look wrong.",
    ),
    "truth unknown, nothing learned": (
        {"num_noisy": None, "unlearned": "the network was still learning at the end"},
        "Cannot tell",
        "The true labels are unknown; an estimated 36.4% look wrong, but the network was still learning at the end: "
        "many of these may be its own errors.",
    ),
    "truth unknown, no estimate": (
        {"num_noisy": None, "estimated_noise_rate": None},
        "Cannot tell",
        "The true labels are unknown.",
    ),
    "ended too early": (
        {"noisy_half_memorized_epoch": None, "noisy_memorized_epoch": None, "last_epoch": 5},
        "Cannot tell",
        "Training ended at epoch 5, too early.",
    ),
    "neither reached": (
        {"clean_learned_epoch": None, "noisy_half_memorized_epoch": None, "noisy_memorized_epoch": None},
        "Cannot tell",
        "Within 120 epochs neither 90% of the clean examples were learned nor half of the wrong labels memorized.",
    ),
    "neither reached in few epochs": (
        {
            "clean_learned_epoch": None,
            "noisy_half_memorized_epoch": None,
            "noisy_memorized_epoch": None,
            "last_epoch": 5,
        },
        "Cannot tell",
        "Training ended at epoch 5, too early.",
    ),
    "no epoch yet": ({"last_epoch": 0}, "Cannot tell", "No epoch has been finished yet."),
    "still going, too early": (
        {"noisy_half_memorized_epoch": None, "last_epoch": 3, "finished": False},
        "Cannot tell",
        "It is too early.",
    ),
}


@pytest.mark.parametrize(("changes", "word", "sentence"), CASES.values(), ids=CASES.keys())
def test_verdict_is_worded_by_its_case(changes, word, sentence):
    found = verdict(facts(**changes))

    assert (found.word, plain_text(found.sentence)) == (word, sentence)


def test_a_run_that_is_not_finished_says_how_far_it_is():
    assert verdict(facts(finished=False)).so_far == "So far (epoch 120): "
    assert verdict(facts()).so_far == ""


def test_replaced_inputs_are_never_called_labels():
    for changes in ({}, {"num_noisy": 1400}, {"num_noisy": 0}, {"noisy_half_memorized_epoch": 3}):
        assert "label" not in plain_text(verdict(facts(words=REPLACED_INPUTS, **changes)).sentence)


def test_clauses_wear_the_colours_of_their_groups():
    tones = [clause.tone for clause in verdict(facts()).sentence if clause.text.strip()]

    assert tones == ["clean", "noisy"]


def test_percent_says_all_or_nothing_only_where_it_is_so():
    shares = (0.943, 1.0, 0.0, 0.99999, 0.00001, None, math.nan)

    assert [percent(s) for s in shares] == ["94.3%", "100%", "0%", ">99.9%", "<0.1%", "unknown", "unknown"]


def test_numbers_keep_the_digits_that_count():
    assert [number(v) for v in (0.5234, 2.0, 0.0003, 0.00152, 0.0)] == ["0.52", "2.00", "0.0003", "0.0015", "0.00"]
    assert (count(1400), auroc(0.9916), auroc(None)) == ("1,400", "0.992", "undefined")


def test_part_of_a_whole():
    assert [part_of(k, 50) for k in (50, 0, 47)] == ["all 50", "none of the 50", "47 of the 50"]


def test_prose_joins_plain_strings_and_clauses():
    assert plain_text(prose("a ", noisy("b"), " c")) == "a b c"
