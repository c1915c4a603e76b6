"""Hugging Face accelerate needs no adapter to record; this is for its checkpoints."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from probes.integrations.state_file import read_state, state_path, write_state
from probes.trackers.example_tracker import ExampleTracker

__all__ = ["keep_with_checkpoints"]

_kept: WeakKeyDictionary[Any, ExampleTracker] = WeakKeyDictionary()  # from accelerator to its tracker


def keep_with_checkpoints(accelerator: Any, tracker: ExampleTracker) -> None:
    """Let `accelerator.save_state` keep the tracker's state too, and `load_state` bring it back.

    Each process keeps its own, as it must, for each has seen other examples; what accelerate's own
    `register_for_checkpointing` keeps is the main process's alone. The files are safetensors, not pickles.

    Args:
        accelerator: an `accelerate.Accelerator`.
        tracker: whose state is kept, in place of an earlier one's. For `load_state` to go back in a run folder, open it
            by `if_exists="resume"`.

    Raises:
        TypeError: no accelerator.
    """
    if not hasattr(accelerator, "register_save_state_pre_hook"):
        raise TypeError(f"accelerator must be an accelerate.Accelerator, got {type(accelerator).__name__}.")

    registered = accelerator in _kept
    _kept[accelerator] = tracker
    if registered:
        return

    def save(models: Any, weights: Any, folder: str) -> None:
        write_state(_kept[accelerator].state_dict(), state_path(folder, accelerator.process_index))

    def load(models: Any, folder: str) -> None:
        _kept[accelerator].load_state_dict(read_state(state_path(folder, accelerator.process_index)))

    accelerator.register_save_state_pre_hook(save)
    accelerator.register_load_state_pre_hook(load)
