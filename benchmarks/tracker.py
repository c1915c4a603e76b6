"""`ExampleTracker.update`, five signals and all checks, against package `aum` recording one, and one log-softmax.

Run alone: python benchmarks/tracker.py [--json]; needs the extra `bench` for package aum.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable

import torch
from aum import AUMCalculator

from probes import ExampleTracker

SIZES = ((128, 10), (256, 100), (256, 1000))
EXAMPLES, ROUNDS = 50_000, 7


def seconds(function: Callable[[], object], repeats: int) -> float:
    """Seconds per call."""
    start = time.perf_counter()
    for _ in range(repeats):
        function()
    return (time.perf_counter() - start) / repeats


def alternated(calls: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Seconds per call of each, a value per alternated round."""
    repeats = {name: max(5, int(0.03 / seconds(call, 5))) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            times[name].append(seconds(call, repeats[name]))
    return times


def measure(batch: int, classes: int, folder: str) -> dict[str, list[float]]:
    """Ratios by name, a value per round."""
    logits = torch.randn(batch, classes) * 3
    targets, index = torch.randint(classes, (batch,)), torch.randperm(EXAMPLES)[:batch]
    tracker, rival, ids = ExampleTracker(EXAMPLES), AUMCalculator(folder), index.tolist()  # aum takes no tensor of ids
    times = alternated(
        {
            "update": lambda: tracker.update(index, logits, targets),
            "aum": lambda: rival.update(logits, targets, ids),
            "log_softmax": lambda: logits.log_softmax(1),
        }
    )
    size, update = f"{batch}x{classes}", times["update"]
    return {
        f"aum_over_update_{size}": [a / u for a, u in zip(times["aum"], update, strict=True)],
        f"update_over_log_softmax_{size}": [u / s for u, s in zip(update, times["log_softmax"], strict=True)],
    }


def main() -> None:
    """Print the median of each ratio with its spread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    torch.set_num_threads(1)
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for batch, classes in SIZES:
            for name, found in measure(batch, classes, folder).items():
                figures[name] = round(statistics.median(found), 2)
                if not as_json:
                    print(f"{name}: {statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})")
    if as_json:
        machine = {"processor": platform.machine(), "python": platform.python_version(), "torch": torch.__version__}
        print(json.dumps({"figures": figures, "machine": machine}))


if __name__ == "__main__":
    main()
