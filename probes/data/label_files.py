"""Files that name training examples: given labels from elsewhere, and what an audit or a review says of them."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from probes.data.dataset import Dataset
from probes.data.table_files import read_frame
from probes.data.words import counted, some
from probes.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["exclude", "read_given_labels", "relabel"]

_NAMES = ("id", "path", "example")  # columns that name examples, the first one there counts
_ENDINGS = (".csv", ".parquet")


def read_given_labels(path: Path | str, dataset: Dataset) -> np.ndarray:
    """Read what training is told of each example: columns `id`, `path` or `example`, and `given_label` or `label`.

    Every training example must be there; examples that the split held out may be. Labels are names of classes, or
    positions among them. An `example` is a position in the training set; an `id` never changes.

    Returns:
        int64, (N,).

    Raises:
        ConfigError: the file cannot be read, names an unknown example or label, one twice, or leaves one out.
    """
    file = _Names(path, dataset)
    column = file.column("given_label", "label")
    positions = file.positions()
    inside = positions >= 0
    given = np.full(len(dataset.train), -1, dtype=np.int64)
    given[positions[inside]] = file.labels(column, inside, names_first=True)
    missing = np.flatnonzero(given < 0)
    if missing.size:
        raise ConfigError(
            f"{path} has no label for {missing.size:,} of {len(given):,} training examples, "
            f"the first of them {dataset.ids[missing[0]]!s}."
        )
    return given


def exclude(dataset: Dataset, path: Path | str) -> Dataset:
    """Leave out the training examples that a file names.

    Of a review (with a column `decision`) those accepted as wrong; of an audit (with `is_label_issue`) those flagged;
    of any other file all. Examples that are not in training, being held out for example, are counted in a note.

    Args:
        dataset: to leave them out of.
        path: .csv or .parquet, with a column `id`, `path` or `example`.

    Raises:
        ConfigError: the file cannot be read, names an unknown example, or would leave no example.
    """
    file = _Names(path, dataset)
    positions = file.positions()[file.meant()]
    inside = positions[positions >= 0]
    kept = np.setdiff1d(np.arange(len(dataset.train)), inside)
    if not kept.size:
        raise ConfigError(f"{path} would leave no training example.")
    changed = dataset.select(kept) if len(kept) < len(dataset.train) else dataset
    lost = np.setdiff1d(dataset.train.given_labels.cpu().numpy(), changed.train.given_labels.cpu().numpy())
    names = some(dataset.classes[label] for label in lost)
    gone = [f"{counted(len(lost), 'class', 'classes')} lost every training example: {names}."] if lost.size else []
    return changed.with_note(f"{_were(len(np.unique(inside)))} left out.", *gone, *_outside(positions))


def relabel(dataset: Dataset, path: Path | str) -> Dataset:
    """Give the training examples that a file names other labels: its column `label`, else `suggested_label`.

    Which rows count is decided as in `exclude`. Suggested labels are positions of classes, as an audit writes them, or
    names; labels are names, or positions.

    Raises:
        ConfigError: the file cannot be read, or names an unknown example or label.
    """
    file = _Names(path, dataset)
    column = file.column("label", "suggested_label")
    positions, meant = file.positions(), file.meant()
    rows = meant & (positions >= 0)
    given = dataset.train.given_labels.cpu().numpy().copy()
    before = given.copy()
    given[positions[rows]] = file.labels(column, rows, names_first=column == "label")
    changed = int((given != before).sum())
    return dataset.with_labels(given).with_note(f"{_were(changed)} relabelled.", *_outside(positions[meant]))


class _Names:
    """A file whose rows name examples of a data set.

    Args:
        path: .csv or .parquet.
        dataset: the one it is about.
    """

    def __init__(self, path: Path | str, dataset: Dataset) -> None:
        self._path, self._dataset = Path(path), dataset
        if self._path.suffix.lower() not in _ENDINGS:
            raise ConfigError(f"{path} must end in .csv or .parquet.")
        self._frame = read_frame(self._path, text=True)

    def column(self, *names: str) -> str:
        """The first of these columns that is there."""
        found = next((name for name in names if name in self._frame), None)
        if found is None:
            columns = [str(name) for name in self._frame.columns]
            near = next((c for name in names for c in get_close_matches(name, columns, n=1)), None)
            near = near or next((column for column in columns if column.strip().lower() in names), None)
            hint = f" Did you mean {near!r}?" if near else ""
            raise ConfigError(
                f"{self._path} has no column {' or '.join(names)}, its columns are: {', '.join(columns)}.{hint}"
            )
        return found

    def positions(self) -> np.ndarray:
        """Position in the training set of each row's example, -1 where it is in another part: int64, (rows,)."""
        name = self.column(*_NAMES)
        wanted = _text(self._frame[name])
        places = self._places(name)
        others = set() if name == "example" else self._ids_elsewhere()
        found = np.array([places.get(value, -1) for value in wanted], dtype=np.int64)
        unknown = [value for value, position in zip(wanted, found, strict=True) if position < 0 and value not in others]
        blank = unknown.count("")
        if blank:
            raise ConfigError(f"{self._path} has no {name} in {counted(blank, 'row')}: say which examples these are.")
        if unknown:
            known = some(list(places)[:3]) if places else "none"
            examples = counted(len(unknown), "unknown example")
            raise ConfigError(
                f"{self._path} names {examples} by {name}: {some(unknown)}. Those of these data are such as {known}."
            )
        inside = found[found >= 0]
        if len(np.unique(inside)) < len(inside):
            twice = inside[np.bincount(inside)[inside] > 1][0]
            raise ConfigError(f"{self._path} names the example {self._dataset.ids[twice]!s} more than once.")
        return found

    def _ids_elsewhere(self) -> set[str]:
        return {_plain(value) for ids in (self._dataset.other_ids, self._dataset.part_ids) for value in ids}

    def meant(self) -> np.ndarray:
        """Which rows a file of decisions or flags asks to act on; all rows of any other: bool, (rows,)."""
        if "decision" in self._frame:
            return _yes(_text(self._frame["decision"]), {"accept"}, {"reject", ""}, f"decision in {self._path}")
        if "is_label_issue" in self._frame:
            said = [value.lower() for value in _text(self._frame["is_label_issue"])]
            return _yes(said, {"true", "1"}, {"false", "0", ""}, f"is_label_issue in {self._path}")
        return np.ones(len(self._frame), dtype=bool)

    def labels(self, column: str, rows: np.ndarray, *, names_first: bool) -> np.ndarray:
        """Class positions of the labels in some rows: int64."""
        classes = self._dataset.classes
        by_name = {name: position for position, name in enumerate(classes)}
        by_position = {str(position): position for position in range(len(classes))}
        known = by_position | by_name if names_first else by_name | by_position
        values = np.array(_text(self._frame[column]), dtype=object)[rows]
        bad = next((place for place, value in enumerate(values) if value not in known), None)
        if bad is not None:
            what = f"the label {values[bad]!r}" if values[bad] else "a missing label"
            row = int(np.flatnonzero(rows)[bad])
            raise ConfigError(
                f"{self._path} has {what} in row {row}, which is none of the {len(classes)} classes: {some(classes)}."
            )
        return np.array([known[value] for value in values], dtype=np.int64)

    def _places(self, name: str) -> dict[str, int]:
        if name == "example":
            return {str(position): position for position in range(len(self._dataset.train))}
        places = {_plain(value): position for position, value in enumerate(self._dataset.ids)}
        if name == "path" and self._dataset.paths is not None:
            places |= {_plain(value): position for position, value in enumerate(self._dataset.paths)}
        return places


def _text(column: pd.Series) -> list[str]:
    """Values as text, whole numbers without a point, missing ones as ""."""
    missing = column.isna()
    return ["" if gone else _plain(value) for value, gone in zip(column, missing, strict=True)]


def _plain(value: object) -> str:
    text = str(value).strip()
    whole, point, rest = text.partition(".")
    return whole if point and whole.lstrip("-").isdigit() and not rest.strip("0") else text


def _yes(values: list[str], yes: set[str], no: set[str], what: str) -> np.ndarray:
    for value in values:
        if value not in yes | no:
            raise ConfigError(f"{what} must be {' or '.join(sorted(filter(None, yes | no)))}, got {value!r}.")
    return np.array([value in yes for value in values], dtype=bool)


def _outside(positions: np.ndarray) -> list[str]:
    count = int((positions < 0).sum())
    are = "is" if count == 1 else "are"
    return [f"{count:,} more of the file's examples {are} not in the training part."] if count else []


def _were(count: int) -> str:
    return f"{counted(count, 'training example')} {'was' if count == 1 else 'were'}"
