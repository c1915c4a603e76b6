"""Checkpoints: safetensors and JSON that come back as they were, and belong together."""

import json

import pytest
import torch
from safetensors.torch import load_file

from probes.errors import ProbeError
from probes.training import checkpoint, load_checkpoint, save_checkpoint

STATE = {"epoch": 5, "step": 110, "learning_rate": 0.05, "config": {"noise": 0.4}}


@pytest.fixture
def trained():
    """A linear model after two steps of SGD with momentum, and its optimizer."""
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.ones(4, 3)).square().sum().backward()
        optimizer.step()
    return model, optimizer


def test_weights_and_state_come_back(trained, tmp_path):
    model, optimizer = trained
    save_checkpoint(tmp_path / "epoch-00005", model, optimizer, STATE)
    other = torch.nn.Linear(3, 2)

    assert load_checkpoint(tmp_path / "epoch-00005", other) == STATE
    assert torch.equal(other.weight, model.weight)
    assert torch.equal(other.bias, model.bias)


def test_holds_exactly_the_three_files_it_returns(trained, tmp_path):
    files = save_checkpoint(tmp_path / "checkpoints" / "epoch-00005", *trained, STATE)

    assert sorted(tmp_path.rglob("*.*")) == sorted(files)
    assert [file.name for file in files] == ["model.safetensors", "optimizer.safetensors", "state.json"]


def test_optimizer_state_is_named_by_parameter(trained, tmp_path):
    model, optimizer = trained
    save_checkpoint(tmp_path / "last", model, optimizer, STATE)

    saved = load_file(tmp_path / "last" / "optimizer.safetensors")

    assert sorted(saved) == ["bias/momentum_buffer", "weight/momentum_buffer"]
    assert torch.equal(saved["weight/momentum_buffer"], optimizer.state[model.weight]["momentum_buffer"])


def test_an_optimizer_that_has_not_stepped_has_an_empty_file(tmp_path):
    model = torch.nn.Linear(3, 2)
    save_checkpoint(tmp_path / "epoch-00000", model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), STATE)

    assert load_file(tmp_path / "epoch-00000" / "optimizer.safetensors") == {}


def test_the_last_one_replaces_the_one_before(trained, tmp_path):
    save_checkpoint(tmp_path / "last", *trained, STATE)
    save_checkpoint(tmp_path / "last", *trained, {**STATE, "epoch": 6})

    assert json.loads((tmp_path / "last" / "state.json").read_text())["epoch"] == 6
    assert [entry.name for entry in tmp_path.iterdir()] == ["last"]


def test_a_failure_while_writing_leaves_the_one_before_whole(trained, tmp_path, monkeypatch):
    save_checkpoint(tmp_path / "last", *trained, STATE)

    def full_disk(path, content):
        if path.name == "optimizer.safetensors":
            raise OSError("no space left on device")
        path.write_bytes(content)

    monkeypatch.setattr(checkpoint, "_write_synced", full_disk)
    with pytest.raises(OSError, match="no space left"):
        save_checkpoint(tmp_path / "last", *trained, {**STATE, "epoch": 6})

    assert load_checkpoint(tmp_path / "last", torch.nn.Linear(3, 2)) == STATE
    assert [entry.name for entry in tmp_path.iterdir()] == ["last"]


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(ProbeError, match=r"nothing is not a checkpoint: state.json is missing"):
        load_checkpoint(tmp_path / "nothing", torch.nn.Linear(3, 2))


def test_weights_of_another_model_are_refused(trained, tmp_path):
    save_checkpoint(tmp_path / "last", *trained, STATE)

    with pytest.raises(ProbeError, match="holds the weights of another model than Linear"):
        load_checkpoint(tmp_path / "last", torch.nn.Linear(4, 2))
