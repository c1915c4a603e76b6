"""Measuring leaves training as it is, to the last bit; and it finds the same while training as afterwards."""

import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from probes import ExampleTracker, open_run
from probes.data import ExampleSet
from probes.probing import PROBES, ProbeContext, make_probe
from probes.training import TrainConfig, measure_run, train

CONFIG = {
    "noise": 0.4,
    "seed": 3,
    "schedule": "cosine",
    "subset": 120,
    "epochs": 2,
    "dropout": 0.3,
    "batch_norm": True,
    "measure": "both",
    "probe_epochs": (0, 1, 2),
    "checkpoint_epochs": (0, 1, 2),
}
MODELS = {"mlp": {"width": 16}, "cnn": {"model": "cnn"}}


@pytest.fixture(scope="module", params=["mlp", pytest.param("cnn", marks=pytest.mark.slow)])
def trained(request, tmp_path_factory):
    """Twice the same training: `probed`, with every probe there is, and `bare`."""
    folder = tmp_path_factory.mktemp(request.param)
    for name, probe in (("probed", tuple(PROBES)), ("bare", ("none",))):
        train(TrainConfig(**CONFIG, **MODELS[request.param], probe=probe), folder / name)
    return folder


def contents(folder, pattern):
    files = sorted(folder.glob(pattern))
    assert files
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


@pytest.mark.parametrize(
    "pattern",
    [
        "checkpoints/*/model.safetensors",
        "checkpoints/*/optimizer.safetensors",
        "trajectories/*.parquet",
        "trajectories-online/*.parquet",
        "epochs.jsonl",
    ],
)
def test_a_run_with_all_probes_writes_the_same_as_one_without(trained, pattern):
    assert {open_run(trained / "probed").probe(name)["epoch"].nunique() for name in PROBES} == {3}

    assert contents(trained / "probed", pattern) == contents(trained / "bare", pattern)


@pytest.mark.parametrize("name", PROBES)
def test_measured_afterwards_it_finds_what_it_found_while_training(trained, tmp_path, name):
    shutil.copytree(trained / "bare", tmp_path / "bare")

    after = measure_run(tmp_path / "bare", name)

    during = open_run(trained / "probed")
    pd.testing.assert_frame_equal(after.probe(name), during.probe(name), check_exact=True)
    scores = after.scores()
    pd.testing.assert_frame_equal(scores, during.scores()[scores.columns], check_exact=True)


class Network(nn.Module):
    """Images of 8 x 8; in-place activations, dropout, batch normalisation, and a layer that is called twice."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.hidden, self.out = nn.Linear(64, 64), nn.Linear(64, 10)
        self.relu, self.dropout = nn.ReLU(inplace=True), nn.Dropout(0.5)

    def forward(self, images):
        hidden = nn.functional.max_pool2d(self.relu(self.norm(self.conv(images))), 2).flatten(1)
        hidden = self.relu(self.hidden(self.relu(self.hidden(hidden))))
        return self.out(self.dropout(hidden))


def trained_by_hand(examples, names):
    """A loop of someone else's: three epochs with Adam. Weights, optimizer, random state, trajectories, frames."""
    torch.manual_seed(0)
    model = Network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    tracker = ExampleTracker(len(examples))
    measuring = [make_probe(name, seed=0) for name in names]
    for _ in range(3):
        for index in torch.randperm(len(examples)).split(16):
            logits, targets = model(examples.inputs[index]), examples.given_labels[index]
            nn.functional.cross_entropy(logits, targets).backward()
            for probe in measuring[:2]:  # in the middle of an update, between gradients and step
                probe.measure(model, examples, ProbeContext(epoch=0, step=0))
            optimizer.step()
            optimizer.zero_grad()
            tracker.update(index, logits, targets)
        tracker.end_epoch()
        for probe in measuring:
            tracker.record(probe, model, examples, learning_rate=0.01)
    moments = [value for state in optimizer.state.values() for value in state.values()]
    signals = [tracker.trajectory(name) for name in ("loss", "margin", "prediction")]
    return [*model.state_dict().values(), *moments, torch.get_rng_state()], signals, tracker.frames


def test_a_loop_of_ones_own_is_left_alone_too():
    rng = np.random.default_rng(0)
    true_labels = np.arange(48) % 10
    given_labels = np.where(rng.random(48) < 0.4, rng.integers(0, 10, 48), true_labels)
    examples = ExampleSet(rng.normal(size=(48, 1, 8, 8)), given_labels, true_labels=true_labels)

    bare, bare_signals, _ = trained_by_hand(examples, [])
    probed, probed_signals, frames = trained_by_hand(examples, list(PROBES))

    assert set(frames) == set(PROBES)
    assert all(len(recorded) == 3 for recorded in frames.values())
    assert len(bare) == len(probed)
    assert all(torch.equal(one, other) for one, other in zip(bare, probed, strict=True))
    for one, other in zip(bare_signals, probed_signals, strict=True):
        np.testing.assert_array_equal(one, other)
