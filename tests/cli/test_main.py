"""The group: commands by name, exit codes, start-up."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

import probes
from probes_cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
ENV = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "cli"), str(ROOT / "reports")])}


def test_help_names_every_command(probe):
    answer = probe("--help")

    assert answer.exit_code == 0
    for command in COMMANDS:
        assert f"\n  {command} " in answer.stdout


def test_the_documentation_has_a_row_for_every_command():
    rows = (ROOT / "docs/command-line.md").read_text().partition("RUN is a run folder")[0].splitlines()

    for command in COMMANDS:
        assert any(row.startswith((f"| `probe {command} ", f"| `probe {command}`")) for row in rows), command


def test_no_command_shows_the_help(probe):
    assert probe().stdout == probe("--help").stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_with_examples(probe, command):
    answer = probe(command, "--help")

    assert answer.exit_code == 0
    assert f"probe {command}" in answer.stdout.partition("Examples:")[2]


def test_version_is_the_packages(probe):
    assert probe("--version").stdout == f"probe {probes.__version__}\n"


def test_suggests_the_nearest_command(refused):
    assert refused("sumary") == "unknown command 'sumary'. Did you mean 'summary'?"


def test_lists_the_commands_where_none_is_near(refused):
    names = "audit, import, list, measure, report, scores, study, summary, train"
    assert refused("xyz") == f"unknown command 'xyz'. Choose from: {names}."


def test_suggests_the_nearest_option(refused):
    assert "'--noise'" in refused("train", "--nois", "0.4")


def test_an_unexpected_argument_is_one_line(refused):
    assert "extra" in refused("train", "extra")


def test_a_mistake_of_ours_keeps_its_traceback(probe, monkeypatch):
    """Only what a user or the environment does wrong is turned into one line."""

    def broken():
        raise ZeroDivisionError

    monkeypatch.setattr("probes_cli.runs.all_runs", broken)

    assert isinstance(probe("summary").exception, ZeroDivisionError)


@pytest.mark.parametrize("words", [("scores", "--top", "1400", "--json"), ("summary",)])
def test_a_reader_that_has_gone_is_no_failure(small_run, words):
    """As with `probe scores | head`."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "probes_cli", *words]
    done = subprocess.run(command, env=ENV, cwd=small_run.parents[1], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_help_answers_within_a_third_of_a_second():
    def seconds():
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "probes_cli", "--help"], env=ENV, check=True, capture_output=True)
        return time.perf_counter() - start

    seconds()

    assert statistics.median(seconds() for _ in range(5)) < 0.3
