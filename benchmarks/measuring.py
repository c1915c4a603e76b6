"""What the benchmarks share: timing in turns, and results as a table or as JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

__all__ = [
    "Figure",
    "alternated",
    "machine",
    "processor_seconds",
    "quartiles",
    "ratios",
    "run_alone",
    "seconds",
    "spelled",
]

ROUNDS = 7


@dataclass(frozen=True)
class Figure:
    """What was measured, said in words.

    Attributes:
        what: the quantity, with its unit unless it is a ratio.
        values: one per round.
        target: ("at least" or "at most", number) that the median should meet; None where none is set.
    """

    what: str
    values: Sequence[float] = field(repr=False)
    target: tuple[str, float] | None = None


def seconds(function: Callable[[], object], repeats: int = 1) -> float:
    """Seconds per call."""
    start = time.perf_counter()
    for _ in range(repeats):
        function()
    return (time.perf_counter() - start) / repeats


def processor_seconds(function: Callable[[], object], repeats: int = 1) -> float:
    """Seconds of the processor per call, over all threads: waiting for other work on the machine does not count."""
    start = time.process_time()
    for _ in range(repeats):
        function()
    return (time.process_time() - start) / repeats


def alternated(calls: Mapping[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Seconds per call of each, a value per round of at least 0.03 s each in turn."""
    repeats = {name: max(5, int(0.03 / seconds(call, 5))) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(seconds(call, repeats[name]))
    return times


def ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Round by round."""
    return [a / b for a, b in zip(over, under, strict=True)]


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def machine() -> dict[str, Any]:
    """What the figures hold for."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        **{package: version(package) for package in ("torch", "numpy", "pyarrow")},
    }


def run_alone(description: str | None, measured: Callable[[], Iterator[tuple[str, Figure]]]) -> None:
    """Print each figure as it comes, or with `--json` all of them at the end."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    if parser.parse_args().json:
        print(json.dumps(as_json(dict(measured())), indent=2))
        return
    print(f"{'measured':<84} {'median':>8}  {'quartiles':>17}  target")
    for _, figure in measured():
        low, middle, high = (spelled(value) for value in quartiles(figure.values))
        target = "" if figure.target is None else f"{figure.target[0]} {spelled(figure.target[1])}"
        print(f"{figure.what:<84} {middle:>8}  {low:>8} {high:>8}  {target}", flush=True)


def as_json(figures: Mapping[str, Figure]) -> dict[str, Any]:
    """`figures`: the medians; beside it by the same names what they are, their quartiles and targets."""
    found = {name: [float(f"{value:.4g}") for value in quartiles(figure.values)] for name, figure in figures.items()}
    return {
        "figures": {name: middle for name, (_, middle, _) in found.items()},
        "quartiles": {name: [low, high] for name, (low, _, high) in found.items()},
        "what": {name: figure.what for name, figure in figures.items()},
        "targets": {name: list(figure.target) for name, figure in figures.items() if figure.target is not None},
        "machine": machine(),
    }


def spelled(value: float) -> str:
    """Three significant digits, or all before the point."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _processor() -> str:
    """The processor's name where the system tells it (Linux), else its architecture."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
