"""`probe audit`: what it prints where, and what it refuses."""

import json
import shlex
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from probes_cli.audit import _findings

SIZE = 120


@pytest.fixture(scope="module")
def blobs(tmp_path_factory):
    """A table of two clouds of points; ten labels are wrong."""
    folder = tmp_path_factory.mktemp("audit")
    random = np.random.default_rng(0)
    true = np.arange(SIZE) % 2
    given = np.where(np.arange(SIZE) % 12 == 0, 1 - true, true)
    points = 5 * true[:, None] + random.normal(size=(SIZE, 2))
    pd.DataFrame({"x": points[:, 0], "y2": points[:, 1], "kind": np.array(["no", "yes"])[given]}).to_csv(
        folder / "blobs.csv", index=False
    )
    return folder


@pytest.fixture
def in_folder(blobs, monkeypatch):
    monkeypatch.chdir(blobs)
    return blobs


def test_prints_the_folder_and_says_what_was_found(in_folder, probe):
    answer = probe("audit", "blobs.csv", "--label-column", "kind", "--plant", "0.05")

    assert (answer.exit_code, answer.stdout) == (0, "audit/blobs-1\n")
    lines = answer.stderr.splitlines()
    assert lines[0] == "Auditing blobs: 120 examples of 2 classes, with networks of the kind mlp."
    assert not any(line.startswith("round 1 of 3") for line in lines)  # the first round decides how many follow
    assert any(line.startswith("round 3 of 3, network 3 of 3") for line in lines)
    for words in ("labels look wrong", "Planted: 6 labels made wrong", "most suspicious", "mostly look like"):
        assert words in answer.stderr
    onward = "probe train --dataset blobs.csv --label-column kind --exclude audit/blobs-1/issues.csv"
    assert onward in answer.stderr
    assert probe(*shlex.split(onward)[1:], "--epochs", "1", "--width", "8", "--probe", "none").exit_code == 0
    assert "Review them in a browser: audit/blobs-1/report.html" in answer.stderr
    assert (in_folder / "audit/blobs-1/report.html").exists()
    assert json.loads((in_folder / "audit/blobs-1/audit.json").read_text())["command"].startswith("probe audit blobs")
    ranked = pd.read_csv(in_folder / "audit/blobs-1/issues.csv").sort_values("label_score")["example"]
    assert (ranked.head(8) % 12 == 0).mean() > 0.8


def test_json_is_all_of_stdout_and_quiet_is_silent(in_folder, probe):
    answer = probe("audit", "blobs.csv", "--label-column", "kind", "--json", "--quiet", "--out", "mine")

    assert answer.stderr == ""
    found = json.loads(answer.stdout)
    assert found["audit"] == "mine"
    assert found["cutoff"]["flagged"] > 5
    assert found["plant"] is None
    assert {"estimate", "by_class", "warnings"} <= set(found)


def test_a_page_that_finds_no_room_leaves_the_audit_and_says_so(in_folder, probe, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("probes_reports.assembly.atomic_write", full)
        answer = probe("audit", "blobs.csv", "--label-column", "kind", "--out", "kept", "--quiet")

    assert (answer.exit_code, answer.stdout) == (1, "")
    assert answer.stderr == (
        "Error: cannot write kept/report.html: No space left on device. The audit itself is complete (issues.csv); "
        "probe report kept draws the page later.\n"
    )
    assert len(pd.read_csv(in_folder / "kept/issues.csv")) == SIZE
    assert probe("report", "kept").exit_code == 0


@pytest.mark.parametrize(
    ("flagged", "low", "high", "words"),
    [
        (1, 0.7, 5.2, "About 2 of 5 labels look wrong (40.0 %; between 1 and 5). 1 is flagged: "),
        (5, 4.9, 5.2, "About 2 of 5 labels look wrong (40.0 %). 5 are flagged: "),
    ],
)
def test_what_was_found_is_told_in_numbers_that_say_something(flagged, low, high, words):
    estimate = {"errors": 2.0, "share": 0.4, "low": low, "high": high}
    by_class = {"class": "x", "flagged": 1, "examples": 5, "flagged_share": 0.2, "looks_like": "y"}
    plant = {"planted": 1, "found": 1, "recall": 1.0}
    meta = {
        "num_examples": 5,
        "cutoff": {"flagged": flagged},
        "plant": plant,
        "evaluation": None,
        "by_class": [by_class],
    }
    ranking = pd.DataFrame({"id": ["a"], "given_label": [0], "suggested_label": [1], "label_score": [0.1]})
    found = SimpleNamespace(meta=meta, estimate=estimate, warnings=[], classes=["x", "y"], ranking=ranking.head)

    said = _findings(found)
    assert said[0].startswith(words)
    assert said[1].startswith("Planted: 1 label made wrong, 1 of them found")


def test_an_audit_in_the_way_is_not_replaced(in_folder, refused):
    (in_folder / "taken").mkdir(exist_ok=True)
    (in_folder / "taken/audit.json").write_text("{}")

    message = refused("audit", "blobs.csv", "--out", "taken")
    assert message == "taken already holds an audit. Choose another --out, or add --overwrite to replace it."


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nothing.csv",), "there is no file nothing.csv."),
        (("blobs.csv",), "name the column of labels with --label-column"),
        (("blobs.csv", "--label-column", "kinds"), "kind"),
        (("blobs.csv", "--label-column", "kind", "--plant", "0.9"), "plant must be a share in (0, 0.5], got 0.9."),
        (("digitz",), "digits"),
        (("digits", "--model", "nowhere:net"), "nowhere"),
        ((), "Missing argument 'DATA'"),
    ],
)
def test_what_cannot_be_audited_is_one_line(in_folder, refused, words, message):
    assert message in refused("audit", *words)
