"""A folder of photographs, trained on by a process that is killed and goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from probes import open_run

ROOT = Path(__file__).parents[2]
ENV = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "cli"), str(ROOT / "reports")])}
EPOCHS = 5
OPTIONS = ("--dataset", "folder:photos", "--model", "cnn", "--noise", "0.4", "--subset", "300", "--augment")
MORE = ("--epochs", str(EPOCHS), "--threads", "1", "--probe", "none", "--quiet")


def photos(folder):
    """240 training and 40 test JPEGs in colour of each of two classes, told apart by their tint."""
    random = np.random.default_rng(0)
    for part, count in (("train", 240), ("test", 40)):
        for name, tint in (("barn", (150, 90, 80)), ("lake", (80, 100, 150))):
            (folder / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = random.normal(tint, 60, (32, 32, 3)).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / part / name / f"{number:03}.jpg")


@pytest.mark.slow
def test_training_on_a_folder_killed_in_mid_epoch_goes_on_bit_equally(tmp_path):
    photos(tmp_path / "photos")
    train = [sys.executable, "-m", "probes_cli", "train"]
    process = subprocess.Popen([*train, *OPTIONS, *MORE, "--out", "killed"], cwd=tmp_path, env=ENV)
    while not (tmp_path / "killed/trajectories/epoch-00002.parquet").exists():
        assert process.poll() is None
        time.sleep(0.005)
    time.sleep(0.05)  # into the next epoch
    process.send_signal(signal.SIGKILL)
    process.wait()
    stopped = open_run(tmp_path / "killed")
    assert (stopped.status, 2 <= stopped.num_epochs < EPOCHS) == ("interrupted", True)

    subprocess.run([*train, "--resume", "killed", "--quiet"], cwd=tmp_path, env=ENV, check=True)
    subprocess.run([*train, *OPTIONS, *MORE, "--out", "whole"], cwd=tmp_path, env=ENV, check=True)

    killed, whole = open_run(tmp_path / "killed"), open_run(tmp_path / "whole")
    first, second = (load_file(run.path / "checkpoints/last/model.safetensors") for run in (killed, whole))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    for name in ("loss", "margin", "entropy", "el2n", "prediction", "visits"):
        trajectories = (run.trajectory(name, initial=True) for run in (killed, whole))
        assert np.array_equal(*trajectories, equal_nan=True), name
    assert killed.epochs.equals(whole.epochs)
    assert killed.trajectory("loss").shape == (EPOCHS, 300)
