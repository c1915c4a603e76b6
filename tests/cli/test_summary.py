"""`probe summary`: the run in numbers, for programs and for people."""

import json
import re

import numpy as np
import pytest

from probes import open_run
from probes.runs.writer import RunWriter
from probes.scores import CATALOGUE


def test_json_is_exactly_the_summary(probe, small_run):
    answer = probe("summary", "--json")

    assert json.loads(answer.stdout, parse_constant=pytest.fail) == open_run(small_run).summary()
    assert answer.stderr == ""


def test_a_run_can_be_named(probe, small_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert probe("summary", small_run, "--json").exit_code == 0


def test_text_has_shares_as_percent_and_every_score(probe, small_run):
    text = probe("summary").stdout
    summary = open_run(small_run).summary()

    assert re.search(rf"^noisy examples +{summary['num_noisy']} \({100 * summary['base_rate']:.1f} %\)$", text, re.M)
    assert re.search(rf"^test accuracy in the end +{100 * summary['final_test_accuracy']:.1f} %$", text, re.M)
    for name in summary["detection"]:
        assert re.search(rf"^{name} +0\.\d{{3}} +0\.\d{{3}}$", text, re.M)


def test_scores_are_listed_from_the_best_to_the_worst(probe, small_run):
    table = probe("summary").stdout.split("\n\n")[1].splitlines()[2:]
    values = [float(line.split()[1]) for line in table]

    assert len(values) == sum(score.direction is not None for score in CATALOGUE.values())
    assert values == sorted(values, reverse=True)


def test_flags_are_listed_by_given_label(probe, small_run):
    run = open_run(small_run)
    above = run.scores()["mean_loss"] > run.summary()["suggested_cutoff"]
    table = probe("summary").stdout.split("\n\n")[2].splitlines()

    assert table[0].split("  ")[0] == "above the cut-off, by given label"
    assert [line.split()[0] for line in table[2:]] == [str(label) for label in range(10)]
    for label, line in enumerate(table[2:]):
        carry = run.given_labels == label
        right = (above & carry & run.noisy).sum() / (above & carry).sum()
        assert line.split()[1:3] == [str(carry.sum()), str((above & carry).sum())]
        assert line.split()[5] == f"{100 * right:.1f}"


def test_a_label_that_holds_most_flags_is_warned_of(probe, tmp_path):
    """A tracker's run of 30 examples without true labels: the ten of one label are hard."""
    from probes import ExampleTracker

    targets = [0] * 10 + [1] * 20
    with ExampleTracker(30, run=tmp_path / "mine", classes=["rare", "usual"]) as tracker:
        for _ in range(3):
            hard = [[0.0, 2.0 + n / 10] for n in range(10)]
            tracker.update(range(30), [*hard, *[[0.0, 5.0 + n / 10] for n in range(20)]], targets)
            tracker.end_epoch()
    text = probe("summary", tmp_path / "mine").stdout

    assert "Careful: 100.0 % of the flags are examples given rare; a hard class is not a wrong one." in text
    assert "rightly" not in text


def test_what_is_unknown_is_a_dash_and_no_table(probe, tmp_path):
    """A tracker's run without true labels."""
    from probes import ExampleTracker

    with ExampleTracker(4, run=tmp_path / "mine") as tracker:
        tracker.update([0, 1, 2, 3], [[1.0, 0.0]] * 4, [0, 1, 0, 1])
        tracker.end_epoch()
    text = probe("summary", tmp_path / "mine").stdout

    assert re.search(r"^noisy examples +unknown$", text, re.M)
    assert re.search(r"^test accuracy in the end +-$", text, re.M)
    assert "AUROC" not in text


def test_a_folder_that_is_no_run_is_one_line(refused, tmp_path):
    assert "is not a run: it has no run.json" in refused("summary", tmp_path)


def test_a_run_of_a_newer_format_is_refused_by_its_version(refused, tmp_path):
    (tmp_path / "run.json").write_text('{"format_version": 99}')

    assert "format version 99" in refused("summary", tmp_path)


def test_text_tells_kinds_of_noise_apart(probe, tmp_path):
    kinds = ("--corrupt", "uniform_all=0.2", "--corrupt", "gaussian=0.1")
    probe("train", *kinds, "--epochs", "2", "--width", "16", "--probe", "none", "--out", tmp_path / "run", "--quiet")

    text = probe("summary", tmp_path / "run").stdout
    row = re.search(r"^gaussian +140 +0 +140 .* -$", text, re.M)
    assert row, text  # no wrong label: no share answered with the true one
    assert re.search(r"^uniform_all +280 +\d+ +0 ", text, re.M)
    assert "AUROC of uniform_all  AUROC of gaussian" in text
    assert re.search(r"^estimated noise rate +[\d.]+ %, not to be trusted: the network ", text, re.M)


def test_one_kind_is_not_told_apart(probe, small_run):
    assert "kind of noise" not in probe("summary").stdout


def test_a_class_of_nearly_all_examples_is_warned_of(probe, tmp_path):
    labels = np.zeros(100, dtype=int)
    labels[0] = 1
    meta = {"dataset": {"name": "toy", "classes": ["no", "yes"]}}
    writer = RunWriter.create(tmp_path / "run", num_examples=100, measure="sweep", meta=meta)
    writer.write_examples({"given_label": labels, "true_label": labels, "noisy": np.zeros(100, dtype=bool)})
    signals = dict.fromkeys(("loss", "margin", "entropy", "el2n"), np.ones(100, np.float32))
    counts = {"visits": np.ones(100, np.int32), "prediction": np.zeros(100, np.int32)}
    writer.write_epoch(1, {"example": np.arange(100), **signals, **counts})
    writer.finish("complete")

    assert "answering “no” always would reach 99.0% of the clean examples" in probe("summary", writer.path).stdout
