"""The table of docs/audit.md is that of the benchmark's results."""

import importlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("audit")


@pytest.fixture
def results():
    return json.loads((ROOT / "benchmarks/results/audit.json").read_text())["results"]


def test_the_table_is_written_from_the_results(benchmark, results):
    guide = (ROOT / "docs/audit.md").read_text()

    assert benchmark.filled(guide, results) == guide


def test_rivals_had_no_less_compute(results):
    for result in results:
        assert result["passes"]["audit"] <= result["passes"]["cleanlab"]
        assert result["trained_visits"]["audit"] <= result["trained_visits"]["cleanlab"]


def test_on_the_data_it_was_developed_on_audit_is_ahead_of_cleanlab(benchmark, results):
    table = benchmark.summarised([result for result in results if result["data"] == "digits"])

    for rival in ("self_confidence", "issues"):
        ahead = [table["audit"][s]["auroc"][0] > table[rival][s]["auroc"][0] for s in table["audit"]]
        assert len(ahead) == 6
        assert all(ahead)
