"""A run that was stopped, and went on, against one that was never stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from probes import open_run
from probes.errors import ConfigError, ProbeError
from probes.training import TrainConfig, is_finished, loop, resume, resumed_config, train
from probes.training.distributed import shared_batches
from probes.training.resuming import changed_options, last_checkpoint

ROOT = Path(__file__).parents[2]
SMALL = {"noise": 0.4, "epochs": 4, "width": 16, "subset": 300, "checkpoint_epochs": (), "probe": "none"}


def stopped_after(epoch, config, folder, error=KeyboardInterrupt):
    """A run that was interrupted, or ended by another error, once an epoch was recorded."""

    def stop(progress):
        if progress.epoch == epoch:
            raise error

    with pytest.raises(error):
        train(config, folder, on_epoch=stop)
    return open_run(folder)


def killed_after(epoch, config, folder):
    """A run that ended without a word once an epoch was recorded: nothing in memory is written any more."""
    return stopped_after(epoch, config, folder, MemoryError)


def epoch_of_last(run):
    return json.loads((run.path / "checkpoints/last/state.json").read_text())["epoch"]


def weights(run):
    return load_file(run.path / "checkpoints/last/model.safetensors")


def assert_same(one, other):
    assert one.status == other.status == "complete"
    first, second = weights(one), weights(other)
    assert all(torch.equal(first[name], second[name]) for name in first)
    for signal_name in ("loss", "margin", "prediction", "visits"):
        assert np.array_equal(one.trajectory(signal_name), other.trajectory(signal_name), equal_nan=True)
    assert one.epochs.equals(other.epochs)
    assert one.meta["nonfinite_visits"] == other.meta["nonfinite_visits"]


@pytest.mark.parametrize(
    "options",
    [
        {"schedule": "cosine", "dropout": 0.2, "augment": True, "batch_norm": True, "measure": "both"},
        {"optimizer": "adamw", "lr": 1e-3, "schedule": "step", "weight_decay": 0.1, "input_noise": 0.1},
        {"optimizer": "adam", "lr": 1e-3, "input_dropout": 0.1, "label_smoothing": 0.1, "measure": "online"},
        {"model": "cnn", "augment": True, "batch_norm": True},
    ],
    ids=["sgd", "adamw", "adam", "cnn"],
)
def test_going_on_is_bit_equal_to_never_having_stopped(options, tmp_path):
    config = TrainConfig(**{**SMALL, **options})
    whole = train(config, tmp_path / "whole")
    part = stopped_after(2, config, tmp_path / "part")
    assert (part.status, part.num_epochs) == ("interrupted", 2)

    resumed = resume(part, resumed_config(part, {}))

    assert_same(whole, resumed)


def test_epochs_recorded_after_the_checkpoint_are_dropped_and_trained_again(tmp_path):
    """checkpoints/last is written every ten seconds: here only before training, while three epochs are recorded."""
    config = TrainConfig(**SMALL)
    whole = train(config, tmp_path / "whole")
    part = killed_after(3, config, tmp_path / "part")
    assert (epoch_of_last(part), part.num_epochs) == (0, 3)
    with open(part.path / "epochs.jsonl", "a") as file:
        file.write('{"epoch": 3, "gro')  # torn by the kill

    resumed = resume(part, resumed_config(part, {}))

    assert_same(whole, resumed)
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=part.path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "options",
    [
        {"dropout": 0.2, "batch_norm": True},
        {"optimizer": "adamw", "lr": 1e-3, "dropout": 0.2},
    ],
    ids=["sgd", "adamw"],
)
def test_an_interrupt_keeps_every_epoch_wherever_it_comes(options, tmp_path, monkeypatch):
    """Twice in a row: once inside an epoch, then between two; the last checkpoint is written only then."""
    config = TrainConfig(**{**SMALL, **options})
    whole = train(config, tmp_path / "whole")
    steps = iter(range(1000))

    def some_batches(*args, **kwargs):
        for batch in shared_batches(*args, **kwargs):
            if next(steps) == 12:  # of five an epoch: inside the third
                raise KeyboardInterrupt
            yield batch

    with monkeypatch.context() as patched:
        patched.setattr(loop, "shared_batches", some_batches)
        with pytest.raises(KeyboardInterrupt):
            train(config, tmp_path / "part")
    part = open_run(tmp_path / "part")
    assert (part.status, part.num_epochs, epoch_of_last(part)) == ("interrupted", 2, 2)
    trained = []

    def stop(progress):
        trained.append(progress.epoch)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        resume(part, resumed_config(part, {}), on_epoch=stop)
    part = open_run(tmp_path / "part")
    assert (trained, part.num_epochs, epoch_of_last(part)) == ([3], 3, 3)

    assert_same(whole, resume(part, resumed_config(part, {})))


def test_going_on_starts_at_a_kept_checkpoint_that_is_later_than_the_last(tmp_path):
    config = TrainConfig(**{**SMALL, "checkpoint_epochs": (1, 2)})
    whole = train(config, tmp_path / "whole")
    part = killed_after(3, config, tmp_path / "part")
    assert epoch_of_last(part) == 0
    trained = []

    resumed = resume(part, resumed_config(part, {}), on_epoch=lambda progress: trained.append(progress.epoch))

    assert trained == [3, 4]
    assert_same(whole, resumed)


def test_a_kept_checkpoint_without_its_optimizer_is_passed_over(tmp_path):
    config = TrainConfig(**{**SMALL, "checkpoint_epochs": (1, 2)})
    whole = train(config, tmp_path / "whole")
    part = killed_after(3, config, tmp_path / "part")
    (part.path / "checkpoints/epoch-00002/optimizer.safetensors").unlink()

    assert last_checkpoint(part.path).epoch == 1
    assert_same(whole, resume(part, resumed_config(part, {})))


@pytest.mark.parametrize("kept", [(), (1,)])
def test_going_on_and_stopping_at_once_loses_no_epoch(kept, tmp_path, monkeypatch):
    """Even where the checkpoint lies before what is recorded: nothing is dropped until there is something instead."""
    config = TrainConfig(**{**SMALL, "checkpoint_epochs": kept})
    whole = train(config, tmp_path / "whole")
    part = killed_after(3, config, tmp_path / "part")

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    for _ in range(2):
        with monkeypatch.context() as patched:
            patched.setattr(loop, "shared_batches", stop)
            with pytest.raises(KeyboardInterrupt):
                resume(part, resumed_config(part, {}))
        part = open_run(part.path)
        assert (part.status, part.num_epochs) == ("interrupted", 3)

    assert_same(whole, resume(part, resumed_config(part, {})))


def test_a_run_killed_before_its_first_checkpoint_starts_again(tmp_path):
    config = TrainConfig(**SMALL)
    whole = train(config, tmp_path / "whole")
    part = stopped_after(0, config, tmp_path / "part")
    for file in (part.path / "checkpoints/last").iterdir():
        file.unlink()
    (part.path / "checkpoints/last").rmdir()

    assert_same(whole, resume(part, resumed_config(part, {})))


def test_a_complete_run_has_nothing_to_train_until_it_may_go_further(tmp_path):
    run = train(TrainConfig(**SMALL), tmp_path / "run")
    before = (run.path / "run.json").read_bytes()

    assert is_finished(run, resumed_config(run, {}))
    assert resume(run, resumed_config(run, {})) is run
    assert (run.path / "run.json").read_bytes() == before

    longer = resume(run, resumed_config(run, {"epochs": 6}))

    assert (longer.num_epochs, longer.config["epochs"]) == (6, 6)
    whole = train(TrainConfig(**{**SMALL, "epochs": 6}), tmp_path / "whole")
    assert_same(whole, longer)


def test_another_training_is_refused_naming_the_options(tmp_path):
    run = train(TrainConfig(**{**SMALL, "epochs": 1}), tmp_path / "run")

    with pytest.raises(ConfigError, match=r"noise \(was 0.4, got 0.2\), width \(was 16, got 8\)"):
        resumed_config(run, {"noise": 0.2, "width": 8, "threads": 1})


def test_options_that_differ_are_worded_as_they_are_typed():
    before = TrainConfig(corrupt=("uniform_all=0.3", "gaussian=0.1"))
    after = replace(before, corrupt=(), exclude="issues.csv")

    assert changed_options(before, after) == [
        "exclude (was none, got issues.csv)",
        "corrupt (was uniform_all=0.3, gaussian=0.1, got none)",
    ]


def test_lists_of_epochs_reach_as_far_as_a_new_end(tmp_path):
    part = stopped_after(2, TrainConfig(**{**SMALL, "checkpoint_epochs": (0, 2, 4)}), tmp_path / "run")

    assert resumed_config(part, {"epochs": 3}).checkpoint_epochs == (0, 2)
    with pytest.raises(ConfigError, match="epochs must be at least 2, as many as .*run has recorded, got 1"):
        resumed_config(part, {"epochs": 1})
    with pytest.raises(ConfigError, match="checkpoint_epochs must lie in 0 to 3"):
        resumed_config(part, {"epochs": 3, "checkpoint_epochs": (4,)})


@pytest.mark.parametrize("dataset", ["own.npz", "folder:photos", "photos"])
def test_a_run_of_files_named_from_another_folder_says_where_to_resume_it(dataset, pictures, tmp_path, monkeypatch):
    np.savez(tmp_path / "own.npz", X=np.random.default_rng(0).random((60, 4)), y=np.arange(60) % 3)
    monkeypatch.chdir(tmp_path)
    run = train(TrainConfig(dataset=dataset, epochs=1, width=4, probe="none"), tmp_path / "run")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    path = dataset.removeprefix("folder:")
    with pytest.raises(ConfigError, match=f"there is no {path} here: the dataset of .*run was named from the folder"):
        resumed_config(run, {"epochs": 2})


@pytest.fixture
def pictures(tmp_path):
    """photos/, twenty grey images of two classes."""
    for name in ("day", "night"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(10):
            Image.fromarray(np.full((8, 8), 20 * i, np.uint8)).save(tmp_path / "photos" / name / f"{i}.png")


def test_other_data_under_the_same_name_are_refused(tmp_path):
    def write(seed):
        rng = np.random.default_rng(seed)
        np.savez(tmp_path / "own.npz", X=rng.random((90, 4)), y=np.arange(90) % 3)

    write(0)
    run = train(TrainConfig(dataset=str(tmp_path / "own.npz"), epochs=2, width=4), tmp_path / "run")
    write(1)

    with pytest.raises(ConfigError, match=r"the data \(dataset.fingerprint\) changed since"):
        resume(run, resumed_config(run, {"epochs": 3}))


def test_a_trackers_run_is_no_run_to_resume(tmp_path):
    from probes import ExampleTracker

    with ExampleTracker(2, run=tmp_path / "run") as tracker:
        tracker.update([0, 1], np.eye(2), [0, 1])

    with pytest.raises(ConfigError, match="was not written by probe train"):
        resumed_config(open_run(tmp_path / "run"), {})


def test_a_broken_checkpoint_is_one_line(tmp_path):
    part = stopped_after(1, TrainConfig(**SMALL), tmp_path / "run")
    (part.path / "checkpoints/last/optimizer.safetensors").write_bytes(b"not a checkpoint")

    with pytest.raises(ProbeError, match=r"optimizer.safetensors cannot be read"):
        resume(part, resumed_config(part, {}))


@pytest.mark.slow
def test_a_run_killed_in_mid_epoch_goes_on_bit_equally(tmp_path):
    options = ["--noise", "0.4", "--epochs", "40", "--width", "64", "--quiet", "--threads", "1"]
    path = os.pathsep.join([str(ROOT), str(ROOT / "cli"), str(ROOT / "reports")])
    train_command = [sys.executable, "-m", "probes_cli", "train"]
    command = [*train_command, *options]
    settings = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": path}}
    process = subprocess.Popen([*command, "--out", "killed"], **settings)
    while not (tmp_path / "killed/trajectories/epoch-00008.parquet").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert open_run(tmp_path / "killed").status == "interrupted"

    subprocess.run(
        [sys.executable, "-m", "probes_cli", "train", "--resume", "killed", "--quiet"], check=True, **settings
    )
    subprocess.run([*command, "--out", "whole"], check=True, **settings)

    assert_same(open_run(tmp_path / "whole"), open_run(tmp_path / "killed"))
