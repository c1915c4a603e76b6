"""`probe scores`: order, columns, windows, files."""

import json

import numpy as np
import pandas as pd
import pytest

from probes import open_run
from probes.runs.writer import RunWriter


def printed(answer, column):
    """One column of a printed table."""
    header, _, *rows = answer.stdout.splitlines()
    return [row.split()[header.split().index(column)] for row in rows]


def records(answer):
    return json.loads(answer.stdout, parse_constant=pytest.fail)


def test_the_lowest_margins_come_first_unless_something_else_is_asked_for(probe, small_run):
    expected = open_run(small_run).scores()["aum"].nsmallest(20)
    answer = probe("scores")

    assert printed(answer, "example") == [str(example) for example in expected.index]
    assert answer.stderr == "20 of 1,400 examples, lowest aum first.\n"


def test_a_score_whose_high_end_is_suspicious_is_sorted_downwards(probe, small_run):
    expected = open_run(small_run).scores()["mean_loss"].nlargest(5)
    answer = probe("scores", "--sort", "mean_loss", "--top", "5")

    assert printed(answer, "example") == [str(example) for example in expected.index]
    assert "highest mean_loss first" in answer.stderr


@pytest.mark.parametrize("column", ["noise_probability_bmm", "region"])
def test_a_score_that_is_there_by_name_only_is_sorted_by_and_shown(probe, small_run, column):
    expected = open_run(small_run).scores(column, epochs=(2, 3))[column]
    rows = records(probe("scores", "--sort", column, "--epochs", "2-3", "--top", "1400", "--json"))

    order = {"easy": 0, "hard": 1, "ambiguous": 2} if column == "region" else None
    ranks = [order[row[column]] if order else -row[column] for row in rows]
    assert ranks == sorted(ranks)
    assert [row[column] for row in sorted(rows, key=lambda row: row["example"])] == expected.tolist()
    assert column in probe("scores", "--sort", column, "--top", "2").stdout.splitlines()[0].split()


def test_never_learned_ranks_above_every_epoch(probe, small_run):
    scores = open_run(small_run).scores()
    learned = [
        row["learned_epoch"] for row in records(probe("scores", "--sort", "learned_epoch", "--top", "1400", "--json"))
    ]
    never = int(scores["learned_epoch"].isna().sum())

    assert 0 < never < 1400
    assert learned[:never] == [None] * never
    assert learned[never:] == sorted(learned[never:], reverse=True)


def test_an_example_never_visited_comes_last(probe, tmp_path):
    from probes import ExampleTracker

    with ExampleTracker(3, run=tmp_path / "mine") as tracker:
        tracker.update([1, 2], [[2.0, 0.0], [0.0, 2.0]], [0, 0])
        tracker.end_epoch()

    for column in ("mean_loss", "aum", "learned_epoch"):
        answer = probe("scores", tmp_path / "mine", "--sort", column)
        assert printed(answer, "example") == ["2", "1", "0"]
        assert printed(answer, "mean_loss")[2] == "-"


@pytest.mark.parametrize("column", ["example", "id", "given_label", "visits", "corruption"])
def test_columns_without_a_suspicious_end_are_sorted_upwards(probe, small_run, column):
    values = [row[column] for row in records(probe("scores", "--sort", column, "--top", "1400", "--json"))]

    assert values == sorted(values)


def test_flags_are_sorted_with_the_marked_ones_first(probe, small_run):
    values = [row["noisy"] for row in records(probe("scores", "--sort", "noisy", "--top", "1400", "--json"))]

    assert values == sorted(values, reverse=True)


def test_json_has_every_column_of_the_rows_asked_for(probe, small_run):
    rows = records(probe("scores", "--top", "2", "--json"))

    assert len(rows) == 2
    assert list(rows[0]) == ["example", *open_run(small_run).scores().columns]


def test_a_window_of_epochs_is_passed_on(probe, small_run):
    expected = open_run(small_run).scores(epochs=(2, 3))
    rows = records(probe("scores", "--sort", "example", "--epochs", "2-3", "--top", "1400", "--json"))

    assert [row["mean_loss"] for row in rows] == expected["mean_loss"].tolist()


def test_a_window_outside_the_run_is_refused(refused, small_run):
    assert refused("scores", "--epochs", "2-9") == "epochs must lie in order within 1 to 3, got 2 to 9."


def test_suggests_the_nearest_column(refused, small_run):
    assert refused("scores", "--sort", "mean_los") == "unknown column 'mean_los'. Did you mean 'mean_loss'?"


@pytest.mark.parametrize("ending", ["csv", "parquet", "json"])
def test_top_never_limits_what_is_written(probe, small_run, tmp_path, ending):
    path = tmp_path / f"new/scores.{ending}"
    answer = probe("scores", "--top", "3", "--out", path)
    read = {"csv": pd.read_csv, "parquet": pd.read_parquet, "json": pd.read_json}[ending]

    written, expected = read(path), open_run(small_run).scores()
    assert len(printed(answer, "example")) == 3
    assert written["example"].tolist() == list(range(1400))
    assert list(written.columns) == ["example", *expected.columns]
    np.testing.assert_allclose(written["mean_loss"], expected["mean_loss"], rtol=1e-9)
    assert written["learned_epoch"].isna().tolist() == expected["learned_epoch"].isna().tolist()


def test_a_written_json_is_strict(probe, small_run, tmp_path):
    probe("scores", "--out", tmp_path / "scores.json")

    assert len(json.loads((tmp_path / "scores.json").read_text(), parse_constant=pytest.fail)) == 1400


def with_losses(folder, losses):
    """A run that holds nothing but a loss of each example, at one epoch."""
    missing = np.full(len(losses), np.nan, dtype=np.float32)
    writer = RunWriter.create(folder, num_examples=len(losses), measure="online")
    columns = dict.fromkeys(("margin", "entropy", "el2n"), missing) | {"loss": np.array(losses, dtype=np.float32)}
    example = np.arange(len(losses))
    writer.write_epoch(1, {"example": example, "visits": 0 * example + 1, "prediction": 0 * example - 1, **columns})
    writer.finish("complete")
    return folder


def test_without_any_aum_the_mean_loss_is_sorted_by_and_that_is_said(probe, tmp_path):
    answer = probe("scores", with_losses(tmp_path / "mine", [0.1, 3.0, 2.0]))

    assert printed(answer, "example") == ["1", "2", "0"]
    assert answer.stderr.splitlines() == [
        "No example has an aum, so these are sorted by mean_loss.",
        "3 of 3 examples, highest mean_loss first.",
    ]


def test_hard_examples_come_first_by_region(probe, small_run):
    answer = probe("scores", "--sort", "region", "--top", "1400")

    found = printed(answer, "region")
    counts = open_run(small_run).scores("region")["region"].value_counts()
    assert found == [name for name in ("hard", "ambiguous", "easy") for _ in range(counts.get(name, 0))]
    assert counts.size > 1
    assert answer.stderr == "1,400 of 1,400 examples, by region: hard, then ambiguous, then easy.\n"


def test_labels_are_shown_by_the_names_of_their_classes(probe, tmp_path):
    from probes import ExampleTracker

    with ExampleTracker(2, run=tmp_path / "mine", classes=["cat", "\x1b[2Jdog"]) as tracker:
        tracker.update([0, 1], [[2.0, 0.0], [0.0, 2.0]], [0, 1])
        tracker.end_epoch()

    assert sorted(printed(probe("scores", tmp_path / "mine"), "given_label")) == ["\\x1b[2Jdog", "cat"]


def test_a_run_without_epochs_has_scores_that_are_all_missing(probe, tmp_path):
    from probes import ExampleTracker

    with ExampleTracker(2, run=tmp_path / "mine"):
        pass

    assert printed(probe("scores", tmp_path / "mine"), "mean_loss") == ["-", "-"]


def with_probe_scores(folder, **columns):
    """A run of three examples in which a probe has left scores."""
    with_losses(folder, [0.1, 0.2, 0.3])
    (folder / "probes/mine").mkdir(parents=True)
    pd.DataFrame({"example": [0, 1, 2], **columns}).to_parquet(folder / "probes/mine/scores.parquet")
    return folder


@pytest.mark.parametrize(("direction", "order"), [("high", ["1", "0", "2"]), ("low", ["0", "1", "2"])])
def test_the_suspicious_end_of_a_probes_score_comes_first(probe, tmp_path, monkeypatch, direction, order):
    from probes.scores import PROBE_SCORES

    monkeypatch.setitem(PROBE_SCORES, "vog", PROBE_SCORES["vog"]._replace(direction=direction))
    answer = probe("scores", with_probe_scores(tmp_path / "mine", vog=[0.5, 0.7, np.nan]), "--sort", "vog")

    assert printed(answer, "example") == order  # what was not measured comes last either way
    assert answer.stderr == f"3 of 3 examples, {direction}est vog first.\n"


def test_a_format_writes_and_prints_the_columns_of_another_tool(probe, small_run, tmp_path):
    columns = ["is_label_issue", "label_score", "given_label", "predicted_label"]
    answer = probe("scores", "--format", "cleanlab", "--top", "3", "--out", tmp_path / "issues.csv")

    written = pd.read_csv(tmp_path / "issues.csv")
    assert list(written.columns) == columns
    assert len(written) == 1400
    assert written["is_label_issue"].dtype == bool
    assert answer.stdout.splitlines()[0].split() == ["example", *columns]
    assert printed(answer, "example") == ["0", "1", "2"]
    assert answer.stderr.splitlines() == [
        f"Wrote 1,400 examples to {tmp_path / 'issues.csv'}",
        "3 of 1,400 examples, as cleanlab's label issues.",
    ]


@pytest.mark.parametrize("ending", ["csv", "parquet", "json", "jsonl"])
def test_what_is_written_keeps_the_order_of_the_other_tool(probe, small_run, tmp_path, ending):
    path = tmp_path / f"aum_values.{ending}"
    probe("scores", "--format", "aum", "--sort", "sample_id", "--out", path)

    lines = {"lines": True} if ending == "jsonl" else {}
    written = {"csv": pd.read_csv, "parquet": pd.read_parquet}.get(ending, pd.read_json)(path, **lines)
    scores = open_run(small_run).scores()
    assert list(written.columns) == ["sample_id", "aum"]
    assert written["aum"].tolist() == pytest.approx(sorted(scores["aum"], reverse=True))
    assert sorted(written["sample_id"]) == sorted(scores["id"].astype(int))


@pytest.mark.parametrize(
    ("tool", "column", "high"),
    [("cleanlab", "label_score", False), ("cartography", "forgetfulness", True), ("aum", "aum", False)],
)
def test_the_suspicious_end_of_another_tools_column_comes_first(probe, small_run, tool, column, high):
    answer = probe("scores", "--format", tool, "--sort", column, "--top", "1400", "--json")

    values = [row[column] for row in records(answer)]
    assert len(set(values)) > 1
    assert values == sorted(values, reverse=high)


def test_a_window_is_passed_on_to_a_format(probe, small_run):
    rows = records(probe("scores", "--format", "cartography", "--epochs", "2-3", "--top", "1400", "--json"))

    correct = open_run(small_run).trajectory("correct")[1:3]
    assert [row["correctness"] for row in rows] == (correct == 1).sum(axis=0).tolist()


def test_a_column_that_a_format_has_not_and_an_unknown_format_are_refused(refused, small_run):
    words = "unknown column of --format aum 'mean_loss'. Choose from: aum, example, sample_id."
    assert refused("scores", "--format", "aum", "--sort", "mean_loss") == words
    assert "'csv' is not one of 'cleanlab', 'cartography', 'aum'" in refused("scores", "--format", "csv")


def test_the_formats_offered_are_those_there_are():
    from probes.runs.formats import FORMATS
    from probes_cli.scores import command

    option = next(parameter for parameter in command.params if "--format" in parameter.opts)
    assert list(option.type.choices) == list(FORMATS)
