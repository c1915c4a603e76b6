"""`probe list`: what there is."""

import json
import os
import shutil

import pytest

from probes.data import DATASETS, NOISE_KINDS
from probes.data.pooled import load_pooled
from probes.models import MODELS
from probes.probing import PROBES
from probes.scores import CATALOGUE
from probes.studies import STUDIES


@pytest.mark.parametrize(
    ("topic", "names"),
    [
        ("datasets", DATASETS),
        ("models", MODELS),
        ("noise-kinds", NOISE_KINDS),
        ("scores", CATALOGUE),
        ("probes", PROBES),
        ("studies", STUDIES),
    ],
)
def test_every_name_is_listed_for_people_and_for_programs(probe, topic, names):
    text, rows = probe("list", topic).stdout, json.loads(probe("list", topic, "--json").stdout)

    assert [row["name"] for row in rows] == list(names)
    assert [line.split()[0] for line in text.split("\n\n")[0].splitlines()[2:]] == list(names)


@pytest.mark.parametrize(("topic", "form"), [("datasets", "folder:PATH"), ("models", "module:callable")])
def test_forms_of_ones_own_names_are_told_to_people_only(probe, topic, form):
    assert form in probe("list", topic).stdout
    assert form not in probe("list", topic, "--json").stdout


def test_datasets_say_where_they_lie_and_where_they_are_looked_for(probe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/cifar-10-batches-py").mkdir(parents=True)

    text = probe("list", "datasets").stdout
    rows = {row["name"]: row for row in json.loads(probe("list", "datasets", "--json").stdout)}

    lines = {line.split()[0]: line.split() for line in text.splitlines() if line.strip()}
    assert lines["cifar10"][1:5] == ["60,000", "10", "yes", "data"]
    assert lines["cifar100"][3:5] == ["no", "-"]
    assert (rows["cifar10"]["available"], rows["cifar10"]["path"]) == (True, "data")
    assert text.splitlines()[-1].startswith("Downloads are looked for in data/;")
    assert {"folder:PATH", "FILE.npz", "FILE.csv", "FILE.parquet", "module:function"} <= set(lines)


@pytest.mark.parametrize("name", ["digits", pytest.param("fashion-mnist", marks=pytest.mark.slow)])
def test_the_sizes_listed_are_those_of_the_data(probe, name):
    row = next(row for row in json.loads(probe("list", "datasets", "--json").stdout) if row["name"] == name)
    if not row["available"]:
        pytest.skip(f"{name} is not on this machine")

    data = load_pooled(name)

    assert (row["examples"], row["classes"]) == (len(data.train), len(data.classes))


def test_runs_are_listed_with_the_newest_first(probe, small_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, age in (("old", 1000), ("new", 2000)):
        shutil.copytree(small_run, tmp_path / "runs" / name)
        os.utime(tmp_path / "runs" / name / "run.json", (age, age))

    rows = json.loads(probe("list", "runs", "--json").stdout)
    assert [row["path"] for row in rows] == ["runs/new", "runs/old"]
    expected = {"status": "complete", "epochs": 3, "dataset": "digits", "noise": 0.4, "noise_kind": "uniform_all"}
    assert {key: rows[0][key] for key in expected} == expected
    assert "runs/new" in probe("list", "runs").stdout


def test_a_run_that_cannot_be_read_is_listed_all_the_same(probe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs/broken").mkdir(parents=True)
    (tmp_path / "runs/broken/run.json").write_text("{")

    assert json.loads(probe("list", "runs", "--json").stdout)[0]["status"] == "unreadable"


def test_no_runs_is_an_empty_list(probe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert json.loads(probe("list", "runs", "--json").stdout) == []
    assert probe("list", "runs").stderr == "No runs in runs/ yet. Make one with `probe train`.\n"


def test_suggests_the_nearest_topic(refused):
    assert refused("list", "score") == "unknown list 'score'. Did you mean 'scores'?"
