"""`audit`: what it writes where, and what it refuses."""

import json
import os

import numpy as np
import pandas as pd
import pytest

from probes.audit import audit, open_audit
from probes.audit import folder as folder_module
from probes.errors import ConfigError, ProbeError, RunExistsError, RunNotFoundError
from probes.scores import auroc

FILES = ["audit.json", "features.parquet", "issues.csv", "issues.parquet", "neighbours.parquet"]


@pytest.fixture(scope="module")
def written(blobs, quick, tmp_path_factory):
    return audit(str(blobs), tmp_path_factory.mktemp("audits") / "mine", settings=quick)


def test_the_folder_holds_tables_that_pandas_reads(written, found):
    assert sorted(os.listdir(written.path)) == FILES
    pd.testing.assert_frame_equal(pd.read_parquet(written.path / "issues.parquet"), found.issues)
    csv = pd.read_csv(written.path / "issues.csv")
    assert list(csv) == [*found.issues, "given_name", "suggested_name"]
    assert csv["given_name"].astype(str).tolist() == [str(label) for label in found.issues["given_label"]]


def test_the_facts_are_strict_json(written):
    def refuse(name):
        raise AssertionError(name)

    meta = json.loads((written.path / "audit.json").read_text(), parse_constant=refuse)

    assert meta["format_version"] == 1
    assert meta["classes"] == ["0", "1", "2", "3"]
    assert {"estimate", "settings", "plant", "by_class", "warnings", "cutoff", "dataset"} <= set(meta)
    assert meta["plant"] is None


def test_true_labels_evaluate_the_result(written, found):
    wrong = np.arange(400) % 10 == 0

    known = written.meta["evaluation"]
    assert known["wrong"] == 40
    assert known["auroc"] == pytest.approx(auroc(-found.issues["label_score"].to_numpy(), wrong))
    assert known["recall"] == pytest.approx(found.issues["is_label_issue"].to_numpy()[wrong].mean())


def test_opening_gives_the_ranking(written):
    opened = open_audit(written.path)

    scores = opened.ranking(7)["label_score"]
    assert scores.is_monotonic_increasing
    assert len(scores) == 7
    assert opened.images() == {}
    assert opened.estimate["errors"] > 0


def test_fresh_folders_never_collide(blobs, quick, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    names = [str(audit(str(blobs), settings=quick).path) for _ in range(2)]
    assert names == ["audit/blobs-1", "audit/blobs-2"]


def test_an_audit_is_replaced_only_when_told_and_other_files_are_spared(blobs, quick, tmp_path):
    out = tmp_path / "mine"
    audit(str(blobs), out, settings=quick)
    (out / "review.csv").write_text("id,decision\n")
    with pytest.raises(RunExistsError, match="already holds an audit"):
        audit(str(blobs), out, settings=quick)

    audit(str(blobs), out, settings=quick, overwrite=True)
    assert (out / "review.csv").read_text() == "id,decision\n"


def test_a_folder_of_other_files_is_left_alone(blobs, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(RunExistsError, match="not an audit"):
        audit(str(blobs), tmp_path, overwrite=True)
    with pytest.raises(RunExistsError, match="is a file"):
        audit(str(blobs), tmp_path / "notes.txt")


def test_a_failure_while_writing_leaves_nothing_that_reads_as_an_audit(blobs, quick, tmp_path, monkeypatch):
    def full(*ignored, **also):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder_module, "_write", full)
    with pytest.raises(ProbeError, match="No space left on device"):
        audit(str(blobs), tmp_path / "mine", settings=quick)

    with pytest.raises(RunNotFoundError, match="there is no audit"):
        open_audit(tmp_path / "mine")
    assert not [name for name in os.listdir(tmp_path / "mine") if ".tmp-" in name]


def test_given_labels_may_name_some_examples_only(blobs, quick, tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("id,given_label\np1,2\np2,3\n")
    found = audit(str(blobs), tmp_path / "mine", given_labels=labels, settings=quick)

    given = found.issues["given_label"]
    own = np.load(blobs)["y"]
    assert given[[1, 2]].tolist() == [2, 3]
    assert (given.drop([1, 2]) == np.delete(own, [1, 2])).all()
    assert any("398 examples are not in" in note for note in found.meta["notes"])


def test_images_get_thumbnails_of_the_suspicious_and_their_neighbours(tmp_path, quick):
    random = np.random.default_rng(0)
    labels = np.arange(60) % 2
    pixels = random.integers(0, 60, (60, 6, 6)) + 150 * labels[:, None, None]
    given = np.where(np.arange(60) == 7, 0, labels)
    np.savez(tmp_path / "pixels.npz", X=pixels.astype(np.uint8), y=given)
    found = audit(tmp_path / "pixels.npz", tmp_path / "mine", settings=quick)

    images = found.images()
    near = found.neighbours
    assert set(images) == set(near["example"]) | set(near["neighbour"])
    assert all(png.startswith(b"\x89PNG") for png in images.values())
    assert found.ranking(1)["example"].tolist() == [7]


def test_a_newer_format_is_refused(written, tmp_path):
    (tmp_path / "audit.json").write_text(json.dumps({"format_version": 99}))

    with pytest.raises(RunNotFoundError, match="audit format 99"):
        open_audit(tmp_path)


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ("nothing.npz", {}, "there is no file"),
        ("fashon-mnist", {}, "Did you mean 'fashion-mnist'"),
        ("digits", {"label_column": "y"}, "label_column is for tables"),
        ("digits", {"model": "cnm"}, "unknown model"),
        ("digits", {"plant": 2.0}, "plant must be a share"),
        ("digits", {"given_labels": np.zeros(3, dtype=int)}, "given_labels must be"),
    ],
)
def test_what_cannot_be_audited_is_one_line_before_any_work(tmp_path, data, options, message):
    with pytest.raises((ConfigError, ValueError), match=message):
        audit(data, tmp_path / "mine", **options)
    assert not (tmp_path / "mine").exists()


@pytest.mark.slow
def test_rows_that_nobody_could_tell_are_not_counted_as_wrong_with_confidence(tmp_path):
    """docs/audit.md's figures: labels drawn from a logistic model, 19 in 100 of them the less probable one."""
    random = np.random.default_rng(1)
    features = random.normal(size=(3000, 6))
    odds = 1 / (1 + np.exp(-1.5 * (features @ [1, -1, 0.5, 0.7, 0, 0])))
    labels = (random.random(3000) < odds).astype(int)
    assert np.minimum(odds, 1 - odds).mean() == pytest.approx(0.19, abs=0.005)
    np.savez(tmp_path / "drawn.npz", X=features.astype(np.float32), y=labels)

    found = audit(str(tmp_path / "drawn.npz"), tmp_path / "audit")

    estimate = found.meta["estimate"]
    assert estimate["errors"] == pytest.approx(435, abs=60)
    assert not estimate["trusted"]
    assert estimate["low"] < 100
    assert any("classes overlap" in sentence for sentence in found.meta["warnings"])
