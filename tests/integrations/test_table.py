"""Tables of anyone's values as runs: what is recognised, what follows from what, joins by id, refusals."""

import json
import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from probes import open_run
from probes.errors import ConfigError
from probes.integrations import table as table_module
from probes.integrations.table import import_table
from probes.integrations.table_columns import TableOptions
from probes.runs.writer import RunWriter
from probes.training import TrainConfig, train
from probes_reports import build

LOSS_SCORES = ["confidence", "variability", "mean_loss", "final_loss", "noise_probability", "visits"]
ANSWER_SCORES = ["forgetting_events", "first_learned_epoch", "learned_epoch", "never_learned", "correctness"]
SUFFIXES = ["csv", "parquet", "jsonl"]


def write(frame, path):
    """The frame in the format of the path's ending."""
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_json(path, orient="records", lines=True, double_precision=15)
    return path


@pytest.fixture
def imported(tmp_path):
    """Writes a frame (or columns) to a file and imports it."""

    def call(frame, suffix="csv", name="run", **options):
        file = write(pd.DataFrame(frame), tmp_path / f"log.{suffix}")
        return import_table(file, tmp_path / name, options=TableOptions(**options))

    return call


@pytest.fixture
def refusal(imported, tmp_path):
    """The one line with which a table is refused; nothing may have been written."""

    def call(frame, suffix="csv", **options):
        with pytest.raises(ConfigError) as caught:
            imported(frame, suffix, **options)
        assert not (tmp_path / "run").exists()
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return call


@pytest.fixture(scope="module")
def random_log():
    """30 examples of 4 classes over 5 epochs, some missing: logits in columns, shuffled rows, names as labels."""
    random = np.random.default_rng(0)
    names = np.array(["ape", "bee", "cat", "dog"])
    given = random.integers(0, 4, 30)
    rows = []
    for epoch in range(1, 6):
        for example in random.permutation(30)[: 30 - epoch]:
            logits = random.normal(0, 2, 4)
            rows.append((epoch, f"item {example}", names[given[example]], *logits))
    columns = ["epoch", "id", "label", "logit_0", "logit_1", "logit_2", "logit_3"]
    return pd.DataFrame(rows, columns=columns).sample(frac=1, random_state=0)


def with_softmax(log):
    """The same log with the loss, the probability of the label and the prediction, by a plain loop."""
    rows = []
    for row in log.to_dict("records"):
        logits = [row[f"logit_{k}"] for k in range(4)]
        total = sum(math.exp(value) for value in logits)
        shares = dict(zip(["ape", "bee", "cat", "dog"], (math.exp(value) / total for value in logits), strict=True))
        p = shares[row["label"]]
        answer = max(shares, key=lambda name: shares[name])
        rows.append({k: row[k] for k in ("epoch", "id", "label")} | {"prob": p, "loss": -math.log(p), "pred": answer})
    return pd.DataFrame(rows)


# from logits, losses, probabilities, predictions ---------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_logits_give_every_score(imported, random_log, suffix):
    run = imported(random_log, suffix)
    scores = run.scores().set_index("id")

    assert scores.drop(columns=[*ANSWER_SCORES, "unforgettable"]).notna().all(axis=None)
    assert run.classes == ["ape", "bee", "cat", "dog"]
    for name, rows in with_softmax(random_log).sort_values("epoch").groupby("id"):
        right = rows["pred"] == rows["label"]
        assert scores.loc[name, "mean_loss"] == pytest.approx(rows["loss"].mean(), rel=1e-6)
        assert scores.loc[name, "confidence"] == pytest.approx(rows["prob"].mean(), rel=1e-6)
        assert scores.loc[name, "correctness"] == pytest.approx(right.mean())
        events = sum(before and not now for before, now in pairwise(right))
        assert scores.loc[name, "forgetting_events"] == events


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_column_of_lists_is_the_same_as_a_column_per_class(imported, random_log, suffix):
    columns = [f"logit_{k}" for k in range(4)]
    lists = random_log.drop(columns=columns).assign(logits=random_log[columns].to_numpy().tolist())

    one = imported(random_log, name="columns").scores()

    pd.testing.assert_frame_equal(imported(lists, suffix, "lists").scores(), one, rtol=1e-6)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("values", ["loss", "prob"])
def test_a_loss_or_a_probability_gives_every_score_of_the_loss(imported, random_log, suffix, values):
    full = imported(random_log, name="full").scores().set_index("id")
    frame = with_softmax(random_log)[["epoch", "id", "label", values]]

    run = imported(frame, suffix)

    scores = run.scores().set_index("id").loc[full.index]
    pd.testing.assert_frame_equal(scores[LOSS_SCORES], full[LOSS_SCORES], rtol=1e-5, atol=1e-9)
    missing = [*ANSWER_SCORES, "unforgettable", "aum", "el2n", "mean_entropy"]
    assert scores[missing].isna().all(axis=None)
    assert (run.trajectory("prediction") == -1).all()
    assert run.summary()["nonfinite_visits"] == 0


def test_predictions_beside_the_loss_give_the_scores_of_answers_too(imported, random_log):
    full = imported(random_log, name="full").scores().set_index("id")

    scores = imported(with_softmax(random_log).drop(columns="prob")).scores().set_index("id").loc[full.index]

    pd.testing.assert_frame_equal(scores[ANSWER_SCORES], full[ANSWER_SCORES])
    pd.testing.assert_frame_equal(scores[LOSS_SCORES], full[LOSS_SCORES], rtol=1e-5, atol=1e-9)


def test_predictions_alone_give_the_scores_of_answers(imported, random_log):
    full = imported(random_log, name="full").scores().set_index("id")

    scores = imported(with_softmax(random_log).drop(columns=["prob", "loss"])).scores().set_index("id").loc[full.index]

    pd.testing.assert_frame_equal(scores[ANSWER_SCORES], full[ANSWER_SCORES])
    assert scores[["mean_loss", "confidence", "visits"]].isna().all(axis=None)


def test_a_probability_of_0_is_the_smallest_one(imported):
    run = imported({"epoch": [1, 1, 1], "id": [1, 2, 3], "probability": [0.0, 1.0, 1.000001]})

    assert run.trajectory("loss")[0].tolist() == pytest.approx([-math.log(2.0**-126), 0, 0])


def test_values_that_are_not_finite_are_unusable_visits(imported):
    frame = {"epoch": [1] * 4, "id": list("abcd"), "loss": [0.5, float("inf"), None, 1.0]}

    run = imported(frame)

    assert np.isnan(run.trajectory("loss")[0]).tolist() == [False, True, True, False]
    assert run.summary()["nonfinite_visits"] == 2
    assert run.trajectory("visits").tolist() == [[1, 1, 1, 1]]


def test_one_logit_is_binary(imported):
    run = imported({"epoch": [1, 1], "id": [0, 1], "label": [1, 0], "logit": [2.0, 3.0]})

    assert run.trajectory("margin").tolist() == [[2.0, -3.0]]


# a run's own trajectories --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    config = TrainConfig(noise=0.4, width=16, epochs=4, probe=("none",))
    return train(config, tmp_path_factory.mktemp("trained") / "run")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_runs_own_trajectories_come_back_with_equal_scores(trained, imported, suffix):
    """Epoch 0 and shuffled rows included."""
    trajectories = pd.read_parquet(trained.path / "trajectories")
    labels = pd.read_parquet(trained.path / "examples.parquet")[["example", "given_label", "true_label"]]
    exported = trajectories.merge(labels, on="example").sample(frac=1, random_state=0)

    run = imported(exported, suffix, measure="sweep")

    ours = trained.scores().drop(columns=["id", "corruption"], errors="ignore")
    pd.testing.assert_frame_equal(run.scores(), ours, check_column_type=False)
    assert run.has_initial
    assert (run.measure, run.closed_epochs) == ("sweep", [1, 2, 3, 4])
    for signal in ("loss", "margin", "entropy", "el2n", "prediction", "visits"):
        assert np.array_equal(run.trajectory(signal, initial=True), trained.trajectory(signal, initial=True))


# epochs, ids, labels -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("epochs", "first", "expected"),
    [
        ([1, 2], None, [1, 2]),
        ([0, 1], None, [1, 2]),
        ([0, 1], 1, [0, 1]),
        ([5, 10], None, [5, 10]),
        ([2020, 2021], 2020, [1, 2]),
        ([-1, 0], None, [0, 1]),
    ],
)
def test_epochs_are_counted_from_1(imported, epochs, first, expected):
    run = imported({"epoch": epochs, "id": ["a", "a"], "loss": [1.0, 2.0]}, first_epoch=first)

    assert ([0] if run.has_initial else []) + run.closed_epochs == expected


def test_joins_are_by_id_and_a_missing_row_is_a_missing_visit(imported):
    frame = {"epoch": [1, 1, 1, 2, 2], "id": ["x", "y", "z", "z", "x"], "loss": [1.0, 2.0, 3.0, 30.0, 10.0]}

    run = imported(frame)

    assert run.examples["id"].tolist() == ["x", "y", "z"]
    assert run.trajectory("loss")[:, [0, 2]].tolist() == [[1, 3], [10, 30]]
    assert run.trajectory("visits").tolist() == [[1, 1, 1], [1, -1, 1]]


def test_of_repeated_rows_the_last_stands_and_visits_counts(imported):
    frame = {"epoch": [1, 1, 1, 1], "id": [7, 8, 7, 7], "loss": [1.0, 2.0, 3.0, 4.0]}

    run = imported(frame)

    assert run.trajectory("loss").tolist() == [[4, 2]]
    assert run.trajectory("visits").tolist() == [[3, 1]]


@pytest.mark.parametrize("rows", [7, 1000])
def test_the_size_of_batches_and_the_order_of_epochs_change_nothing(imported, random_log, monkeypatch, rows):
    expected = imported(random_log, name="whole").scores().set_index("id")
    monkeypatch.setattr(table_module, "BATCH", rows)

    for suffix in SUFFIXES:
        for name, frame in (("shuffled", random_log), ("by_epoch", random_log.sort_values("epoch", kind="stable"))):
            scores = imported(frame, suffix, f"{name}-{suffix}").scores().set_index("id").loc[expected.index]
            pd.testing.assert_frame_equal(scores, expected, rtol=1e-6)


def test_epochs_are_written_as_soon_as_their_last_row_is_read(imported, monkeypatch):
    monkeypatch.setattr(table_module, "BATCH", 2)
    read, written = [], []
    rows_of, write_epoch = table_module._rows, RunWriter.write_epoch

    def reading(frame, columns):
        read.append(len(frame))
        return rows_of(frame, columns)

    def writing(self, epoch, columns, **more):
        written.append((epoch, len(read)))
        write_epoch(self, epoch, columns, **more)

    monkeypatch.setattr(table_module, "_rows", reading)
    monkeypatch.setattr(RunWriter, "write_epoch", writing)

    imported({"epoch": [1, 1, 2, 2, 3, 3], "id": ["a", "b"] * 3, "loss": [1.0] * 6})

    assert written == [(1, 4), (2, 5), (3, 6)]  # the first three batches are read to learn what there is


@pytest.mark.parametrize(("ids", "kept"), [([10, 2, 33], [2, 10, 33]), (["007", "7", "x"], ["007", "7", "x"])])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_ids_keep_their_kind(imported, ids, kept, suffix):
    """Whole numbers by their values, text by its letters; 007 is text in CSV too."""
    run = imported({"epoch": [1] * 3, "id": ids, "loss": [1.0] * 3}, suffix)

    assert run.examples["id"].tolist() == kept


def test_the_column_example_holds_positions_where_these_are_complete(imported):
    positions = imported({"epoch": [1, 1], "example": [1, 0], "loss": [5.0, 6.0]}, name="positions")
    others = imported({"epoch": [1, 1], "example": [3, 1], "loss": [5.0, 6.0]}, name="others")

    assert "id" not in positions.examples
    assert positions.trajectory("loss").tolist() == [[6, 5]]
    assert others.examples["id"].tolist() == [1, 3]


def test_true_labels_tell_noisy_from_clean(imported):
    frame = {
        "epoch": [1, 1, 1, 1],
        "id": [1, 2, 3, 4],
        "label": ["cat", "dog", "cat", None],
        "true_label": ["cat", "cat", None, "cat"],
        "loss": [0.1, 3.0, 0.2, 0.3],
    }

    run = imported(frame)

    assert run.examples["noisy"].tolist() == [False, True, pd.NA, pd.NA]
    assert run.scores()["true_label"].tolist() == [0, 0, pd.NA, 0]
    assert run.summary()["detection"]["mean_loss"]["auroc"] == 1.0


def test_whole_numbers_with_gaps_stay_whole_numbers(imported):
    """pandas writes a column of ints with missing values as 1.0."""
    frame = pd.DataFrame({"epoch": [1, 1], "id": [1, 2], "label": [2, 0], "true_label": [2, None], "loss": [1.0, 1.0]})

    for suffix in SUFFIXES:
        run = imported(frame, suffix, suffix)
        assert run.examples["true_label"].tolist() == [2, pd.NA]
        assert run.classes is None


def test_classes_can_be_named_in_the_order_of_the_logits(imported):
    frame = {"epoch": [1, 1], "id": [1, 2], "label": ["zebra", "ant"], "logit_0": [3.0, 0.0], "logit_1": [0.0, 1.0]}

    by_name = imported(frame, name="sorted")
    given = imported(frame, name="given", classes=["zebra", "ant"])

    assert by_name.classes == ["ant", "zebra"]
    assert by_name.trajectory("correct").tolist() == [[0, 0]]
    assert given.classes == ["zebra", "ant"]
    assert given.trajectory("correct").tolist() == [[1, 1]]


def test_columns_of_logits_may_carry_the_names_of_the_classes(imported):
    frame = {"epoch": [1], "id": [1], "label": ["zebra"], "logit_zebra": [3.0], "logit_Ant": [1.0]}

    run = imported(frame)

    assert run.classes == ["zebra", "Ant"]
    assert run.trajectory("margin").tolist() == [[2.0]]


def test_numbers_as_labels_can_have_names(imported):
    frame = {"epoch": [1, 1], "id": [1, 2], "label": [1, 0], "loss": [1.0, 2.0]}

    assert imported(frame, name="a", classes=["no", "yes"]).examples["given_label"].tolist() == [1, 0]
    assert imported({**frame, "label": [3, 5]}, name="b", classes=["5", "3"]).examples["given_label"].tolist() == [1, 0]


# columns -------------------------------------------------------------------------------------------------------------


def test_columns_can_be_named(imported):
    frame = {"step": [1], "sentence": ["a"], "class": [1], "right": [0], "s0": [0.0], "s1": [2.0], "loss": [9.0]}

    run = imported(
        frame,
        epoch_column="step",
        id_column="sentence",
        label_column="class",
        true_label_column="right",
        logits_column="s",
    )

    assert run.trajectory("margin").tolist() == [[2.0]]
    assert run.config["columns"] == {
        "epoch": "step",
        "id": "sentence",
        "label": "class",
        "true_label": "right",
        "logits": ["s0", "s1"],
    }


def test_a_named_loss_or_probability_comes_before_logits(imported):
    frame = {"epoch": [1], "id": ["a"], "label": [1], "logits": ["[0, 2]"], "nll": [9.0], "p": [0.5], "hit": [0]}

    by_loss = imported(frame, name="loss", loss_column="nll", prediction_column="hit")
    by_probability = imported(frame, name="probability", probability_column="p")

    assert by_loss.trajectory("loss").tolist() == [[9.0]]
    assert by_loss.trajectory("prediction").tolist() == [[0]]
    assert by_probability.trajectory("confidence")[0].tolist() == pytest.approx([0.5])


def test_names_are_recognised_whatever_their_capitals(imported):
    run = imported({"Epoch": [1], "GUID": ["a"], "Given Label": [0], "Loss": [1.5], "Extra": ["x"]})

    assert run.examples["id"].tolist() == ["a"]
    assert run.examples["given_label"].tolist() == [0]


# refusals ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_label_that_changes_is_refused_by_its_id(refusal, suffix):
    frame = {"epoch": [1, 1, 2], "id": ["a", "b", "b"], "label": ["cat", "dog", "cat"], "loss": [1.0, 1.0, 1.0]}

    expected = "id 'b' has label 'cat' at epoch 2, but 'dog' before: an example keeps one label."
    assert refusal(frame, suffix) == expected


GOOD = {"epoch": [1, 2], "id": ["a", "b"], "label": [0, 1], "logit_0": [1.0, 0.0], "logit_1": [0.0, 1.0]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epoch": None}, "no column of the epoch; it has id, label, logit_0, logit_1. Name it with --epoch-column."),
        ({"id": None}, "no column of the examples' ids"),
        ({"label": None}, "no column of the given label"),
        ({"logit_0": None, "logit_1": None}, "no column of logits, of the loss or of the given label's probability"),
        ({"logit_1": None, "logit_2": [1, 2]}, "must be numbered from 0 on, got logit_0, logit_2"),
        ({"epoch": [1, 1.5]}, "column 'epoch' must hold whole numbers, got 1.5"),
        ({"epoch": [1, None]}, "column 'epoch' must hold whole numbers, got"),
        ({"epoch": [1, -2]}, "epoch -2 lies before the first one, 0"),
        ({"id": ["a", None]}, "column 'id' must hold an id in every row"),
        ({"logit_0": [1.0, "x"]}, "column 'logit_0' must hold numbers, got 'x'"),
        ({"label": [0, 2]}, "label 2 is not a class: classes are 0 to 1"),
        ({"label": [0, -1]}, "label -1 is not a class"),
        ({"label": [0, None]}, "id 'b' has no label, which its logits need"),
        ({"label": ["x", "x"]}, "logits of 2 classes, but 1 class names: x. Name all classes"),
        ({"true_label": ["x", 1]}, "but 3 class names"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_one_line(refusal, change, message):
    frame = {name: values for name, values in {**GOOD, **change}.items() if values is not None}

    assert message in refusal(frame)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"loss": [1.0, -0.1]}, "column 'loss' must hold losses of at least 0 nats, got -0.1"),
        ({"probability": [0.5, 1.1]}, r"column 'probability' must hold probabilities in [0, 1], got 1.1"),
        ({"probability": [0.5, -0.1]}, r"column 'probability' must hold probabilities in [0, 1], got -0.1"),
        ({"loss": [1.0, 1.0], "visits": [1, 0]}, "column 'visits' must hold numbers from 1 on, got 0"),
    ],
)
def test_values_out_of_range_are_refused(refusal, values, message):
    assert message in refusal({"epoch": [1, 1], "id": ["a", "b"], **values})


def test_lists_of_different_lengths_are_refused(refusal):
    frame = {"epoch": [1, 1], "id": ["a", "b"], "label": [0, 1], "logits": [[1.0, 2.0], [1.0]]}

    for suffix in SUFFIXES:
        assert "column 'logits' must hold lists of logits, equally many in every row" in refusal(frame, suffix)


def test_a_named_column_that_is_not_there_is_refused(refusal):
    assert refusal(GOOD, loss_column="losses").startswith("the table has no column 'losses'; it has epoch, id")
    assert "no columns of logits called 'z'" in refusal(GOOD, logits_column="z")
    assert "label '1' is not one of the classes" in refusal({**GOOD, "label": ["a", "1"]}, classes=["a", "b"])
    assert "measure must be online or sweep" in refusal(GOOD, measure="both")


def test_files_that_cannot_be_read_are_refused(tmp_path):
    def refused(name, content):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            import_table(path, tmp_path / "run")
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "log.txt must end in .csv, .parquet or .jsonl" in refused("log.txt", b"epoch,id,loss\n")
    assert "cannot be read: " in refused("log.csv", b"")
    assert "cannot be read: " in refused("log.csv", b"epoch,id,loss\n1,\xff,2\n")
    assert "cannot be read: " in refused("log.csv", b'epoch,id,loss\n1,"a,2\n')
    assert "cannot be read: " in refused("log.parquet", b"no parquet")
    assert "holds no rows" in refused("log.csv", b"epoch,id,loss\n")
    assert "separate its columns by semicolons" in refused("log.csv", b"epoch;id;loss\n1;a;0,5\n")
    assert "separate its columns by tabs" in refused("log.csv", b"epoch\tid\tloss\n1\ta\t0.5\n")
    assert "line 2 of" in refused("log.jsonl", b'{"epoch": 1, "id": 1, "loss": 1}\n{"epo')
    assert "holds no rows" in refused("log.jsonl", b"\n")
    with pytest.raises(ConfigError, match="is not a file"):
        import_table(tmp_path / "nothing.csv")


# the page ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["loss"], "The labels that training saw were not recorded"),
        (["loss", "label"], "Which label the network answered with was not recorded"),
        (["loss", "label", "true_label"], "Which label the network answered with was not recorded"),
        (["pred", "label", "true_label"], "No visit left a finite loss"),
    ],
)
def test_the_page_of_a_run_without_answers_or_losses_says_what_is_missing(imported, random_log, columns, said):
    frame = with_softmax(random_log)
    frame["true_label"] = frame["label"].where(frame["id"] > "item 2", "ape")

    run = imported(frame[["epoch", "id", *columns]])

    page = build(run.path).read_text()
    assert said in page
    assert json.loads(json.dumps(run.summary(), allow_nan=False))["epochs"] == 5


def test_the_page_of_an_imported_run_does_not_advise_to_train_with_a_probe(imported, random_log):
    page = build(imported(random_log).path).read_text()

    assert "read from another tool’s log" in page
    assert "--probe attributions" not in page


def test_losses_alone_have_their_curve_and_no_accuracy(imported, random_log):
    frame = with_softmax(random_log)

    epochs = imported(frame[["epoch", "id", "label", "loss"]]).epochs

    assert epochs["loss"].tolist() == pytest.approx(frame.groupby("epoch")["loss"].mean().tolist(), rel=1e-6)
    assert epochs["examples"].tolist() == frame.groupby("epoch").size().tolist()
    assert epochs["accuracy"].isna().all()


def test_an_imported_run_follows_the_schema_and_opens_again(imported, random_log):
    jsonschema = pytest.importorskip("jsonschema")
    from importlib.resources import files

    run = imported(random_log)

    schema = json.loads(files("probes.runs").joinpath("run.schema.json").read_text())
    jsonschema.validate(json.loads((run.path / "run.json").read_text()), schema)
    assert open_run(run.path).status == "complete"
