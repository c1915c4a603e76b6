"""From a config to everything a loop needs in memory: data, noise, model, probes, device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from torch import nn

from probes.data import Corruption, Dataset, ExampleSet, corrupt, exclude, load_dataset, relabel, subset
from probes.errors import ConfigError
from probes.models import build_model, describe, num_parameters
from probes.probing.making import input_unit, make_probe
from probes.probing.probe import Probe
from probes.trackers.distributed import current_rank
from probes.training.augmentation import Augmentation
from probes.training.config import TrainConfig
from probes.training.loggers import check_loggers

__all__ = ["Setup", "prepare", "run_meta", "using_threads"]

# A step of fewer multiplications than this runs on one thread. Measured on two cores with MLP 64-512-512-10 and
# batches of 64 (2e7): two threads gain at most 30 % on an idle machine, and lose a factor of 12 when a second run
# shares it, because OpenMP threads spin while they wait for one another.
_ONE_THREAD_BELOW = 1e8


@dataclass(frozen=True)
class Setup:
    """What a config stands for.

    Attributes:
        config: where it all comes from.
        dataset: as it is trained on, noise included, in main memory.
        corruption: what was done to the training set.
        examples: the training set with its given labels, on the device.
        model: freshly initialised, on the device.
        augmentation: what training changes in a batch; false where it changes nothing.
        probes: to measure with, at the config's epochs.
        device: the one in use.
        threads: CPU threads in use.
    """

    config: TrainConfig
    dataset: Dataset
    corruption: Corruption
    examples: ExampleSet
    model: nn.Module
    augmentation: Augmentation
    probes: list[Probe]
    device: torch.device
    threads: int


def prepare(config: TrainConfig) -> Setup:
    """Load the data, draw the noise, build the model and the probes.

    Raises:
        ConfigError: the device is not there, or the data cannot take this kind of noise.
        MissingDependencyError: of a logger.
    """
    check_loggers(config.log)
    device = _device(config.device)
    dataset = _load(config)
    corruption = corrupt(dataset, config.noise_shares, seed=config.seeds["noise"])
    dataset = _cleaned(corruption.apply(dataset), config)
    if dataset.constant:
        dataset = dataset.with_note("all training inputs are equal: there is nothing to learn from.")
    model = build_model(
        config.model,
        input_shape=tuple(dataset.train.inputs.shape[1:]),
        num_classes=len(dataset.classes),
        width=config.width,
        depth=config.depth,
        seed=config.seeds["init"],
        dropout=config.dropout,
        batch_norm=config.batch_norm,
    )
    if any(isinstance(layer, nn.Conv2d) for layer in model.modules()):
        model = model.to(memory_format=torch.channels_last)  # twice as fast on a CPU
    _check_batch_norm(model, len(dataset.train), config.batch_size)
    return Setup(
        config=config,
        dataset=dataset,
        corruption=corruption,
        examples=_without_images(dataset.train).to(device),
        model=model.to(device),
        augmentation=_augmentation(config, dataset),
        probes=[_make_probe(name, config, dataset) for name in config.probe_names],
        device=device,
        threads=_threads(config, model),
    )


def run_meta(setup: Setup, command: str | None) -> dict[str, Any]:
    """What run.json says of a run.

    Args:
        setup: of the run.
        command: as typed; None stands for the call from Python.
    """
    config, dataset = setup.config, setup.dataset
    return {
        "command": command or _python_call(config),
        "config": asdict(config),
        "seeds": config.seeds,
        "dataset": {
            "name": dataset.name,
            "fingerprint": dataset.fingerprint,
            "num_examples": len(dataset.train),
            "classes": dataset.classes,
            "splits": {part.split: len(part) for part in (dataset.train, dataset.validation, dataset.test)},
            "kind": dataset.kind,
            "image_shape": list(dataset.image_shape),
            "mean": dataset.mean,
            "sd": dataset.sd,
            "means": list(dataset.means),
            "sds": list(dataset.sds),
            "notes": dataset.notes,
            **({"left_out": dataset.left_out} if dataset.left_out else {}),
        },
        "corruption": setup.corruption.rates,
        "model": {"description": describe(setup.model), "parameters": num_parameters(setup.model)},
        "device": str(setup.device),
        "threads": setup.threads,
    }


@contextmanager
def using_threads(threads: int) -> Iterator[None]:
    """Compute with so many CPU threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _load(config: TrainConfig) -> Dataset:
    """The data before noise."""
    dataset = load_dataset(
        config.dataset,
        split_seed=config.split_seed,
        data_root=config.data_root,
        download=config.download,
        label_column=config.label_column,
        given_labels=config.given_labels,
    )
    return dataset if config.subset is None else subset(dataset, config.subset, config.split_seed)


def _cleaned(dataset: Dataset, config: TrainConfig) -> Dataset:
    """What a review or an audit changes: after the noise, so that a run before and one after share it."""
    if config.relabel is not None:
        dataset = relabel(dataset, config.relabel)
    return dataset if config.exclude is None else exclude(dataset, config.exclude)


def _without_images(examples: ExampleSet) -> ExampleSet:
    """What a loop needs of them: it shuffles them every epoch."""
    return ExampleSet(
        examples.inputs, examples.given_labels, true_labels=examples.true_labels, replaced=examples.replaced
    )


def _check_batch_norm(model: nn.Module, count: int, batch_size: int) -> None:
    """Batch normalisation has no use for a batch of one, nor for a rank's part of a batch that is one or none."""
    norms = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    rank = current_rank()
    parts = 1 if rank is None else rank.world_size
    smallest = (count % batch_size or min(count, batch_size)) // parts
    if smallest < 2 and any(isinstance(layer, norms) for layer in model.modules()):
        batch = "batch of one" if parts == 1 else f"batch too small for {parts} processes, two for each,"
        raise ConfigError(
            f"batch_size {batch_size} leaves a {batch} of {count:,} examples, which batch norm cannot use. "
            "Choose another."
        )


def _augmentation(config: TrainConfig, dataset: Dataset) -> Augmentation:
    if config.augment and dataset.kind != "image":
        raise ConfigError(f"augment shifts and mirrors images, and {dataset.name} holds none.")
    side = min(dataset.image_shape[:2]) if config.augment else 0
    return Augmentation(
        shift=max(1, side // 8) if config.augment else 0,
        mirror=config.augment and dataset.train.inputs.shape[1] > 1,
        noise=config.input_noise,
        dropout=config.input_dropout,
        blank=dataset.blank_value,
    )


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError(
            f"device {name!r} cannot be used here. Choose 'auto', 'cpu', or one that this PyTorch sees."
        ) from error
    return device


def _make_probe(name: str, config: TrainConfig, dataset: Dataset) -> Probe:
    """Build a probe by its name in PROBES; the panel is of 32 examples, half of them noisy where there are any."""
    unit = input_unit(dataset) if name == "critical_samples" else 1.0
    return make_probe(name, seed=config.seed, blank_value=dataset.blank_value, validation=dataset.validation, unit=unit)


def _threads(config: TrainConfig, model: nn.Module) -> int:
    if config.threads is not None:
        return config.threads
    small = num_parameters(model) * config.batch_size < _ONE_THREAD_BELOW
    return 1 if small else torch.get_num_threads()


def _python_call(config: TrainConfig) -> str:
    changed = [
        f"{field.name}={getattr(config, field.name)!r}"
        for field in fields(config)
        if getattr(config, field.name) != field.default
    ]
    return f"train(TrainConfig({', '.join(changed)}))"
