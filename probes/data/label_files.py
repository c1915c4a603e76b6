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

__all__ = ["exclude", "given_labels_from", "read_given_labels", "relabel"]

_NAMES = ("id", "path", "example")  # columns that name examples, the first one there counts
_ENDINGS = (".csv", ".parquet")


def read_given_labels(path: Path | str, dataset: Dataset) -> np.ndarray:
    """Read what training is told of each example: columns `id`, `path` or `example`, and `given_label` or `label`.

    Training examples that are not there keep their label; examples that the split held out may be there. Labels are
    names of classes, or positions among them. An `example` is a position in the training set; an `id` never changes.

    Returns:
        int64, (N,).

    Raises:
        ConfigError: the file cannot be read, names an unknown example or label, one twice, or none of training.
    """
    return _told(path, dataset)[0]


def given_labels_from(path: Path | str, dataset: Dataset) -> Dataset:
    """Give the training examples that a file names its labels; the others keep theirs, which a note counts.

    The labels that the data bring along are the true ones, where these are not known already.

    Args:
        path: as `read_given_labels` takes it.
        dataset: of `load_dataset` or `load_pooled`.

    Raises:
        ConfigError: as in `read_given_labels`.
    """
    given, rest = _told(path, dataset)
    known = dataset.train.true_labels
    own = dataset.train.given_labels
    changed = dataset.with_labels(given, true=(own if known is None else known).cpu().numpy())
    if not rest:
        return changed
    are, keep = ("is", "it keeps its label") if rest == 1 else ("are", "they keep their labels")
    return changed.with_note(f"{counted(rest, 'example')} {are} not in {path}: {keep}.")


def _told(path: Path | str, dataset: Dataset) -> tuple[np.ndarray, int]:
    """The labels that a file leaves the training examples with, int64, (N,), and how many it does not name."""
    file = _Names(path, dataset)
    column = file.column("given_label", "label")
    positions = file.positions()
    inside = positions >= 0
    if not inside.any():
        raise ConfigError(f"{path} names none of the {len(dataset.train):,} examples.")
    given = dataset.train.given_labels.cpu().numpy().copy()
    given[positions[inside]] = file.labels(column, inside, names_first=True)
    return given, len(given) - int(inside.sum())


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
    gone = _lost_classes(dataset, changed)
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
    told = file.labels(column, rows, names_first=column == "label")
    same = int((told == before[positions[rows]]).sum())
    given[positions[rows]] = told
    relabelled = dataset.with_labels(given)
    gone = _lost_classes(dataset, relabelled)
    changed = int((given != before).sum())
    notes = (f"{_were(changed)} relabelled.", *_same(f"{file.row} of {path}", same), *gone, *_outside(positions[meant]))
    return relabelled.with_note(*notes)


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

    @property
    def row(self) -> str:
        """What a row that is acted on is called."""
        return "accepted row" if "decision" in self._frame else "row"

    def meant(self) -> np.ndarray:
        """Which rows a file of decisions or flags asks to act on; all rows of any other: bool, (rows,)."""
        if "decision" in self._frame:
            return self._yes("decision", {"accept"}, {"reject"})
        if "is_label_issue" in self._frame:
            return self._yes("is_label_issue", {"true", "1"}, {"false", "0"})
        return np.ones(len(self._frame), dtype=bool)

    def _yes(self, column: str, yes: set[str], no: set[str]) -> np.ndarray:
        """Which rows say yes, in letters of any case; an empty one says no: bool, (rows,)."""
        values = _text(self._frame[column])
        said = [value.lower() for value in values]
        bad = next((row for row, value in enumerate(said) if value not in yes | no | {""}), None)
        if bad is not None:
            raise ConfigError(
                f"{self._path} has the {column} {values[bad]!r} in row {bad}, where it must be "
                f"{' or '.join(sorted(yes | no))}, or empty."
            )
        return np.array([value in yes for value in said], dtype=bool)

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


def _lost_classes(before: Dataset, after: Dataset) -> list[str]:
    """A note on the classes whose last training example a change has taken."""
    lost = np.setdiff1d(before.train.given_labels.cpu().numpy(), after.train.given_labels.cpu().numpy())
    names = some(before.classes[label] for label in lost)
    return [f"{counted(len(lost), 'class', 'classes')} lost every training example: {names}."] if lost.size else []


def _same(row: str, count: int) -> list[str]:
    """A note on rows, called so with their file, that ask for the label that their example has."""
    if not count:
        return []
    if count == 1:
        return [f"1 {row} suggests the given label itself and was left as it was."]
    rows = row.replace("row", "rows", 1)
    return [f"{count:,} {rows} suggest the given label itself and were left as they were."]


def _outside(positions: np.ndarray) -> list[str]:
    count = int((positions < 0).sum())
    are = "is" if count == 1 else "are"
    return [f"{count:,} more of the file's examples {are} not in the training part."] if count else []


def _were(count: int) -> str:
    return f"{counted(count, 'training example')} {'was' if count == 1 else 'were'}"
