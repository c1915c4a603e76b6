"""Run folders that others wrote, with pandas alone: what a file lacks reads as unknown."""

import json

import numpy as np
import pandas as pd
import pytest

from probes import ProbeError, open_run
from probes_reports import build

NEEDED = {"format_version": 1, "status": "complete", "measure": "sweep", "dataset": {"num_examples": 3}}


@pytest.fixture
def by_hand(tmp_path):
    """Writes a run of three examples: a table per epoch, and one of the examples where it is given."""

    def write(epochs, examples=None):
        (tmp_path / "trajectories").mkdir()
        (tmp_path / "run.json").write_text(json.dumps(NEEDED))
        for epoch, columns in enumerate(epochs, start=1):
            pd.DataFrame(columns).to_parquet(tmp_path / f"trajectories/epoch-{epoch:05d}.parquet")
        if examples is not None:
            examples.to_parquet(tmp_path / "examples.parquet")
        return open_run(tmp_path)

    return write


def test_columns_that_are_not_there_are_unknown_and_a_row_is_a_visit(by_hand):
    run = by_hand([{"example": [0, 1], "loss": [0.5, 1.0]}, {"example": [2, 0], "loss": [4.0, 1.5]}])

    assert np.nan_to_num(run.trajectory("loss"), nan=-1).tolist() == [[0.5, 1.0, -1], [1.5, -1, 4.0]]
    assert run.trajectory("visits").tolist() == [[1, 1, -1], [1, -1, 1]]
    assert np.isnan(run.trajectory("margin")).all()
    assert (run.trajectory("prediction") == -1).all()
    assert run.scores()["mean_loss"].tolist() == [1.0, 1.0, 4.0]
    assert run.scores()["visits"].tolist() == [2, 1, 1]


def test_examples_may_hold_some_columns_only_and_carry_the_index(by_hand):
    epochs = [{"example": [0, 1, 2], "prediction": [0, 0, 1]}]
    examples = pd.DataFrame({"given_label": [0, 1, 1]}, index=pd.Index([0, 1, 2], name="example"))

    run = by_hand(epochs, examples)

    assert run.trajectory("correct").tolist() == [[1, 0, 1]]
    assert run.examples["noisy"].isna().all()
    assert run.noisy is None
    assert run.summary()["num_noisy"] is None


def test_the_page_of_a_folder_of_losses_is_drawn(by_hand):
    run = by_hand([{"example": [0, 1, 2], "loss": [0.5, 1.0, 2.0]}] * 3)

    assert "The labels that training saw were not recorded" in build(run.path).read_text()


def test_a_table_without_examples_is_refused_by_its_name(by_hand):
    run = by_hand([{"loss": [1.0]}])

    with pytest.raises(ProbeError, match="epoch-00001.parquet cannot be read"):
        run.trajectory("loss")
