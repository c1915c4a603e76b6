"""Types of options, and the sections of --help."""

import re

import pytest

from probes.training import TrainConfig
from probes_cli.train import command as train


def test_the_help_of_train_has_sections_in_order(probe):
    headings = re.findall(r"^(\w+):$", probe("train", "--help").stdout, re.MULTILINE)

    assert headings == ["Data", "Noise", "Model", "Training", "Seeds", "Recording", "Running", "Output", "Help"]


def test_every_option_of_train_says_what_it_is():
    assert [option.name for option in train.params if not option.help] == []


def test_defaults_of_train_are_those_of_the_library(probe):
    shown = " ".join(probe("train", "--help").stdout.split())

    for name in ("dataset", "model", "noise", "epochs", "width", "lr", "momentum", "batch_size"):
        line = shown[shown.index(f"--{name.replace('_', '-')} ") :]
        assert line[line.index("[default: ") :].startswith(f"[default: {getattr(TrainConfig, name)}]")


@pytest.mark.parametrize("window", ["5", "1_10", "a-b", "-3", "1-"])
def test_a_window_is_two_epochs(refused, small_run, window):
    assert "is not a window of epochs such as 1-10" in refused("scores", "--epochs", window)


@pytest.mark.parametrize("epochs", ["1,x", "", "1;2"])
def test_a_list_of_epochs_is_numbers_with_commas(refused, epochs):
    assert "is not a list of epochs such as 0,1,2,5" in refused("train", "--probe-epochs", epochs)


def test_a_file_to_write_is_checked_before_any_work(refused, tmp_path):
    (tmp_path / "file").write_text("")

    endings = ".csv or .parquet or .json or .jsonl"
    assert refused("scores", "nowhere", "--out", "x.txt") == f"out must end in {endings}, got 'x.txt'."
    assert "got the folder" in refused("scores", "nowhere", "--out", tmp_path)
    assert "is not a folder" in refused("scores", "nowhere", "--out", tmp_path / "file/x.csv")
