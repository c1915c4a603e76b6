"""Which example an id of a log is, and which class a label: learned from all of its rows before any is written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from probes.errors import ConfigError
from probes.integrations.rows import Rows

__all__ = ["Examples", "Register"]

_ID_NUMBER = re.compile("0|-?[1-9][0-9]{0,17}")  # not 007: such ids are names
_LABEL_NUMBER = re.compile("-?[0-9]{1,18}([.]0+)?")  # 2.0 too: what pandas makes of whole numbers in a column with gaps


@dataclass(frozen=True)
class Examples:
    """The examples of a log.

    Attributes:
        ids: N whole numbers or N texts, ascending.
        given: int64, (N,); class of the given label, -1 where unknown.
        true: int64, (N,); class of the true label, -1 where unknown; None where no label of this kind was seen.
        classes: names of the classes; None where labels are numbers without names.
        place: from id, as it stands in the log, to example.
        label_class: int64; from the code of a label in the vocabulary to its class.
    """

    ids: list[Any]
    given: np.ndarray
    true: np.ndarray | None
    classes: list[str] | None
    place: dict[str | int, int]
    label_class: np.ndarray
    vocabulary: _Vocabulary

    def __len__(self) -> int:
        return len(self.ids)

    def positions(self, ids: np.ndarray) -> np.ndarray:
        """int64, (R,): example of each id."""
        codes, unique = _factorized(ids)
        return np.fromiter((self.place[name] for name in unique), np.int64, len(unique))[codes]

    def classes_of(self, labels: np.ndarray | None) -> np.ndarray | None:
        """int64, (R,): class of each label, -1 where it is missing; None for None."""
        return None if labels is None else _mapped(self.vocabulary.codes(labels), self.label_class)


class Register:
    """Learns ids and labels batch by batch, and refuses what contradicts itself.

    Args:
        untyped: ids and labels are text that may stand for numbers, as in CSV.
    """

    def __init__(self, *, untyped: bool = False):
        self._untyped = untyped
        self._place: dict[str | int, int] = {}
        self._vocabulary = _Vocabulary()
        self._given = np.empty(0, dtype=np.int64)
        self._true = np.empty(0, dtype=np.int64)
        self._num_logits: int | None = None

    def learn(self, rows: Rows) -> None:
        """Take in a batch.

        Raises:
            ConfigError: ids of two kinds, an example whose label differs from an earlier one, another number of
                logits, a label that is neither a name nor a whole number.
        """
        positions = self._learn_ids(rows.ids)
        for kind, known, labels in (("label", self._given, rows.labels), ("true label", self._true, rows.true_labels)):
            if labels is not None:
                self._learn_labels(kind, known, positions, self._vocabulary.codes(labels), rows)
        if rows.predictions is not None:
            self._vocabulary.codes(rows.predictions)
        if rows.logits is not None:
            self._learn_width(rows.logits.shape[1])

    def examples(self, classes: Sequence[str] | None = None) -> Examples:
        """What was learned of the examples.

        Args:
            classes: names, in the order of the logits; None where the log and its reader do not know any.

        Raises:
            ConfigError: a label is not one of the classes, or is missing where logits need it.
        """
        names = list(self._place)
        if self._untyped and all(_ID_NUMBER.fullmatch(str(name)) for name in names):
            names = [int(name) for name in names]
        order = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)  # whatever the order of rows
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        label_class, class_names = self._vocabulary.classes(classes, self._num_classes, self._untyped)
        given, true = (_mapped(known, label_class)[order] for known in (self._given, self._true))
        ids = [names[at] for at in order]
        if self._num_logits is not None:
            self._check_given(given, ids)
        return Examples(
            ids=ids,
            given=given,
            true=true if (true >= 0).any() else None,
            classes=class_names,
            place=dict(zip(self._place, rank.tolist(), strict=True)),
            label_class=label_class,
            vocabulary=self._vocabulary,
        )

    @property
    def _num_classes(self) -> int | None:
        """K, where logits say; a single one stands for two classes."""
        return None if self._num_logits is None else max(self._num_logits, 2)

    def _learn_ids(self, ids: np.ndarray) -> np.ndarray:
        codes, unique = _factorized(ids)
        known = next(iter(self._place), None)
        if unique and known is not None and isinstance(unique[0], str) != isinstance(known, str):
            raise ConfigError(f"ids must be all text or all whole numbers, got {known!r} and {unique[0]!r}.")
        places = np.fromiter((self._place.setdefault(name, len(self._place)) for name in unique), np.int64, len(unique))
        new = np.full(len(self._place) - len(self._given), -1, dtype=np.int64)
        self._given, self._true = np.append(self._given, new), np.append(self._true, new)
        return places[codes]

    def _learn_labels(self, kind: str, known: np.ndarray, positions: np.ndarray, codes: np.ndarray, rows: Rows) -> None:
        """Remember each example's label, the first that is not missing; refuse another one later."""
        told = codes >= 0
        positions, codes = positions[told], codes[told]
        fresh = known[positions] < 0
        known[positions[fresh][::-1]] = codes[fresh][::-1]  # the first of an id that is repeated
        differs = np.flatnonzero(known[positions] != codes)
        if len(differs):
            at = differs[0]
            was, now = (self._vocabulary.names[int(code)] for code in (known[positions[at]], codes[at]))
            name, epoch = rows.ids[told][at], int(rows.epochs[told][at])
            name = name if isinstance(name, str) else int(name)
            raise ConfigError(
                f"id {name!r} has {kind} {now!r} at epoch {epoch}, but {was!r} before: an example keeps one {kind}."
            )

    def _learn_width(self, width: int) -> None:
        if self._num_logits not in (None, width):
            raise ConfigError(f"every row must have as many logits, got {width} after rows of {self._num_logits}.")
        self._num_logits = width

    def _check_given(self, given: np.ndarray, ids: list[Any]) -> None:
        """Every example of a log with logits has a label."""
        unknown = np.flatnonzero(given < 0)
        if len(unknown):
            raise ConfigError(f"id {ids[unknown[0]]!r} has no label, which its logits need.")


class _Vocabulary:
    """Labels as they come, numbered in order of appearance.

    Attributes:
        names: by code; text or whole numbers.
    """

    def __init__(self) -> None:
        self.names: list[str | int] = []
        self._codes: dict[str | int, int] = {}

    def codes(self, labels: np.ndarray) -> np.ndarray:
        """int64, (R,): code of each label, -1 where it is missing; new ones are added."""
        codes, unique = _factorized(labels)
        return _mapped(codes, np.fromiter((self._code(_plain(label)) for label in unique), np.int64, len(unique)))

    def classes(
        self, classes: Sequence[str] | None, num_classes: int | None, untyped: bool
    ) -> tuple[np.ndarray, list[str] | None]:
        """From code to class, and the names of the classes where there are any.

        Names without a given order are sorted, as scikit-learn and torchvision's ImageFolder number them.
        """
        text = [str(label) for label in self.names]
        named = classes is not None and set(text) <= set(classes)
        numbers = None if named else self._numbers(untyped)
        names = list(classes) if classes is not None else sorted(set(text)) if numbers is None else None
        if names is not None and num_classes is not None and len(names) != num_classes:
            raise ConfigError(
                f"there are logits of {num_classes} classes, but {len(names)} class names: {', '.join(names)}. "
                "Name all classes, in the order of the logits, with --classes."
            )
        if numbers is not None:
            _check_numbers(numbers, num_classes if names is None else len(names))
            return np.array(numbers, dtype=np.int64), names
        assert names is not None
        place = {name: at for at, name in enumerate(names)}
        for label in text:
            if label not in place:
                raise ConfigError(f"label {label!r} is not one of the classes: {', '.join(names)}.")
        return np.array([place[label] for label in text], dtype=np.int64), names

    def _numbers(self, untyped: bool) -> list[int] | None:
        """The labels as whole numbers; None where any is a name."""
        if untyped and all(_LABEL_NUMBER.fullmatch(str(label)) for label in self.names):
            return [int(float(label)) for label in self.names]
        numbers = [label for label in self.names if isinstance(label, int)]
        return numbers if len(numbers) == len(self.names) else None

    def _code(self, label: str | int) -> int:
        if label not in self._codes:
            self._codes[label] = len(self.names)
            self.names.append(label)
        return self._codes[label]


def _check_numbers(labels: Sequence[int], limit: int | None) -> None:
    for label in labels:
        if label < 0 or (limit is not None and label >= limit):
            among = "0, 1, 2, ..." if limit is None else f"0 to {limit - 1}"
            raise ConfigError(f"label {label} is not a class: classes are {among}.")


def _plain(label: Any) -> str | int:
    """A label as text or as a whole number."""
    if isinstance(label, str):
        return label
    try:
        if label == int(label):
            return int(label)
    except (TypeError, ValueError, OverflowError):
        pass
    raise ConfigError(f"a label must be a name or a whole number, got {label!r}.")


def _factorized(values: np.ndarray) -> tuple[np.ndarray, list[Any]]:
    """Position of each value among the distinct ones, -1 where it is missing; and those, in order of appearance."""
    import pandas as pd

    codes, unique = pd.factorize(values)
    return codes.astype(np.int64), unique.tolist()


def _mapped(codes: np.ndarray, target: np.ndarray) -> np.ndarray:
    """`target` of each code, -1 for -1."""
    return np.append(target, -1)[codes]
