"""One small run for all tests of the command line, and a way to call `probe`."""

import sys

import pytest
from click.testing import CliRunner

from probes.training import TrainConfig, train
from probes_cli.main import main

QUICK = ("--width", "16", "--epochs", "3")


@pytest.fixture(scope="session")
def workspace(tmp_path_factory):
    """A folder with `runs/small`, a run of three epochs; not to be written to."""
    folder = tmp_path_factory.mktemp("workspace")
    train(TrainConfig(noise=0.4, width=16, epochs=3), folder / "runs/small")
    return folder


@pytest.fixture
def small_run(workspace, monkeypatch):
    """`runs/small`, as seen from the current folder."""
    monkeypatch.chdir(workspace)
    return workspace / "runs/small"


@pytest.fixture
def probe(monkeypatch):
    """Calls the command line with some words; the answer has exit_code, stdout and stderr."""

    def call(*words, env=None):
        monkeypatch.setattr(sys, "argv", ["probe", *words])
        return CliRunner().invoke(main, [str(word) for word in words], env=env)

    return call


@pytest.fixture
def refused(probe):
    """Calls the command line, checks that the words are refused in one line with a code, and returns that line."""

    def call(*words, code=2):
        answer = probe(*words)
        assert (answer.exit_code, answer.stdout) == (code, "")
        assert answer.stderr.count("\n") == 1, answer.stderr
        assert answer.stderr.startswith("Error: ")
        return answer.stderr.removeprefix("Error: ").strip()

    return call
