"""Anyone's log of per-example values in one table, as a run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from probes.errors import ConfigError
from probes.integrations.importing import Log, import_log
from probes.integrations.json_lines import json_lines
from probes.integrations.rows import FLOAT_SIGNALS, Rows, id_array
from probes.integrations.table_columns import TableColumns, TableOptions, choose_columns
from probes.runs.run import Run

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["import_table"]

BATCH = 65_536  # rows in memory as they stand in the file
LEAST = float(np.finfo(np.float32).tiny)  # a softmax in single precision gives nothing smaller but 0
SLACK = 1e-5  # what rounding may add to a probability
_MISSING = ["", "NA", "N/A", "nan", "NaN", "NAN", "null", "NULL", "None"]  # in columns of numbers
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}  # that other programs write

Frames = Callable[[Path, TableColumns], "Iterator[pd.DataFrame]"]


def import_table(
    file: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    options: TableOptions | None = None,
    overwrite: bool = False,
    command: str | None = None,
) -> Run:
    """Write a table with a row per visit as a run.

    From logits come all signals; from the given label's probability p the loss, -ln p, where a p of 0 counts as
    single precision's smallest, 1.2e-38. Examples are joined by id, so rows may come in any order. Where rows are
    ordered by epoch, one epoch is in memory at a time.

    Args:
        file: .csv, .parquet or .jsonl, with columns of the epoch, the id, and logits, loss, probability or prediction.
        out: the run folder; None for a fresh one in runs/.
        options: columns and more; what it does not say is recognised.
        overwrite: whether a run that is already there is replaced.
        command: as typed, for run.json.

    Raises:
        ConfigError: the file, or a column, cannot be used.
        RunExistsError: the run folder holds something and may not be overwritten.
    """
    source, options = Path(file), options or TableOptions()
    if not source.is_file():
        raise ConfigError(f"{source} is not a file. Name a .csv, .parquet or .jsonl file.")
    if source.suffix not in _READERS:
        raise ConfigError(f"{source} must end in .csv, .parquet or .jsonl.")
    if options.measure not in ("online", "sweep"):
        raise ConfigError(f"measure must be online or sweep, got {options.measure!r}.")
    names_of, frames = _READERS[source.suffix]
    names = names_of(source)
    if not names:
        raise ConfigError(f"{source} holds no rows.")
    columns = choose_columns(names, options)
    untyped = source.suffix == ".csv"
    log = Log(
        name=source.stem,
        batches=lambda: (_rows(frame, columns) for frame in frames(source, columns) if len(frame)),
        measure=options.measure,
        first_epoch=1 if options.first_epoch is None and columns.like_a_run else options.first_epoch,
        classes=options.classes or columns.logit_names,
        untyped=untyped,
        positional=columns.id.lower() == "example",
        config={"import": "table", "source": str(source), "columns": columns.described()},
    )
    return import_log(log, out, overwrite=overwrite, command=command)


# reading -------------------------------------------------------------------------------------------------------------


def _csv_names(path: Path) -> list[str]:
    import pandas as pd

    names = _guarded(path, lambda: list(pd.read_csv(path, nrows=0, encoding="utf-8-sig", index_col=False).columns))
    separator = next((word for sign, word in _SEPARATORS.items() if len(names) == 1 and sign in names[0]), None)
    if separator is not None:
        raise ConfigError(f"{path} seems to separate its columns by {separator}. Write it with commas.")
    return names


def _csv_frames(path: Path, columns: TableColumns) -> Iterator[pd.DataFrame]:
    import pandas as pd

    text = dict.fromkeys(columns.text, str)
    missing = {name: [""] if name in text else _MISSING for name in columns.all}
    reader = _guarded(
        path,
        lambda: pd.read_csv(
            path,
            usecols=columns.all,
            dtype=text,
            na_values=missing,
            keep_default_na=False,
            chunksize=BATCH,
            encoding="utf-8-sig",
            index_col=False,
        ),
    )
    with reader:
        while (frame := _guarded(path, lambda: next(reader, None))) is not None:
            yield frame


def _parquet_names(path: Path) -> list[str]:
    import pyarrow.parquet as pq

    return _guarded(path, lambda: list(pq.read_schema(path).names))


def _parquet_frames(path: Path, columns: TableColumns) -> Iterator[pd.DataFrame]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _guarded(path, lambda: pq.ParquetFile(path)) as file:
        batches = file.iter_batches(BATCH, columns=columns.all)
        while (batch := _guarded(path, lambda: next(batches, None))) is not None:
            yield pa.Table.from_batches([batch]).to_pandas(ignore_metadata=True)


def _jsonl_names(path: Path) -> list[str]:
    return next((list(record) for _, record in json_lines(path)), [])


def _jsonl_frames(path: Path, columns: TableColumns) -> Iterator[pd.DataFrame]:
    import pandas as pd

    records = (record for _, record in json_lines(path))
    while batch := list(islice(records, BATCH)):
        cells = {name: [record.get(name) for record in batch] for name in columns.all}
        yield pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in cells.items()})


_READERS: dict[str, tuple[Callable[[Path], list[str]], Frames]] = {
    ".csv": (_csv_names, _csv_frames),
    ".parquet": (_parquet_names, _parquet_frames),
    ".jsonl": (_jsonl_names, _jsonl_frames),
}


def _guarded(path: Path, read: Callable[[], Any]) -> Any:
    """What `read` returns; a file that cannot be read is the user's to mend.

    Raises:
        ConfigError: it is not of the kind that its name says, or not readable.
    """
    import pyarrow as pa

    try:
        return read()
    except (OSError, ValueError, pa.ArrowException) as error:  # pandas' own are ValueErrors
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error).partition("\n")[0].rstrip(".")
        raise ConfigError(f"{path} cannot be read: {reason}.") from error


# understanding -------------------------------------------------------------------------------------------------------


def _rows(frame: pd.DataFrame, columns: TableColumns) -> Rows:
    """Rows of a table in the common form."""
    logits = _logits(frame, columns) if columns.values == "logits" else None
    return Rows(
        epochs=_whole(frame, columns.epoch),
        ids=_ids(frame, columns.id),
        labels=_labels(frame, columns.label),
        true_labels=_labels(frame, columns.true_label),
        predictions=_predictions(frame, columns.prediction),
        logits=logits,
        visits=_visits(frame) if "visits" in columns.further else None,
        signals={} if logits is not None else _signals(frame, columns),
    )


def _signals(frame: pd.DataFrame, columns: TableColumns) -> dict[str, np.ndarray]:
    signals = {name: _numbers(frame, name) for name in columns.further if name in FLOAT_SIGNALS}
    if columns.values == "loss":
        (name,) = columns.value_columns
        loss = _numbers(frame, name)
        _check(frame[name], loss < -SLACK, f"column {name!r} must hold losses of at least 0 nats")
        signals["loss"] = np.where(np.isfinite(loss), np.maximum(loss, 0), np.nan)
    if columns.values == "probability":
        (name,) = columns.value_columns
        p = _numbers(frame, name)
        _check(frame[name], (p < 0) | (p > 1 + SLACK), f"column {name!r} must hold probabilities in [0, 1]")
        signals["loss"] = -np.log(np.clip(p, LEAST, 1))
    return signals


def _logits(frame: pd.DataFrame, columns: TableColumns) -> np.ndarray:
    """float64, (R, K)."""
    if len(columns.value_columns) > 1:
        return np.column_stack([_numbers(frame, name) for name in columns.value_columns])
    (name,) = columns.value_columns
    cells = [_parsed(cell) for cell in frame[name].tolist()]
    try:
        logits = np.array(cells, dtype=np.float64)
    except (TypeError, ValueError):
        logits = np.empty(0)
    if logits.ndim == 1 and len(logits) == len(frame):  # one logit: binary
        logits = logits[:, None]
    if logits.ndim != 2 or logits.shape[1] == 0:
        raise ConfigError(
            f"column {name!r} must hold lists of logits, equally many in every row, got {cells[0]!r:.80}."
        )
    return logits


def _parsed(cell: Any) -> Any:
    """A list that is written as text, as in CSV; anything else as it is."""
    if not isinstance(cell, str):
        return cell
    try:
        return json.loads(cell)
    except ValueError:
        return cell


def _numbers(frame: pd.DataFrame, name: str) -> np.ndarray:
    """float64, (R,); NaN where missing."""
    import pandas as pd

    values = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    _check(frame[name], np.isnan(values) & frame[name].notna().to_numpy(), f"column {name!r} must hold numbers")
    return values


def _whole(frame: pd.DataFrame, name: str) -> np.ndarray:
    """int64, (R,)."""
    values = _numbers(frame, name)
    _check(frame[name], ~np.isfinite(values) | (values != np.round(values)), f"column {name!r} must hold whole numbers")
    return values.astype(np.int64)


def _visits(frame: pd.DataFrame) -> np.ndarray:
    visits = _whole(frame, "visits")
    _check(frame["visits"], visits < 1, "column 'visits' must hold numbers from 1 on")
    return visits


def _ids(frame: pd.DataFrame, name: str) -> np.ndarray:
    """int64 or text, (R,)."""
    column = frame[name]
    if column.dtype.kind in "iu":
        return column.to_numpy(dtype=np.int64)
    if column.dtype.kind == "f":
        return _whole(frame, name)
    _check(column, column.isna().to_numpy(), f"column {name!r} must hold an id in every row")
    return id_array(column.tolist(), f"column {name!r}")


def _labels(frame: pd.DataFrame, name: str | None) -> np.ndarray | None:
    return None if name is None else frame[name].to_numpy(dtype=object)


def _predictions(frame: pd.DataFrame, name: str | None) -> np.ndarray | None:
    """As `_labels`; -1, which a run folder has for an unusable visit, is missing."""
    if name is None:
        return None
    return frame[name].astype(object).mask(frame[name].astype(str).isin(("-1", "-1.0"))).to_numpy()


def _check(column: pd.Series, wrong: np.ndarray, expected: str) -> None:
    """Refuse a column of which some rows are wrong, showing the first."""
    if wrong.any():
        raise ConfigError(f"{expected}, got {column.tolist()[int(np.argmax(wrong))]!r}.")
