"""Reading .csv and .parquet files, and saying in one line what is wrong with one."""

from __future__ import annotations

import csv
import re
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from probes.data.words import counted
from probes.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["INDEX", "LABEL_NAMES", "read_frame", "repeated_names"]

LABEL_NAMES = ("label", "target", "y", "class")
INDEX = "probes_index"  # among a frame's attrs: names of its index, which has become columns
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_LOOKED_AT = 1000  # rows, to tell a separator
_ROLES = ("id", "path", "example", "true_label", "given_label", "suggested_label", "decision", "is_label_issue")


def read_frame(path: Path, *, text: bool = False) -> pd.DataFrame:
    """Read a .csv or .parquet file, or say in one line why not.

    Args:
        path: of the file.
        text: read every column of a .csv as text.
    """
    import pandas as pd
    import pyarrow

    if path.is_dir():
        raise ConfigError(f"{path} is a folder, not a table: folder:{path} reads it as images.")
    try:
        if path.suffix.lower() == ".parquet":
            frame = _with_index(pd.read_parquet(path), counting=text)
        else:
            frame = pd.read_csv(path, dtype=str if text else {"id": str}, low_memory=False)
    except FileNotFoundError as error:
        raise ConfigError(f"there is no file {path}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} cannot be read as a table: it is not UTF-8 text (byte 0x{error.object[error.start]:02x}). "
            "Save it as UTF-8, for example with iconv -f LATIN1 -t UTF-8."
        ) from error
    except pd.errors.ParserError as error:
        raise ConfigError(_why_not_parsed(path, str(error))) from error
    except (OSError, ValueError, pyarrow.ArrowException) as error:  # pandas' own errors are ValueErrors
        raise ConfigError(f"{path} cannot be read as a table: {' '.join(str(error).split()).rstrip('.')}.") from error
    _check_separator(frame, path)
    twice = [name for name in repeated_names(path) if name in (*LABEL_NAMES, *_ROLES)]
    twice += [] if frame.columns.is_unique else [str(frame.columns[frame.columns.duplicated()][0])]
    if twice:
        raise ConfigError(f"{path} has two columns {twice[0]!r}: rename or delete one of them.")
    return frame


def _with_index(frame: pd.DataFrame, *, counting: bool) -> pd.DataFrame:
    """A table whose index, where it has a name, is a column, as other readers of the file see it.

    Of indices that only count the rows those called `id` are, or all if `counting`.
    """
    import pandas as pd

    names = [str(name) for name in frame.index.names if name is not None]
    if not names or (isinstance(frame.index, pd.RangeIndex) and names[0] != "id" and not counting):
        return frame
    whole = frame.reset_index([name for name in frame.index.names if name is not None])
    whole.attrs[INDEX] = names
    return whole


def repeated_names(path: Path) -> list[str]:
    """Names that several columns of a .csv bear, which pandas tells apart by numbers."""
    if path.suffix.lower() != ".csv":
        return []
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        names = next(csv.reader(file), [])
    return [name for name, count in Counter(names).items() if count > 1 and name]


def _check_separator(frame: pd.DataFrame, path: Path) -> None:
    """Refuse a .csv whose columns are not separated by commas."""
    name = str(frame.columns[0]) if frame.shape[1] else ""
    for separator in _SEPARATORS:
        if frame.shape[1] == 1 and separator in name:
            raise ConfigError(_other_separator(path, separator, name))


def _other_separator(path: Path, separator: str, header: str) -> str:
    """What to say of a file whose columns are separated so."""
    what = _SEPARATORS[separator]
    return f"{path} is separated by {what}, save it with commas: its columns read as {header!r}."


def _why_not_parsed(path: Path, reason: str) -> str:
    """What is wrong with a .csv whose lines pandas takes to have different numbers of fields."""
    for separator in _SEPARATORS:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            rows = [row for row in islice(csv.reader(file, delimiter=separator), _LOOKED_AT) if row]
        widths = {len(row) for row in rows}
        if len(widths) == 1 and widths.pop() > 1:
            return _other_separator(path, separator, separator.join(rows[0]))
    ragged = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", reason)
    if "EOF inside string" in reason:
        return f"{path} cannot be read as a table: a double quote is opened and never closed."
    if ragged is None:
        return f"{path} cannot be read as a table: {' '.join(reason.split()).rstrip('.')}."
    expected, line, found = (int(number) for number in ragged.groups())
    return (
        f"{path} cannot be read as a table: line {line:,} has {counted(found, 'field')}, the lines before it "
        f"{expected:,}. Text that holds commas has to stand in double quotes."
    )
