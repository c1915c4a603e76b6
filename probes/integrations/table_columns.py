"""Which columns of a table hold what: named by the caller, or recognised by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from probes.errors import ConfigError

__all__ = ["RECOGNISED", "TableColumns", "TableOptions", "choose_columns"]

RECOGNISED: dict[str, tuple[str, ...]] = {  # the first that there is, capitals aside
    "epoch": ("epoch", "epochs", "epoch_number", "epoch_idx"),
    "id": ("example", "id", "guid", "example_id", "sample_id", "uid", "index", "idx"),
    "label": ("given_label", "label", "target", "gold", "y"),
    "true_label": ("true_label", "clean_label"),
    "logits": ("logits", "logit"),
    "loss": ("loss", "cross_entropy", "nll"),
    "probability": ("probability", "prob"),
    "prediction": ("prediction", "predicted_label", "predicted", "pred"),
}
FURTHER = ("margin", "entropy", "el2n", "visits")  # by these names alone
_RUN_FOLDER = {"visits", "loss", "margin", "entropy", "el2n", "prediction"}


@dataclass(frozen=True)
class TableOptions:
    """How a table is to be read; what is None is recognised.

    Attributes:
        epoch_column: number of the epoch.
        id_column: which example; text or whole numbers.
        label_column: given label; names or whole numbers.
        true_label_column: the label that is right.
        logits_column: lists of logits, or what the names of the columns of logits begin with.
        loss_column: cross-entropy of the given label, in nats.
        probability_column: probability of the given label.
        prediction_column: predicted label.
        classes: names of the classes in the order of the logits.
        first_epoch: what the table calls the first epoch of training. None: 0 where it holds an epoch 0, else 1.
        measure: `online`, or `sweep` where the values come from passes of their own.
    """

    epoch_column: str | None = None
    id_column: str | None = None
    label_column: str | None = None
    true_label_column: str | None = None
    logits_column: str | None = None
    loss_column: str | None = None
    probability_column: str | None = None
    prediction_column: str | None = None
    classes: Sequence[str] | None = None
    first_epoch: int | None = None
    measure: Literal["online", "sweep"] = "online"


@dataclass(frozen=True)
class TableColumns:
    """The columns that are read.

    Attributes:
        epoch, id: always there.
        label, true_label, prediction: where there is one.
        values: `logits`, `loss`, `probability` or `prediction`: what all else is computed from.
        value_columns: the columns that hold it; several for logits with a column each.
        logit_names: names of the classes, where columns of logits carry them.
        further: of FURTHER, those there are; none with logits.
        like_a_run: the columns are those of a run folder, where epoch 0 is before training.
    """

    epoch: str
    id: str
    label: str | None
    true_label: str | None
    prediction: str | None
    values: Literal["logits", "loss", "probability", "prediction"]
    value_columns: tuple[str, ...]
    logit_names: tuple[str, ...] | None
    further: tuple[str, ...]
    like_a_run: bool

    @property
    def all(self) -> list[str]:
        """Every column, once."""
        single = (self.epoch, self.id, self.label, self.true_label, self.prediction)
        return list(dict.fromkeys([*filter(None, single), *self.value_columns, *self.further]))

    @property
    def text(self) -> list[str]:
        """Those that may hold names."""
        return list(filter(None, (self.id, self.label, self.true_label, self.prediction)))

    def described(self) -> dict[str, Any]:
        """What run.json keeps: which column was read as what."""
        roles = {
            "epoch": self.epoch,
            "id": self.id,
            "label": self.label,
            "true_label": self.true_label,
            "prediction": self.prediction,
            self.values: self.value_columns[0] if len(self.value_columns) == 1 else list(self.value_columns),
        }
        return {**{role: name for role, name in roles.items() if name is not None}, **{n: n for n in self.further}}


def choose_columns(names: Sequence[str], options: TableOptions) -> TableColumns:
    """Find the columns of a table.

    Args:
        names: of all its columns.
        options: those the caller names; the others are recognised.

    Raises:
        ConfigError: a column that is named is not there, or one that is needed is not recognised.
    """
    epoch, example = _needed(names, "epoch", options.epoch_column), _needed(names, "id", options.id_column)
    label = _find(names, "label", options.label_column)
    prediction = _find(names, "prediction", options.prediction_column)
    values, columns, logit_names = _values(names, options)
    if values == "prediction" and prediction is None:
        raise ConfigError(
            "the table has no column of logits, of the loss or of the given label's probability; it has "
            f"{', '.join(names)}. Name it with --logits-column, --loss-column or --probability-column."
        )
    if values == "logits" and label is None:
        raise _unrecognised(names, "label")
    return TableColumns(
        epoch=epoch,
        id=example,
        label=label,
        true_label=_find(names, "true_label", options.true_label_column),
        prediction=None if values == "logits" else prediction,
        values=values,
        value_columns=columns if values != "prediction" else (str(prediction),),
        logit_names=logit_names,
        further=tuple(name for name in FURTHER if name in names and (values != "logits" or name == "visits")),
        like_a_run=set(names) >= _RUN_FOLDER,
    )


def _values(
    names: Sequence[str], options: TableOptions
) -> tuple[Literal["logits", "loss", "probability", "prediction"], tuple[str, ...], tuple[str, ...] | None]:
    """What signals are computed from: what the caller names, else logits before the loss before the probability."""
    if options.logits_column is None and options.loss_column is not None:
        return "loss", (_needed(names, "loss", options.loss_column),), None
    if options.logits_column is None and options.probability_column is not None:
        return "probability", (_needed(names, "probability", options.probability_column),), None
    logits, logit_names = _logits(names, options.logits_column)
    if logits:
        return "logits", logits, logit_names
    loss, probability = _find(names, "loss", None), _find(names, "probability", None)
    if loss is not None:
        return "loss", (loss,), None
    if probability is not None:
        return "probability", (probability,), None
    return "prediction", (), None


def _logits(names: Sequence[str], wanted: str | None) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Columns of the logits in their order, and the names of the classes where the columns carry them.

    Args:
        wanted: the column of lists, or what the names of a column per class begin with; None for what is usual.
    """
    single = _find(names, "logits", None) if wanted is None else wanted if wanted in names else None
    if single is not None:
        return (single,), None
    prefix = re.compile("logits?_?" if wanted is None else re.escape(wanted), re.IGNORECASE)
    ends = {name: name[match.end() :].strip() for name in names if (match := prefix.match(name))}
    numbers = {int(end): name for name, end in ends.items() if re.fullmatch("[0-9]+", end)}
    if numbers:
        if sorted(numbers) != list(range(len(numbers))):
            raise ConfigError(f"columns of logits must be numbered from 0 on, got {', '.join(numbers.values())}.")
        return tuple(numbers[number] for number in sorted(numbers)), None
    if len(ends) > 1:
        return tuple(ends), tuple(ends.values())
    if wanted is not None:
        raise ConfigError(f"the table has no columns of logits called {wanted!r}; it has {', '.join(names)}.")
    return (), None


def _find(names: Sequence[str], role: str, wanted: str | None) -> str | None:
    """The column of a role; None where it is not recognised."""
    if wanted is not None:
        if wanted not in names:
            raise ConfigError(f"the table has no column {wanted!r}; it has {', '.join(names)}.")
        return wanted
    by_plain = {_plain(name): name for name in reversed(names)}
    return next((by_plain[name] for name in RECOGNISED[role] if name in by_plain), None)


def _needed(names: Sequence[str], role: str, wanted: str | None) -> str:
    found = _find(names, role, wanted)
    if found is None:
        raise _unrecognised(names, role)
    return found


def _unrecognised(names: Sequence[str], role: str) -> ConfigError:
    what = {"epoch": "the epoch", "id": "the examples' ids", "label": "the given label"}[role]
    return ConfigError(f"the table has no column of {what}; it has {', '.join(names)}. Name it with --{role}-column.")


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")
