"""`probe audit`: what it prints where, and what it refuses."""

import json
import shlex

import numpy as np
import pandas as pd
import pytest

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
