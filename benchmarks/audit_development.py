"""The harder data that the audit is developed on: digits and Fashion-MNIST made such that networks stay weak.

A small network answers about half of these right when it has learned from right labels, as it does on photographs.

    python benchmarks/audit_development.py       prints that share
    python benchmarks/audit.py --data digits-noise --data fashion-hidden ...    ranks wrong labels on them
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch.nn.functional import interpolate

from probes.audit import AuditSettings
from probes.audit.folds import stratified_folds
from probes.audit.networks import Trainer, choose_model
from probes.audit.progress import Work
from probes.data import Dataset, ExampleSet
from probes.data.pooled import load_pooled

SIZE = 2_000  # examples of Fashion-MNIST, behind the 10,000 of the other benchmark
_FIRST = 10_000
SIDE = 16  # pixels; of Fashion-MNIST


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


HARD = {
    "digits-noise": ("digits", noise, 1.7),
    "fashion-noise": ("fashion-mnist", noise, 2.0),
    "fashion-hidden": ("fashion-mnist", hidden, 7),
    "fashion-mixed": ("fashion-mnist", mixed, 0.5),
}


def load_hard(name: str) -> Dataset:
    """A data set of `HARD`, the same at every call."""
    source, change, degree = HARD[name]
    dataset = load_pooled(source)
    if len(dataset.train) > SIZE:
        dataset = dataset.select(np.arange(_FIRST, _FIRST + SIZE))
    images = dataset.train.inputs
    if images.shape[-1] > SIDE:
        images = interpolate(images, size=[SIDE, SIDE], mode="area")
    inputs = change(images, np.random.default_rng(0), degree)
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


if __name__ == "__main__":
    torch.set_num_threads(1)
    for hard in HARD:
        print(hard, " ".join(f"{share:.2f}" for share in held_out_accuracy(load_hard(hard))), flush=True)
