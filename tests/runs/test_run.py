"""Reading a run: what a stranger's files give, and what is missing reads as unknown."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from probes import ExampleTracker, ProbeError, open_run
from probes.errors import ConfigError, RunNotFoundError
from probes.runs.trajectories import block_of
from probes.runs.writer import RunWriter

DOCUMENTED = {"epoch", "example", "visits", "loss", "margin", "entropy", "el2n", "prediction"}


def epoch_columns(prediction, loss, example=None):
    n = len(prediction)
    return {
        "example": np.arange(n) if example is None else np.asarray(example),
        "visits": np.ones(n),
        "loss": np.asarray(loss),
        "margin": np.zeros(n),
        "entropy": np.zeros(n),
        "el2n": np.zeros(n),
        "prediction": np.asarray(prediction),
    }


@pytest.fixture
def run_folder(tmp_path):
    """Four examples, the last two noisy; epoch 0, then three epochs; example 3 is visited at epoch 3 only."""
    writer = RunWriter.create(
        tmp_path / "run", num_examples=4, measure="both", meta={"dataset": {"classes": ["a", "b"]}}
    )
    writer.write_examples(
        {
            "given_label": [0, 1, 0, 1],
            "true_label": [0, 1, 1, 0],
            "noisy": [False, False, True, True],
            "corruption": ["", "uniform_all", "uniform_all", "uniform_all"],
            "id": ["w", "x", "y", "z"],
        }
    )
    writer.write_epoch(0, epoch_columns([1, 1, 1, 1], [9, 9, 9, 9]))
    writer.write_epoch(1, epoch_columns([0, 0, 1], [1, 2, 3]))
    writer.write_epoch(2, epoch_columns([0, 1, 1], [0.5, 1, 2]))
    writer.write_epoch(3, epoch_columns([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4]))
    writer.write_epoch(1, epoch_columns([1, 1, 1, 1], [7, 7, 7, 7]), online=True)
    writer.append_metrics(
        [
            {"epoch": e, "group": g, "examples": 10, "accuracy": a, "true_label_accuracy": a, "loss": 1.0}
            for e, g, a in [
                (1, "validation", 0.6),
                (1, "test", 0.5),
                (2, "validation", 0.8),
                (2, "test", 0.7),
                (3, "validation", 0.8),
                (3, "test", 0.4),
                (4, "test", 0.1),  # of an epoch that was never closed
            ]
        ]
    )
    writer.finish("complete", nonfinite_visits=5)
    return tmp_path / "run"


def test_trajectories_are_dense_with_missing_visits_marked(run_folder):
    run = open_run(run_folder)

    loss = run.trajectory("loss")

    assert (loss.shape, loss.dtype) == ((3, 4), np.float32)
    assert np.isnan(loss[:2, 3]).all()
    assert run.trajectory("prediction").tolist() == [[0, 0, 1, -1], [0, 1, 1, -1], [0, 1, 0, 1]]
    assert run.trajectory("correct").tolist() == [[1, 0, 0, -1], [1, 1, 0, -1], [1, 1, 1, 1]]
    assert run.trajectory("visits")[:, 3].tolist() == [-1, -1, 1]
    assert run.trajectory("confidence")[0, 0] == pytest.approx(np.exp(-1))
    assert run.trajectory("loss", initial=True)[0].tolist() == [9, 9, 9, 9]
    assert run.trajectory("loss", measure="online").tolist() == [[7, 7, 7, 7]]
    before = run.trajectory("loss", initial=True, measure="online", examples=[2])
    assert before.tolist() == [[9], [7]]  # epoch 0 is always a sweep
    assert np.array_equal(run.trajectory("loss", examples=[3, 0]), loss[:, [3, 0]], equal_nan=True)


def test_scores_have_the_contract_columns_and_types(run_folder):
    scores = open_run(run_folder).scores()

    assert scores.index.name == "example"
    assert scores["id"].tolist() == ["w", "x", "y", "z"]
    assert scores["learned_epoch"].tolist() == [1, 2, 3, 3]
    assert scores["mean_loss"].tolist() == pytest.approx([1.6 / 3, 3.2 / 3, 5.3 / 3, 0.4])
    for name in ("forgetting_events", "first_learned_epoch", "learned_epoch", "visits"):
        assert str(scores[name].dtype) == "Int64"
    assert str(scores["never_learned"].dtype) == str(scores["unforgettable"].dtype) == "boolean"
    assert scores["noisy"].tolist() == [False, False, True, True]
    assert list(scores)[-4:] == ["true_label", "given_label", "noisy", "corruption"]


def test_a_window_uses_nothing_from_before_its_start(run_folder):
    windowed = open_run(run_folder).scores(epochs=(2, 3))

    assert windowed["learned_epoch"].tolist() == [2, 2, 3, 3]  # still epochs of the run
    assert windowed["mean_loss"].tolist() == pytest.approx([0.3, 0.6, 1.15, 0.4])
    assert windowed["visits"].tolist() == [2, 2, 2, 1]


def test_an_example_without_a_visit_in_the_window_is_missing(run_folder):
    windowed = (
        open_run(run_folder)
        .scores(epochs=(1, 2))
        .drop(columns=["id", "true_label", "given_label", "noisy", "corruption"])
    )

    assert windowed.loc[3].isna().all()
    assert windowed.loc[:1].notna().all(axis=None)


@pytest.mark.parametrize("window", [(0, 2), (2, 1), (1, 4), "ab", (1,), 3])
def test_a_window_outside_the_run_is_refused(run_folder, window):
    with pytest.raises(ConfigError, match="epochs must"):
        open_run(run_folder).scores(epochs=window)


def test_an_unknown_score_is_refused_with_the_nearest_name(run_folder):
    with pytest.raises(ConfigError, match="unknown score 'mean_los'. Did you mean 'mean_loss'?"):
        open_run(run_folder).scores(["mean_los"])


def test_a_label_is_wrong_only_where_both_it_and_the_truth_are_known(tmp_path):
    writer = RunWriter.create(tmp_path / "partly", num_examples=4, measure="online")
    writer.write_examples({"given_label": np.array([0, 1, 1, -1]), "true_label": np.array([0, 0, -1, 1])})
    writer.finish("complete")

    run = open_run(tmp_path / "partly")

    assert run.wrong.tolist() == [False, True, False, False]


def test_only_the_named_columns_come_back(run_folder):
    assert list(open_run(run_folder).scores("aum")) == ["id", "aum"]
    assert list(open_run(run_folder).scores(["noise_probability", "noisy"])) == ["id", "noise_probability", "noisy"]


def test_epochs_is_tidy_and_leaves_out_what_was_not_closed(run_folder):
    epochs = open_run(run_folder).epochs

    assert list(epochs) == ["epoch", "group", "examples", "accuracy", "true_label_accuracy", "loss"]
    assert epochs["epoch"].max() == 3
    noisy = epochs[epochs["group"] == "train/noisy"].set_index("epoch")
    assert noisy["examples"].to_dict() == {0: 2, 1: 1, 2: 1, 3: 2}
    assert noisy["accuracy"].to_dict() == {0: 0.5, 1: 0.0, 2: 0.0, 3: 1.0}
    assert noisy["true_label_accuracy"].to_dict() == {0: 0.5, 1: 1.0, 2: 1.0, 3: 0.0}
    assert set(epochs["group"]) == {
        "train/all", "train/clean", "train/noisy", "train/uniform_all", "validation", "test",
    }  # fmt: skip


def test_summary_worked_by_hand(run_folder):
    summary = open_run(run_folder).summary()

    assert summary["num_noisy"] == 2
    assert summary["base_rate"] == 0.5
    assert (summary["clean_learned_epoch"], summary["noisy_memorized_epoch"]) == (2, 3)
    assert summary["noisy_true_label_peak"] == 1.0
    assert summary["noisy_true_label_peak_epoch"] == 1
    assert (summary["peak_test_epoch"], summary["peak_test_accuracy"]) == (2, 0.7)  # the first of equal peaks
    assert summary["final_test_accuracy"] == 0.4
    assert summary["estimated_noise_rate"] == pytest.approx(1 / 3)  # one of three visited at epoch 2
    above = open_run(run_folder).scores()["mean_loss"] > summary["suggested_cutoff"]
    assert above.sum() == round(4 / 3)
    assert summary["nonfinite_visits"] == 5
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_reads_a_run_with_the_required_files_only(tmp_path):
    """Another program's: run.json with four keys, and trajectories written by plain pyarrow."""
    (tmp_path / "trajectories").mkdir()
    meta = {"format_version": 1, "status": "complete", "measure": "online", "dataset": {"num_examples": 3}}
    (tmp_path / "run.json").write_text(json.dumps(meta))
    table = {"epoch": [1, 1], **epoch_columns([1, 0], [0.5, 2.0], example=[0, 2])}
    assert set(table) == DOCUMENTED
    pq.write_table(pa.table(table), tmp_path / "trajectories/epoch-00001.parquet")

    run = open_run(tmp_path)

    assert run.classes is None
    assert run.scores()["mean_loss"].tolist()[::2] == [0.5, 2.0]
    assert run.scores()["forgetting_events"].isna().all()  # which answers were right is unknown
    summary = run.summary()
    assert {key for key, value in summary.items() if value is not None} == {
        "status", "epochs", "measure", "num_examples", "estimated_noise_rate", "suggested_cutoff", "detection",
    }  # fmt: skip
    assert set(map(tuple, (entry.values() for entry in summary["detection"].values()))) == {(None, None)}
    assert run.images([0]) == {}
    assert run._repr_html_().startswith("<table>")


def test_a_run_with_no_closed_epoch_is_readable(tmp_path):
    RunWriter.create(tmp_path / "run", num_examples=2, measure="sweep")

    run = open_run(tmp_path / "run")

    assert run.trajectory("loss").shape == (0, 2)
    assert run.trajectory("correct").shape == (0, 2)
    assert run.scores().isna().all(axis=None)
    assert run.summary()["epochs"] == 0
    assert len(run.epochs) == 0


def test_a_run_reads_as_running_while_its_owner_lives_and_interrupted_afterwards(tmp_path):
    writer = RunWriter.create(tmp_path / "run", num_examples=2, measure="sweep")
    assert open_run(tmp_path / "run").status == "running"

    writer._lock.release()  # as the system does when the owner dies

    assert open_run(tmp_path / "run").status == "interrupted"


def test_a_run_that_one_may_only_read_reads_as_running_while_its_owner_lives(tmp_path, monkeypatch):
    writer = RunWriter.create(tmp_path / "run", num_examples=2, measure="sweep")

    def refused(*args, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("filelock.FileLock.acquire", refused)  # as root may write anything, chmod would not do
    assert open_run(tmp_path / "run").status == "running"

    writer._lock.release()

    assert open_run(tmp_path / "run").status == "interrupted"


def test_a_trajectory_has_a_row_for_each_epoch_also_for_one_that_is_gone(tmp_path):
    with ExampleTracker(2, run=tmp_path / "run") as tracker:
        for epoch in (1, 2, 3):
            tracker.update([0, 1], np.eye(2) * epoch, [0, 1])
            tracker.end_epoch()
    (tmp_path / "run/trajectories/epoch-00002.parquet").unlink()
    run = open_run(tmp_path / "run")

    np.testing.assert_array_equal(run.trajectory("margin"), [[1, 1], [np.nan, np.nan], [3, 3]])
    assert run.trajectory("prediction", examples=[1]).tolist() == [[1], [-1], [1]]
    assert (run.summary()["epochs"], run.closed_epochs) == (3, [1, 3])
    assert run.scores()["visits"].tolist() == [2, 2]
    with pytest.raises(ProbeError, match="holds no epoch 2; its last one is 3"):
        run.epoch(2)


def test_a_torn_last_line_is_ignored(run_folder):
    with open(run_folder / "epochs.jsonl", "a") as file:
        file.write('{"epoch": 3, "gro')

    assert open_run(run_folder).summary()["final_test_accuracy"] == 0.4


def test_a_newer_format_is_refused_by_name(run_folder):
    meta = json.loads((run_folder / "run.json").read_text())
    (run_folder / "run.json").write_text(json.dumps({**meta, "format_version": 2}))

    with pytest.raises(RunNotFoundError, match="format version 2; .*reads up to 1"):
        open_run(run_folder)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format_version": 1}', '{"format_version": 1, "status": "x"'])
def test_a_broken_run_json_is_one_line(tmp_path, content):
    (tmp_path / "run.json").write_text(content)

    with pytest.raises(RunNotFoundError, match=r"run\.json"):
        open_run(tmp_path)
    with pytest.raises(RunNotFoundError, match="does not exist"):
        open_run(tmp_path / "nowhere")


def test_a_measure_the_run_does_not_hold_is_refused(tmp_path):
    RunWriter.create(tmp_path / "run", num_examples=2, measure="online").finish("complete")

    with pytest.raises(ProbeError, match="online measure only"):
        open_run(tmp_path / "run").trajectory("loss", measure="sweep")
    with pytest.raises(ProbeError, match="no epoch 0"):
        open_run(tmp_path / "run").trajectory("loss", initial=True)


def test_scores_join_what_probes_added(run_folder):
    writer = RunWriter.resume(run_folder)
    writer.write_probe_scores("curvature", pd.DataFrame({"example": [2, 0], "loss_curvature": [0.5, 0.25]}))
    writer.finish("complete")

    scores = open_run(run_folder).scores(epochs=(2, 2))

    assert scores["loss_curvature"].tolist()[::2] == [0.25, 0.5]
    assert np.isnan(scores["loss_curvature"][1])


def test_scores_are_the_same_in_blocks_as_at_once(tmp_path, monkeypatch):
    """Across row groups and blocks: 150,000 examples, 2 epochs."""
    n, rng = 150_000, np.random.default_rng(0)
    writer = RunWriter.create(tmp_path / "run", num_examples=n, measure="online")
    writer.write_examples({"given_label": np.zeros(n)})
    for epoch in (1, 2):
        writer.write_epoch(epoch, epoch_columns(rng.integers(0, 2, n), rng.random(n)))
    names = ["forgetting_events", "mean_loss", "visits"]

    at_once = open_run(tmp_path / "run").scores(names)
    monkeypatch.setattr("probes.runs.score_table.block_of", lambda epochs: 40_960)
    in_blocks = open_run(tmp_path / "run").scores(names)

    pd.testing.assert_frame_equal(at_once, in_blocks)
    assert block_of(120) * 120 <= 4_000_000


def test_a_damaged_epoch_names_its_file(run_folder):
    (run_folder / "trajectories/epoch-00002.parquet").write_bytes(b"PAR1 not really")

    with pytest.raises(ProbeError, match=r"epoch-00002\.parquet cannot be read"):
        open_run(run_folder).scores()
