import json
import sys
import time

import pytest


@pytest.fixture
def measuring(benchmark_module):
    return benchmark_module("measuring")


@pytest.fixture
def two_figures(measuring):
    def measured():
        yield "ratio", measuring.Figure("theirs / ours", [1.0, 5.0, 2.0], ("at least", 10))
        yield "bytes", measuring.Figure("bytes per example", [7.0])

    return measured


def test_json_gives_a_number_per_name_and_the_machine(measuring, two_figures, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["script", "--json"])

    measuring.run_alone("", two_figures)

    found = json.loads(capsys.readouterr().out)
    assert found["figures"] == {"ratio": 2.0, "bytes": 7.0}
    assert found["quartiles"] == {"ratio": [1.5, 3.5], "bytes": [7.0, 7.0]}
    assert found["targets"] == {"ratio": ["at least", 10]}
    assert {"processor", "cores", "python", "torch"} <= set(found["machine"])


def test_the_table_has_a_row_per_figure(measuring, two_figures, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["script"])

    measuring.run_alone("", two_figures)

    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["measured", "median", "quartiles", "target"]
    assert first.split() == ["theirs", "/", "ours", "2", "1.5", "3.5", "at", "least", "10"]
    assert second.split() == ["bytes", "per", "example", "7", "7", "7"]


def test_rounds_alternate(measuring):
    calls = []

    def slow(name):
        calls.append(name)
        time.sleep(0.003)

    measuring.alternated({"a": lambda: slow("a"), "b": lambda: slow("b")}, rounds=2)

    turns = [name for before, name in zip(["", *calls], calls, strict=False) if name != before]

    assert turns == ["a", "b"] * 3  # the trial that sets the repeats, and two rounds
