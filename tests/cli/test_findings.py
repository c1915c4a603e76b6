"""The closing lines say what the summary holds, and nothing it does not."""

import pytest

from probes_cli.findings import findings

FULL = {
    "epochs": 120,
    "num_noisy": 492,
    "nonfinite_visits": 0,
    "clean_learned_epoch": 2,
    "noisy_memorized_epoch": 29,
    "noisy_half_memorized_epoch": 18,
    "final_clean_accuracy": 1.0,
    "final_noisy_accuracy": 1.0,
    "noisy_true_label_peak": 0.925,
    "noisy_true_label_peak_epoch": 6,
    "peak_test_accuracy": 0.955,
    "peak_test_epoch": 4,
    "final_test_accuracy": 0.76,
    "detection": {"mean_loss": {"auroc": 0.98961, "average_precision": 0.98}},
}
NONE_NOISY = {
    "num_noisy": 0,
    "noisy_memorized_epoch": None,
    "noisy_half_memorized_epoch": None,
    "final_noisy_accuracy": None,
    "noisy_true_label_peak": None,
    "noisy_true_label_peak_epoch": None,
    "detection": {"mean_loss": {"auroc": None, "average_precision": None}},
}
NONE_CLEAN = {"clean_learned_epoch": None, "final_clean_accuracy": None}
NOT_REACHED = {"noisy_memorized_epoch": None, "final_noisy_accuracy": 0.62}


def test_a_run_with_noise_is_told_in_four_lines():
    assert findings(FULL) == [
        "Clean examples learned by epoch 2, wrong labels memorized by epoch 29.",
        "At most 92.5 % of the wrong labels were answered with their true label, at epoch 6.",
        "Test accuracy 95.5 % at best validation (epoch 4), 76.0 % in the end.",
        "Mean loss finds the wrong labels with AUROC 0.990.",
    ]


def test_without_noise_nothing_is_said_of_memorizing_or_finding_it():
    assert findings({**FULL, **NONE_NOISY}) == [
        "Clean examples learned by epoch 2, no wrong labels.",
        "Test accuracy 95.5 % at best validation (epoch 4), 76.0 % in the end.",
    ]


@pytest.mark.parametrize(
    ("change", "first"),
    [
        (NONE_CLEAN, "No clean examples, wrong labels memorized by epoch 29."),
        (
            NOT_REACHED,
            "Clean examples learned by epoch 2, "
            "wrong labels not memorized within 120 epochs (half of them by epoch 18, 62.0 % in the end).",
        ),
        (
            {**NOT_REACHED, "noisy_half_memorized_epoch": None, "final_noisy_accuracy": 0.04, "epochs": 1},
            "Clean examples learned by epoch 2, wrong labels not memorized within 1 epoch (4.0 % in the end).",
        ),
        (
            {"clean_learned_epoch": None, "final_clean_accuracy": 0.5},
            "Clean examples not learned within 120 epochs (50.0 % predicted as given in the end), "
            "wrong labels memorized by epoch 29.",
        ),
        (
            {**NONE_NOISY, **NONE_CLEAN, "num_noisy": None},
            "Which labels are wrong is not known.",
        ),
    ],
)
def test_the_first_line_says_what_was_and_was_not_reached(change, first):
    assert findings({**FULL, **change})[0] == first


def test_a_peak_at_the_end_is_said_once():
    lines = findings({**FULL, "peak_test_epoch": 120, "peak_test_accuracy": 0.76})

    assert "Test accuracy 76.0 % in the end, where validation is best." in lines


def test_test_accuracy_without_validation_is_that_of_the_end():
    assert "Test accuracy 76.0 % in the end." in findings({**FULL, "peak_test_epoch": None, "peak_test_accuracy": None})


def test_a_score_at_chance_finds_nothing():
    chance = {"mean_loss": {"auroc": 0.503, "average_precision": 0.4}}

    assert findings({**FULL, "detection": chance})[-1] == (
        "Mean loss does not tell wrong labels from right ones (AUROC 0.503)."
    )


def test_logits_that_are_not_finite_are_told():
    assert findings({**FULL, "nonfinite_visits": 3114})[-1].startswith("3,114 visits had logits that are not finite")


def test_a_run_that_was_never_finite_says_only_that():
    nothing = {**NONE_NOISY, **NONE_CLEAN, "num_noisy": 492, "num_examples": 1400, "epochs": 5}

    lines = findings({**FULL, **nothing, "nonfinite_visits": 7000})

    assert lines == ["The network's outputs were not finite, nothing could be recorded: try a lower --lr."]
    assert "No clean examples" not in findings({**FULL, **nothing, "nonfinite_visits": 6999})[0]


def test_a_run_that_goes_on_is_told_so_far():
    lines = findings({**FULL, **NOT_REACHED, "status": "interrupted"})

    assert "62.0 % so far" in lines[0]
    assert "76.0 % so far" in lines[2]


def test_replaced_inputs_are_not_called_wrong_labels():
    mixed = findings({**FULL, "num_noisy": 152}, wrong=72)
    replaced = findings({**FULL, "num_noisy": 400, "noisy_true_label_peak": None}, wrong=0)

    assert mixed[0].endswith("noisy examples (72 wrong labels, 80 replaced inputs) memorized by epoch 29.")
    assert mixed[-1] == "Mean loss finds the noisy examples with AUROC 0.990."
    assert replaced[0].endswith("replaced inputs memorized by epoch 29.")
    assert "wrong label" not in " ".join(replaced)
