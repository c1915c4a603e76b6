"""Fresh run folders: readable, tidy, never the same one twice."""

import re
from datetime import datetime

import pytest

from probes.errors import ConfigError
from probes.runs import naming
from probes.runs.naming import fresh_run_folder


def test_a_name_follows_the_time(tmp_path):
    folder = fresh_run_folder("my log/../é.v2", tmp_path / "runs")

    assert re.fullmatch(r"\d{8}-\d{6}-my-log-..-é\.v2", folder.name)
    assert folder.is_dir()
    assert folder.parent == tmp_path / "runs"


def test_names_of_the_same_second_never_collide(tmp_path, monkeypatch):
    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 11, 23, 6, 5, 42)

    monkeypatch.setattr(naming, "datetime", Clock)

    names = [fresh_run_folder("digits-mlp-noise0.4", tmp_path).name for _ in range(3)]

    stem = "20261123-060542-digits-mlp-noise0.4"
    assert names == [stem, f"{stem}-2", f"{stem}-3"]


def test_a_root_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "runs").write_text("")

    with pytest.raises(ConfigError, match="cannot make a run folder in"):
        fresh_run_folder("log", tmp_path / "runs")
