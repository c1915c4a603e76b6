"""The form of `ExampleTracker.state_dict`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from probes.trackers.batches import to_array

__all__ = ["arrays", "check_state", "tensors"]

_KEYS = ("num_examples", "epoch", "updates", "num_classes", "nonfinite_visits", "given_labels", "open_epoch", "epochs")


def check_state(state: Any, num_examples: int) -> None:
    """Refuse what no `state_dict` returned, or one of another number of examples.

    Raises:
        TypeError, ValueError: that.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"state must be what state_dict() returned, got {type(state).__name__}.")
    missing = [name for name in _KEYS if name not in state]
    if missing:
        raise ValueError(
            f"state must be what state_dict() returned: it has no {missing[0]!r}, but {', '.join(map(repr, state))}. "
            "Pass the part of your checkpoint that you kept it in."
        )
    if state["num_examples"] != num_examples:
        raise ValueError(f"the state is of {state['num_examples']} examples, the tracker of {num_examples}.")


def tensors(columns: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Columns as torch tensors of their own memory."""
    import torch

    return {name: torch.from_numpy(np.array(values)) for name, values in columns.items()}


def arrays(columns: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Columns as arrays of their own memory."""
    return {name: to_array(values, name).copy() for name, values in columns.items()}
