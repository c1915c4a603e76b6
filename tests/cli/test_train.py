"""`probe train`: what it writes, what it prints where, what it refuses."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from probes import open_run
from probes.runs.writer import RunWriter
from probes.training import TrainConfig
from probes_cli.introduction import going_on
from probes_cli.train import command

ROOT = Path(__file__).parents[2]
ENV = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "cli"), str(ROOT / "reports")])}
QUICK = ("--width", "16", "--epochs", "2", "--probe", "none")
NOT_OF_THE_CONFIG = {"out", "overwrite", "resume", "seeds", "dry_run", "as_json", "quiet"}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_every_option_is_a_field_of_the_config_and_the_other_way_round():
    options = {option.name for option in command.params} - NOT_OF_THE_CONFIG

    assert options == set(TrainConfig.__dataclass_fields__)


def test_the_folder_is_all_that_stdout_gets(probe):
    answer = probe("train", *QUICK, "--noise", "0.4", "--out", "runs/mine")

    assert (answer.exit_code, answer.stdout) == (0, "runs/mine\n")
    assert open_run("runs/mine").status == "complete"


def test_stderr_says_what_is_trained_how_it_goes_and_what_was_found(probe):
    lines = probe("train", *QUICK, "--noise", "0.4", "--out", "my runs/one").stderr.splitlines()

    assert lines[0].startswith(
        "Training MLP 64-16-16-10 (1,482 parameters) on digits: 1,400 training, 197 validation, "
    )
    assert lines[1].startswith("Noise: uniform_all, 40.0 % asked for, ")
    assert lines[2] == "Recording every example (sweep) at each of 2 epochs in my runs/one"
    assert [line.split(":")[0] for line in lines[3:6]] == ["epoch 0 of 2", "epoch 1 of 2", "epoch 2 of 2"]
    assert lines[-1] == "See it: probe report 'my runs/one'"


def test_quiet_leaves_stderr_empty(probe):
    answer = probe("train", *QUICK, "--quiet")

    assert answer.stderr == ""
    assert Path(answer.stdout.strip(), "run.json").exists()
    assert answer.stdout.startswith("runs/")


def test_json_is_the_summary_and_nothing_else(probe):
    answer = probe("train", *QUICK, "--json", "--out", "one")

    printed = json.loads(answer.stdout, parse_constant=pytest.fail)
    assert list(printed) == list(open_run("one").summary())
    assert printed["detection"]["aum"] == {"auroc": None, "average_precision": None}


def test_the_run_remembers_what_was_typed(probe):
    probe("train", *QUICK, "--quiet", "--out", "my run")

    assert open_run("my run").meta["command"] == "probe train --width 16 --epochs 2 --probe none --quiet --out 'my run'"


def test_options_reach_the_config(probe):
    words = ("--seed", "3", "--init-seed", "7", "--measure", "both", "--checkpoint-epochs", "0,2", "--lr", "0.1")
    probe("train", *QUICK, *words, "--noise", "0.2", "--noise-kind", "uniform_other", "--quiet", "--out", "one")

    run = open_run("one")
    assert run.measure == "both"
    assert run.config["checkpoint_epochs"] == [0, 2]
    assert (run.config["lr"], run.config["noise_kind"]) == (0.1, "uniform_other")
    assert run.meta["seeds"] == {"split": 0, "noise": 3, "init": 7, "order": 3}


def test_options_come_from_the_environment(probe):
    env = {"PROBE_TRAIN_NOISE": "0.4", "PROBE_TRAIN_WIDTH": "16", "PROBE_TRAIN_EPOCHS": "1", "PROBE_TRAIN_QUIET": "1"}
    answer = probe("train", "--probe", "none", "--epochs", "2", env=env)

    config = open_run(answer.stdout.strip()).config
    assert (config["noise"], config["epochs"]) == (0.4, 2)  # what is typed wins
    assert answer.stderr == ""


def test_a_bad_value_in_the_environment_is_one_line(probe):
    answer = probe("train", env={"PROBE_TRAIN_NOISE": "1.5"})

    assert (answer.exit_code, answer.stderr) == (2, "Error: noise must lie in [0, 1], got 1.5.\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--noise", "nan"), "noise must lie in [0, 1], got nan."),
        (("--noise", "-0.1"), "noise must lie in [0, 1], got -0.1."),
        (("--noise", "1.5"), "noise must lie in [0, 1], got 1.5."),
        (("--noise", "much"), "'much' is not a valid float."),
        (("--noise-kind", "unifrom_all"), "unknown noise kind 'unifrom_all'. Did you mean 'uniform_all'?"),
        (("--dataset", "digts"), "unknown dataset 'digts'. Did you mean 'digits'?"),
        (("--model", "zzz"), "unknown model 'zzz'. Choose from: alexnet, any classifier of torchvision, cnn,"),
        (("--measure", "swep"), "unknown measure 'swep'. Did you mean 'sweep'?"),
        (("--probe", "atributions"), "unknown probe 'atributions'. Did you mean 'attributions'?"),
        (("--epochs", "0"), "epochs must be at least 1, got 0."),
        (("--seed", "-1"), "seed must be between 0 and 4294967295, got -1."),
        (("--lr", "nan"), "lr must be positive and finite, got nan."),
        (("--probe-epochs", "1,500"), "probe_epochs must lie in 0 to 120, the last epoch, got 500."),
        (("--device", "gpu"), "device 'gpu' cannot be used here."),
    ],
)
def test_a_bad_option_is_one_line_and_leaves_nothing(refused, tmp_path, words, message):
    assert message in refused("train", "--quiet", *words)
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_replaced_only_when_that_is_asked_for(probe, refused):
    probe("train", *QUICK, "--quiet", "--out", "one", "--seed", "1")

    message = "one already holds a run. Choose another --out, or add --overwrite to replace it."
    assert refused("train", *QUICK, "--quiet", "--out", "one") == message
    assert open_run("one").config["seed"] == 1
    assert probe("train", *QUICK, "--quiet", "--out", "one", "--overwrite").exit_code == 0
    assert open_run("one").config["seed"] == 0


@pytest.mark.parametrize("overwrite", [(), ("--overwrite",)])
def test_files_that_are_not_a_run_are_never_touched(refused, overwrite):
    Path("thesis").mkdir()
    Path("thesis/chapter1.txt").write_text("precious")

    assert "files that are not a run" in refused("train", *QUICK, "--quiet", "--out", "thesis", *overwrite)
    assert Path("thesis/chapter1.txt").read_text() == "precious"


def test_a_folder_that_cannot_be_made_is_refused(refused):
    Path("file").write_text("")

    assert "cannot write to file/run" in refused("train", *QUICK, "--quiet", "--out", "file/run")


@pytest.mark.parametrize(
    ("epoch", "kept"),
    [
        (0, "No epoch was recorded"),
        (2, "Everything up to epoch 1 is kept"),
    ],
)
def test_a_disk_that_fills_up_is_one_line_and_code_1(refused, probe, monkeypatch, epoch, kept):
    append = RunWriter.append_metrics

    def full(writer, rows):
        if rows[0]["epoch"] == epoch:
            raise OSError(28, "No space left on device")
        append(writer, rows)

    with monkeypatch.context() as patched:
        patched.setattr(RunWriter, "append_metrics", full)
        message = refused("train", *QUICK, "--quiet", "--out", "one", code=1)

    again = "go on with more room: probe train --resume one"
    assert message == f"cannot write one: No space left on device. {kept}; {again}"
    assert open_run("one").status == "failed"
    assert probe("train", "--resume", "one", "--quiet").exit_code == 0
    assert (open_run("one").status, open_run("one").num_epochs) == ("complete", 2)


@pytest.mark.parametrize(("words", "folder"), [(("--out", "one"), "one"), ((), "to runs/")])
def test_a_disk_without_room_for_the_run_folder_says_what_could_not_be_written(refused, monkeypatch, words, folder):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RunWriter, "create", full)

    assert refused("train", *QUICK, "--quiet", *words, code=1) == (
        f"cannot write {folder}: No space left on device. Nothing was trained: make room and start again."
    )


def test_a_disk_without_room_for_what_the_examples_are_says_how_to_go_on(refused, probe, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "Error writing bytes to file")  # pyarrow's words

    with monkeypatch.context() as patched:
        patched.setattr(RunWriter, "write_examples", full)
        message = refused("train", *QUICK, "--quiet", "--out", "one", code=1)

    assert message.startswith(
        "cannot write one: No space left on device. No epoch was recorded; go on with more room: "
    )
    assert probe("train", "--resume", "one", "--quiet").exit_code == 0


def test_the_run_is_introduced_before_the_first_pass_over_the_data(probe, monkeypatch):
    def stop(*args, **kwargs):
        raise OSError("stopped here")

    monkeypatch.setattr("probes.training.recording.held_out_metrics", stop)

    lines = probe("train", *QUICK, "--out", "one").stderr.splitlines()
    assert lines[0].startswith("Training MLP 64-16-16-10")
    assert lines[-1] == "Error: stopped here."


def test_a_dry_run_says_what_would_happen_and_writes_nothing(probe, tmp_path):
    answer = probe("train", *QUICK, "--noise", "0.4", "--dry-run")

    assert answer.exit_code == 0
    assert "1,400 training, 197 validation, 200 test examples, 10 classes" in answer.stdout
    assert "MLP 64-16-16-10, 1,482 parameters" in answer.stdout
    assert "2 epochs, 44 steps" in answer.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_as_json(probe, tmp_path):
    planned = json.loads(probe("train", *QUICK, "--dry-run", "--json").stdout, parse_constant=pytest.fail)

    assert (planned["steps"], planned["parameters"]) == (44, 1482)
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_refuses_what_the_run_would(refused):
    Path("one").mkdir()
    Path("one/run.json").write_text("{}")

    assert "already holds a run" in refused("train", "--dry-run", "--out", "one")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "Interrupted"), (signal.SIGTERM, 143, "Terminated")]
)
def test_a_signal_ends_the_run_and_keeps_its_epochs(number, code, word):
    words = ("--width", "16", "--epochs", "100000", "--probe", "none", "--out", "one")
    process = subprocess.Popen(
        [sys.executable, "-m", "probes_cli", "train", *words],
        env=ENV,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # whoever runs the suite in the background may ignore SIGINT, and children would inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        for _ in range(600):
            if Path("one/trajectories/epoch-00002.parquet").exists():
                break
            time.sleep(0.1)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()

    run = open_run("one")
    assert (process.returncode, stdout) == (code, "")
    assert stderr.splitlines()[-1].startswith(f"{word} after epoch ")
    assert run.status == "interrupted"
    assert run.num_epochs >= 2
    assert run.scores()["visits"].eq(run.num_epochs).all()


@pytest.mark.parametrize(
    ("words", "note"),
    [
        (("--model", "cnn", "--width", "64"), "--width has no effect on --model cnn."),
        (("--optimizer", "adam", "--momentum", "0.5"), "--momentum has no effect on --optimizer adam."),
        (("--noise-kind", "pair"), "--noise-kind has no effect on a run without --noise."),
    ],
)
def test_an_option_that_changes_nothing_is_named(probe, words, note):
    short = ("--epochs", "1", "--subset", "100", "--probe", "none", "--dry-run")

    assert probe("train", *words, *short).stderr.splitlines() == [f"Note: {note}"]
    assert probe("train", *words, *short, "--quiet").stderr == ""


def test_options_that_count_are_not_named(probe):
    words = ("--width", "8", "--momentum", "0.5", "--noise", "0.2", "--noise-kind", "pair", "--subset", "100")

    assert probe("train", *words, "--epochs", "1", "--probe", "none", "--dry-run").stderr == ""


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_a_run_in_which_nothing_could_be_recorded_fails_and_says_so_once(probe, quiet):
    answer = probe("train", *QUICK, "--subset", "100", "--noise", "0.4", "--lr", "1e30", "--out", "one", *quiet)

    assert (answer.exit_code, answer.stdout) == (1, "one\n")
    last = "Error: one: the network's outputs were not finite, nothing could be recorded. Try a lower --lr."
    assert answer.stderr.splitlines()[-1] == last
    assert open_run("one").status == "complete"


# Resuming, and several seeds


def test_stopped_before_a_new_epoch_it_says_how_many_are_kept(probe, monkeypatch):
    probe("train", *QUICK, "--out", "runs/short", "--quiet")

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("probes.training.loop.train_epoch", stop)
        answer = probe("train", "--resume", "runs/short", "--epochs", "3")

    count = open_run("runs/short").num_epochs
    assert answer.exit_code == 130
    assert answer.stderr.splitlines()[-1] == (
        f"Interrupted before a new epoch: all {count} epochs are kept. Go on with: probe train --resume runs/short"
    )


def test_a_stopped_run_says_how_to_go_on_and_goes_on(probe):
    probe("train", *QUICK, "--out", "runs/short", "--quiet")

    answer = probe("train", "--resume", "runs/short", "--epochs", "3", "--quiet")

    assert (answer.exit_code, answer.stdout, answer.stderr) == (0, "runs/short\n", "")
    assert open_run("runs/short").num_epochs == 3


def test_resuming_a_complete_run_trains_nothing_and_says_so(probe):
    probe("train", *QUICK, "--out", "runs/done", "--quiet")

    answer = probe("train", "--resume", "runs/done")

    assert answer.exit_code == 0
    assert answer.stderr.startswith("runs/done is complete: there is nothing to train.")


@pytest.mark.parametrize(
    ("epoch", "recorded", "words"),
    [
        (0, 1, "Starting again: there was no checkpoint yet."),
        (3, 2, "Going on with epoch 3."),
        (3, 3, "Going on with epoch 3, the last recorded one, which is trained again:"),
        (3, 5, "Going on with epoch 3; epochs 3 to 5 are trained again:"),
    ],
)
def test_a_resumed_run_says_at_which_epoch_it_goes_on(epoch, recorded, words):
    assert going_on(epoch, recorded).startswith(words)


def test_it_says_so_on_stderr(probe):
    probe("train", *QUICK, "--out", "runs/short", "--quiet")

    assert "\nGoing on with epoch 3.\n" in probe("train", "--resume", "runs/short", "--epochs", "3").stderr


def test_resuming_to_fewer_epochs_than_are_recorded_trains_nothing(probe):
    """Lists of epochs that the run was given reach as far as its new end does."""
    probe("train", *QUICK, "--checkpoint-epochs", "0,2", "--probe-epochs", "2", "--out", "runs/done", "--quiet")

    answer = probe("train", "--resume", "runs/done", "--epochs", "1")

    assert answer.exit_code == 0
    assert answer.stderr.startswith("runs/done is complete, with 2 epochs recorded: there is nothing to train.")


def test_stopped_in_its_first_pass_it_says_how_to_go_on(probe, monkeypatch):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("probes.training.recording.held_out_metrics", stop)
        answer = probe("train", *QUICK, "--out", "one")

    last = "Interrupted before the first epoch was recorded. Go on with: probe train --resume one"
    assert (answer.exit_code, answer.stderr.splitlines()[-1]) == (130, last)
    assert probe("train", "--resume", "one", "--quiet").exit_code == 0


def test_early_stopping_is_told_where_it_ends_a_run_and_where_that_is_resumed(probe):
    words = ("--noise", "0.3", "--width", "16", "--probe", "none", "--early-stopping", "1", "--epochs", "60")
    lines = probe("train", *words, "--out", "one").stderr.splitlines()
    run = open_run("one")
    last, accuracies = run.num_epochs, run.epochs.query("group == 'validation' and epoch > 0")["accuracy"].to_numpy()
    best = int(accuracies.argmax()) + 1
    assert (last < 60, last - best) == (True, 1)

    said = lines.index(f"Stopped early: validation accuracy has not risen for 1 epoch (best at epoch {best}).")
    assert lines[said - 1].startswith(f"epoch {last:2d} of 60: ")
    assert f"{last} of 60: stopped early" in probe("summary", "one").stdout
    for more in ((), ("--epochs", "80")):
        first = probe("train", "--resume", "one", *more).stderr.splitlines()[0]
        assert first == (
            f"one is complete: early stopping ended it after epoch {last}, as validation accuracy has not risen for "
            f"1 epoch (best at epoch {best}). There is nothing to train; --early-stopping N with an N above 1 trains "
            "on, up to --epochs."
        )
    assert open_run("one").num_epochs == last

    probe("train", "--resume", "one", "--early-stopping", "60", "--epochs", last + 1)
    assert open_run("one").num_epochs == last + 1


@pytest.mark.parametrize(("schedule", "warned"), [("cosine", True), ("exponential", False)])
def test_going_on_under_a_schedule_of_another_length_is_warned_of(probe, schedule, warned):
    probe("train", *QUICK, "--schedule", schedule, "--out", "one", "--quiet")

    first = probe("train", "--resume", "one", "--epochs", "3").stderr.splitlines()[0]

    warning = (
        "Warning: the first 2 epochs had the learning rates of the cosine schedule over 2; the others get those over"
    )
    assert first.startswith(warning) == warned
    assert ("Warning" in first) == warned


@pytest.mark.parametrize("place", ["summary", "_refuse_empty"])
def test_stopped_after_its_last_epoch_a_run_is_said_to_be_complete(probe, monkeypatch, place):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("probes_cli.train._refuse_empty" if place == "_refuse_empty" else "probes.Run.summary", stop)
        answer = probe("train", *QUICK, "--subset", "100", "--out", "runs/whole")

    assert answer.exit_code == 130
    assert answer.stderr.splitlines()[-1] == (
        "Interrupted before the summary was told: runs/whole is complete. See it: probe report runs/whole"
    )
    assert open_run("runs/whole").status == "complete"


def test_a_run_of_one_epoch_says_so(probe):
    short = ("--epochs", "1", "--width", "4", "--subset", "100", "--probe", "none")

    assert "Recording every example (sweep) at its one epoch in one\n" in probe("train", *short, "--out", "one").stderr


def test_resuming_with_another_training_is_one_line(probe, refused):
    probe("train", *QUICK, "--out", "runs/done", "--quiet")

    message = refused("train", "--resume", "runs/done", "--noise", "0.2", "--model", "cnn")

    assert "noise (was 0.0, got 0.2), model (was mlp, got cnn)" in message
    assert "leave out --out" in refused("train", "--resume", "runs/done", "--out", "elsewhere")
    assert "does not exist" in refused("train", "--resume", "runs/nothing")


def test_several_seeds_make_several_runs_of_one_split(probe):
    answer = probe("train", *QUICK, "--noise", "0.4", "--subset", "200", "--seeds", "0-2", "--out", "runs/s", "--quiet")

    assert answer.stdout.split() == ["runs/s-seed0", "runs/s-seed1", "runs/s-seed2"]
    runs = [open_run(folder) for folder in answer.stdout.split()]
    assert [run.config["seed"] for run in runs] == [0, 1, 2]
    assert len({run.meta["dataset"]["fingerprint"] for run in runs}) == 1
    assert len({tuple(run.given_labels) for run in runs}) == 3


def test_several_seeds_as_json_are_a_list(probe):
    answer = probe("train", *QUICK, "--subset", "100", "--seeds", "4,7", "--json", "--quiet")

    assert [summary["status"] for summary in json.loads(answer.stdout)] == ["complete", "complete"]


@pytest.mark.parametrize("seeds", ["4-0", "a", "1,1", ""])
def test_seeds_that_are_none_are_one_line(refused, seeds):
    assert "does not name seeds" in refused("train", "--seeds", seeds)


def test_seed_and_seeds_together_are_one_line(refused):
    assert "give one of them" in refused("train", "--seed", "1", "--seeds", "0-2")


def test_notes_of_the_data_are_said(probe, tmp_path):
    rows = "\n".join(f"{i % 7},{i % 2}" for i in range(60))
    (tmp_path / "t.csv").write_text(f"size,label\n,0\n{rows}\n")

    answer = probe("train", *QUICK, "--dataset", "t.csv", "--out", "runs/t")

    assert answer.exit_code == 0, answer.stderr
    assert "Note: " in answer.stderr


def test_everything_that_is_left_out_of_a_folder_is_listed_in_the_run(probe, tmp_path):
    for name in ("a", "b", *(f"empty{i}" for i in range(6))):
        (tmp_path / "photos" / name).mkdir(parents=True)
    for i in range(20):
        Image.new("L", (4, 4), 10 * i).save(tmp_path / f"photos/{'ab'[i % 2]}/{i:02}.png")
    for i in range(8):
        (tmp_path / f"photos/a/broken{i}.png").write_bytes(b"")

    stderr = probe("train", *QUICK, "--dataset", "folder:photos", "--out", "one").stderr

    assert "a/broken4.png (not an image) and 3 more." in stderr
    assert "broken5" not in stderr
    assert "Note: run.json names all of them under dataset.left_out.images and dataset.left_out.classes." in stderr
    assert json.loads(Path("one/run.json").read_text())["dataset"]["left_out"] == {
        "images": [f"a/broken{i}.png (not an image)" for i in range(8)],
        "classes": [f"empty{i}" for i in range(6)],
    }
    report = probe("audit", "photos", "--out", "two").stderr
    assert "audit.json names all of them" in report
    assert len(json.loads(Path("two/audit.json").read_text())["dataset"]["left_out"]["images"]) == 8


def test_one_class_of_nearly_all_examples_is_a_caution(probe):
    labels = np.r_[np.zeros(190, dtype=int), np.ones(10, dtype=int)]
    np.savez("rare.npz", X=np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32), y=labels)

    said = probe("train", "--dataset", "rare.npz", "--epochs", "1", "--width", "4", "--probe", "none").stderr

    assert "Careful: answering “0” always would reach 95.0% of the examples" in said
