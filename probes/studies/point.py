"""The unit of work of a study: a training run, or a computation whose result is kept as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from probes.errors import ProbeError, RunNotFoundError
from probes.runs.layout import atomic_write
from probes.studies.fingerprint import fingerprint
from probes.training import TrainConfig

__all__ = ["Computation", "Outcome", "Point", "Training", "carry_out", "read_result"]


@dataclass(frozen=True)
class Training:
    """A training run.

    Attributes:
        name: of its folder, unique within the study.
        config: what is trained.
    """

    name: str
    config: TrainConfig

    def folder(self, root: Path) -> Path:
        """Of the run."""
        return root / self.name

    def is_done(self, root: Path) -> bool:
        """Whether the run is there, complete, and of this very config."""
        from probes.runs.run import open_run

        try:
            run = open_run(self.folder(root))
        except RunNotFoundError:
            return False
        return run.status == "complete" and _same(run.config, self.config)

    def do(self, root: Path) -> None:
        """Train; a run that was broken off goes on where its last checkpoint stands."""
        from probes.runs.run import open_run
        from probes.training import resume, train

        folder = self.folder(root)
        try:
            run = open_run(folder)
        except RunNotFoundError:
            run = None
        if run is not None and _same(run.config, self.config):
            resume(run, self.config)
        else:
            train(self.config, folder, overwrite=True)


@dataclass(frozen=True)
class Computation:
    """A computation with one result.

    Attributes:
        name: of its file, unique within the study.
        function: of a module, called with the arguments; returns what JSON can hold.
        arguments: numbers, texts and lists of them.
        source: fingerprint of the function; found where the point is made, since workers may not have its source.
    """

    name: str
    function: Callable[..., dict[str, Any]]
    arguments: dict[str, Any] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        if not self.source:
            object.__setattr__(self, "source", fingerprint(self.function))

    def file(self, root: Path) -> Path:
        """Of the result."""
        return root / f"{self.name}.json"

    def is_done(self, root: Path) -> bool:
        """Whether the result of this very computation is there: of these arguments, and of this source."""
        kept = _read(self.file(root))
        return kept is not None and kept.get("work") == self._work()

    def do(self, root: Path) -> None:
        """Compute and write the result."""
        start = time.perf_counter()
        result = self.function(**self.arguments)
        kept = {"work": self._work(), "seconds": time.perf_counter() - start, "result": result}
        with atomic_write(self.file(root)) as temporary:
            temporary.write_text(json.dumps(kept, allow_nan=False) + "\n", encoding="utf-8")

    def _work(self) -> dict[str, Any]:
        """What was computed, as JSON gives it back."""
        name = f"{self.function.__module__}:{self.function.__qualname__}"
        work = {"function": name, "arguments": self.arguments, "source": self.source}
        return dict(json.loads(json.dumps(work)))


Point = Training | Computation


@dataclass(frozen=True)
class Outcome:
    """What became of a point.

    Attributes:
        name: of the point.
        seconds: it took; 0 where it was there already.
        error: one line; None where it succeeded.
    """

    name: str
    seconds: float = 0.0
    error: str | None = None


def carry_out(point: Point, root: Path) -> Outcome:
    """Do a point unless it is done. Whatever goes wrong becomes its outcome: one point never sinks the others."""
    if point.is_done(root):
        return Outcome(point.name)
    start = time.perf_counter()
    try:
        root.mkdir(parents=True, exist_ok=True)
        point.do(root)
    except ProbeError as error:
        return Outcome(point.name, time.perf_counter() - start, str(error))
    except Exception as error:  # a mistake in one point is told with its kind, and the others go on
        return Outcome(point.name, time.perf_counter() - start, f"{type(error).__name__}: {error}".splitlines()[0])
    return Outcome(point.name, time.perf_counter() - start)


def read_result(point: Computation, root: Path) -> dict[str, Any] | None:
    """The result of a computation; None where it is not there."""
    kept = _read(point.file(root))
    return None if kept is None else kept["result"]


def _read(path: Path) -> dict[str, Any] | None:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return kept if isinstance(kept, dict) and "result" in kept else None


def _same(saved: dict[str, Any], config: TrainConfig) -> bool:
    """Whether run.json holds this config. Options that are newer than the run had their defaults."""
    asked, defaults = (json.loads(json.dumps(asdict(options))) for options in (config, TrainConfig()))
    return bool({**defaults, **saved} == asked)
