"""A tracker's state in a file, and back."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from probes import ExampleTracker
from probes.errors import ProbeError
from probes.integrations.state_file import read_state, write_state


def test_a_state_comes_back_as_it_was(tmp_path):
    state = {
        "epoch": 3,
        "num_classes": None,
        "given_labels": torch.tensor([0, -1]),
        "open_epoch": {"example": torch.zeros(0, dtype=torch.int64), "loss": torch.zeros(0)},
        "epochs": [{"loss": torch.tensor([0.1, torch.nan])}, {"loss": torch.tensor([0.3])}],
    }

    write_state(state, tmp_path / "state.safetensors")
    found = read_state(tmp_path / "state.safetensors")

    assert (found["epoch"], found["num_classes"], len(found["epochs"])) == (3, None, 2)
    pairs = [
        (found["given_labels"], state["given_labels"]),
        (found["open_epoch"]["example"], state["open_epoch"]["example"]),
        *[(a["loss"], b["loss"]) for a, b in zip(found["epochs"], state["epochs"], strict=True)],
    ]
    for was, given in pairs:
        assert was.dtype == given.dtype
        assert np.array_equal(was.numpy(), given.numpy(), equal_nan=was.is_floating_point())


def test_a_tracker_goes_on_from_the_file_in_mid_epoch(tmp_path):
    first = ExampleTracker(3)
    first.update([0, 1], [[1.0, 0.0], [1.0, 0.0]], [0, 1])
    first.end_epoch()
    first.update([2], [[0.0, 2.0]], [1])

    write_state(first.state_dict(), tmp_path / "state.safetensors")
    second = ExampleTracker(3)
    second.load_state_dict(read_state(tmp_path / "state.safetensors"))
    second.end_epoch()

    assert second.trajectory("margin").tolist()[0][:2] == [1.0, -1.0]
    assert second.trajectory("margin").tolist()[1][2] == 2.0
    assert second.trajectory("visits").clip(0).tolist() == [[1, 1, 0], [0, 0, 1]]


def test_an_older_file_is_replaced_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "state.safetensors"
    for epoch in (1, 2):
        write_state({"epoch": epoch}, path)

    assert read_state(path) == {"epoch": 2}
    assert [file.name for file in tmp_path.iterdir()] == ["state.safetensors"]


def test_what_is_no_state_is_refused(tmp_path):
    (tmp_path / "text").write_text("not a state")
    save_file({"weights": torch.zeros(2)}, tmp_path / "model.safetensors")

    with pytest.raises(ProbeError, match="holds no missing: it was not saved by a run with a tracker"):
        read_state(tmp_path / "missing")
    with pytest.raises(ProbeError, match="text cannot be read as a tracker's state"):
        read_state(tmp_path / "text")
    with pytest.raises(ProbeError, match="model.safetensors cannot be read as a tracker's state"):
        read_state(tmp_path / "model.safetensors")
