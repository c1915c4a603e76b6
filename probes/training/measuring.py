"""Runs a probe after the fact, on the weights that a run has kept."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from probes.data import ExampleSet
from probes.errors import ConfigError, unknown_name
from probes.probing import PROBES
from probes.probing.making import input_unit, make_probe
from probes.probing.probe import Probe, ProbeContext
from probes.runs import layout
from probes.runs.claiming import locked, read_meta
from probes.runs.probe_recording import record_probe
from probes.runs.run import Run, open_run
from probes.runs.writer import RunWriter
from probes.scores.detection import ranking_values
from probes.training.checkpoint import load_checkpoint
from probes.training.config import TrainConfig
from probes.training.resuming import resumed_config
from probes.training.setup import Setup, prepare, using_threads

if TYPE_CHECKING:
    import pandas as pd
    import torch

__all__ = ["MOST_FORGOTTEN", "measure_run"]

MOST_FORGOTTEN = "most_forgotten"
_OF_ANY_EXAMPLES = ("attributions", "gradient_norms", "input_grad", "loss_curvature", "self_influence")


def measure_run(
    run: Run | str | os.PathLike[str],
    probe_name: str,
    *,
    examples: str | Sequence[int] | None = None,
    top: int = 32,
) -> Run:
    """Measure the weights of each kept checkpoint with a probe, and write what it finds into the run.

    Data and model are rebuilt from the run's config. What the probe had measured at those epochs is replaced; where
    `examples` are named, only what it had measured of them.

    Args:
        run: written by `probe train`, and by nobody now. Its status stays.
        probe_name: of PROBES.
        examples: training examples to measure: indices, or "most_forgotten"; None: what `probe train --probe` measures.
        top: how many of the most forgotten.

    Returns:
        The run, with what was measured.

    Raises:
        ConfigError: unknown probe; examples outside the run, or of a probe that cannot measure some alone; a run
            without config or checkpoints; data that have changed since.
        RunLockedError: the run is being written.
    """
    if probe_name not in PROBES:
        raise unknown_name("probe", probe_name, PROBES)
    if examples is not None and probe_name not in _OF_ANY_EXAMPLES:
        raise ConfigError(
            f"{probe_name} measures its own set of examples: leave examples out. "
            f"Those of your choice are measured by {', '.join(_OF_ANY_EXAMPLES)}."
        )
    opened = run if isinstance(run, Run) else open_run(run)
    config = _config_of(opened)
    folders = _checkpoints(opened.path)
    chosen = None if examples is None else _chosen(opened, examples, top)
    lock = locked(opened.path)
    try:
        setup = prepare(config)
        _check_data(opened, setup)
        probe = _probe(probe_name, setup, chosen)
        measured = setup.examples if chosen is None else setup.examples.select(chosen)
        writer = RunWriter(opened.path, None, read_meta(opened.path))  # the lock is ours; run.json stays as it is
        with using_threads(setup.threads):
            for folder in folders:
                _measure(writer, probe, setup, measured, folder)
    finally:
        lock.release()
    return open_run(opened.path)


def _measure(writer: RunWriter, probe: Probe, setup: Setup, examples: ExampleSet, checkpoint: Path) -> None:
    state = load_checkpoint(checkpoint, setup.model)
    record_probe(
        writer,
        probe,
        setup.model,
        examples,
        epoch=int(state["epoch"]),
        step=int(state["step"]),
        learning_rate=state.get("learning_rate"),
        seed=setup.config.seed,
    )


class _Adding:
    """A probe whose frames take the place of the same examples' rows in the frame of that epoch, and keep the others.

    Args:
        probe: what measures.
    """

    def __init__(self, probe: Any) -> None:
        self._probe = probe
        for optional in ("metadata", "finish"):
            if hasattr(probe, optional):
                setattr(self, optional, getattr(probe, optional))

    @property
    def name(self) -> str:
        return str(self._probe.name)

    def measure(self, model: torch.nn.Module, examples: ExampleSet, context: ProbeContext) -> pd.DataFrame:
        import pandas as pd

        frame: pd.DataFrame = self._probe.measure(model, examples, context)
        path = None if context.folder is None else context.folder / f"{layout.epoch_name(context.epoch)}.parquet"
        if path is None or not path.exists():
            return frame
        before = pd.read_parquet(path)
        return pd.concat([before[~before["example"].isin(frame["example"])], frame], ignore_index=True)


def _probe(name: str, setup: Setup, chosen: np.ndarray | None) -> Any:
    dataset = setup.dataset
    probe = make_probe(
        name,
        seed=setup.config.seed,
        blank_value=dataset.blank_value,
        validation=dataset.validation,
        unit=input_unit(dataset) if name == "critical_samples" else 1.0,
        panel=32 if chosen is None else len(chosen),
    )
    return probe if chosen is None else _Adding(probe)


def _config_of(run: Run) -> TrainConfig:
    if not run.config:
        raise ConfigError(
            f"{run.path} was not written by probe train, so its model cannot be rebuilt. "
            "Use `tracker.record(probe, model, examples)` in your loop."
        )
    return resumed_config(run, {"device": "auto", "probe": ("none",), "log": ()})


def _checkpoints(run_folder: Path) -> list[Path]:
    folders = sorted((run_folder / layout.CHECKPOINTS).glob("epoch-*"))
    last = run_folder / layout.CHECKPOINTS / "last"
    if not folders and last.exists():
        return [last]
    if not folders:
        raise ConfigError(f"{run_folder} holds no checkpoints. Train with `--checkpoint-epochs` to keep some.")
    return folders


def _chosen(run: Run, examples: str | Sequence[int], top: int) -> np.ndarray:
    """Indices of the examples named: int64, each once."""
    if isinstance(examples, str):
        if examples != MOST_FORGOTTEN:
            raise unknown_name("set of examples", examples, [MOST_FORGOTTEN])
        if top < 1:
            raise ConfigError(f"top must be at least 1, got {top}.")
        return _most_forgotten(run)[:top]
    values = np.asarray(examples)
    if values.ndim != 1 or not values.size or values.dtype.kind not in "iu":
        raise ConfigError(f"examples must be whole numbers, at least one, got {examples!r}.")
    wrong = values[(values < 0) | (values >= run.num_examples)]
    if wrong.size:
        raise ConfigError(f"examples must lie in [0, {run.num_examples}), got {wrong[0]}.")
    return np.array(list(dict.fromkeys(values.tolist())), dtype=np.int64)


def _most_forgotten(run: Run) -> np.ndarray:
    """All examples in the order of `probe scores --sort forgetting_events`: never learned ones first."""
    frame = run.scores(["forgetting_events", "never_learned"])
    suspicion = ranking_values(
        "forgetting_events",
        frame["forgetting_events"].to_numpy(dtype=np.float64, na_value=np.nan),
        "high",
        never_learned=frame["never_learned"].to_numpy(dtype=np.int8, na_value=-1),
        last_epoch=run.num_epochs,
    )
    return np.argsort(-suspicion, kind="stable")


def _check_data(run: Run, setup: Setup) -> None:
    train = setup.dataset.train
    same = run.meta["dataset"].get("fingerprint") == setup.dataset.fingerprint and run.num_examples == len(train)
    given = run.given_labels
    if not same or (given is not None and not np.array_equal(given, train.given_labels.cpu().numpy())):
        raise ConfigError(f"{run.path} cannot be measured: its data or their noise changed since. Train a new run.")
