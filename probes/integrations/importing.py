"""A log of another tool becomes a run folder: read twice, once to learn what there is, once to write it."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from probes.errors import ConfigError
from probes.integrations.register import Examples, Register
from probes.integrations.rows import Rows, by_epoch, last_of_each, signals_of
from probes.runs.naming import fresh_run_folder
from probes.runs.run import Run
from probes.runs.writer import RunWriter

__all__ = ["Log", "import_log"]


@dataclass(frozen=True)
class Log:
    """A log that can be read.

    Attributes:
        name: for the run folder and its page.
        batches: reads the log anew, in batches that fit into memory.
        measure: `online`, or `sweep` where the signals come from passes of their own.
        first_epoch: what the log calls its first epoch of training; None: 0 where it holds an epoch 0, else 1.
        classes: names in the order of the logits; None where none are known.
        untyped: ids and labels are text that may stand for numbers.
        positional: ids that are exactly 0..N-1 are positions, and not kept as ids.
        config: what run.json keeps of how it was read.
    """

    name: str
    batches: Callable[[], Iterable[Rows]]
    measure: Literal["online", "sweep"] = "online"
    first_epoch: int | None = None
    classes: Sequence[str] | None = None
    untyped: bool = False
    positional: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)


def import_log(
    log: Log, out: str | os.PathLike[str] | None, *, overwrite: bool = False, command: str | None = None
) -> Run:
    """Write a log as a run. Nothing is written before all of it has been read and found good.

    In memory at a time: the epochs that have begun and still have rows to come, so one where rows come by epoch.

    Args:
        log: what to read.
        out: the run folder; None for a fresh one in runs/.
        overwrite: whether a run that is already there is replaced.
        command: as typed, for run.json.

    Raises:
        ConfigError: the log contradicts itself or holds no rows.
        RunExistsError: the folder holds something and may not be overwritten.
    """
    register, last_batch = _learn(log)
    earliest = min(last_batch)
    first = log.first_epoch if log.first_epoch is not None else 0 if earliest <= 0 else 1
    if earliest + 1 < first:  # the one before it is before training
        raise ConfigError(f"epoch {earliest} lies before the first one, {first}.")
    examples = register.examples(log.classes)
    writer = RunWriter.create(
        fresh_run_folder(log.name) if out is None else out,
        num_examples=len(examples),
        measure=log.measure,
        if_exists="overwrite" if overwrite else "error",
        meta={
            "command": command,
            "config": {**log.config, "first_epoch": first},
            "dataset": {"name": log.name, "classes": examples.classes},
        },
    )
    status: Literal["complete", "interrupted", "failed"] = "failed"
    unusable = None
    try:
        _write_examples(writer, examples, positional=log.positional)
        unusable = _write_epochs(writer, log, examples, last_batch, shift=1 - first)
        status = "complete"
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    finally:
        writer.finish(status, nonfinite_visits=unusable)
    return Run(writer.shown_path)


def _learn(log: Log) -> tuple[Register, dict[int, int]]:
    """The ids and labels of a log, and in which of its batches each epoch occurs last."""
    register, last_batch = Register(untyped=log.untyped), {}
    for number, rows in enumerate(log.batches()):
        register.learn(rows)
        last_batch.update(dict.fromkeys(np.unique(rows.epochs).tolist(), number))
    if not last_batch:
        raise ConfigError(f"{log.name} holds no rows.")
    return register, last_batch


def _write_examples(writer: RunWriter, examples: Examples, *, positional: bool) -> None:
    given, true = examples.given, examples.true
    known = None if true is None else (given >= 0) & (true >= 0)
    writer.write_examples(
        {
            "given_label": given,
            "true_label": true,
            "noisy": None if known is None else np.where(known, given != true, None),
            "id": None if positional and examples.ids == list(range(len(examples))) else examples.ids,
        }
    )


def _write_epochs(writer: RunWriter, log: Log, examples: Examples, last_batch: Mapping[int, int], shift: int) -> int:
    """Write each epoch once its last batch has been read; return how many rows could not be used."""
    unusable = 0
    open_epochs: dict[int, list[dict[str, np.ndarray]]] = defaultdict(list)
    for number, rows in enumerate(log.batches()):
        columns = _columns(rows, examples)
        unusable += int(np.count_nonzero(np.isnan(columns["loss"]) & (columns["prediction"] < 0)))
        for epoch, part in by_epoch(rows.epochs, columns):
            open_epochs[epoch].append(part)
        for epoch in [epoch for epoch in open_epochs if last_batch[epoch] == number]:
            parts = open_epochs.pop(epoch)
            whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
            writer.write_epoch(epoch + shift, last_of_each(whole))
    return unusable


def _columns(rows: Rows, examples: Examples) -> dict[str, np.ndarray]:
    """Columns of a run's trajectories, a row for each row of the log."""
    example = examples.positions(rows.ids)
    visits = np.ones(len(rows), dtype=np.int64) if rows.visits is None else rows.visits
    signals = signals_of(rows, examples.given[example], examples.classes_of(rows.predictions))
    return {"example": example, "visits": visits, **signals}
