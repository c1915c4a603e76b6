"""Second-split forgetting from two runs: whose half it is, epochs as the runs number them, and clear refusals."""

import numpy as np
import pytest

from probes import ExampleTracker, open_run
from probes.errors import ConfigError
from probes.runs.second_split import second_split

LABELS = np.array([0, 1, 0, 1])


def record(folder, correct, labels=LABELS):
    """A run whose epochs show the examples with 1 or 0 as predicted right or wrong, those with -1 not at all."""
    correct = np.asarray(correct)
    with ExampleTracker(correct.shape[1], run=folder) as tracker:
        for row in correct:
            seen = np.flatnonzero(row >= 0)
            predicted = np.where(row == 1, labels, 1 - labels)[seen]
            tracker.update(seen, np.eye(2)[predicted], labels[seen])
            tracker.end_epoch()
    return open_run(folder)


def test_the_half_is_what_both_runs_show(tmp_path):
    """Examples 0, 2 and 3; example 1 is in the other half."""
    first = record(tmp_path / "first", [[0, -1, 1, 0], [1, -1, 1, 1], [1, -1, 0, 1]])
    second = record(tmp_path / "second", [[1, -1, 1, 0], [0, -1, 1, 0]])

    table = second_split(first, second)

    assert table.index.name == "example"
    assert table.index.tolist() == [0, 2, 3]
    assert table["second_split_forgetting"].tolist() == [2, 3, 1]
    assert table["first_split_learning"].isna().tolist() == [False, True, False]
    assert table["first_split_learning"].dropna().tolist() == [2, 2]
    assert [str(kind) for kind in table.dtypes] == ["Int64", "Int64"]


def test_runs_that_show_everything_need_the_half(tmp_path):
    first = record(tmp_path / "first", [[1, 0, 1, 0], [1, 0, 1, 0]])
    second = record(tmp_path / "second", [[1, 1, 0, 1], [0, 1, 0, 1]])

    table = second_split(first, second, examples=[2, 0])

    assert table.index.tolist() == [2, 0]
    assert table["second_split_forgetting"].tolist() == [1, 2]
    assert len(second_split(first, second)) == 4


def test_epochs_are_those_of_the_runs(tmp_path):
    """A run whose epoch 2 is gone has epochs 1, 3 and 4."""
    record(tmp_path / "first", [[1, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]])
    record(tmp_path / "second", [[1, 1, 0, 1], [1, 1, 0, 1], [1, 0, 0, 1], [0, 0, 0, 1]])
    for name in ("first", "second"):
        (tmp_path / name / "trajectories/epoch-00002.parquet").unlink()

    table = second_split(open_run(tmp_path / "first"), open_run(tmp_path / "second"))

    assert table["first_split_learning"].dropna().tolist() == [1, 3, 4]
    assert table["second_split_forgetting"].tolist() == [4, 3, 1, 5]


def test_runs_of_other_examples_are_refused(tmp_path):
    first = record(tmp_path / "first", [[1, 1, -1, -1]])
    shorter = record(tmp_path / "shorter", [[1, 1]], LABELS[:2])
    relabelled = record(tmp_path / "relabelled", [[1, 1, 1, 1]], 1 - LABELS)
    disjoint = record(tmp_path / "disjoint", [[-1, -1, 1, 1]])

    with pytest.raises(ConfigError, match=r"first has 4, .*shorter has 2"):
        second_split(first, shorter)
    with pytest.raises(ConfigError, match="example 0 has given label 0"):
        second_split(first, relabelled)
    with pytest.raises(ConfigError, match="no example is shown"):
        second_split(first, disjoint)


@pytest.mark.parametrize(
    ("examples", "match"), [([4], r"lie in \[0, 4\)"), ([0, 3], "example 3 is not shown"), ([0.5], "integers")]
)
def test_examples_that_cannot_be_used_are_refused(tmp_path, examples, match):
    first = record(tmp_path / "first", [[1, 1, 1, -1]])

    with pytest.raises(ConfigError, match=match):
        second_split(first, first, examples)
