"""`probe import`: what it prints where, what run.json keeps, what it refuses."""

import json
import shlex

import pytest

from probes import open_run
from probes.integrations.table_columns import RECOGNISED, TableOptions
from probes_cli.import_ import table

NOT_OF_THE_OPTIONS = {"file", "out", "overwrite", "as_json"}
CSV = """epoch,id,label,logit_0,logit_1
0,a,cat,2.0,0.0
0,b,dog,1.0,0.0
1,b,dog,0.0,3.0
"""


@pytest.fixture(autouse=True)
def in_a_folder_with_logs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "training_dynamics"
    folder.mkdir()
    for epoch in (0, 1):
        lines = [{"guid": guid, f"logits_epoch_{epoch}": [1.0, 2.0], "gold": guid % 2} for guid in (3, 8)]
        (folder / f"dynamics_epoch_{epoch}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "log.csv").write_text(CSV)


def test_every_option_of_a_table_is_a_field_and_the_other_way_round():
    options = {option.name for option in table.params} - NOT_OF_THE_OPTIONS

    assert options == set(TableOptions.__dataclass_fields__)


def test_a_cartography_log_becomes_a_run(probe):
    answer = probe("import", "cartography", "training_dynamics", "--out", "runs/mine")

    assert (answer.exit_code, answer.stdout) == (0, "runs/mine\n")
    assert answer.stderr.splitlines() == [
        "Read 2 epochs of 2 examples from training_dynamics.",
        "Its epoch 0 is epoch 1 here.",
        "See it: probe report runs/mine",
    ]
    run = open_run("runs/mine")
    assert run.meta["command"] == "probe import cartography training_dynamics --out runs/mine"
    assert run.scores().set_index("id")["correctness"].to_dict() == {3: 1.0, 8: 0.0}


def test_a_table_becomes_a_run(probe):
    answer = probe("import", "table", "log.csv", "--out", "my runs/mine", "--measure", "sweep")

    assert (answer.exit_code, answer.stdout) == (0, "my runs/mine\n")
    assert answer.stderr.splitlines() == [
        "Read 2 epochs of 2 examples from log.csv.",
        "Columns: epoch, id, label, logits from logit_0 to logit_1.",
        "Classes: cat, dog.",
        "Its epoch 0 is epoch 1 here.",
        "See it: probe report 'my runs/mine'",
    ]
    assert open_run("my runs/mine").measure == "sweep"


@pytest.mark.parametrize(
    ("losses", "said"),
    [(["0.5", "nan"], "1 visit is unusable: it holds"), (["inf", ""], "2 visits are unusable: they hold")],
)
def test_visits_without_a_usable_value_are_counted(probe, tmp_path, losses, said):
    (tmp_path / "loss.csv").write_text("epoch,id,loss\n" + "".join(f"1,{i},{loss}\n" for i, loss in enumerate(losses)))

    answer = probe("import", "table", "loss.csv", "--out", "mine")

    assert f"{said} neither a finite loss nor a prediction." in answer.stderr.splitlines()


def test_left_out_the_run_goes_to_a_fresh_folder(probe):
    first, second = (probe("import", "table", "log.csv").stdout.strip() for _ in range(2))

    assert first != second
    for folder in (first, second):
        assert folder.startswith("runs/")
        assert folder.partition("-log")[2] in ("", "-2")
        assert open_run(folder).status == "complete"


def test_json_says_what_was_read(probe):
    answer = probe("import", "table", "log.csv", "--out", "mine", "--classes", "dog, cat", "--json")

    assert json.loads(answer.stdout) == {
        "run": "mine",
        "examples": 2,
        "epochs": [1, 2],
        "classes": ["dog", "cat"],
        "columns": {"epoch": "epoch", "id": "id", "label": "label", "logits": ["logit_0", "logit_1"]},
    }
    answer = probe("import", "cartography", ".", "--out", "other", "--json")
    assert json.loads(answer.stdout) == {"run": "other", "examples": 2, "epochs": [1, 2], "classes": None}


def test_options_can_come_from_the_environment(probe):
    probe("import", "table", "log.csv", "--out", "mine", env={"PROBE_IMPORT_TABLE_FIRST_EPOCH": "1"})

    assert open_run("mine").has_initial


def test_an_imported_run_can_be_summarized_ranked_and_drawn(probe):
    probe("import", "table", "log.csv", "--out", "mine")

    assert probe("summary", "mine").exit_code == 0
    assert probe("scores", "mine").stdout.splitlines()[2].split()[:3] == ["1", "b", "dog"]
    assert probe("report", "mine").stdout == "mine/report.html\n"


@pytest.mark.parametrize("source", [("cartography", "training_dynamics"), ("table", "log.csv")])
def test_a_run_is_replaced_only_when_told(probe, refused, source):
    probe("import", *source, "--out", "mine")

    message = refused("import", *source, "--out", "mine")
    assert message == "mine already holds a run. Choose another --out, or add --overwrite to replace it."
    assert probe("import", *source, "--out", "mine", "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("cartography", "nowhere"), "nowhere is not a folder"),
        (("cartography", "runs"), "runs is not a folder"),
        (("table", "nothing.csv"), "nothing.csv is not a file"),
        (("table", "log.csv", "--label-column", "gold"), "the table has no column 'gold'; it has epoch, id, label,"),
        (("table", "log.csv", "--classes", "a,b"), "label 'cat' is not one of the classes: a, b."),
        (("table", "log.csv", "--measure", "both"), "measure must be online or sweep, got 'both'."),
        (("table", "log.csv", "--first-epoch", "7"), "epoch 0 lies before the first one, 7."),
        (("table",), "Missing argument 'FILE'"),
        (("tables", "log.csv"), "tables"),
    ],
)
def test_what_cannot_be_read_is_one_line(refused, words, message):
    assert message in refused("import", *words)


def test_a_bad_line_leaves_no_run_behind(refused, tmp_path):
    (tmp_path / "log.csv").write_text(CSV + "2,a,dog,0.0,1.0\n")

    assert "id 'a' has label 'dog' at epoch 2, but 'cat' before" in refused("import", "table", "log.csv")
    assert not (tmp_path / "runs").exists()


def test_names_of_the_data_cannot_command_a_terminal(probe, tmp_path):
    (tmp_path / "log.csv").write_text("epoch,id,label,loss\n1,a,\x1b[31mred,1.0\n")

    assert "\x1b" not in probe("import", "table", "log.csv").stderr


def test_the_help_names_what_is_recognised(probe):
    text = probe("import", "table", "--help").stdout

    for names in RECOGNISED.values():
        assert names[0] in text
    assert shlex.split("probe import table log.csv")[0] in text
    for kind in ("cartography", "table"):
        assert f"probe import {kind}" in probe("import", kind, "--help").stdout.partition("Examples:")[2]
