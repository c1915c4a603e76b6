import importlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmark_module(monkeypatch):
    """Imports a script of benchmarks/, which find each other by their folder."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module
