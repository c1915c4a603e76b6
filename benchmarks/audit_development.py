"""The harder data that the audit is developed on: digits and Fashion-MNIST made such that networks stay weak.

A small network answers about half of these right when it has learned from right labels, as it does on photographs. In
most of them what tells the classes apart is partly destroyed; in `fashion-placed` it is all there, and hard to learn
from so few.

    python benchmarks/audit_development.py       prints that share, and how errors of a few classes alone are ranked
    python benchmarks/audit.py --data digits-noise --data fashion-hidden ...    ranks wrong labels on them
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import affine_grid, grid_sample, interpolate

from probes.audit import AuditSettings, examine
from probes.audit.folds import stratified_folds
from probes.audit.networks import Trainer, choose_model
from probes.audit.progress import Work
from probes.data import Dataset, ExampleSet
from probes.data.pooled import load_pooled
from probes.scores import auroc
from probes.scores.detection import average_precision


def noise(inputs: torch.Tensor, random: np.random.Generator, sd: float) -> torch.Tensor:
    """Gaussian noise in every pixel, in units of the pixels' standard deviation."""
    return inputs + sd * torch.from_numpy(random.normal(size=inputs.shape)).float()


def hidden(inputs: torch.Tensor, random: np.random.Generator, side: int) -> torch.Tensor:
    """All but one square, at a place of its own in every image, is blank."""
    kept = torch.full_like(inputs, float(inputs.min()))
    for number, (top, left) in enumerate(random.integers(2, inputs.shape[-1] - 2 - side, (len(inputs), 2)).tolist()):
        here = (number, slice(None), slice(top, top + side), slice(left, left + side))
        kept[here] = inputs[here]
    return kept


def mixed(inputs: torch.Tensor, random: np.random.Generator, share: float) -> torch.Tensor:
    """Each image is laid over another one, turned upside down and mirrored at random."""
    others = inputs[torch.from_numpy(random.permutation(len(inputs)))]
    flips = random.integers(0, 2, (len(inputs), 2)).astype(bool)
    for axis in (0, 1):
        rows = torch.from_numpy(flips[:, axis])
        others[rows] = others[rows].flip(dims=[2 + axis])
    return (1 - share) * inputs + share * others


def placed(inputs: torch.Tensor, random: np.random.Generator, side: int) -> torch.Tensor:
    """Each image shrunk, turned, mirrored and moved at random, in one colour, on a cluttered ground of another."""
    count = len(inputs)
    images = (inputs - inputs.amin()) / (inputs.amax() - inputs.amin())
    drawn = [random.uniform(0.45, 0.75, count), random.uniform(-0.6, 0.6, count), random.choice([-1.0, 1.0], count)]
    drawn += [random.uniform(-1, 1, count), random.uniform(-1, 1, count)]
    scale, angle, mirror, across, down = (torch.from_numpy(values).float() for values in drawn)
    across, down = across * (1 - scale), down * (1 - scale)
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    first = torch.stack([cos * mirror, -sin * mirror, -(cos * across - sin * down) * mirror], 1)
    second = torch.stack([sin, cos, -(sin * across + cos * down)], 1)
    grid = affine_grid(torch.stack([first, second], 1), [count, 1, side, side], align_corners=False)
    shape = grid_sample(images, grid, align_corners=False)
    generator = torch.Generator().manual_seed(0)
    colour, ground = (torch.rand(count, 3, 1, 1, generator=generator) for _ in range(2))
    blobs = interpolate(torch.randn(count, 3, 4, 4, generator=generator), size=[side, side], mode="bilinear")
    clutter = 0.15 * blobs + 0.03 * torch.randn(count, 3, side, side, generator=generator)
    outside = (shape <= 0.02).float()
    made = shape * colour * (0.3 + 0.7 * shape) + outside * (ground + clutter) + (1 - outside) * 0.3 * clutter
    return (made - made.mean((0, 2, 3), keepdim=True)) / made.std((0, 2, 3), keepdim=True)


class Hard(NamedTuple):
    """How a data set of `HARD` is made: `change` of examples of `source`, to a `degree`.

    The examples of Fashion-MNIST are behind the 10,000 of the other benchmark.
    """

    source: str
    change: Callable[..., torch.Tensor]
    degree: float
    first: int = 0
    size: int = 1_797
    shrunk: int | None = None  # to so many pixels a side, before


HARD = {
    "digits-noise": Hard("digits", noise, 1.7),
    "fashion-noise": Hard("fashion-mnist", noise, 2.0, 10_000, 2_000, 16),
    "fashion-hidden": Hard("fashion-mnist", hidden, 7, 10_000, 2_000, 16),
    "fashion-mixed": Hard("fashion-mnist", mixed, 0.5, 10_000, 2_000, 16),
    "fashion-placed": Hard("fashion-mnist", placed, 32, 20_000, 3_000),
}


def load_hard(name: str) -> Dataset:
    """A data set of `HARD`, the same at every call."""
    made = HARD[name]
    dataset = load_pooled(made.source).select(np.arange(made.first, made.first + made.size))
    images = dataset.train.inputs
    if made.shrunk is not None:
        images = interpolate(images, size=[made.shrunk, made.shrunk], mode="area")
    inputs = made.change(images, np.random.default_rng(0), made.degree)
    train = ExampleSet(inputs, dataset.train.given_labels, true_labels=dataset.train.true_labels)
    return replace(dataset, name=name, train=train)


def held_out_accuracy(dataset: Dataset, epochs: int = 12) -> list[float]:
    """Share of a third of the examples that a network answers right after each epoch on the others, labels right."""
    settings, given = AuditSettings(), dataset.train.given_labels.numpy()
    name, classes = choose_model(dataset, None, settings), len(dataset.classes)
    trainer = Trainer(dataset.train.inputs, classes, name, settings, torch.device("cpu"), Work(None))
    targets = torch.nn.functional.one_hot(torch.from_numpy(given), classes).float()
    fold = stratified_folds(given, 3, [0])
    network, outside, inside = trainer.build(0), np.flatnonzero(fold == 0), np.flatnonzero(fold != 0)
    found = []
    for epoch in range(1, epochs + 1):
        trainer.train_epoch(network, inside, targets, epoch)
        found.append(float((trainer.answers(network, outside).argmax(axis=1) == given[outside]).mean()))
    return found


# true class -> the class that is given instead (None: any other), and for what share of its examples
FEW_CLASSES: dict[str, dict[int, tuple[int | None, float]]] = {
    "two": {3: (8, 0.4), 5: (6, 0.3)},
    "one": {3: (8, 0.4)},
    "one, spread": {3: (None, 0.4)},
    "four": {0: (6, 0.45), 8: (3, 0.2), 4: (9, 0.3), 7: (2, 0.1)},
    "five, spread": dict.fromkeys(range(5), (None, 0.4)),
}


def errors_of_few_classes(dataset: Dataset) -> dict[str, tuple[float, float]]:
    """AUROC and average precision of the audit where labels of a few classes alone are wrong, by `FEW_CLASSES`."""
    true, random, found = dataset.train.given_labels.numpy(), np.random.default_rng(0), {}
    for name, errors in FEW_CLASSES.items():
        told = true.copy()
        for label, (instead, share) in errors.items():
            rows = random.permutation(np.flatnonzero(true == label))
            rows = rows[: int(share * len(rows))]
            told[rows] = (label + random.integers(1, 10, len(rows))) % 10 if instead is None else instead
        train = ExampleSet(dataset.train.inputs, torch.from_numpy(told))
        suspicion = -examine(replace(dataset, train=train), seed=0).issues["label_score"].to_numpy()
        wrong = told != true
        found[name] = auroc(suspicion, wrong) or 0.0, average_precision(suspicion, wrong) or 0.0
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    for hard in HARD:
        print(hard, " ".join(f"{share:.2f}" for share in held_out_accuracy(load_hard(hard))), flush=True)
    for data in (load_pooled("digits"), load_hard("digits-noise")):
        ranked = errors_of_few_classes(data)
        for few, (area, precision) in ranked.items():
            print(f"{data.name}, errors of {few}: {area:.3f} / {precision:.3f}", flush=True)
        print(f"{data.name}, mean: {' / '.join(f'{value:.3f}' for value in np.mean(list(ranked.values()), axis=0))}")
