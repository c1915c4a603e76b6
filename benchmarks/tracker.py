"""What `ExampleTracker` costs: time in the loop, time and bytes on disk, memory; against its rivals.

Run alone: python benchmarks/tracker.py [--json]. A few minutes on one thread; needs the extra `bench`, for package aum.
"""

from __future__ import annotations

import os
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from aum import AUMCalculator
from measuring import ROUNDS, Figure, alternated, ratios, run_alone, seconds
from sklearn.datasets import load_digits
from torch import Tensor, nn

from probes import ExampleTracker

SIZES = ((128, 10), (256, 100), (256, 1000))
EXAMPLES, EPOCHS = 50_000, 200
IMAGENET = 1_281_167  # training examples of ImageNet-1k

Named = Iterator[tuple[str, Figure]]


def measured() -> Named:
    """All figures; memory first, before the process has freed anything that would be taken up again."""
    yield from memory()
    for batch, classes in SIZES:
        yield from one_update(batch, classes)
    yield from overhead("cnn", small_cnn(), torch.rand(6_400, 1, 28, 28), torch.randint(10, (6_400,)), 128, 0.02)
    digits = load_digits()
    pixels, labels = torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target)
    yield from overhead("mlp", mlp(512, 512), pixels, labels, 64, 0.15)
    yield from on_disk()


def one_update(batch: int, classes: int, rounds: int = ROUNDS) -> Named:
    """Five signals and all checks, against package aum recording one and against one log-softmax."""
    logits = torch.randn(batch, classes) * 3
    targets, index = torch.randint(classes, (batch,)), torch.randperm(EXAMPLES)[:batch]
    tracker, ids = ExampleTracker(EXAMPLES), index.tolist()  # aum takes no tensor of ids
    with tempfile.TemporaryDirectory() as folder:
        rival = AUMCalculator(folder)
        calls = {
            "update": lambda: tracker.update(index, logits, targets),
            "aum": lambda: rival.update(logits, targets, ids),
            "log_softmax": lambda: logits.log_softmax(1),
        }
        times = alternated(calls, rounds)
    size = f"{batch}x{classes}"
    yield (
        f"aum_over_update_{size}",
        Figure(
            f"`aum`'s `update` / ours, logits of {size}",
            ratios(times["aum"], times["update"]),
            ("at least", 10) if classes < 1000 else None,
        ),
    )
    yield (
        f"update_over_log_softmax_{size}",
        Figure(
            f"`update` / one `log_softmax`, logits of {size}",
            ratios(times["update"], times["log_softmax"]),
            ("at most", 3) if classes == 1000 else None,
        ),
    )


def small_cnn() -> nn.Module:
    """Two convolutions over 28 x 28 pixels."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32 * 5 * 5, 10)),
    )


def mlp(*hidden: int) -> nn.Module:
    """From the 64 pixels of a digit to 10 classes."""
    widths = (64, *hidden)
    layers = [layer for pair in zip(widths, hidden, strict=False) for layer in (nn.Linear(*pair), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(widths[-1], 10))


def overhead(
    name: str, model: nn.Module, inputs: Tensor, targets: Tensor, batch: int, most: float, rounds: int = ROUNDS
) -> Named:
    """Time inside `update` over that of the same steps' forward, backward and optimizer; writing the epoch apart."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    shares, writing = [], []
    with tempfile.TemporaryDirectory() as folder, ExampleTracker(len(inputs), run=f"{folder}/run") as tracker:
        for _ in range(rounds + 1):
            shares.append(update_share(model, optimizer, inputs, targets, batch, tracker))
            writing.append(seconds(tracker.end_epoch) * 1000)
    what = {"cnn": "a CNN of two convolutions, 28x28, batch 128", "mlp": "the digits MLP 64-512-512-10, batch 64"}[name]
    # the first epoch warms up
    yield f"overhead_{name}", Figure(f"`update` / the rest of the steps, {what}", shares[1:], ("at most", most))
    yield f"write_ms_{name}", Figure(f"ms to write an epoch of {len(inputs)} examples, same run", writing[1:])


def update_share(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    inputs: Tensor,
    targets: Tensor,
    batch: int,
    tracker: ExampleTracker,
) -> float:
    """Train one epoch."""
    in_steps = in_updates = 0.0
    for index in torch.randperm(len(inputs)).split(batch):
        x, y = inputs[index], targets[index]
        start = time.perf_counter()
        optimizer.zero_grad()
        logits = model(x)
        nn.functional.cross_entropy(logits, y).backward()
        optimizer.step()
        between = time.perf_counter()
        tracker.update(index, logits, y)
        in_updates += time.perf_counter() - between
        in_steps += between - start
    return in_updates / in_steps


def on_disk(epochs: int = EPOCHS, every: int = 10) -> Named:
    """Bytes and milliseconds of an epoch of 50,000 examples, of a real training.

    Now and then the same epoch is also written as Dataset Cartography's `log_training_dynamics` does, by pandas.
    """
    sizes, writing, syncing, lines_sizes, lines_writing = [], [], [], [], []
    with tempfile.TemporaryDirectory() as folder, ExampleTracker(EXAMPLES, run=f"{folder}/run") as tracker:
        for epoch, logits, targets in noisy_digits(tracker, epochs):
            writing.append(seconds(tracker.end_epoch) * 1000)
            written = Path(folder, f"run/trajectories/epoch-{epoch:05d}.parquet").read_bytes()
            sizes.append(len(written) / EXAMPLES)
            syncing.append(seconds(partial(write_synced, Path(folder, "same"), written)) * 1000)
            if epoch % every == 0:
                lines = Path(folder, f"dynamics_epoch_{epoch}.jsonl")
                lines_writing.append(seconds(partial(write_lines, lines, epoch, logits, targets)) * 1000)
                lines_sizes.append(lines.stat().st_size / EXAMPLES)
    ours = slice(every - 1, None, every)
    yield "disk_bytes", Figure("bytes per example and epoch on disk, five signals", sizes, ("at most", 16))
    yield "json_lines_bytes", Figure("the same as Dataset Cartography's JSON lines, K = 10", lines_sizes)
    yield "json_lines_over_disk", Figure("JSON lines / ours, bytes", ratios(lines_sizes, sizes[ours]))
    yield "write_ms", Figure("ms to write an epoch of 50,000 examples, synced to disk", writing, ("at most", 15))
    yield "sync_ms", Figure("ms to write and sync the same bytes, ready made", syncing)
    yield "json_lines_over_write", Figure("JSON lines / ours, time to write", ratios(lines_writing, writing[ours]))


def noisy_digits(tracker: ExampleTracker, epochs: int) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Train and record: after each epoch its number, the logits of all examples and their given labels.

    The digits of scikit-learn, drawn with replacement, each with pixel noise of its own (sd 0.4) and one label in five
    wrong; a network of 512 hidden units learns most of them by heart, and losses fall from ln 10 to almost 0.
    """
    rng = np.random.default_rng(0)
    digits = load_digits()
    drawn = rng.integers(0, len(digits.target), EXAMPLES)
    x = torch.tensor(digits.data[drawn] / 16 + rng.normal(0, 0.4, (EXAMPLES, 64)), dtype=torch.float32)
    y = torch.tensor((digits.target[drawn] + rng.integers(1, 10, EXAMPLES) * (rng.random(EXAMPLES) < 0.2)) % 10)
    model, seen = mlp(512), torch.empty(EXAMPLES, 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0.01, total_iters=epochs)
    for epoch in range(1, epochs + 1):
        for index in torch.randperm(EXAMPLES).split(128):
            logits = model(x[index])
            optimizer.zero_grad()
            nn.functional.cross_entropy(logits, y[index]).backward()
            optimizer.step()
            tracker.update(index, logits, y[index])
            seen[index] = logits.detach()
        schedule.step()
        yield epoch, seen, y


def write_synced(path: Path, content: bytes) -> None:
    """What of an epoch's time is the disk's."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_lines(path: Path, epoch: int, logits: Tensor, targets: Tensor) -> None:
    """As cartography/selection/selection_utils.py does, from https://github.com/allenai/cartography."""
    columns = {"guid": range(len(targets)), f"logits_epoch_{epoch}": list(logits.numpy()), "gold": targets.numpy()}
    pd.DataFrame(columns).to_json(path, lines=True, orient="records")


def memory(examples: int = IMAGENET, classes: int = 1000, batch: int = 4096) -> Named:
    """What a tracker holds once every example was seen: as allocated, and as the process grew."""
    logits, targets = torch.randn(batch, classes), torch.randint(classes, (batch,))
    ExampleTracker(batch).update(np.arange(batch), logits, targets)  # scratch and late imports are not its own
    tracemalloc.start()
    allocated, resident = tracemalloc.get_traced_memory()[0], resident_bytes()
    tracker = ExampleTracker(examples)
    for start in range(0, examples, batch):
        rows = min(batch, examples - start)
        tracker.update(np.arange(start, start + rows), logits[:rows], targets[:rows])
    resident = resident_bytes() - resident
    allocated = tracemalloc.get_traced_memory()[0] - allocated
    tracemalloc.stop()
    what = f"{examples} examples, K = {classes}"
    yield "memory_bytes", Figure(f"bytes of buffers per example, {what}", [allocated / examples], ("at most", 40))
    if resident > 0:
        yield "memory_resident_bytes", Figure("the same as the process grew", [resident / examples])


def resident_bytes() -> int:
    """Of this process, where the system tells (Linux); else 0."""
    told = Path("/proc/self/statm")
    return int(told.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if told.exists() else 0


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    run_alone(__doc__, measured)
