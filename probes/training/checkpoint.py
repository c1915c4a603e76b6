"""Weights and optimizer state as safetensors and JSON: nothing that is read back can run code."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import nn

from probes.errors import ProbeError

__all__ = [
    "STATE",
    "HeldCheckpoint",
    "check_tensors",
    "hold_checkpoint",
    "load_checkpoint",
    "load_optimizer",
    "save_checkpoint",
    "write_checkpoint",
]

MODEL, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"


@dataclass(frozen=True)
class HeldCheckpoint:
    """A checkpoint in main memory: training on does not change it.

    Attributes:
        weights: parameters and buffers by name, on the CPU.
        optimizer: its state by `<parameter>/<key>`, on the CPU.
        state: JSON values: epoch, step, learning_rate, config.
    """

    weights: dict[str, torch.Tensor]
    optimizer: dict[str, torch.Tensor]
    state: dict[str, Any]


def hold_checkpoint(model: nn.Module, optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> HeldCheckpoint:
    """Copy weights, buffers and optimizer state as they are now, for `write_checkpoint`."""
    weights = {name: _copy(tensor) for name, tensor in model.state_dict().items()}
    return HeldCheckpoint(weights, _optimizer_tensors(model, optimizer), dict(state))


def write_checkpoint(folder: Path, held: HeldCheckpoint) -> list[Path]:
    """Write a checkpoint folder, replacing one of the same name, and return its files.

    The folder is filled under a temporary name, synced and renamed, so that weights, optimizer state and `state`
    always belong together. Between the two renames of a replacement there is no folder, never half of one.

    Args:
        folder: such as `checkpoints/epoch-00005`.
        held: what goes to model.safetensors, optimizer.safetensors and state.json.
    """
    temporary = folder.parent / f".{folder.name}.tmp-{os.getpid()}"
    retired = folder.parent / f".{folder.name}.old-{os.getpid()}"
    contents = {
        MODEL: save(held.weights),
        OPTIMIZER: save(held.optimizer),
        STATE: (json.dumps(held.state, indent=2) + "\n").encode(),
    }
    try:
        temporary.mkdir(parents=True)
        for name, content in contents.items():
            _write_synced(temporary / name, content)
        if folder.exists():
            folder.rename(retired)
        temporary.rename(folder)
    finally:
        if retired.exists() and not folder.exists():  # interrupted between the renames
            retired.rename(folder)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(retired, ignore_errors=True)
    return [folder / name for name in contents]


def save_checkpoint(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, state: Mapping[str, Any]
) -> list[Path]:
    """Write model, optimizer and state as they are now: `hold_checkpoint`, then `write_checkpoint`."""
    return write_checkpoint(folder, hold_checkpoint(model, optimizer, state))


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


def check_tensors(folder: Path) -> None:
    """Raise ProbeError unless both files of tensors are there and whole, by their headers and sizes."""
    for name in (MODEL, OPTIMIZER):
        try:
            with safe_open(folder / name, framework="pt"):
                pass
        except (OSError, SafetensorError) as error:
            raise ProbeError(f"{folder / name} cannot be read: {error}.") from error


def _optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    return {
        f"{name}/{key}": _copy(value)
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, torch.Tensor)
    }


def _copy(tensor: torch.Tensor) -> torch.Tensor:
    return torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor.detach())


def _write_synced(path: Path, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
