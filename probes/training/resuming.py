"""Going on with a run: where its last checkpoint stands, and whether it is the same training."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from probes.data.datasets import is_path
from probes.errors import ConfigError, ProbeError
from probes.runs.layout import CHECKPOINTS
from probes.runs.run import Run
from probes.training.checkpoint import STATE, check_tensors, load_checkpoint, load_optimizer
from probes.training.config import TrainConfig
from probes.training.early_stopping import recorded_accuracies, should_stop
from probes.training.setup import Setup

__all__ = [
    "Start",
    "changed_options",
    "check_same_training",
    "is_finished",
    "is_stopped_early",
    "last_checkpoint",
    "restore",
    "resumed_config",
]

# What may differ between a run and its continuation: it changes no weight up to where the run stands.
MAY_DIFFER = frozenset(
    (
        "epochs",
        "early_stopping",
        "probe",
        "probe_epochs",
        "checkpoint_epochs",
        "log",
        "device",
        "threads",
        "download",
        "data_root",
    )
)


@dataclass(frozen=True)
class Start:
    """Where training begins.

    Attributes:
        epoch: the last one that is recorded and whose weights are known; -1 before a fresh start.
        step: optimizer updates so far.
        nonfinite_visits: so far.
        folder: of the checkpoint.
        timings: seconds by name, so far.
    """

    epoch: int = -1
    step: int = 0
    nonfinite_visits: int = 0
    folder: Path | None = None
    timings: dict[str, float] = field(default_factory=dict)


def is_finished(run: Run, config: TrainConfig) -> bool:
    """Whether nothing is left to train: all epochs are there, or early stopping would not have gone beyond them."""
    return run.status == "complete" and (run.num_epochs >= config.epochs or is_stopped_early(run, config))


def is_stopped_early(run: Run, config: TrainConfig) -> bool:
    """Whether the config asks for more epochs than a complete run has, and early stopping for none of them."""
    if run.status != "complete" or run.num_epochs >= config.epochs or config.early_stopping is None:
        return False
    return should_stop(recorded_accuracies(run.path, run.num_epochs), config.early_stopping)


def last_checkpoint(run_folder: Path) -> Start:
    """Where a run can be taken up: the latest of `checkpoints/last` and those by epoch; a fresh start if there is none.

    Raises:
        ProbeError: there are checkpoints, and none can be read.
    """
    checkpoints = run_folder / CHECKPOINTS
    folders = [folder for folder in (checkpoints / "last", *sorted(checkpoints.glob("epoch-*"))) if folder.is_dir()]
    starts, errors = [], []
    for folder in folders:
        try:
            starts.append(_start_at(folder))
        except ProbeError as error:
            errors.append(error)
    if errors and not starts:
        raise errors[0]
    return max(starts, key=lambda start: start.epoch, default=Start())  # of equals the first, which is `last`


def _start_at(folder: Path) -> Start:
    """Where a checkpoint stands, if all of it is there."""
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        start = Start(
            epoch=int(state["epoch"]),
            step=int(state["step"]),
            nonfinite_visits=int(state.get("nonfinite_visits") or 0),
            folder=folder,
            timings=dict(state.get("timings") or {}),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProbeError(f"{folder} is not a checkpoint that can be resumed: {error!r}.") from error
    check_tensors(folder)
    return start


def restore(start: Start, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Put a checkpoint's weights and optimizer state into a model and its optimizer."""
    if start.folder is not None:
        load_checkpoint(start.folder, model)
        load_optimizer(start.folder, model, optimizer)


def resumed_config(run: Run, changes: dict[str, Any]) -> TrainConfig:
    """The config of a run with some options changed.

    Epochs to measure and keep at that the run was given, and that lie beyond a new end, are left out.

    Raises:
        ConfigError: the run was not written by `train`, its files are not here, a change would make it another
            training, or leave it fewer epochs than are recorded and yet to be closed.
    """
    saved = run.config
    known = TrainConfig.__dataclass_fields__
    if not saved or not set(saved) <= set(known):
        raise ConfigError(f"{run.path} was not written by probe train, so it cannot be resumed.")
    _check_files(run.path, saved)
    config = TrainConfig(**{name: _plain(value) for name, value in saved.items()})
    changes = _up_to_the_end(config, changes)
    refused = changed_options(config, replace(config, **changes))
    if refused:
        raise ConfigError(
            f"a resumed run keeps its training, but other values were given for {', '.join(refused)}. "
            "Leave them out, or train a new run."
        )
    config = replace(config, **changes)
    if config.epochs < run.num_epochs and run.status != "complete":
        raise ConfigError(
            f"epochs must be at least {run.num_epochs:,}, as many as {run.path} has recorded, got {config.epochs:,}."
        )
    return config


def changed_options(before: TrainConfig, after: TrainConfig) -> list[str]:
    """Options that differ and may not: `name (was X, got Y)`, in the order of the fields."""
    old, new = asdict(before), asdict(after)
    return [
        f"{name} (was {_worded(old[name])}, got {_worded(new[name])})"
        for name in old
        if name not in MAY_DIFFER and old[name] != new[name]
    ]


def check_same_training(run: Run, setup: Setup) -> None:
    """Refuse to go on with other data, noise or another model than the run's.

    Raises:
        ConfigError: naming what differs.
    """
    train = setup.dataset.train
    saved = run.meta["dataset"]
    differing = []
    if saved.get("fingerprint") != setup.dataset.fingerprint or run.num_examples != len(train):
        differing.append("the data (dataset.fingerprint)")
    elif run.given_labels is not None and not np.array_equal(run.given_labels, train.given_labels.numpy()):
        differing.append("the noise (given_label)")
    parameters = (run.meta.get("model") or {}).get("parameters")
    if parameters is not None and parameters != sum(p.numel() for p in setup.model.parameters() if p.requires_grad):
        differing.append("the model (model.parameters)")
    if differing:
        raise ConfigError(f"{run.path} cannot be resumed: {' and '.join(differing)} changed since. Train a new run.")


def _up_to_the_end(config: TrainConfig, changes: dict[str, Any]) -> dict[str, Any]:
    """The changes, and with an earlier end the lists of epochs that the run was given, up to it."""
    last = changes.get("epochs")
    if not isinstance(last, int) or last >= config.epochs:
        return changes
    lists = {name: getattr(config, name) for name in ("probe_epochs", "checkpoint_epochs")}
    cut = {name: tuple(e for e in epochs if e <= last) for name, epochs in lists.items() if epochs is not None}
    return cut | changes


def _check_files(folder: Path, saved: dict[str, Any]) -> None:
    """Raise ConfigError where a file or folder that a run was given is not found from here."""
    named = {name: saved.get(name) for name in ("dataset", "given_labels", "exclude", "relabel")}
    dataset = str(named["dataset"])
    named["dataset"] = dataset.removeprefix("folder:") if is_path(dataset) else None
    for name, path in named.items():
        if path is None or Path(path).is_absolute() or Path(path).exists():
            continue
        raise ConfigError(
            f"there is no {path} here: the {name} of {folder} was named from the folder that it was started in. "
            "Resume it there."
        )


def _worded(value: Any) -> str:
    """A value of an option as it is typed."""
    if value is None or value == ():
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _plain(value: Any) -> Any:
    """JSON's lists as the tuples that a config holds."""
    return tuple(value) if isinstance(value, list) else value
