"""Each epoch's group metrics in TensorBoard, Weights & Biases or MLflow, for those who watch their runs there.

Names of metrics are `GROUP/METRIC`, such as `train/noisy/accuracy`; steps are epochs, 0 being before training.
"""

from __future__ import annotations

import json
import math
import os
import re
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from probes.errors import MissingDependencyError, ProbeWarning
from probes.runs import layout
from probes.runs.layout import atomic_write

__all__ = ["LOGGERS", "EpochLog", "MetricLogger", "check_loggers"]

LOGGERS: dict[str, str] = {
    "tensorboard": "event files in the run folder's logs/: tensorboard --logdir runs",
    "wandb": "Weights & Biases; WANDB_PROJECT, WANDB_MODE and its other variables apply",
    "mlflow": "MLflow; MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME and its other variables apply",
}
_PACKAGES = {"tensorboard": "torch.utils.tensorboard", "wandb": "wandb", "mlflow": "mlflow"}
_METRICS = ("accuracy", "true_label_accuracy", "loss")
_PROJECT = "memorization-probes"
_IDS = "ids.json"  # what a service calls the run, so that a resumed one goes on there


def check_loggers(names: Iterable[str]) -> None:
    """Load the packages of these LOGGERS.

    Raises:
        MissingDependencyError: one is not installed.
    """
    for name in names:
        try:
            import_module(_PACKAGES[name])
        except ImportError as error:
            raise MissingDependencyError(
                f"log {name} needs the package {name}. Install it with: pip install 'memorization-probes[tracking]'."
            ) from error


class MetricLogger(Protocol):
    """Where metrics go."""

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Take an epoch's metrics, by name."""

    def close(self, status: str) -> None:
        """End with the run: `complete`, `interrupted` or `failed`."""


class EpochLog:
    """Sends every epoch's metrics to all loggers asked for. One that raises is left out from then on, with one warning.

    Args:
        names: of LOGGERS.
        run_folder: of the run; what a logger writes or has to remember lies in its `logs`.
        config: options of the run, for services that list them.
        first: the first epoch that is still to come: later ones that the log holds already are another's.
    """

    def __init__(self, names: Sequence[str], run_folder: Path, config: Mapping[str, Any], first: int) -> None:
        self._loggers: dict[str, MetricLogger] = {}
        for name in dict.fromkeys(names):
            try:
                self._loggers[name] = _OPEN[name](run_folder, config, first)
            except Exception as error:  # others' code, others' servers: not worth a training run
                self._give_up(name, error)

    def log(self, epoch: int, rows: Iterable[Mapping[str, Any]]) -> None:
        """Send the metrics of an epoch's rows, as `Run.epochs` has them; what is missing or not finite is left out."""
        metrics = {
            f"{row['group']}/{metric}": float(row[metric])
            for row in rows
            for metric in _METRICS
            if row.get(metric) is not None and math.isfinite(row[metric])
        }
        for name, logger in list(self._loggers.items()):
            try:
                logger.log(epoch, metrics)
            except Exception as error:
                self._give_up(name, error)

    def close(self, status: str) -> None:
        """End all of them."""
        for name, logger in list(self._loggers.items()):
            try:
                logger.close(status)
            except Exception as error:
                self._give_up(name, error)

    def _give_up(self, name: str, error: Exception) -> None:
        self._loggers.pop(name, None)
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        warnings.warn(f"{name} failed and gets no more metrics; the run goes on: {said}", ProbeWarning, stacklevel=3)


class _TensorBoard:
    def __init__(self, run_folder: Path, config: Mapping[str, Any], first: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        # epochs from `first` on, which a run that was killed may have logged, are trained and logged again
        self._writer = SummaryWriter(_folder(run_folder), purge_step=first)

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    def close(self, status: str) -> None:
        self._writer.close()


class _Wandb:
    def __init__(self, run_folder: Path, config: Mapping[str, Any], first: int) -> None:
        import wandb

        known = _known_id(run_folder, "wandb")
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", _PROJECT),
            name=run_folder.name,
            id=known,
            resume="allow" if known else None,
            dir=_folder(run_folder),
            config=dict(config),
            allow_val_change=True,
            settings=wandb.Settings(silent=True, console="off"),
        )
        _remember_id(run_folder, "wandb", self._run.id)
        self._run.define_metric("*", step_metric="epoch")  # its own step may not go back to an epoch trained again

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        self._run.log({"epoch": epoch, **metrics})

    def close(self, status: str) -> None:
        self._run.finish(exit_code=0 if status == "complete" else 1)


class _MLflow:
    def __init__(self, run_folder: Path, config: Mapping[str, Any], first: int) -> None:
        import mlflow
        from mlflow.entities import Param

        self._client = mlflow.MlflowClient()
        known = _known_id(run_folder, "mlflow")
        if known is not None:
            self._id = known
            self._client.update_run(known, status="RUNNING")
            return
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", _PROJECT)
        experiment = self._client.get_experiment_by_name(name)
        number = self._client.create_experiment(name) if experiment is None else experiment.experiment_id
        self._id = self._client.create_run(number, run_name=run_folder.name).info.run_id
        _remember_id(run_folder, "mlflow", self._id)
        self._client.log_batch(self._id, params=[Param(key, str(value)) for key, value in config.items()])

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        rows = [Metric(re.sub(r"[^\w./ -]", "_", name), value, now, epoch) for name, value in metrics.items()]
        self._client.log_batch(self._id, metrics=rows)

    def close(self, status: str) -> None:
        ends = {"complete": "FINISHED", "interrupted": "KILLED"}
        self._client.set_terminated(self._id, ends.get(status, "FAILED"))


_OPEN: dict[str, Callable[[Path, Mapping[str, Any], int], MetricLogger]] = {
    "tensorboard": _TensorBoard,
    "wandb": _Wandb,
    "mlflow": _MLflow,
}


def _folder(run_folder: Path) -> Path:
    folder = run_folder / layout.LOGS
    folder.mkdir(exist_ok=True)
    return folder


def _known_id(run_folder: Path, name: str) -> str | None:
    return _ids(run_folder).get(name)


def _remember_id(run_folder: Path, name: str, value: str) -> None:
    with atomic_write(_folder(run_folder) / _IDS) as file:
        file.write_text(json.dumps({**_ids(run_folder), name: value}), encoding="utf-8")


def _ids(run_folder: Path) -> dict[str, str]:
    file = run_folder / layout.LOGS / _IDS
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}
