"""What the finished points of a study give to read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from probes.studies.point import Computation, Point, Training, read_result

if TYPE_CHECKING:
    from probes.runs.run import Run

__all__ = ["Results", "curve", "epochs_to"]

T = TypeVar("T")


class Results:
    """The points of a study that are done; those that failed are missing, and nobody need ask which.

    Args:
        points: of the study.
        root: folder that holds them.
    """

    def __init__(self, points: Iterable[Point], root: Path) -> None:
        self._points, self._root = {point.name: point for point in points}, root
        self._runs: dict[str, Run] = {}

    def run(self, name: str) -> Run | None:
        """A training run; None where it is not there or not complete."""
        from probes.runs.run import open_run

        point = self._points[name]
        assert isinstance(point, Training), name
        if name not in self._runs and point.is_done(self._root):
            self._runs[name] = open_run(point.folder(self._root))
        return self._runs.get(name)

    def value(self, name: str) -> dict[str, Any] | None:
        """The result of a computation; None where it is not there, or is that of other arguments."""
        point = self._points[name]
        assert isinstance(point, Computation), name
        return read_result(point, self._root) if point.is_done(self._root) else None

    def per_seed(self, pattern: str, seeds: Sequence[int], read: Callable[[Any], T], missing: T) -> list[T]:
        """What `read` makes of the run or the result of each seed, `missing` where it is not there.

        Values keep the place of their seed, so that those of two conditions can be paired.
        """
        found: list[T] = []
        for seed in seeds:
            name = pattern.format(seed=seed)
            point = self.run(name) if isinstance(self._points[name], Training) else self.value(name)
            found.append(missing if point is None else read(point))
        return found

    def runs(self, pattern: str, seeds: Sequence[int]) -> list[Run]:
        """The runs that are there of a name with {seed} in it, in the order of the seeds."""
        found = (self.run(pattern.format(seed=seed)) for seed in seeds)
        return [run for run in found if run is not None]

    def values(self, pattern: str, seeds: Sequence[int]) -> list[dict[str, Any]]:
        """The results that are there of a name with {seed} in it, in the order of the seeds."""
        found = (self.value(pattern.format(seed=seed)) for seed in seeds)
        return [value for value in found if value is not None]


def curve(run: Run, group: str, column: str = "accuracy") -> np.ndarray:
    """A column of `run.epochs` for a group at epochs 1 to E.

    Args:
        run: any.
        group: such as `train/clean`, `test`.
        column: `accuracy` (of the given label), `true_label_accuracy` or `loss`.

    Returns:
        float64, (E,); NaN where it is unknown.
    """
    table = run.epochs
    rows = table[(table["group"] == group) & (table["epoch"] > 0)].set_index("epoch")[column]
    return rows.reindex(range(1, run.num_epochs + 1)).to_numpy(dtype=float, na_value=np.nan)


def epochs_to(accuracy: np.ndarray, share: float) -> float:
    """The first epoch, from 1, at which a curve reaches a share; NaN where it never does."""
    reached = np.flatnonzero(accuracy >= share)
    return float(reached[0] + 1) if len(reached) else float("nan")
