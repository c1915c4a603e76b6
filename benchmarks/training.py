"""`probe train`'s loop against a bare tensor loop and the usual torchvision and DataLoader script, on Fashion-MNIST.

Run alone: python benchmarks/training.py [--json]; needs the data (Debian's dataset-fashion-mnist, or in data/).
All run on one thread, then on as many as torch takes by itself, as a script does. The script loads its data in the
process, as PyTorch's own introduction does, and once more with two worker processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from measuring import Figure, ratios, run_alone, seconds
from PIL import Image
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset

from probes.data import ExampleSet
from probes.models import build_model
from probes.trackers.epoch_buffer import EpochBuffer
from probes.training import TrainConfig
from probes.training.evaluation import SignalCollector, sweep
from probes.training.loop import epoch_order, train_epoch
from probes.training.setup import prepare

EXAMPLES, BATCH, ROUNDS = {"mlp": 20_000, "cnn": 10_000}, 64, 5
LOADER_WORKERS = (0, 2)


class Pictures(Dataset):
    """PIL images and torchvision's transforms, as in the usual script."""

    def __init__(self, examples: ExampleSet, mean: float, sd: float) -> None:
        from torchvision.transforms import Compose, Normalize, ToTensor

        self._pixels = torch.from_numpy(examples.images)
        self._labels = examples.given_labels.tolist()
        self._transform = Compose([ToTensor(), Normalize((mean,), (sd,))])

    def __len__(self) -> int:
        return len(self._pixels)

    def __getitem__(self, position: int) -> tuple[torch.Tensor, int]:
        picture = Image.fromarray(self._pixels[position].numpy())  # as torchvision's own class does
        return self._transform(picture), self._labels[position]


def bare_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, inputs: torch.Tensor, targets: torch.Tensor) -> None:
    """The least a loop over tensors can do."""
    for part in torch.randperm(len(inputs)).split(BATCH):
        loss = cross_entropy(model(inputs[part]), targets[part])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


def loader_epoch(model: nn.Module, optimizer: torch.optim.Optimizer, loader: DataLoader) -> None:
    """The usual script's epoch."""
    for inputs, targets in loader:
        loss = cross_entropy(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def calls(name: str) -> dict[str, Callable[[], object]]:
    """One epoch of each kind, every one with a model of its own."""
    setup = prepare(TrainConfig(dataset="fashion-mnist", model=name, subset=EXAMPLES[name], noise=0.4))
    examples, dataset = setup.examples, setup.dataset

    def fresh() -> tuple[nn.Module, torch.optim.Optimizer]:
        model = build_model(name, input_shape=(1, 28, 28), num_classes=10, width=512, depth=2, seed=0)
        if name == "cnn":
            model = model.to(memory_format=torch.channels_last)
        return model, torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def ours(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        collector = SignalCollector(EpochBuffer(len(examples)))
        train_epoch(model, optimizer, examples.select(epoch_order(0, 1, len(examples))), BATCH, collector.add)
        collector.take()

    pictures = Pictures(dataset.train, dataset.mean, dataset.sd)
    plain = build_model(name, input_shape=(1, 28, 28), num_classes=10, width=512, depth=2, seed=0)
    plain_optimizer = torch.optim.SGD(plain.parameters(), lr=0.05, momentum=0.9)
    loaders = {
        f"loader_{workers}_workers": DataLoader(pictures, batch_size=BATCH, shuffle=True, num_workers=workers)
        for workers in LOADER_WORKERS
    }
    return {
        "ours": partial(ours, *fresh()),
        "bare": partial(bare_epoch, *fresh(), examples.inputs, examples.given_labels),
        **{kind: partial(loader_epoch, plain, plain_optimizer, loader) for kind, loader in loaders.items()},
        "sweep": partial(sweep, fresh()[0], examples, SignalCollector(EpochBuffer(len(examples)))),
    }


def measured(rounds: int = ROUNDS) -> Iterator[tuple[str, Figure]]:
    """Each network on one thread, then on all."""
    usual = torch.get_num_threads()
    for threads in dict.fromkeys((1, usual)):
        torch.set_num_threads(threads)
        for name in EXAMPLES:
            yield from _compared(name, threads, rounds)


def _compared(name: str, threads: int, rounds: int) -> Iterator[tuple[str, Figure]]:
    """An epoch of each kind in turns."""
    kinds = calls(name)
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for round_ in range(rounds + 1):
        for kind, call in kinds.items():
            taken = seconds(call)
            if round_ > 0:  # the first one warms up caches
                times[kind].append(taken)
    where = f"{name}, {EXAMPLES[name]:,} images, {threads} thread{'s' * (threads > 1)}"
    key = f"{name}_{threads}"
    yield (
        f"throughput_{key}",
        Figure(
            f"throughput, online / bare tensor loop: {where}", ratios(times["bare"], times["ours"]), ("at least", 0.9)
        ),
    )
    for workers in LOADER_WORKERS:
        kind = f"loader_{workers}_workers"
        yield (
            f"{kind}_over_ours_{key}",
            Figure(
                f"epoch of the DataLoader script, {workers} workers / ours: {where}",
                ratios(times[kind], times["ours"]),
                ("at least", 3.0) if name == "mlp" else None,
            ),
        )
    yield (
        f"sweep_over_epoch_{key}",
        Figure(f"sweep / training epoch: {where}", ratios(times["sweep"], times["bare"]), ("at most", 0.5)),
    )


if __name__ == "__main__":
    run_alone(__doc__, measured)
