"""Tables with a label column: .csv and .parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from probes.data.labels import class_positions
from probes.data.source import Encoded, Part, Source
from probes.data.table_files import INDEX, LABEL_NAMES, read_frame, repeated_names
from probes.data.words import counted, some
from probes.errors import ConfigError, unknown_name

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MOST_LEVELS", "as_numbers", "as_text", "read_table"]

MOST_LEVELS = 50  # of a categorical column; the rest share one
_MISSING, _REST = "(missing)", "(other)"
_LIKE_NUMBERS = (  # text that may have been meant as a number, and what to do
    (
        r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})([ T].*)?",
        "dates are numbers only where a .parquet file holds them as dates",
    ),
    (r"[-+]?\d+(,\d+)+(\.\d+)?", "numbers are written without commas, with a point for the fraction"),
)


def read_table(path: Path, label_column: str | None = None) -> Source:
    """Read a table: one column of labels, an optional `id` and `true_label`, every other column a feature.

    Args:
        path: .csv or .parquet.
        label_column: its name; None takes the one of LABEL_NAMES that is there.

    Raises:
        ConfigError: the file cannot be read, or its label column cannot be found or used.
    """
    frame = read_frame(path)
    column = _label_column(frame, label_column, path)
    if not len(frame):
        raise ConfigError(f"{path} has no rows.")
    index = frame.attrs.get(INDEX)
    index_notes = [f"the index of the table is a column: {some(index)}."] if index else []
    frame, counting = _without_row_numbers(frame)
    frame = frame.rename(columns={name: shown for name, shown in _nameless(frame).items() if name != column})
    index_notes += counting
    truth = frame["true_label"] if "true_label" in frame and column != "true_label" else None
    what = f"label column {column!r}"
    labels, true_labels, classes, notes = class_positions(
        _plain(frame[column], what),
        what=what,
        more=None if truth is None else _plain(truth, "column 'true_label'"),
        name_numbers=True,
    )
    notes = notes + _spellings(path, frame[column], column)
    ids, id_notes = _ids(frame)
    features = frame.drop(columns=[name for name in (column, "id", "true_label") if name in frame])
    if features.shape[1] == 0:
        raise ConfigError(f"{path} has no columns beside the labels: there is nothing to learn from.")
    _check_features(features, path)
    part = Part(features, labels, ids, true_labels)
    notes = notes + index_notes + id_notes + _repeated(path) + _nearly_numbers(features)
    return Source(path.stem, "table", classes, part, encode=_encode, notes=notes)


def _repeated(path: Path) -> list[str]:
    """Notes on columns that bear the name of an earlier one, which pandas numbers."""
    again = repeated_names(path)
    return [f"columns of one name were numbered, NAME.1 after NAME: {some(again)}."] if again else []


def _without_row_numbers(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Drop a first column that has no name and counts the rows: the index that pandas saves. It tells the order."""
    import pandas as pd

    first = str(frame.columns[0])
    nameless = first.startswith("Unnamed: 0") or first == "__index_level_0__"
    if not (nameless and pd.api.types.is_integer_dtype(frame.iloc[:, 0])):
        return frame, []
    if not (frame.iloc[:, 0].diff().dropna() == 1).all():
        return frame, []
    return frame.iloc[:, 1:], ["the first column has no name and counts the rows: it is not used."]


def _nameless(frame: pd.DataFrame) -> dict[str, str]:
    """What to call the columns that have no name, which pandas calls `Unnamed: 2`, counted from 0."""
    places = {str(name): str(name).removeprefix("Unnamed: ") for name in frame.columns}
    nameless = {name: place for name, place in places.items() if place != name and place.isdecimal()}
    return {name: f"(no name, column {int(place) + 1})" for name, place in nameless.items()}


def _nearly_numbers(features: pd.DataFrame) -> list[str]:
    """Notes on columns of text most of which are numbers or dates: each value makes a category."""
    import pandas as pd

    notes = []
    for name in features.columns:
        column = features[name].dropna()
        if not (len(column) and isinstance(column.iloc[0], str)):
            continue
        strange = column[pd.to_numeric(column, errors="coerce").isna()]
        if len(strange) < len(column) / 2:
            values = f"all but {some(sorted(set(strange)))}" if len(strange) else "all"
            notes.append(f"column {str(name)!r} is text, though {values} are numbers: each value counts as a category.")
            continue
        for pattern, hint in _LIKE_NUMBERS:
            like = strange[strange.str.strip().str.fullmatch(pattern)]
            if len(like) > len(strange) / 2:
                notes.append(
                    f"column {str(name)!r} is text, such as {like.iloc[0].strip()!r}, and each value counts as a "
                    f"category: {hint}."
                )
    return notes


def _spellings(path: Path, labels: pd.Series, column: str) -> list[str]:
    """A note on labels of a .csv that differ as text and are one number, such as 1 and 01."""
    import pandas as pd

    if path.suffix.lower() != ".csv" or not pd.api.types.is_numeric_dtype(labels):
        return []
    text = pd.read_csv(path, usecols=[column], dtype=str)[column].str.strip()
    written = pd.DataFrame({"text": text, "number": labels}).drop_duplicates()
    several = written[written["number"].duplicated(keep=False)].sort_values("number")["text"]
    if several.empty:
        return []
    return [f"label column {column!r} writes one number in several ways ({some(several)}): these are one class."]


def _label_column(frame: pd.DataFrame, wanted: str | None, path: Path) -> str:
    names = [str(name) for name in frame.columns]
    if wanted is not None:
        if wanted not in names:
            raise unknown_name("label column", wanted, names)
        if wanted in repeated_names(path):
            raise ConfigError(f"{path} has two columns {wanted!r}: rename or delete one of them.")
        return wanted
    found = [name for name in LABEL_NAMES if name in names]
    if len(found) == 1:
        return found[0]
    fault = f"has {', '.join(found)}" if found else f"has none of {', '.join(LABEL_NAMES)}"
    shown = ", ".join(names[:20]) + (f" and {len(names) - 20:,} more" if len(names) > 20 else "")
    near = [name for name in names if name.strip().lower() in LABEL_NAMES and name not in found]
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise ConfigError(f"{path} {fault}: name the column of labels with --label-column{hint}. Its columns: {shown}.")


def _plain(column: pd.Series, what: str) -> np.ndarray:
    """A column of labels as numbers, bools or text; missing ones are refused."""
    import pandas as pd

    missing = column.isna().to_numpy()
    if missing.any():
        count, row = int(missing.sum()), int(missing.argmax())
        raise ConfigError(
            f"{what} is missing in {counted(count, 'row')}, the first of them row {row} (rows count from 0; empty, NA, "
            "null and None are missing). Fill it in or take these rows out."
        )
    if pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype=bool)
    if pd.api.types.is_integer_dtype(column):
        return column.to_numpy(dtype=np.int64)
    if pd.api.types.is_float_dtype(column):
        return column.to_numpy(dtype=np.float64)
    return np.array([str(value) for value in column])


def _check_features(features: pd.DataFrame, path: Path) -> None:
    """Refuse columns of values that are neither numbers nor text."""
    for name in features.columns:
        filled = features[name].dropna()
        if len(filled) and isinstance(filled.iloc[0], list | dict | np.ndarray | bytes):
            kind = type(filled.iloc[0]).__name__
            raise ConfigError(f"column {str(name)!r} of {path} holds {kind} values, not numbers or text.")


def _ids(frame: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """The column `id` where it names every row, else positions of rows."""
    rows = np.arange(len(frame), dtype=np.int64)
    if "id" not in frame:
        return rows, []
    column = frame["id"]
    if column.isna().any() or not column.is_unique:
        return rows, ["the column 'id' has repeated or missing values: examples are named by their rows instead."]
    names = [str(value) for value in column]
    if all(name.lstrip("-").isdecimal() and str(int(name)) == name and len(name) < 19 for name in names):
        return np.array(names, dtype=np.int64), []  # not 007, which is another name than 7
    return np.array(names, dtype=object), []


def _encode(frames: list[pd.DataFrame]) -> Encoded:
    """Turn columns into numbers: numeric ones as they are, others into one column of 0 and 1 per level.

    A numeric column with missing numbers in training is followed by a 1 where they are and a 0 elsewhere: so a network
    can tell a value from the mean that they become (`probes.data.source`).

    Args:
        frames: of training, whose levels count, validation and test.
    """
    blocks: list[list[np.ndarray]] = [[] for _ in frames]
    flags: list[np.ndarray] = []
    notes: list[str] = []
    names: list[str] = []
    holes: dict[str, int] = {}
    infinite = False
    blank: list[str] = []
    for name in frames[0].columns:
        columns = [frame[name] for frame in frames]
        numbers = as_numbers(columns)
        is_number = numbers is not None
        if numbers is None:
            levels, note = _levels(columns[0], name)
            notes += note
            numbers = [_one_hot(column, levels) for column in columns]
        else:
            gaps = [~np.isfinite(values) for values in numbers]
            missing = int(sum(gap.sum() for gap in gaps))
            if missing == sum(map(len, numbers)):
                blank.append(str(name))
            elif missing:
                holes[str(name)] = missing
                infinite |= any(np.isinf(values).any() for values in numbers)
            if gaps[0].any() and not gaps[0].all():
                numbers = [np.column_stack(pair) for pair in zip(numbers, gaps, strict=True)]
        for block, values in zip(blocks, numbers, strict=True):
            block.append(values.reshape(len(values), -1))
        width = blocks[0][-1].shape[1]
        flags.append(np.arange(width) >= is_number)
        names += [str(name)] * width
    if len(blank) == frames[0].shape[1]:
        raise ConfigError(
            f"no column beside the labels holds any value ({some(blank)}): there is nothing to learn from."
        )
    if blank:
        notes.append(f"{counted(len(blank), 'column')} without any value became 0: {some(blank)}.")
    if holes:
        named = some(f"{name} ({count:,})" for name, count in holes.items())
        what = "missing or infinite" if infinite else "missing"
        notes.append(f"{what} numbers became the mean of their column: {named}.")
    return Encoded([np.concatenate(block, axis=1) for block in blocks], np.concatenate(flags), notes, names)


def as_numbers(columns: list[Any]) -> list[np.ndarray] | None:
    """Columns of numbers or times as float64; None where they are text, bools or categories."""
    import pandas as pd

    kind = pd.api.types.infer_dtype(pd.concat(columns), skipna=True) if columns[0].dtype == object else ""
    if kind in ("decimal", "integer", "floating", "mixed-integer-float", "empty"):
        columns = [column.astype("float64") for column in columns]
    elif kind in ("date", "datetime"):
        columns = [pd.to_datetime(column) for column in columns]
    first = columns[0]
    if pd.api.types.is_timedelta64_dtype(first):
        return [(column / pd.Timedelta(days=1)).to_numpy(dtype=np.float64) for column in columns]
    if pd.api.types.is_datetime64_any_dtype(first):
        epoch = pd.Timestamp(0, tz=getattr(first.dtype, "tz", None))
        return [((column - epoch) / pd.Timedelta(days=1)).to_numpy(dtype=np.float64) for column in columns]
    if not pd.api.types.is_numeric_dtype(first) or pd.api.types.is_bool_dtype(first):
        return None
    return [column.to_numpy(dtype=np.float64, na_value=np.nan) for column in columns]


def _levels(column: pd.Series, name: Any) -> tuple[list[str], list[str]]:
    """The levels of a categorical column that get a feature of their own, and a note where the rest share one."""
    counts = as_text(column).value_counts()
    levels = sorted(counts.index, key=lambda level: (-counts[level], level))
    if len(levels) <= MOST_LEVELS:
        return sorted(levels), []
    note = f"column {str(name)!r} has {len(levels):,} levels: the {MOST_LEVELS} most frequent count, the rest are one."
    return [*sorted(levels[:MOST_LEVELS]), _REST], [note]


def _one_hot(column: pd.Series, levels: list[str]) -> np.ndarray:
    """float64, (n, levels): 1 at the level of each row; one that is not among them counts as the rest, if there is."""
    places = {level: place for place, level in enumerate(levels)}
    rest = places.get(_REST, -1)
    place = np.array([places.get(level, rest) for level in as_text(column)], dtype=np.int64)
    encoded = np.zeros((len(place), len(levels)))
    known = place >= 0
    encoded[np.flatnonzero(known), place[known]] = 1
    return encoded


def as_text(column: pd.Series) -> pd.Series:
    """A categorical column as text; what is missing is a level of its own."""
    return column.astype(object).where(column.notna(), _MISSING).astype(str)
