"""Flags by class: counted against the same counts made by hand."""

import numpy as np
import pandas as pd
import pytest

import probes
from probes.runs.flags import flags_by_class, suspect_class
from probes.runs.run import open_run
from probes.runs.writer import RunWriter

LOSSES = np.array([0.1, 0.2, 3.0, 4.0, 0.1, 5.0, 0.3, 2.0])
GIVEN = np.array([0, 0, 0, 0, 2, 2, 2, 2])
NOISY = [False, False, True, False, False, True, None, None]


@pytest.fixture
def make(tmp_path):
    """A run of one epoch; half of the examples are not answered as given, so that half of them are flagged."""

    def write(given=GIVEN, noisy=None, losses=LOSSES, visited=range(8)):
        writer = RunWriter.create(
            tmp_path / "run", num_examples=8, measure="sweep", meta={"dataset": {"classes": ["a", "b", "c"]}}
        )
        columns = {} if given is None else {"given_label": given}
        writer.write_examples(columns if noisy is None else {**columns, "noisy": noisy})
        seen = np.array(visited)
        values = {"loss": losses[seen].astype(np.float32)}
        for name in ("margin", "entropy", "el2n"):
            values[name] = np.zeros(len(seen), np.float32)
        # wrong in every second example of the eight
        answers = np.where(np.arange(8) % 2, 1, GIVEN)[seen]
        writer.write_epoch(
            1,
            {"example": seen, "visits": np.ones(len(seen), np.int32), "prediction": answers.astype(np.int32), **values},
        )
        writer.append_metrics(
            [
                {
                    "epoch": 1,
                    "group": "validation",
                    "examples": 5,
                    "accuracy": 0.5,
                    "true_label_accuracy": 0.5,
                    "loss": 1.0,
                }
            ]
        )
        writer.finish("complete")
        return open_run(writer.path)

    return write


def test_every_given_label_is_counted_above_the_cut_off(make):
    run = make()
    flags = flags_by_class(run)

    assert run.summary()["estimated_noise_rate"] == 0.5
    assert flags.index.tolist() == [0, 2]
    assert flags["name"].tolist() == ["a", "c"]
    assert flags["examples"].tolist() == [4, 4]
    assert flags["flagged"].tolist() == [2, 2]  # 3.0 4.0 | 5.0 2.0
    assert flags["share"].tolist() == [0.5, 0.5]


def test_truth_judges_the_flags_where_it_is_known(make):
    flags = flags_by_class(make(noisy=NOISY))

    assert flags["noisy"].tolist() == [1, 1]
    assert flags["flagged_noisy"].tolist() == [1, 1]
    assert flags["precision"].tolist() == [0.5, 1.0]  # of the second label's flags one is of unknown truth


def test_what_is_unknown_is_missing(make):
    flags = flags_by_class(make(noisy=[False, False, True, False, None, None, None, None]))

    assert flags["noisy"].isna().tolist() == [False, True]
    assert flags["precision"].isna().tolist() == [False, True]


def test_examples_without_a_visit_are_not_counted(make):
    flags = flags_by_class(make(visited=[0, 1, 4, 5, 6, 7]))

    assert flags["examples"].tolist() == [2, 4]


def test_without_given_labels_there_are_no_rows(make):
    assert len(flags_by_class(make(given=None))) == 0


def test_it_is_public():
    assert probes.flags_by_class is flags_by_class


def table(flagged, examples):
    return pd.DataFrame({"flagged": flagged, "examples": examples}, index=pd.Index([3, 5, 7], name="given_label"))


@pytest.mark.parametrize(
    ("flagged", "examples", "suspect"),
    [
        ((6, 1, 1), (10, 10, 10), 3),
        ((3, 1, 0), (10, 10, 10), None),  # too few flags
        ((4, 4, 0), (10, 10, 10), None),  # no majority
        ((2, 6, 2), (10, 60, 10), None),  # a majority of the examples too
        ((0, 0, 0), (10, 10, 10), None),
    ],
)
def test_a_class_is_suspect_where_it_holds_most_flags_and_not_most_examples(flagged, examples, suspect):
    assert suspect_class(table(flagged, examples)) == suspect
