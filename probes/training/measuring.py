"""Runs a probe after the fact, on the weights that a run has kept."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from probes.data import ExampleSet
from probes.errors import ConfigError, ProbeWarning, unknown_name
from probes.probing import PROBES
from probes.probing.attribution_methods import checked_methods
from probes.probing.attributions import joined_metadata
from probes.probing.making import input_unit, make_probe
from probes.probing.probe import Probe, ProbeContext
from probes.runs import layout
from probes.runs.claiming import locked, read_meta
from probes.runs.probe_recording import record_probe
from probes.runs.run import Run, open_run
from probes.runs.writer import RunWriter
from probes.scores.detection import ranking_values
from probes.training.checkpoint import STATE, load_checkpoint
from probes.training.config import TrainConfig
from probes.training.resuming import resumed_config
from probes.training.setup import Setup, prepare, using_threads

if TYPE_CHECKING:
    import pandas as pd
    import torch

__all__ = ["MOST_FORGOTTEN", "TOP", "epochs_to_measure", "measure_run"]

MOST_FORGOTTEN = "most_forgotten"
TOP = 32
ATTRIBUTIONS = "attributions"
_OF_ANY_EXAMPLES = ("attributions", "gradient_norms", "input_grad", "loss_curvature", "self_influence")


def measure_run(
    run: Run | str | os.PathLike[str],
    probe_name: str,
    *,
    examples: str | Sequence[int] | None = None,
    top: int | None = None,
    methods: str | Sequence[str] | None = None,
    probe_epochs: Sequence[int] | None = None,
) -> Run:
    """Measure the weights of each kept checkpoint with a probe, and write what it finds into the run.

    Data and model are rebuilt from the run's config. What the probe had measured at those epochs is replaced; where
    `examples` are named, only what it had measured of them. Of `attributions` only the same maps are replaced: those
    of other examples, methods and labels stay. A map is the same, to the last bit, as `probe train` records it of
    that example and epoch, on the same machine and number of threads.

    Args:
        run: written by `probe train`, and by nobody now. Its status stays.
        probe_name: of PROBES.
        examples: training examples to measure: indices, or "most_forgotten"; None: what `probe train --probe` measures.
        top: how many of the most forgotten; None: TOP.
        methods: of `attributions`: names of `attribution_methods.METHODS`; None: what `probe train` records.
        probe_epochs: those to measure, of the epochs whose weights the run keeps; None: all of these.

    Returns:
        The run, with what was measured.

    Raises:
        ConfigError: unknown probe; examples outside the run, or of a probe that cannot measure some alone; `top` of
            others than the most forgotten; unknown methods, or methods of another probe, or one that cannot be applied
            to the model; epochs without a checkpoint; a run without config or checkpoints; data that changed since.
        RunLockedError: the run is being written.
    """
    if probe_name not in PROBES:
        raise unknown_name("probe", probe_name, PROBES)
    if examples is not None and probe_name not in _OF_ANY_EXAMPLES:
        raise ConfigError(
            f"{probe_name} measures its own set of examples: leave examples out. "
            f"Those of your choice are measured by {', '.join(_OF_ANY_EXAMPLES)}."
        )
    if methods is not None and probe_name != ATTRIBUTIONS:
        raise ConfigError(f"methods belong to the probe {ATTRIBUTIONS}, not to {probe_name}: leave them out.")
    if top is not None and examples != MOST_FORGOTTEN:
        raise ConfigError(
            f"top says how many of the most forgotten: leave it out, or ask for examples {MOST_FORGOTTEN}."
        )
    asked = None if methods is None else checked_methods(methods)
    opened = run if isinstance(run, Run) else open_run(run)
    config = _config_of(opened)
    kept = _kept(opened.path)
    folders = [kept[epoch] for epoch in epochs_to_measure(opened.path, probe_epochs)]
    chosen = None if examples is None else _chosen(opened, examples, TOP if top is None else top)
    lock = locked(opened.path)
    try:
        setup = prepare(config)
        _check_data(opened, setup)
        probe = _probe(probe_name, setup, chosen, asked)
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
    """A probe whose frames take the place of the same rows in the frame of that epoch, and keep the others.

    The same are those of one example, and where the frame names them, of one method and one label.

    Args:
        probe: what measures.
    """

    def __init__(self, probe: Any) -> None:
        self._probe = probe
        self._before: dict[str, str] = {}
        if hasattr(probe, "finish"):
            self.finish = probe.finish
        if hasattr(probe, "metadata"):
            self.metadata = self._metadata

    @property
    def name(self) -> str:
        return str(self._probe.name)

    def measure(self, model: torch.nn.Module, examples: ExampleSet, context: ProbeContext) -> pd.DataFrame:
        import pandas as pd

        frame: pd.DataFrame = self._probe.measure(model, examples, context)
        path = None if context.folder is None else context.folder / f"{layout.epoch_name(context.epoch)}.parquet"
        self._before = {}
        if path is None or not path.exists():
            return frame
        before, self._before = _read(path)
        names = [name for name in ("split", "example", "method", "label") if name in frame and name in before]
        again = pd.MultiIndex.from_frame(before[names]).isin(pd.MultiIndex.from_frame(frame[names]))
        return pd.concat([before[~again], frame], ignore_index=True)

    def _metadata(self) -> dict[str, str]:
        now: dict[str, str] = self._probe.metadata()
        return joined_metadata(self._before, now) if self.name == ATTRIBUTIONS else now


def _read(path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """A probe's frame, and the metadata of its file."""
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    metadata.pop("pandas", None)
    return table.to_pandas(), metadata


def _probe(name: str, setup: Setup, chosen: np.ndarray | None, methods: tuple[str, ...] | None) -> Any:
    dataset = setup.dataset
    probe = make_probe(
        name,
        seed=setup.config.seed,
        blank_value=dataset.blank_value,
        validation=dataset.validation,
        unit=input_unit(dataset) if name == "critical_samples" else 1.0,
        panel=32 if chosen is None else len(chosen),
        methods=methods,
    )
    return probe if chosen is None and name != ATTRIBUTIONS else _Adding(probe)


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


def _kept(run_folder: Path) -> dict[int, Path]:
    """The checkpoints by their epoch."""
    folders = _checkpoints(run_folder)
    return {int(json.loads((folder / STATE).read_text(encoding="utf-8"))["epoch"]): folder for folder in folders}


def epochs_to_measure(run_folder: Path, epochs: Sequence[int] | None = None) -> list[int]:
    """The epochs that `measure_run` measures: those asked for, or all whose weights the run keeps, in order.

    Raises:
        ConfigError: the run keeps no weights, or none of an epoch asked for.
    """
    kept = _kept(run_folder)
    absent = [epoch for epoch in epochs or () if epoch not in kept]
    if absent:
        raise ConfigError(
            f"the run keeps no weights of epoch {absent[0]}, only of {', '.join(map(str, sorted(kept)))}. "
            "Choose among these."
        )
    return sorted(kept if epochs is None else set(epochs))


def _chosen(run: Run, examples: str | Sequence[int], top: int) -> np.ndarray:
    """Indices of the examples named: int64, each once."""
    if isinstance(examples, str):
        if examples != MOST_FORGOTTEN:
            raise unknown_name("set of examples", examples, [MOST_FORGOTTEN])
        if top < 1:
            raise ConfigError(f"top must be at least 1, got {top}.")
        return _most_forgotten(run, top)
    values = np.asarray(examples)
    if values.ndim != 1 or not values.size or values.dtype.kind not in "iu":
        raise ConfigError(f"examples must be whole numbers, at least one, got {examples!r}.")
    wrong = values[(values < 0) | (values >= run.num_examples)]
    if wrong.size:
        raise ConfigError(f"examples must lie in [0, {run.num_examples}), got {wrong[0]}.")
    return np.array(list(dict.fromkeys(values.tolist())), dtype=np.int64)


def _most_forgotten(run: Run, top: int) -> np.ndarray:
    """The first in the order of `probe scores --sort forgetting_events`: never learned ones, then by events."""
    frame = run.scores(["forgetting_events", "never_learned"])
    suspicion = ranking_values(
        "forgetting_events",
        frame["forgetting_events"].to_numpy(dtype=np.float64, na_value=np.nan),
        "high",
        never_learned=frame["never_learned"].to_numpy(dtype=np.int8, na_value=-1),
        last_epoch=run.num_epochs,
    )
    chosen = np.argsort(-suspicion, kind="stable")[:top]
    forgotten = int((suspicion[chosen] > 0).sum())
    if forgotten < len(chosen):
        warnings.warn(
            f"{forgotten or 'none'} of the {len(chosen)} most forgotten examples was ever forgotten or never learned: "
            "the others are the first of the rest.",
            ProbeWarning,
            stacklevel=3,
        )
    return chosen


def _check_data(run: Run, setup: Setup) -> None:
    train = setup.dataset.train
    same = run.meta["dataset"].get("fingerprint") == setup.dataset.fingerprint and run.num_examples == len(train)
    given = run.given_labels
    if not same or (given is not None and not np.array_equal(given, train.given_labels.cpu().numpy())):
        raise ConfigError(f"{run.path} cannot be measured: its data or their noise changed since. Train a new run.")
