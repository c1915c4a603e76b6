"""Weights and optimizer state as safetensors and JSON: nothing that is read back can run code."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from probes.errors import ProbeError

__all__ = ["STATE", "load_checkpoint", "load_optimizer", "save_checkpoint"]

MODEL, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"


def save_checkpoint(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, state: Mapping[str, Any]
) -> list[Path]:
    """Write a checkpoint folder, replacing one of the same name, and return its files.

    The folder is filled under a temporary name, synced and renamed, so that weights, optimizer state and `state`
    always belong together. Between the two renames of a replacement there is no folder, never half of one.

    Args:
        folder: such as `checkpoints/epoch-00005`.
        model: its state dict goes to model.safetensors.
        optimizer: its state goes to optimizer.safetensors, each tensor named `<parameter>/<key>`.
        state: JSON values: epoch, step, learning_rate, config.
    """
    temporary = folder.parent / f".{folder.name}.tmp-{os.getpid()}"
    retired = folder.parent / f".{folder.name}.old-{os.getpid()}"
    contents = {
        MODEL: save({name: _plain(tensor) for name, tensor in model.state_dict().items()}),
        OPTIMIZER: save(_optimizer_tensors(model, optimizer)),
        STATE: (json.dumps(dict(state), indent=2) + "\n").encode(),
    }
    try:
        temporary.mkdir(parents=True)
        for name, content in contents.items():
            _write_synced(temporary / name, content)
        if folder.exists():
            folder.rename(retired)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(retired, ignore_errors=True)
    return [folder / name for name in contents]


def load_checkpoint(folder: Path, model: nn.Module) -> dict[str, Any]:
    """Load a checkpoint's weights into `model` and return its state (epoch, step, learning_rate, config).

    Raises:
        ProbeError: there is no whole checkpoint, or its weights are those of another model.
    """
    try:
        state: dict[str, Any] = json.loads((folder / STATE).read_text(encoding="utf-8"))
        model.load_state_dict(load_file(folder / MODEL))
    except FileNotFoundError as error:
        raise ProbeError(f"{folder} is not a checkpoint: {Path(error.filename or MODEL).name} is missing.") from error
    except RuntimeError as error:  # load_state_dict lists what differs over many lines
        raise ProbeError(f"{folder} holds the weights of another model than {type(model).__name__}.") from error
    return state


def load_optimizer(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Load a checkpoint's optimizer state, each tensor where its parameter is.

    Raises:
        ProbeError: there is none, or it is of another model.
    """
    try:
        tensors = load_file(folder / OPTIMIZER)
    except (OSError, SafetensorError) as error:
        raise ProbeError(f"{folder / OPTIMIZER} cannot be read: {error}.") from error
    parameters = dict(model.named_parameters())
    for name, tensor in tensors.items():
        parameter_name, _, key = name.rpartition("/")
        if parameter_name not in parameters:
            raise ProbeError(f"{folder} holds the optimizer of another model than {type(model).__name__}.")
        parameter = parameters[parameter_name]
        if tensor.shape == parameter.shape:
            placed = torch.empty_like(parameter, requires_grad=False).copy_(tensor)  # in the same memory format
        else:
            placed = tensor  # a count of steps, which stays on the CPU
        optimizer.state[parameter][key] = placed


def _optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    return {
        f"{name}/{key}": _plain(value)
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, torch.Tensor)
    }


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().cpu().contiguous()


def _write_synced(path: Path, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
