"""What the comparison reads of each run, O(N): the run itself is let go before the next one is opened."""

from __future__ import annotations

import string
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from probes.errors import ConfigError, ProbeError, ProbeWarning, RunNotFoundError
from probes.runs.kinds import noisy_by_kind
from probes.runs.run import open_run
from probes_reports.view import RunView
from probes_reports.wording import Words

__all__ = ["MOST_RUNS", "Compared", "Examples", "Line", "Moment", "read_runs"]

MOST_RUNS = 8
LETTERS = string.ascii_uppercase
# group of the page -> (group of `run.epochs`, its column)
CURVES = {
    "test": ("test", "accuracy"),
    "validation": ("validation", "accuracy"),
    "clean": ("train/clean", "accuracy"),
    "noisy": ("train/noisy", "accuracy"),
    "true": ("train/noisy", "true_label_accuracy"),
    "all": ("train/all", "accuracy"),
}

Line = tuple[np.ndarray, np.ndarray]  # epochs int (T,), shares float (T,)


@dataclass(frozen=True)
class Moment:
    """A run at one epoch.

    Attributes:
        epoch: which.
        shares: of `CURVES`, those that are known.
        as_given, as_true: int8, (N,): answered with the given, the true label: 1, 0, or -1 where unknown.
    """

    epoch: int
    shares: Mapping[str, float]
    as_given: np.ndarray
    as_true: np.ndarray


@dataclass(frozen=True)
class Examples:
    """Columns over the training examples of a run, (N,) each.

    Attributes:
        ids: str; None where they have none.
        given, true: int64, -1 where unknown.
        noisy, clean: bool; None where no truth is known.
        kinds: kind of noise -> its noisy examples, bool.
        mean_loss: float64, NaN where never visited.
    """

    ids: np.ndarray | None
    given: np.ndarray
    true: np.ndarray
    noisy: np.ndarray | None
    clean: np.ndarray | None
    kinds: Mapping[str, np.ndarray]
    mean_loss: np.ndarray


@dataclass(frozen=True)
class Compared:
    """A run among others.

    Attributes:
        letter: what the page calls it.
        name: of its folder; "" where the page names none.
        path: of the folder.
        summary: of `Run.summary()`.
        config: the options it was trained with; empty where they were not recorded.
        meta: of run.json.
        dataset: name of the data, "" where unknown.
        model: description, "" where unknown.
        classes: names, None where unknown.
        words: what its noisy examples are called.
        finished: False where it is going on, was interrupted or failed.
        unlearned: why the estimated noise rate is not to be trusted, "" where nothing speaks against it.
        curves: of `CURVES`, those that are known.
        kinds: kind of noise -> share of its noisy examples answered as labelled.
        sizes: number of examples of "test" and "validation", where known.
        examples: its training examples.
        best: at the best validation accuracy; None where that is unknown.
        end: at the last epoch; None where there is none.
    """

    letter: str
    name: str
    path: Path
    summary: Mapping[str, Any]
    config: Mapping[str, Any]
    meta: Mapping[str, Any]
    dataset: str
    model: str
    classes: tuple[str, ...] | None
    words: Words
    finished: bool
    unlearned: str
    curves: Mapping[str, Line]
    kinds: Mapping[str, Line]
    sizes: Mapping[str, int]
    examples: Examples
    best: Moment | None
    end: Moment | None

    @property
    def last(self) -> int:
        """Last epoch, 0 where there is none."""
        return int(self.summary["epochs"])

    @property
    def num_examples(self) -> int:
        """Of its training set."""
        return int(self.summary["num_examples"])

    def class_name(self, label: int) -> str:
        """Name of a class, its number where it has none."""
        known = self.classes is not None and 0 <= label < len(self.classes)
        return self.classes[label] if known and self.classes is not None else str(label)


def read_runs(folders: Sequence[Path], *, paths: bool = True, skip_bad: bool = False) -> list[Compared]:
    """Read each run in turn; letters in the order given.

    Args:
        folders: of the runs.
        paths: keep the names of their folders.
        skip_bad: leave out what cannot be read, with a warning that says why.

    Raises:
        ConfigError: too many, or a folder twice.
        RunNotFoundError: a folder without a run, or without a readable one.
    """
    _refuse_twice(folders)
    found = []
    for folder in folders:
        try:
            found.append(_read(folder))
        except ProbeError as error:
            if not skip_bad:
                raise
            warnings.warn(f"skipped {folder}: {error}", ProbeWarning, stacklevel=2)
    if len(found) > MOST_RUNS:
        raise ConfigError(f"a comparison shows at most {MOST_RUNS} runs, got {len(found)}.")
    names = _names([run.path for run in found]) if paths else [""] * len(found)
    return [replace(run, letter=letter, name=name) for run, letter, name in zip(found, LETTERS, names, strict=False)]


def _refuse_twice(folders: Sequence[Path]) -> None:
    resolved = [folder.resolve() for folder in folders]
    for at, folder in enumerate(folders):
        if resolved[at] in resolved[:at]:
            raise ConfigError(f"{folder} is named twice: a comparison takes different runs.")


def _read(folder: Path) -> Compared:
    """A run, or one clear error: also where a file in it is damaged."""
    import pyarrow as pa

    try:
        return _compared(RunView(open_run(folder), images=False))
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise RunNotFoundError(f"{folder} cannot be read: {reason}") from error


def _compared(view: RunView) -> Compared:
    run, absent = view.run, np.full(view.num_examples, -1)
    given, true = (absent if labels is None else labels for labels in (view.given, view.true))
    held = view.examples
    known_ids = "id" in held and bool(held["id"].notna().all())
    curves = {name: view.drawn_curve(*source) for name, source in CURVES.items()}
    kinds = noisy_by_kind(view.examples, view.noisy, least=1)
    return Compared(
        letter="",
        name="",
        path=run.path,
        summary=view.summary,
        config=view.config,
        meta=run.meta,
        dataset=str((run.meta.get("dataset") or {}).get("name") or ""),
        model=view.model_name,
        classes=None if run.classes is None else tuple(run.classes),
        words=view.words,
        finished=view.finished,
        unlearned=view.unlearned,
        curves={name: line for name, line in curves.items() if len(line[0])},
        kinds=_kind_curves(view, kinds),
        sizes=_sizes(view),
        examples=Examples(
            ids=held["id"].astype(str).to_numpy(dtype=object) if known_ids else None,
            given=given,
            true=true,
            noisy=view.noisy,
            clean=view.clean,
            kinds=kinds,
            mean_loss=view.scores["mean_loss"].to_numpy(dtype=np.float64),
        ),
        best=_moment(view, view.key.peak),
        end=_moment(view, view.last_epoch or None),
    )


def _kind_curves(view: RunView, kinds: Mapping[str, np.ndarray]) -> dict[str, Line]:
    """Epochs and shares answered as labelled of each kind, thinned as every curve is."""
    if not kinds:
        return {}
    epochs = view.drawn_curve("train/noisy")[0].tolist()
    found: dict[str, dict[int, float]] = {kind: {} for kind in kinds}
    for epoch in epochs:
        correct = view.epoch(epoch)["correct"]
        for kind, members in kinds.items():
            known = members & (correct >= 0)
            if known.any():
                found[kind][epoch] = float(correct[known].mean())
    return {
        kind: (np.array(list(held), dtype=np.int64), np.array(list(held.values()), dtype=np.float64))
        for kind, held in found.items()
        if held
    }


def _moment(view: RunView, epoch: int | None) -> Moment | None:
    if epoch is None:
        return None
    answers = view.epoch(epoch)
    shares = {name: view.at(group, epoch, column) for name, (group, column) in CURVES.items()}
    prediction = answers["prediction"]
    as_true = np.full(view.num_examples, -1, dtype=np.int8)
    if view.true is not None:
        known = (prediction >= 0) & (view.true >= 0)
        as_true[known] = prediction[known] == view.true[known]
    return Moment(
        epoch=epoch,
        shares={name: share for name, share in shares.items() if share is not None},
        as_given=answers["correct"],
        as_true=as_true,
    )


def _sizes(view: RunView) -> dict[str, int]:
    rows = view.epochs[view.epochs["group"].isin(["test", "validation"])].dropna(subset=["examples"])
    return {str(group): int(size) for group, size in rows.groupby("group")["examples"].last().items()}


def _names(folders: Sequence[Path]) -> list[str]:
    """Names of folders, with as much of what lies above as tells them apart."""
    parts = [folder.resolve().parts for folder in folders]
    for depth in range(1, max(map(len, parts), default=1) + 1):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            break
    return names if folders else []
