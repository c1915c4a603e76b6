"""Many small perceptrons at once against one after another, on digits with a subset for each.

Run alone: python benchmarks/ensemble.py [--json].
Times are per model, its making included. One by one is the least a loop over tensors can do. Each process, one or two
of them, has one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context

import numpy as np
import torch
from measuring import Figure, ratios, run_alone, seconds
from torch.nn.functional import cross_entropy

from probes.data import load_dataset
from probes.models import build_model
from probes.training.ensemble import train_ensemble
from probes.training.loop import epoch_order

SHAPES = {"64-256-10": (256, 1), "64-64-10": (64, 1), "64-512-512-10": (512, 2)}
MAIN = "64-256-10"
EPOCHS, BATCH, LR, MOMENTUM, SUBSET = 3, 64, 0.05, 0.9, 980
ALONE, TOGETHER, ROUNDS = 4, 24, 7  # models of each kind in a round


@cache
def data() -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """Inputs (N, 64), labels, and a subset for each of the models."""
    train = load_dataset("digits").train
    subsets = [np.random.default_rng(model).permutation(len(train))[:SUBSET] for model in range(TOGETHER)]
    return train.inputs.reshape(len(train), -1), train.given_labels, np.stack(subsets)


def one_by_one(shape: str) -> None:
    """The least a loop over tensors can do, for each model."""
    torch.set_num_threads(1)
    inputs, labels, subsets = data()
    width, depth = SHAPES[shape]
    for seed in range(ALONE):
        model = build_model("mlp", input_shape=(64,), num_classes=10, width=width, depth=depth, seed=seed)
        optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)
        rows = torch.from_numpy(subsets[seed])
        for epoch in range(1, EPOCHS + 1):
            for batch in rows[epoch_order(seed, epoch, len(rows))].split(BATCH):
                loss = cross_entropy(model(inputs[batch]), labels[batch])
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()


def together(shape: str) -> None:
    """The same by `train_ensemble`."""
    torch.set_num_threads(1)
    inputs, labels, subsets = data()
    width, depth = SHAPES[shape]
    options = {"width": width, "depth": depth, "lr": LR, "batch_size": BATCH, "momentum": MOMENTUM}
    train_ensemble(inputs, labels, seeds=range(TOGETHER), num_classes=10, epochs=EPOCHS, subsets=subsets, **options)


def in_two_processes(pool: Executor, function: Callable[[str], None], shape: str) -> None:
    """The same work in each of two."""
    for work in [pool.submit(function, shape) for _ in range(2)]:
        work.result()


def per_model(shape: str, rounds: int, pool: Executor) -> dict[str, list[float]]:
    """Seconds per model, a value per round, the kinds in turns."""
    kinds: dict[str, tuple[Callable[[], object], int]] = {
        "alone": (lambda: one_by_one(shape), ALONE),
        "together": (lambda: together(shape), TOGETHER),
    }
    if shape == MAIN:
        kinds["alone_in_two"] = (lambda: in_two_processes(pool, one_by_one, shape), 2 * ALONE)
        kinds["together_in_two"] = (lambda: in_two_processes(pool, together, shape), 2 * TOGETHER)
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for round_ in range(rounds + 1):
        for kind, (call, models) in kinds.items():
            taken = seconds(call) / models
            if round_ > 0:  # the first one loads and warms up
                times[kind].append(taken)
    return times


def measured(rounds: int = ROUNDS) -> Iterator[tuple[str, Figure]]:
    """The shape of the memorization study first, then a smaller and a larger one."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for shape in SHAPES:
            times = per_model(shape, rounds, pool)
            target = ("at least", 3.0) if shape == MAIN else None
            what = f"one by one / together, one process each: {shape}, per model"
            yield f"alone_over_together_{shape}", Figure(what, ratios(times["alone"], times["together"]), target)
            if shape != MAIN:
                continue
            for kind, words in (("together", "together in one"), ("together_in_two", "together in two")):
                what = f"one by one in two processes / {words}: {shape}, per model"
                yield f"alone_in_two_over_{kind}", Figure(what, ratios(times["alone_in_two"], times[kind]))


if __name__ == "__main__":
    run_alone(__doc__, measured)
