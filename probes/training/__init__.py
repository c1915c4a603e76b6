"""The training loop behind `probe train`: a config in, a recorded run out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from probes.training.config import MEASURES, TrainConfig, log_spaced_epochs
from probes.training.progress import EpochProgress

if TYPE_CHECKING:
    from probes.training.checkpoint import load_checkpoint, save_checkpoint
    from probes.training.loop import train
    from probes.training.planning import Plan, plan

__all__ = [
    "MEASURES",
    "EpochProgress",
    "Plan",
    "TrainConfig",
    "load_checkpoint",
    "log_spaced_epochs",
    "plan",
    "save_checkpoint",
    "train",
]

_HOMES = {
    "Plan": "probes.training.planning",
    "load_checkpoint": "probes.training.checkpoint",
    "plan": "probes.training.planning",
    "save_checkpoint": "probes.training.checkpoint",
    "train": "probes.training.loop",
}


def __getattr__(name: str) -> Any:
    """Load what needs torch where it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'probes.training' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
