"""Names of fresh run folders."""

from datetime import datetime

import pytest

from probes.errors import ConfigError
from probes.training import TrainConfig, naming


@pytest.fixture(autouse=True)
def _six_in_the_morning(monkeypatch):
    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 11, 23, 6, 5, 42)

    monkeypatch.setattr(naming, "datetime", Clock)


def test_a_name_says_when_what_and_how_noisy(tmp_path):
    folder = naming.fresh_run_folder(TrainConfig(noise=0.4), tmp_path / "runs")

    assert folder == tmp_path / "runs" / "20261123-060542-digits-mlp-noise0.4"
    assert folder.is_dir()


def test_names_of_the_same_second_never_collide(tmp_path):
    names = [naming.fresh_run_folder(TrainConfig(), tmp_path).name for _ in range(3)]

    stem = "20261123-060542-digits-mlp-noise0"
    assert names == [stem, f"{stem}-2", f"{stem}-3"]


def test_a_place_that_takes_no_folders_is_one_clear_line(tmp_path):
    (tmp_path / "runs").write_text("a file")

    with pytest.raises(ConfigError, match="cannot make a run folder in .*runs: File exists"):
        naming.fresh_run_folder(TrainConfig(), tmp_path / "runs")
