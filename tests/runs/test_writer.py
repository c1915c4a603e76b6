"""What is on disk: atomic, checksummed, plain Parquet, never on top of something else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import probes
from probes.errors import ConfigError, RunExistsError, RunLockedError
from probes.runs.layout import atomic_write, epochs_in
from probes.runs.writer import RunWriter


def columns(examples, **values):
    n = len(examples)
    base = {"visits": np.ones(n), "loss": np.full(n, 0.5), "margin": np.ones(n), "entropy": np.ones(n)}
    return {"example": np.asarray(examples), **base, "el2n": np.ones(n), "prediction": np.zeros(n), **values}


def new_run(path, **more):
    return RunWriter.create(path, num_examples=3, measure="online", **more)


def test_an_epoch_is_plain_parquet_with_the_contract_types_and_encodings(tmp_path):
    writer = new_run(tmp_path / "run")
    writer.write_epoch(7, columns([0, 2]))

    file = pq.ParquetFile(tmp_path / "run/trajectories/epoch-00007.parquet")

    types = {field.name: str(field.type) for field in file.schema_arrow}
    assert types == {
        "epoch": "int32",
        "example": "int64",
        "visits": "int32",
        **dict.fromkeys(("loss", "margin", "entropy", "el2n"), "float"),
        "prediction": "int32",
    }
    chunks = {c["path_in_schema"]: c for c in file.metadata.to_dict()["row_groups"][0]["columns"]}
    assert "BYTE_STREAM_SPLIT" in chunks["loss"]["encodings"]
    assert "DELTA_BINARY_PACKED" in chunks["example"]["encodings"]
    assert {chunk["compression"] for chunk in chunks.values()} == {"ZSTD"}
    assert pd.read_parquet(tmp_path / "run/trajectories")["example"].tolist() == [0, 2]


def test_checksums_are_what_sha256sum_reads(tmp_path):
    writer = new_run(tmp_path / "run")
    writer.write_epoch(1, columns([0]))
    writer.write_epoch(2, columns([0]))
    writer.write_probe("p", 2, pd.DataFrame({"epoch": [2]}))
    writer.write_probe("p", 2, pd.DataFrame({"epoch": [2], "value": [1.0]}))  # measured again
    writer.drop_epochs_after(1)
    writer.write_probe("p", 1, pd.DataFrame({"epoch": [1]}))

    check = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path / "run", capture_output=True, text=True)

    assert check.returncode == 0, check.stdout + check.stderr
    assert sorted(check.stdout.split()[::2]) == ["probes/p/epoch-00001.parquet:", "trajectories/epoch-00001.parquet:"]


def test_run_json_follows_its_schema(tmp_path):
    schema = json.loads((Path(probes.__file__).parent / "runs/run.schema.json").read_text())
    writer = new_run(tmp_path / "run", meta={"config": {"lr": float("inf")}, "dataset": {"classes": ["a", "b"]}})

    for status in ("running", "complete"):
        if status == "complete":
            writer.finish("complete", nonfinite_visits=0, timings={"training_s": 1.5})
        meta = json.loads((tmp_path / "run/run.json").read_text())
        jsonschema.validate(meta, schema)
        assert meta["status"] == status
    assert meta["dataset"] == {"classes": ["a", "b"], "num_examples": 3}
    assert meta["config"] == {"lr": None}  # JSON has no infinity
    assert set(meta) == set(schema["properties"])
    assert {"python", "torch", "numpy", "captum"} <= meta["versions"].keys()


def test_refuses_to_write_over_what_is_there(tmp_path):
    new_run(tmp_path / "run").finish("complete")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter.tex").write_text("years of work")
    (tmp_path / "file").write_text("")

    with pytest.raises(RunExistsError, match="already holds a run.*overwrite.*resume"):
        new_run(tmp_path / "run")
    with pytest.raises(RunExistsError, match="not a run"):
        new_run(tmp_path / "thesis", if_exists="overwrite")
    with pytest.raises(RunExistsError, match="is a file"):
        new_run(tmp_path / "file", if_exists="overwrite")
    assert (tmp_path / "thesis/chapter.tex").exists()


def test_overwrite_leaves_nothing_of_the_old_run(tmp_path):
    old = new_run(tmp_path / "run")
    old.write_epoch(1, columns([0]))
    old.append_metrics([{"epoch": 1, "group": "test"}])
    old.finish("complete")

    new_run(tmp_path / "run", if_exists="overwrite")

    assert sorted(os.listdir(tmp_path / "run")) == [".lock", "run.json"]


def test_overwriting_leaves_what_is_not_the_runs(tmp_path):
    old = new_run(tmp_path / "run")
    old.write_epoch(1, columns([0]))
    old.finish("complete")
    (tmp_path / "run/analysis").mkdir()
    (tmp_path / "run/analysis/mine.txt").write_text("mine")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign/run.json").write_text('{"name": "another program"}')

    new_run(tmp_path / "run", if_exists="overwrite").finish("complete")

    assert (tmp_path / "run/analysis/mine.txt").read_text() == "mine"
    assert not (tmp_path / "run/trajectories").exists()
    with pytest.raises(RunExistsError, match="not a run"):
        new_run(tmp_path / "foreign", if_exists="overwrite")


def test_a_probes_name_stays_inside_its_folder(tmp_path):
    with pytest.raises(ConfigError, match="letters, digits and underscores, got '../x'"):
        new_run(tmp_path / "run").write_probe("../x", 1, pd.DataFrame({"epoch": [1]}))


def test_a_run_has_one_writer(tmp_path):
    writer = new_run(tmp_path / "run")

    with pytest.raises(RunLockedError, match="being written"):
        new_run(tmp_path / "run", if_exists="overwrite")
    writer.finish("complete")
    new_run(tmp_path / "run", if_exists="overwrite").finish("complete")


def test_an_unwritable_place_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match=r"cannot write to .*file/run.*\. Choose another folder\."):
        new_run(tmp_path / "file" / "run")


def test_a_run_that_cannot_be_taken_up_is_one_line(tmp_path, monkeypatch):
    new_run(tmp_path / "run").finish("interrupted")

    def refused(*args, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("filelock.FileLock.acquire", refused)
    with pytest.raises(ConfigError, match=r"cannot write to .*run: Permission denied\. Choose another folder"):
        RunWriter.resume(tmp_path / "run")


def test_a_failed_write_leaves_the_old_file_and_no_debris(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    with pytest.raises(RuntimeError, match="disk"), atomic_write(path) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError("disk")

    assert os.listdir(tmp_path) == ["file.txt"]
    assert path.read_text() == "old"


def test_temporary_and_foreign_files_are_no_epochs(tmp_path):
    for name in (".epoch-00001.parquet.tmp-7", "epoch-00002.parquet", "epoch-00003-rank001.parquet", "notes.txt"):
        (tmp_path / name).touch()

    assert epochs_in(tmp_path) == [2]
    assert epochs_in(tmp_path / "nowhere") == []


def test_a_killed_writer_leaves_every_closed_epoch(tmp_path):
    """SIGKILL after two epochs: the run reads as interrupted, with both."""
    script = (
        "import os, signal, sys; from probes import ExampleTracker\n"
        "t = ExampleTracker(2, run=sys.argv[1])\n"
        "for _ in range(2): t.update([0, 1], [[1., 0.], [1., 0.]], [0, 1]); t.end_epoch()\n"
        "t.update([0], [[1., 0.]], [0]); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(probes.__file__).parents[1]
    subprocess.run([sys.executable, "-c", script, tmp_path / "run"], cwd=root, check=False)

    run = probes.open_run(tmp_path / "run")

    assert (run.status, run.num_epochs) == ("interrupted", 2)
    assert run.scores()["aum"].tolist() == [1.0, -1.0]
