"""What a run folder holds of a training run, checked against models and data outside it."""

import hashlib
import io
import json
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from probes.data import load_dataset
from probes.models import build_model
from probes.training import TrainConfig, load_checkpoint, recording, train
from probes.training.loop import epoch_order

SMALL = {"noise": 0.4, "epochs": 3, "width": 32}


@pytest.fixture(scope="module")
def data():
    return load_dataset("digits")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    config = TrainConfig(**SMALL, measure="both", probe_epochs=(0, 2), checkpoint_epochs=(0, 2, 3))
    return train(config, tmp_path_factory.mktemp("recording") / "run")


@pytest.fixture(scope="module")
def online(tmp_path_factory):
    return train(TrainConfig(**SMALL, measure="online", probe="none"), tmp_path_factory.mktemp("recording") / "online")


def losses_at(run, epoch, data):
    """Every example's loss under the weights kept at an epoch."""
    model = build_model("mlp", input_shape=(1, 8, 8), num_classes=10, width=32, depth=2, seed=99)
    load_checkpoint(run.path / "checkpoints" / f"epoch-{epoch:05d}", model)
    with torch.no_grad():
        logits = model(data.train.inputs)
    return torch.nn.functional.cross_entropy(logits, torch.from_numpy(run.given_labels), reduction="none").numpy()


@pytest.mark.parametrize("epoch", [0, 2, 3])
def test_a_sweep_is_what_the_checkpoint_of_its_epoch_says(run, data, epoch):
    recorded = run.trajectory("loss", initial=True)[epoch]

    np.testing.assert_allclose(recorded, losses_at(run, epoch, data), rtol=1e-4, atol=1e-6)


def test_online_signals_are_those_of_the_training_pass(run):
    """Of the first batch, no step has been made yet; of the last, all but one."""
    first, last = epoch_order(0, 1, 1400)[:64], epoch_order(0, 1, 1400)[-56:]
    online = run.trajectory("loss", measure="online")[0]
    before, after = run.trajectory("loss", initial=True)[:2]

    np.testing.assert_allclose(online[first], before[first], rtol=1e-4)
    assert np.abs(online[last] - after[last]).mean() < np.abs(online[last] - before[last]).mean()


def test_measuring_both_gives_what_each_measure_gives_alone(run, online):
    assert np.array_equal(run.trajectory("loss", measure="online"), online.trajectory("loss"))
    assert not np.array_equal(run.trajectory("loss"), online.trajectory("loss"))


def test_an_online_run_is_swept_before_training(run, online):
    assert np.array_equal(online.trajectory("loss", initial=True)[0], run.trajectory("loss", initial=True)[0])


def test_every_example_is_visited_once_an_epoch(run, online):
    assert set(run.trajectory("visits", initial=True).ravel()) == {1}
    assert set(online.trajectory("visits", initial=True).ravel()) == {1}


def test_examples_carry_labels_corruption_and_their_original_row(run, data):
    examples = run.examples

    assert np.array_equal(examples["true_label"], data.train.true_labels)
    assert np.array_equal(examples["noisy"], examples["given_label"] != examples["true_label"])
    assert set(examples["corruption"]) == {"", "uniform_all"}
    assert (examples.loc[examples["noisy"], "corruption"] == "uniform_all").all()
    assert np.array_equal(examples["id"], data.ids)


def test_the_rates_kept_are_those_of_the_examples(run):
    rates = run.meta["corruption"]

    assert rates["requested"] == 0.4
    assert rates["drawn"] == pytest.approx((run.examples["corruption"] == "uniform_all").mean())
    assert rates["realised"] == pytest.approx(run.examples["noisy"].mean())


def test_thumbnails_are_the_raw_images(run, data):
    pngs = run.images([0, 1399])

    for example, png in pngs.items():
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(png))), data.train.images[example])
    assert len(pd.read_parquet(run.path / "thumbnails.parquet")) == 1400


@pytest.mark.parametrize("split", ["validation", "test"])
def test_held_out_rows_are_what_the_last_weights_say(run, data, split):
    model = build_model("mlp", input_shape=(1, 8, 8), num_classes=10, width=32, depth=2, seed=99)
    load_checkpoint(run.path / "checkpoints" / "last", model)
    part = getattr(data, split)
    logits = model(part.inputs)

    rows = run.epochs[run.epochs["group"] == split]

    assert rows["epoch"].tolist() == [0, 1, 2, 3]
    assert rows["examples"].tolist() == [len(part)] * 4
    assert rows["accuracy"].iloc[-1] == (logits.argmax(1) == part.true_labels).double().mean().item()
    assert rows["loss"].iloc[-1] == pytest.approx(torch.nn.functional.cross_entropy(logits, part.true_labels).item())


def test_probes_measure_at_the_epochs_asked_for_on_half_clean_half_noisy(run):
    frame = run.probe("attributions")
    panel = run.examples.loc[frame["example"].unique()]

    assert sorted(frame["epoch"].unique()) == [0, 2]
    assert panel["noisy"].value_counts().to_dict() == {True: 16, False: 16}


def test_integrated_gradients_start_from_a_blank_image(run, data):
    assert json.loads(run.probe("attributions").attrs["baseline"]) == pytest.approx(data.blank_value)


def test_no_probe_leaves_no_folder(online):
    assert online.probe_names == []
    assert not (online.path / "probes").exists()


def test_checkpoints_are_kept_at_the_epochs_asked_for(run):
    folder = run.path / "checkpoints"
    state = json.loads((folder / "epoch-00002" / "state.json").read_text())

    assert sorted(entry.name for entry in folder.iterdir()) == ["epoch-00000", "epoch-00002", "epoch-00003", "last"]
    assert (state["epoch"], state["step"], state["learning_rate"]) == (2, 2 * 22, 0.05)
    assert state["config"]["noise"] == 0.4


def test_the_last_checkpoint_is_the_last_epoch(run):
    last, third = (run.path / "checkpoints" / name for name in ("last", "epoch-00003"))

    assert (last / "model.safetensors").read_bytes() == (third / "model.safetensors").read_bytes()
    assert json.loads((last / "state.json").read_text())["epoch"] == 3


def test_the_momentum_kept_is_that_of_the_step_made(tmp_path):
    """One step over all examples: the new weights are the old ones minus lr times the momentum."""
    config = TrainConfig(**{**SMALL, "epochs": 1}, batch_size=1400, probe="none")
    folder = train(config, tmp_path / "run").path / "checkpoints"
    old, new = (load_file(folder / name / "model.safetensors") for name in ("epoch-00000", "epoch-00001"))
    momentum = load_file(folder / "epoch-00001" / "optimizer.safetensors")

    for name in old:
        torch.testing.assert_close(new[name], old[name] - 0.05 * momentum[f"{name}/momentum_buffer"])


def test_the_last_checkpoint_is_replaced_at_most_every_ten_seconds(tmp_path, monkeypatch):
    saved = []
    write = recording.write_checkpoint
    monkeypatch.setattr(
        recording, "write_checkpoint", lambda folder, held: saved.append(held.state["epoch"]) or write(folder, held)
    )
    seconds = iter([0.0, 4.0, 9.0, 10.0, 12.0, 21.0])
    clock = SimpleNamespace(monotonic=lambda: next(seconds), perf_counter=time.perf_counter)
    monkeypatch.setattr("probes.training.recording.time", clock)

    train(TrainConfig(**{**SMALL, "epochs": 5}, probe="none", checkpoint_epochs=()), tmp_path / "run")

    assert saved == [0, 3, 5]


def test_everything_that_never_changes_again_has_a_checksum(run):
    lines = dict(reversed(line.split("  ")) for line in (run.path / "SHA256SUMS").read_text().splitlines())
    fixed = [
        file.relative_to(run.path).as_posix()
        for folder in ("trajectories", "trajectories-online", "probes", "checkpoints")
        for file in (run.path / folder).rglob("*.*")
        if "last" not in file.parts
    ]

    assert sorted(lines) == sorted(fixed)
    assert all(hashlib.sha256((run.path / name).read_bytes()).hexdigest() == digest for name, digest in lines.items())


def test_the_time_spent_is_kept_by_what_it_was_spent_on(run):
    timings = run.meta["timings"]

    assert timings.keys() == {"training_s", "measuring_s", "writing_s", "probing_s", "checkpoints_s"}
    assert all(seconds > 0 for seconds in timings.values())
