"""Exit codes and the one line that goes with them."""

import errno
import os
import signal

import click
import pytest

from probes.errors import ConfigError, ProbeError, RunExistsError, RunLockedError, RunNotFoundError
from probes_cli.exits import Terminated, exit_code_of, terminable


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("no"), 2),
        (RunNotFoundError("no"), 2),
        (RunExistsError("no"), 2),
        (RunLockedError("no"), 1),
        (ProbeError("no"), 1),
        (click.UsageError("no"), 2),
        (OSError(errno.ENOSPC, "No space left on device"), 1),
        (MemoryError("Unable to allocate 8 TiB"), 1),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 1),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (Terminated(), 143),
    ],
)
def test_each_kind_of_failure_has_its_code_and_one_line(error, code, capsys):
    assert exit_code_of(error) == code
    assert capsys.readouterr().err.count("\n") == 1


def test_a_message_of_several_lines_becomes_one(capsys):
    exit_code_of(ProbeError("first\n  second"))

    assert capsys.readouterr().err == "Error: first second\n"


def test_a_file_that_cannot_be_used_is_named(capsys):
    exit_code_of(PermissionError(errno.EACCES, "Permission denied", "/some/file"))

    assert capsys.readouterr().err == "Error: /some/file: Permission denied.\n"


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("ours"), ValueError("ours"), RuntimeError("ours"), KeyError("ours")]
)
def test_mistakes_of_ours_are_raised_again(error):
    with pytest.raises(type(error), match="ours"):
        exit_code_of(error)


def test_a_signal_to_terminate_is_raised_and_the_old_handler_put_back():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated), terminable():
        os.kill(os.getpid(), signal.SIGTERM)

    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize(
    ("rank", "error", "said"),
    [
        ("0", ConfigError("no such thing."), "Error: no such thing.\n"),
        ("1", ConfigError("no such thing."), "Error: rank 1: no such thing.\n"),
        ("1", KeyboardInterrupt(), ""),
        ("1", ProbeError("the disk is full."), "Error: rank 1: the disk is full.\n"),
    ],
)
def test_of_several_ranks_the_first_speaks_before_the_others(monkeypatch, capsys, rank, error, said):
    waited = []
    monkeypatch.setattr("time.sleep", lambda seconds: waited.append(capsys.readouterr().err))
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", rank)

    code = exit_code_of(error)

    assert capsys.readouterr().err == said
    assert waited == ([""] if said.startswith("Error: rank 1") else [])
    assert code == {"Config": 2, "Keyboa": 130, "ProbeE": 1}[type(error).__name__[:6]]


def test_what_rank_0_raised_is_told_by_rank_0(monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    error = RunLockedError("it is being written.")
    error.by_rank_0 = True

    assert exit_code_of(error) == 1
    assert capsys.readouterr().err == ""
