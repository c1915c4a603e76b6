"""Frames that probes would have left in the small run of reports/conftest.py, with known numbers."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from probes.runs.run import open_run
from probes.runs.writer import write_probe_frame
from probes_reports.view import RunView

MEASURED = (0, 1, 3, 12)  # the small run has its best validation accuracy at epoch 3


def _copied(run, folder) -> RunView:
    """The run in a folder of its own, which a test may add to."""
    shutil.copytree(run.path, folder)
    return RunView(open_run(folder))


def _write_critical(view, shares, floors, *, count=50, split="validation", settings=True) -> RunView:
    """Critical samples: epoch -> share found and share by chance; NaN leaves an epoch without values."""
    for epoch, share in shares.items():
        missing = np.isnan(share)
        columns = {
            "critical": np.full(count, np.nan) if missing else np.arange(count) < round(share * count),
            "critical_random": np.full(count, np.nan) if missing else np.arange(count) < round(floors[epoch] * count),
        }
        frame = pd.DataFrame({"epoch": np.int32(epoch), "split": split, "example": np.arange(count), **columns})
        values = {"radius": 0.05, "unit": 1.0, "alpha": 0.25 / 6, "beta": 0.2 / 6, "iterations": 10}
        metadata = {name: json.dumps(value) for name, value in values.items()} if settings else None
        write_probe_frame(view.run.path, "critical_samples", epoch, frame, metadata)
    return RunView(open_run(view.run.path))


def _write_norms(view, length, *, epochs=MEASURED, name="gradient_norms", examples=None) -> RunView:
    """Gradient norms: `length(epoch, noisy)` for each example, N of them."""
    noisy = np.zeros(view.num_examples, bool) if view.noisy is None else view.noisy
    for epoch in epochs:
        values = np.array([length(epoch, bool(one)) for one in noisy], dtype=np.float32)
        frame = pd.DataFrame(
            {"epoch": np.int32(epoch), "split": "train", "example": np.arange(len(noisy)), "gradient_norm": values}
        )
        frame = frame if examples is None else frame[frame["example"].isin(examples)].reset_index(drop=True)
        write_probe_frame(view.run.path, name, epoch, frame)
    return RunView(open_run(view.run.path))


def _write_coherence(view, rows, *, examples=20) -> RunView:
    """Coherence: epoch -> {(group, quantity): value}."""
    for epoch, values in rows.items():
        frame = pd.DataFrame(
            [
                (np.int32(epoch), "train", group, name, np.int32(examples), value)
                for (group, name), value in values.items()
            ],
            columns=["epoch", "split", "group", "quantity", "examples", "value"],
        )
        write_probe_frame(view.run.path, "coherence", epoch, frame)
    return RunView(open_run(view.run.path))


def _write_scores(view, **columns) -> RunView:
    """Scores of each example as a probe leaves them."""
    folder = view.run.path / "probes/scored"
    folder.mkdir(parents=True)
    pd.DataFrame({"example": np.arange(view.num_examples), **columns}).to_parquet(folder / "scores.parquet")
    return RunView(open_run(view.run.path))


def _fixture_of(function):
    """A fixture that hands the function to a test."""
    return pytest.fixture(lambda: function)


copied = _fixture_of(_copied)
write_critical = _fixture_of(_write_critical)
write_norms = _fixture_of(_write_norms)
write_coherence = _fixture_of(_write_coherence)
write_scores = _fixture_of(_write_scores)
