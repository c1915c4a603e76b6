"""The training loop behind `probe train`: a config in, a recorded run out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from probes.training.config import MEASURES, TrainConfig, log_spaced_epochs
from probes.training.loggers import LOGGERS
from probes.training.progress import EpochProgress
from probes.training.schedules import OPTIMIZERS, SCHEDULES

if TYPE_CHECKING:
    from probes.training.checkpoint import load_checkpoint, save_checkpoint
    from probes.training.loop import resume, train
    from probes.training.measuring import measure_run
    from probes.training.planning import Plan, plan
    from probes.training.resuming import is_finished, resumed_config

__all__ = [
    "LOGGERS",
    "MEASURES",
    "OPTIMIZERS",
    "SCHEDULES",
    "EpochProgress",
    "Plan",
    "TrainConfig",
    "is_finished",
    "load_checkpoint",
    "log_spaced_epochs",
    "measure_run",
    "plan",
    "resume",
    "resumed_config",
    "save_checkpoint",
    "train",
]

_HOMES = {
    "Plan": "probes.training.planning",
    "is_finished": "probes.training.resuming",
    "load_checkpoint": "probes.training.checkpoint",
    "measure_run": "probes.training.measuring",
    "plan": "probes.training.planning",
    "resume": "probes.training.loop",
    "resumed_config": "probes.training.resuming",
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
