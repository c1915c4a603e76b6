"""`probe measure`: a probe on a run's checkpoints."""

import json
import shutil

import pytest

from probes import open_run


@pytest.fixture
def run(small_run, tmp_path, monkeypatch):
    """A copy of the small run, as the newest of `runs/`."""
    shutil.copytree(small_run, tmp_path / "runs/copy")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs/copy"


def test_prints_the_folder_of_what_was_measured(probe, run):
    answer = probe("measure", "runs/copy", "--probe", "input_grad")

    assert answer.exit_code == 0
    assert answer.stdout == "runs/copy/probes/input_grad\n"
    assert answer.stderr == "input_grad at epochs 0, 1, 2, 3.\n"
    assert open_run(run).scores()["input_grad"].notna().all()


def test_the_newest_run_is_measured_where_none_is_named(probe, run):
    answer = json.loads(probe("measure", "--probe", "input_grad", "--examples", "3,5-7", "--json").stdout)

    assert answer == {"probe": "input_grad", "epochs": [0, 1, 2, 3], "folder": "runs/copy/probes/input_grad"}
    assert sorted(set(open_run(run).probe("input_grad")["example"])) == [3, 5, 6, 7]


def test_self_influence_says_mode_and_learning_rates_beside_the_numbers(probe, run):
    words = "self_influence: model in eval mode, learning rate 0.05 at epochs 0, 1, 2, 3."

    assert words in probe("measure", "--probe", "self_influence").stderr
    assert words in probe("scores", "--sort", "self_influence").stderr
    assert words not in probe("scores", "--sort", "aum").stderr
    answer = json.loads(probe("measure", "--probe", "self_influence", "--json").stdout)
    assert answer["mode"] == "eval"
    assert answer["learning_rates"] == {"0": 0.05, "1": 0.05, "2": 0.05, "3": 0.05}


def test_the_top_of_the_most_forgotten_are_measured(probe, run):
    shutil.rmtree(run / "probes")

    answer = probe("measure", "--probe", "input_grad", "--examples", "most_forgotten", "--top", "4")

    assert answer.exit_code == 0
    assert open_run(run).probe("input_grad")["example"].nunique() == 4


def test_maps_of_other_methods_join_those_of_training_at_the_epochs_asked_for(probe, run):
    before = open_run(run).probe("attributions")
    examples = sorted(set(before["example"]))

    answer = probe(
        *("measure", "--probe", "attributions", "--method", "input_x_gradient", "--method", "saliency"),
        *("--examples", f"{examples[0]}", "--probe-epochs", "1,3"),
    )

    assert answer.exit_code == 0
    assert answer.stderr == "attributions at epochs 1, 3. The run holds it at epochs 0, 1, 2, 3.\n"
    after = open_run(run).probe("attributions")
    added = after[after["method"] == "input_x_gradient"]
    assert set(zip(added["example"], added["epoch"], strict=True)) == {(examples[0], 1), (examples[0], 3)}
    assert len(after) == len(before) + len(added)


def test_json_names_the_epochs_that_were_measured_now(probe, run):
    probe("measure", "--probe", "input_grad")

    answer = json.loads(probe("measure", "--probe", "input_grad", "--probe-epochs", "3,1", "--json").stdout)

    assert answer["epochs"] == [1, 3]


def test_a_score_that_no_example_has_is_said_with_what_it_needs(probe, run):
    words = "No example has a vog: it needs two measured epochs after epoch 0."

    assert words in probe("measure", "--probe", "vog", "--probe-epochs", "0,2").stderr
    answer = probe("scores", "--sort", "vog", "--top", "3")
    assert answer.stderr == f"{words} These are 3 of 1,400 examples, unsorted.\n"
    assert "vog:" not in probe("measure", "--probe", "vog", "--probe-epochs", "1").stderr
    assert "lowest vog" not in probe("scores", "--sort", "vog").stderr
    assert "highest vog first" in probe("scores", "--sort", "vog").stderr


def test_top_without_the_most_forgotten_is_refused(refused, run):
    for examples in ((), ("--examples", "3")):
        words = refused("measure", "--probe", "input_grad", "--top", "4", *examples)
        assert "--top says how many of the most forgotten: add --examples most_forgotten, or leave it out." in words


def test_wrong_words_are_refused_in_one_line(refused, run):
    assert "unknown probe 'inputgrad'. Did you mean 'input_grad'?" in refused("measure", "--probe", "inputgrad")
    assert "3;4" in refused("measure", "--probe", "input_grad", "--examples", "3;4")
    assert "[0, 1400), got 1400" in refused("measure", "--probe", "input_grad", "--examples", "1400")
    assert "does not exist" in refused("measure", "runs/none", "--probe", "input_grad")
    assert "--probe" in refused("measure")
    for words, reason in (
        (("--method", "salience"), "unknown attribution method 'salience'. Did you mean 'saliency'?"),
        (("--method", "shap"), "There are saliency, integrated_gradients, input_x_gradient, grad_cam."),
        (("--method", "grad_cam"), "grad_cam needs a convolution, and this model calls none of nn.Conv1d"),
        (("--probe-epochs", "0,9"), "the run keeps no weights of epoch 9, only of 0, 1, 2, 3."),
        (("--probe-epochs", "first"), "'first' is not a list of epochs such as 0,1,2,5."),
    ):
        assert reason in refused("measure", "--probe", "attributions", *words)
    assert "methods belong to" in refused("measure", "--probe", "input_grad", "--method", "saliency")
