"""Training dynamics as Dataset Cartography logs them, as a run.

Source: Swayamdipta et al., EMNLP 2020, https://github.com/allenai/cartography: `training_dynamics/` holds a file
`dynamics_epoch_X.jsonl` per epoch, X from 0, each line an object with `guid`, `logits_epoch_X` and `gold`.
"""

from __future__ import annotations

import os
import re
from array import array
from pathlib import Path
from typing import Any

import numpy as np

from probes.errors import ConfigError
from probes.integrations.importing import Log, import_log
from probes.integrations.json_lines import json_lines
from probes.integrations.rows import Rows, id_array
from probes.runs.run import Run

__all__ = ["import_cartography"]

FOLDER = "training_dynamics"
_FILE = re.compile(r"dynamics_epoch_(\d+)\.jsonl?")


def import_cartography(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    overwrite: bool = False,
    command: str | None = None,
) -> Run:
    """Write Dataset Cartography's log as a run, measured online; its epoch 0 becomes epoch 1.

    Examples are joined by guid, so their order and coverage may differ between epochs. One epoch is in memory at a
    time.

    Args:
        folder: with the files `dynamics_epoch_*.jsonl`, or its parent.
        out: the run folder; None for a fresh one in runs/.
        overwrite: whether a run that is already there is replaced.
        command: as typed, for run.json.

    Raises:
        ConfigError: there are no such files, or what they hold cannot be used.
        RunExistsError: the run folder holds something and may not be overwritten.
    """
    source = Path(folder)
    files = _files(source)
    log = Log(
        name=(source.resolve().parent if source.resolve().name == FOLDER else source.resolve()).name,
        batches=lambda: (_read(path, epoch) for epoch, path in files.items()),
        first_epoch=0,
        config={"import": "cartography", "source": str(source)},
    )
    return import_log(log, out, overwrite=overwrite, command=command)


def _files(folder: Path) -> dict[int, Path]:
    """The file of each epoch, in order."""
    if not folder.is_dir():
        raise ConfigError(f"{folder} is not a folder. Name the one that holds dynamics_epoch_0.jsonl.")
    for place in (folder, folder / FOLDER):
        names = sorted(os.listdir(place)) if place.is_dir() else []
        found = {int(match[1]): place / name for name in names if (match := _FILE.fullmatch(name))}
        if found:
            return dict(sorted(found.items()))
    raise ConfigError(f"{folder} holds no dynamics_epoch_*.jsonl. Name the folder that does.")


def _read(path: Path, epoch: int) -> Rows:
    """One epoch."""
    ids: list[str | int] = []
    golds: list[Any] = []
    logits = array("d")
    width = 0
    for number, record in json_lines(path):
        try:
            row = record[f"logits_epoch_{epoch}"]
            ids.append(record["guid"])
            golds.append(record["gold"])
        except KeyError as error:
            raise ConfigError(f"line {number} of {path} has no {error}; it has {', '.join(record)}.") from error
        if not isinstance(row, list) or not row or len(row) != (width or len(row)):
            raise ConfigError(f"line {number} of {path} must have a list of {width or 'K'} logits, got {row!r:.80}.")
        width = len(row)
        try:
            logits.extend(float("nan") if value is None else value for value in row)
        except TypeError as error:
            raise ConfigError(f"line {number} of {path} must have logits that are numbers, got {row!r:.80}.") from error
    if not ids:
        raise ConfigError(f"{path} holds no lines.")
    return Rows(
        epochs=np.full(len(ids), epoch),
        ids=id_array(ids, str(path)),
        labels=np.array(golds, dtype=object),
        logits=np.frombuffer(logits, dtype=np.float64).reshape(len(ids), width),
    )
