"""Strict JSON and aligned text."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from probes_cli.output import columns, decimal, duration, json_text, percent, plain, say, size, visible


def test_json_has_null_for_everything_missing_or_not_finite():
    value = {"a": float("nan"), "b": np.float32("inf"), "c": pd.NA, "d": None, "e": [np.nan, 1.5]}

    assert json.loads(json_text(value)) == {"a": None, "b": None, "c": None, "d": None, "e": [None, 1.5]}


def test_numpy_values_and_paths_become_plain_ones():
    value = {"n": np.int64(3), "x": np.float64(0.5), "yes": np.bool_(True), "list": np.arange(3), "path": Path("a/b")}

    assert plain(value) == {"n": 3, "x": 0.5, "yes": True, "list": [0, 1, 2], "path": "a/b"}


def test_booleans_stay_booleans():
    assert json_text([True, np.True_, 1]).split() == ["[", "true,", "true,", "1", "]"]


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.351, "35.1 %"),
        (0.0, "0.0 %"),
        (1.0, "100.0 %"),
        (1399 / 1400, "99.9 %"),
        (0.99999, "99.9 %"),
        (0.0001, "<0.1 %"),
        (None, "-"),
    ],
)
def test_all_and_none_are_said_only_where_it_is_so(share, text):
    assert percent(share) == text


def test_decimals_and_unknown():
    assert (decimal(0.98961), decimal(None)) == ("0.990", "-")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (59.6, "1 min 0 s"), (130, "2 min 10 s"), (7300, "2 h 1 min")]
)
def test_durations_read_well(seconds, text):
    assert duration(seconds) == text


def test_sizes_read_well():
    assert (size(27_200_000), size(3_100_000_000)) == ("27.2 MB", "3.1 GB")


def test_columns_line_up():
    text = columns([("aum", "0.9"), ("mean_loss", "10.0")], header=("score", "value"), right=(1,))

    assert text.splitlines() == ["score      value", "---------  -----", "aum          0.9", "mean_loss   10.0"]


def test_a_name_cannot_command_the_terminal():
    assert visible("a\x1b[31m\nb é") == "a\\x1b[31m\\nb é"


def test_a_closed_stderr_is_no_failure(monkeypatch):
    class Closed:
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Closed())

    say("nobody listens")
