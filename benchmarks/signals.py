"""Signals of one batch: one pass of numpy on views of the tensors against the same in torch.

Run alone: python benchmarks/signals.py [--json]
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from probes.signals import signals

SIZES = ((128, 10), (1024, 10), (128, 1000))


def in_torch(logits: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The rival: what one would write with torch's own operators."""
    log_p = logits.log_softmax(1)
    p = log_p.exp()
    column = targets[:, None]
    loss = -log_p.gather(1, column)[:, 0]
    one_hot = torch.zeros_like(p).scatter_(1, column, 1.0)
    margin = logits.gather(1, column)[:, 0] - logits.masked_fill(one_hot.bool(), -torch.inf).amax(1)
    return loss, margin, torch.special.entr(p).sum(1), (p - one_hot).norm(dim=1), logits.argmax(1)


def seconds(function: Callable[[], object], repeats: int) -> float:
    """Seconds per call."""
    start = time.perf_counter()
    for _ in range(repeats):
        function()
    return (time.perf_counter() - start) / repeats


def ratios(batch: int, classes: int, rounds: int = 15) -> list[float]:
    """Time of torch in units of ours, a value per alternated round."""
    logits, targets = torch.randn(batch, classes) * 3, torch.randint(classes, (batch,))
    ours: Callable[[], object] = lambda: signals(logits.numpy(), targets.numpy())  # noqa: E731
    theirs: Callable[[], object] = lambda: in_torch(logits, targets)  # noqa: E731
    repeats = max(5, int(0.02 / seconds(ours, 20)))
    return [seconds(theirs, repeats) / seconds(ours, repeats) for _ in range(rounds)]


def main() -> None:
    """Print the median of each size with its spread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    torch.set_num_threads(1)
    figures = {}
    for batch, classes in SIZES:
        found = ratios(batch, classes)
        figures[f"torch_over_ours_{batch}x{classes}"] = round(statistics.median(found), 2)
        if not as_json:
            low, high = np.quantile(found, (0.1, 0.9))
            middle = statistics.median(found)
            print(f"{batch} x {classes}: torch takes {middle:.2f} times as long ({low:.2f}-{high:.2f})")
    if as_json:
        machine = {"processor": platform.machine(), "python": platform.python_version(), "torch": torch.__version__}
        print(json.dumps({"figures": figures, "machine": machine}))


if __name__ == "__main__":
    main()
