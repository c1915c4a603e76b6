"""The run a command is about."""

import os
from pathlib import Path

import pytest

from probes.errors import RunNotFoundError
from probes_cli.runs import all_runs, chosen_run

READABLE = '{"format_version": 1, "status": "complete", "measure": "online", "dataset": {"num_examples": 1}}'


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Makes runs in `runs/`, each a second newer than the one before."""
    monkeypatch.chdir(tmp_path)

    def make(*names):
        for age, name in enumerate(names):
            folder = Path("runs") / name
            folder.mkdir(parents=True)
            (folder / "run.json").write_text(READABLE)
            os.utime(folder / "run.json", (1000 + age, 1000 + age))

    return make


def test_the_newest_run_is_chosen_whatever_its_name(folders):
    folders("zebra", "20261123-060542-digits-mlp-noise0.4", "apple")

    assert chosen_run(None) == Path("runs/apple")
    assert [run.name for run in all_runs()] == ["apple", "20261123-060542-digits-mlp-noise0.4", "zebra"]


def test_a_damaged_run_is_passed_over(folders):
    folders("older", "newer")
    Path("runs/newer/run.json").write_text("{")

    assert chosen_run(None) == Path("runs/older")


def test_a_folder_without_run_json_is_no_run(folders):
    folders("mine")
    Path("runs/comparison").mkdir()

    assert all_runs() == [Path("runs/mine")]


def test_a_named_run_is_taken_as_it_is(folders):
    folders("mine")

    assert chosen_run(Path("elsewhere/other")) == Path("elsewhere/other")


@pytest.mark.parametrize("make_folder", [True, False])
def test_no_run_says_how_to_make_one(folders, make_folder):
    if make_folder:
        Path("runs").mkdir()

    with pytest.raises(RunNotFoundError, match="`probe train`"):
        chosen_run(None)
