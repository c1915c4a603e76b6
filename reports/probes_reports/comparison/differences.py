"""What the runs were asked to do differently: only the options in which they differ."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from probes_reports.comparison.compared import Compared
from probes_reports.wording import count

__all__ = ["Difference", "differences", "without_options"]

UNKNOWN = "not recorded"
PATHS = ("data_root", "given_labels", "exclude", "relabel")


@dataclass(frozen=True)
class Difference:
    """An option and its value in each run, in their order, as text."""

    name: str
    values: tuple[str, ...]

    @property
    def brief(self) -> tuple[str, ...]:
        """The values, of files only their names."""
        if self.name.replace(" ", "_") not in PATHS:
            return self.values
        return tuple(value.replace(os.sep, "/").rsplit("/", 1)[-1] for value in self.values)


def differences(runs: Sequence[Compared], *, paths: bool = True) -> list[Difference]:
    """Facts of the data that differ, then options that differ.

    Options are compared among the runs that recorded any.

    Args:
        runs: two or more.
        paths: show names of files and folders.
    """
    facts = {
        "data": [run.dataset or UNKNOWN for run in runs],
        "training examples": [count(run.num_examples) for run in runs],
        "classes": [UNKNOWN if run.classes is None else count(len(run.classes)) for run in runs],
        "model": [run.model or UNKNOWN for run in runs],
        "measure": [str(run.summary["measure"]) for run in runs],
    }
    names = dict.fromkeys(name for run in runs for name in run.config)
    options = {name.replace("_", " "): [_option(run, name, paths) for run in runs] for name in names}
    told = {**facts, **{name: values for name, values in options.items() if name not in facts}}
    if _known(facts["data"]) > 1:
        told.pop("dataset", None)  # says the same
    return [Difference(name, tuple(values)) for name, values in told.items() if _known(values) > 1]


def without_options(runs: Sequence[Compared]) -> list[Compared]:
    """The runs whose options were not recorded."""
    return [run for run in runs if not run.config]


def _known(values: Sequence[str]) -> int:
    return len({value for value in values if value != UNKNOWN})


def _option(run: Compared, name: str, paths: bool) -> str:
    if name not in run.config:
        return UNKNOWN
    value = run.config[name]
    if not paths and isinstance(value, str) and (name in PATHS or os.sep in value):
        return "a file"
    return _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)
