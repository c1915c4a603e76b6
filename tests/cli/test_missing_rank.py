"""A run in which a rank is missing: commands say so in one line, and work with the epochs that are whole."""

import json
import warnings

import numpy as np
import pytest

from probes.errors import ProbeWarning
from probes.runs.writer import RunWriter

N = 40


@pytest.fixture
def torn(tmp_path, monkeypatch):
    """`runs/torn`: two ranks, four epochs, of which the second rank was killed in the fourth."""
    monkeypatch.chdir(tmp_path)
    first = RunWriter.create("runs/torn", num_examples=N, measure="online", world_size=2)
    second = RunWriter.join("runs/torn", rank=1, launch_id=first.meta["launch_id"])
    rng = np.random.default_rng(0)
    for writer in (first, second):
        mine = np.arange(writer.rank, N, 2)
        writer.write_examples({"given_label": np.where(np.isin(np.arange(N), mine), 0, -1)})
        for epoch in range(1, 5 - writer.rank):
            signals = {name: rng.random(len(mine)) for name in ("loss", "margin", "entropy", "el2n")}
            writer.write_epoch(epoch, {"example": mine, "visits": mine * 0 + 1, "prediction": mine % 3, **signals})
    first._lock.release()  # killed too


@pytest.mark.parametrize("words", [("summary", "--json"), ("scores", "--json"), ("report", "--json")])
def test_a_missing_rank_is_one_line_on_stderr(probe, torn, words):
    with warnings.catch_warnings():
        warnings.simplefilter("default", ProbeWarning)
        answer = probe(*words)

    said = [line for line in answer.stderr.splitlines() if "missing" in line]
    assert answer.exit_code == 0
    assert said == ["Warning: runs/torn: missing rank 1 in epoch 4. An epoch that lacks a rank is not read."]
    assert "ProbeWarning" not in answer.stderr
    json.loads(answer.stdout)


def test_the_summary_is_of_the_whole_epochs(probe, torn):
    assert json.loads(probe("summary", "--json").stdout)["epochs"] == 3
