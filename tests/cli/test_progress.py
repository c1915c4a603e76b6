"""What is shown while training."""

import io
import sys
from pathlib import Path

from probes.training import EpochProgress
from probes_cli.progress import LiveDisplay, NoDisplay, PlainDisplay, display


def progress(epoch, epochs=120, **changes):
    values = {
        "epoch": epoch,
        "epochs": epochs,
        "clean_accuracy": 0.982,
        "noisy_accuracy": 0.042,
        "validation_accuracy": 0.95,
        "test_accuracy": 0.955,
        "elapsed_s": 1.0,
        "eta_s": 4.2,
        "folder": Path("runs/x"),
    }
    return EpochProgress(**{**values, **changes})


def test_plain_lines_are_few_and_end_with_the_last_epoch(capsys):
    shown = PlainDisplay(120)
    for epoch in range(121):
        shown.show(progress(epoch))

    lines = capsys.readouterr().err.splitlines()
    assert [int(line.split()[1]) for line in lines] == [0, 1, 2, 5, 10, 20, 50, 100, 120]
    assert lines[3] == "epoch   5 of 120: clean  98.2 %, noisy   4.2 %, test  95.5 %, 4 s left"


def test_an_epoch_that_early_stopping_makes_the_last_has_its_line(capsys):
    PlainDisplay(120).show(progress(11, stopped=True))

    line = capsys.readouterr().err
    assert line.startswith("epoch  11 of 120: ")
    assert "left" not in line


def test_the_last_line_has_nothing_left(capsys):
    PlainDisplay(5).show(progress(5, epochs=5, eta_s=0.0))

    assert "left" not in capsys.readouterr().err


def test_a_group_nobody_belongs_to_is_left_out(capsys):
    PlainDisplay(5).show(progress(5, epochs=5, noisy_accuracy=None))

    assert "noisy" not in capsys.readouterr().err


def test_lines_are_plain_where_stderr_is_no_terminal():
    with display(5, quiet=False) as shown:
        assert isinstance(shown, PlainDisplay)


def test_quiet_shows_nothing(capsys):
    with display(5, quiet=True) as shown:
        shown.say("hello")
        shown.show(progress(5, epochs=5))

    assert isinstance(shown, NoDisplay)
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_one_live_line(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with display(120, quiet=False) as shown:
        shown.say("Training [something]")
        shown.show(progress(5))

    assert isinstance(shown, LiveDisplay)
    assert "Training [something]" in terminal.getvalue()
    assert "epoch 5 of 120" in terminal.getvalue()
    assert "noisy   4.2 %, test  95.5 %" in terminal.getvalue()
