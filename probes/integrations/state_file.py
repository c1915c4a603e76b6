"""A tracker's state, one file of a checkpoint: tensors as safetensors, the rest as JSON in its header, no pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from probes.errors import ProbeError

__all__ = ["read_state", "state_path", "write_state"]

_TENSOR = "__tensor__"  # stands in the JSON for the tensor of that name


def state_path(folder: str | os.PathLike[str], rank: int = 0) -> Path:
    """Where a checkpoint folder keeps the state; each of several processes has its own.

    Args:
        rank: of this process.
    """
    return Path(folder) / (
        "example_tracker.safetensors" if rank == 0 else f"example_tracker-rank{rank:03d}.safetensors"
    )


def write_state(state: Mapping[str, Any], path: Path) -> None:
    """Write what `ExampleTracker.state_dict` gave; a file of that name is replaced at once, never by half.

    Args:
        state: mappings with text keys, lists, tensors and what JSON knows, nested at will.
    """
    from safetensors.torch import save_file

    tensors: dict[str, Any] = {}
    skeleton = _without_tensors(state, "state", tensors)
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        save_file(tensors, temporary, metadata={"state": json.dumps(skeleton)})
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_state(path: Path) -> dict[str, Any]:
    """Read it back, for `ExampleTracker.load_state_dict`.

    Raises:
        ProbeError: there is no such file, or it is another.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            skeleton = json.loads((file.metadata() or {})["state"])
            state: dict[str, Any] = _with_tensors(skeleton, file.get_tensor)
            return state
    except FileNotFoundError as error:
        raise ProbeError(f"{path.parent} holds no {path.name}: it was not saved by a run with a tracker.") from error
    except (KeyError, OSError, ValueError, SafetensorError) as error:
        raise ProbeError(f"{path} cannot be read as a tracker's state: {error}.") from error


def _without_tensors(value: Any, name: str, tensors: dict[str, Any]) -> Any:
    """A copy in which each tensor is replaced by its name, having been put into `tensors` under it."""
    if isinstance(value, Mapping):
        return {key: _without_tensors(part, f"{name}/{key}", tensors) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_tensors(part, f"{name}/{i}", tensors) for i, part in enumerate(value)]
    if hasattr(value, "detach"):
        tensors[name] = value.detach().cpu().contiguous()
        return {_TENSOR: name}
    return value


def _with_tensors(value: Any, tensor: Any) -> Any:
    if isinstance(value, dict):
        if _TENSOR in value:
            return tensor(value[_TENSOR])
        return {key: _with_tensors(part, tensor) for key, part in value.items()}
    if isinstance(value, list):
        return [_with_tensors(part, tensor) for part in value]
    return value
