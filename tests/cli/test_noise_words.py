"""What stderr says of the noise while training: each group by what it is."""

import numpy as np
import pytest
from click.testing import CliRunner

from probes import open_run
from probes_cli.introduction import noise_words
from probes_cli.main import main


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        (
            {
                "kind": "uniform_all+gaussian",
                "requested": 0.3,
                "drawn": 0.3,
                "realised": 0.28,
                "kinds": {
                    "uniform_all": {"requested": 0.2, "drawn": 0.2, "realised": 0.18},
                    "gaussian": {"requested": 0.1, "drawn": 0.1, "realised": 0.1},
                },
            },
            "18.0 % of the labels wrong, 10.0 % of the inputs replaced",
        ),
        (
            {"kind": "gaussian", "requested": 1.0, "drawn": 1.0, "realised": 1.0},
            "drawn, 100.0 % of the inputs replaced",
        ),
        ({"kind": "pair", "requested": 0.4, "drawn": 0.39, "realised": 0.39}, "drawn, 39.0 % of the labels wrong"),
    ],
)
def test_the_noise_line_tells_wrong_labels_from_replaced_inputs(rates, words):
    assert noise_words(rates).endswith(words)


@pytest.mark.parametrize(("truth", "group"), [(True, "clean"), (False, "train")])
def test_labels_that_came_wrong_are_counted_and_nothing_is_called_clean_without_the_truth(truth, group, tmp_path):
    labels = np.arange(60) % 3
    given = np.where(np.arange(60) % 5 == 0, (labels + 1) % 3, labels)
    held = {"X": np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32), "y": given}
    np.savez(tmp_path / "data.npz", **held, **({"true_labels": labels} if truth else {}))
    command = f"train --dataset {tmp_path / 'data.npz'} --epochs 1 --width 4 --out {tmp_path / 'run'}"
    result = CliRunner().invoke(main, command.split())

    assert result.exit_code == 0, result.output
    wrong = open_run(tmp_path / "run").summary()["num_noisy"]
    size = open_run(tmp_path / "run").num_examples
    told = f", and {wrong} of {size} given labels differ from the known true ones" if truth else ""
    assert f"Noise: none added: every label is as it came{told}.\n" in result.stderr
    assert f"epoch 1 of 1: {group} " in result.stderr


@pytest.mark.parametrize("option", ["--exclude", "--relabel"])
def test_a_cleaned_run_tells_the_noise_before_cleaning_from_what_is_wrong_now(option, tmp_path):
    """Noise is drawn first, cleaned then: every second wrong label is taken away or set right."""
    common = ["train", "--noise", "0.4", "--subset", "200", "--epochs", "1", "--width", "4", "--probe", "none"]
    CliRunner().invoke(main, [*common, "--quiet", "--out", str(tmp_path / "noisy")])
    noisy = open_run(tmp_path / "noisy").examples
    wrong = noisy[noisy["noisy"]]
    half = wrong.iloc[::2]
    half.assign(label=half["true_label"])[["id", "label"]].to_csv(tmp_path / "review.csv", index=False)

    result = CliRunner().invoke(main, [*common, option, str(tmp_path / "review.csv"), "--out", str(tmp_path / "run")])

    left, size = len(wrong) - len(half), 200 - (len(half) if option == "--exclude" else 0)
    assert open_run(tmp_path / "run").summary()["num_noisy"] == left
    share = f"{100 * left / size:.1f} %"
    before = f"{len(wrong) / 2:.1f} % of the labels wrong before cleaning"
    assert f"{before}; {left} of {size} labels ({share}) are wrong now.\n" in result.stderr
    dry = CliRunner().invoke(main, [*common, option, str(tmp_path / "review.csv"), "--dry-run"])
    assert before in dry.stdout
