"""A run's scores as other tools write them, against the run's own numbers and against those tools."""

import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from probes import ExampleTracker, open_run
from probes.errors import ConfigError
from probes.runs.formats import FORMATS, format_scores
from probes.training import TrainConfig, train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(
        TrainConfig(noise=0.4, width=64, epochs=8, probe=("none",)), tmp_path_factory.mktemp("formats") / "run"
    )


def test_cleanlab_takes_the_cutoff_and_the_probability_of_the_run(run):
    table, scores, summary = format_scores(run, "cleanlab"), run.scores(), run.summary()

    assert table.index.tolist() == list(range(1400))
    assert (table["is_label_issue"] == (scores["mean_loss"] > summary["suggested_cutoff"])).all()
    np.testing.assert_allclose(table["label_score"], 1 - scores["noise_probability"], atol=1e-15)
    assert table["given_label"].tolist() == run.given_labels.tolist()
    peak = run.epoch(summary["peak_test_epoch"])["prediction"]
    assert table["predicted_label"].tolist() == peak.tolist() != run.epoch(8)["prediction"].tolist()
    assert table.loc[table["is_label_issue"], "label_score"].max() <= table["label_score"].median()


def test_a_window_flags_as_many_by_its_own_losses_and_predicts_at_its_end(run):
    table, losses = format_scores(run, "cleanlab", (1, 2)), run.scores("mean_loss", epochs=(1, 2))["mean_loss"]

    flagged = table["is_label_issue"]
    assert flagged.sum() == round(run.summary()["estimated_noise_rate"] * 1400)
    assert losses[flagged].min() > losses[~flagged].max()
    assert run.summary()["peak_test_epoch"] > 2
    assert table["predicted_label"].tolist() == run.epoch(2)["prediction"].tolist()


def test_the_prediction_is_that_of_the_last_visit(tmp_path):
    """Without validation data there is no peak; example 1 is last seen in the first of two epochs, 2 never."""
    with ExampleTracker(3, run=tmp_path / "run") as tracker:
        tracker.update([0, 1], [[2.0, 0.0], [2.0, 0.0]], [0, 1])
        tracker.end_epoch()
        tracker.update([0], [[0.0, 1.0]], [0])
        tracker.end_epoch()

    table = format_scores(open_run(tmp_path / "run"), "cleanlab")

    assert table["predicted_label"].tolist() == [1, 0, pd.NA]
    assert table["given_label"].tolist() == [0, 1, pd.NA]


def test_cartography_reads_the_whole_run_and_names_examples_by_their_id(run):
    table, correct = format_scores(run, "cartography"), run.trajectory("correct")
    scores = run.scores()

    assert table["guid"].tolist() == run.examples["id"].tolist() != list(range(1400))
    assert table["index"].tolist() == list(range(1400))
    assert table["correctness"].tolist() == (correct == 1).sum(axis=0).tolist()
    np.testing.assert_allclose(table[["confidence", "variability"]], scores[["confidence", "variability"]])
    assert (table["forgetfulness"] == 1000).tolist() == scores["never_learned"].tolist()
    forgotten = table["forgetfulness"].replace(1000, 0)
    assert forgotten.tolist() == scores["forgetting_events"].tolist()


def test_cartography_in_blocks_is_the_same(run, monkeypatch):
    whole = format_scores(run, "cartography", (2, 4))
    monkeypatch.setattr("probes.runs.formats.block_of", lambda epochs: 300)

    pd.testing.assert_frame_equal(format_scores(run, "cartography", (2, 4)), whole)


@pytest.mark.parametrize("tool", list(FORMATS))
def test_a_run_without_epochs_gives_an_empty_or_a_missing_table(tmp_path, tool):
    with ExampleTracker(2, run=tmp_path / "run"):
        pass

    table = format_scores(open_run(tmp_path / "run"), tool)

    assert table.empty if tool != "cleanlab" else table["label_score"].isna().all()


def test_an_unknown_format_and_a_window_outside_are_refused(run):
    with pytest.raises(ConfigError, match="unknown format 'cleanlap'. Did you mean 'cleanlab'"):
        format_scores(run, "cleanlap")
    for tool in FORMATS:
        with pytest.raises(ConfigError, match="epochs must lie in order within 1 to 8, got 2 to 9"):
            format_scores(run, tool, (2, 9))


def test_the_columns_are_those_of_datalab(run):
    """Needs `cleanlab[datalab]`; the same rows come out where the same are flagged."""
    pytest.importorskip("datasets")
    from cleanlab import Datalab

    lab = Datalab({"label": run.given_labels}, label_name="label", verbosity=0)
    probability = np.full((1400, 10), 0.05)
    probability[np.arange(1400), run.given_labels] = 0.55
    lab.find_issues(pred_probs=probability, issue_types={"label": {}})
    theirs, ours = lab.get_issues("label"), format_scores(run, "cleanlab")

    assert list(ours.columns) == list(theirs.columns)
    assert ours.dtypes.to_dict() == theirs.dtypes.to_dict()
    assert len(ours) == len(theirs)


def test_aum_values_are_what_the_package_writes(tmp_path):
    """The file of package `aum` from the same logits, text for text but the last digits."""
    torch = pytest.importorskip("torch")
    calculator = pytest.importorskip("aum").AUMCalculator(tmp_path)
    random = np.random.default_rng(0)
    targets = random.integers(0, 3, 20)
    with ExampleTracker(22, run=tmp_path / "run") as tracker:
        for _ in range(4):
            logits = random.normal(size=(20, 3)).astype(np.float32)
            tracker.update(np.arange(20), logits, targets)
            tracker.end_epoch()
            calculator.update(torch.from_numpy(logits), torch.from_numpy(targets), list(range(20)))
    calculator.finalize()

    theirs = pd.read_csv(tmp_path / "aum_values.csv")
    ours = format_scores(open_run(tmp_path / "run"), "aum").reset_index(drop=True)
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-5)


def test_td_metrics_are_what_the_code_of_dataset_cartography_makes(tmp_path):
    """Its loop, written out plainly over the logits."""
    random = np.random.default_rng(1)
    targets, epochs = random.integers(0, 3, 30), random.normal(size=(5, 30, 3))
    with ExampleTracker(30, run=tmp_path / "run") as tracker:
        for logits in epochs:
            tracker.update(np.arange(30), logits, targets)
            tracker.end_epoch()

    rows = []
    for index, gold in enumerate(targets):
        probabilities = [(np.exp(row) / np.exp(row).sum())[gold] for row in epochs[:, index]]
        answers = [bool(row.argmax() == gold) for row in epochs[:, index]]
        forgotten = sum(a and not b for a, b in pairwise(answers)) if any(answers) else 1000
        mean = np.mean(probabilities)
        rows.append([index, index, mean * (1 - mean), mean, np.std(probabilities), sum(answers), forgotten])
    names = ["guid", "index", "threshold_closeness", "confidence", "variability", "correctness", "forgetfulness"]
    theirs = pd.DataFrame(rows, columns=names, index=pd.RangeIndex(30, name="example"))

    ours = format_scores(open_run(tmp_path / "run"), "cartography")
    assert 1000 in ours["forgetfulness"].tolist()
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-5, check_index_type=False)
    assert list(json.loads(ours.to_json(orient="records", lines=True).splitlines()[0])) == names
