"""Dataset cartography: our columns, and its own log imported, against the definitions (Swayamdipta et al., EMNLP 2020).

Read like their `compute_train_dy_metrics`: one example at a time, epoch by epoch, in plain Python.
"""

import json
import math
import sys

import pandas as pd
import pytest
from click.testing import CliRunner

from probes import ExampleTracker, open_run
from probes.scores import CATALOGUE, correctness, variability
from probes_cli.main import main

SINGLE = 1e-6  # signals are kept in float32


def gold_probability(row, gold):
    total = sum(math.exp(value) for value in row)
    return math.exp(row[gold]) / total


def confidence(probabilities):
    """Section 2: the mean of the gold label's probability across epochs."""
    return sum(probabilities) / len(probabilities)


def spread(probabilities):
    """Section 2: its standard deviation across epochs, divided by E."""
    mean = confidence(probabilities)
    return math.sqrt(sum((p - mean) ** 2 for p in probabilities) / len(probabilities))


def spread_with_interval(probabilities):
    """The code's `include_ci`, after Chang et al., NeurIPS 2017: sqrt(var + var^2 / (n - 1))."""
    variance = spread(probabilities) ** 2
    return math.sqrt(variance + variance**2 / (len(probabilities) - 1))


def times_right(answers):
    """The code's correctness: how many epochs; in the paper (section 2) the fraction."""
    return sum(1 for right in answers if right)


@pytest.fixture
def trends(stream):
    """{example: [(epoch, probability of the gold label, right or not), ...]}."""
    return {
        example: [
            (epoch, gold_probability(row, stream.targets[example]), row.index(max(row)) == stream.targets[example])
            for epoch, row in history
        ]
        for example, history in stream.histories().items()
    }


def published(trend):
    probabilities = [probability for _, probability, _ in trend]
    return confidence(probabilities), spread(probabilities), times_right(right for *_, right in trend) / len(trend)


COLUMNS = ["confidence", "variability", "correctness"]


def test_columns_are_those_of_the_definition(trends, scores):
    for example, trend in trends.items():
        assert tuple(scores.loc[example, COLUMNS]) == pytest.approx(published(trend), abs=SINGLE)
    assert scores.drop(list(trends))[COLUMNS].isna().all(axis=None)


@pytest.mark.parametrize("last", [1, 3])
def test_burn_out_is_a_window_from_the_first_epoch(trends, tracker, last):
    """Their `--burn_out b` keeps the first b epochs."""
    window = tracker.scores(COLUMNS, epochs=(1, last))

    kept = {example: [visit for visit in trend if visit[0] <= last] for example, trend in trends.items()}
    for example, trend in kept.items():
        if trend:
            assert tuple(window.loc[example]) == pytest.approx(published(trend), abs=SINGLE)
        else:
            assert window.loc[example].isna().all()


def test_correctness_as_a_count_is_their_codes(trends, tracker):
    counts = correctness(tracker.trajectory("correct"), count=True)

    assert {example: counts[example] for example in trends} == {
        example: times_right(right for *_, right in trend) for example, trend in trends.items()
    }


def test_variability_with_its_interval_is_their_codes(trends, tracker):
    ours = variability(tracker.trajectory("confidence"), interval=True)

    for example, trend in trends.items():
        if len(trend) > 1:
            expected = spread_with_interval([probability for _, probability, _ in trend])
            assert ours[example] == pytest.approx(expected, abs=SINGLE)


@pytest.mark.parametrize(("classes", "kept"), [(2, "whole"), (3, "ragged"), (10, "ragged")])
def test_an_imported_log_gives_the_scores_of_the_tracker(make_stream, track, tmp_path, monkeypatch, classes, kept):
    """The stream as their training script logs it, a line per visit, through `probe import cartography`."""
    stream = make_stream(classes, 0, whole=kept == "whole")
    write_training_dynamics(stream, tmp_path / "training_dynamics")
    words = ["import", "cartography", str(tmp_path / "training_dynamics"), "--out", str(tmp_path / "run")]
    monkeypatch.setattr(sys, "argv", ["probe", *words])

    answer = CliRunner().invoke(main, words)

    assert answer.exit_code == 0, answer.output
    imported = open_run(tmp_path / "run").scores()
    names = imported.pop("id").str.removeprefix("guid-").astype(int)
    imported = imported.set_axis(pd.Index(names, name="example")).sort_index()
    assert imported.index.tolist() == sorted(stream.histories())
    tracked = track(stream, ExampleTracker(stream.num_examples)).scores().loc[imported.index]
    # An imported run numbers its examples as its log meets them, and where a mixture starts depends on their order.
    by_order = [name for name, score in CATALOGUE.items() if score.scope == "dataset"]
    imported, tracked = (frame.drop(columns=by_order, errors="ignore") for frame in (imported, tracked))
    pd.testing.assert_frame_equal(imported, tracked, check_like=True, rtol=1e-6)


def write_training_dynamics(stream, folder):
    folder.mkdir()
    for epoch, batches in enumerate(stream.epochs):
        lines = [
            json.dumps({"guid": f"guid-{example}", f"logits_epoch_{epoch}": row, "gold": gold})
            for batch in batches
            for example, row, gold in zip(*(column.tolist() for column in batch), strict=True)
        ]
        (folder / f"dynamics_epoch_{epoch}.jsonl").write_text("\n".join(lines) + "\n")
