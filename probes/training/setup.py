"""From a config to everything a loop needs in memory: data, noise, model, probes, device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from torch import nn

from probes.data import Corruption, Dataset, ExampleSet, corrupt_labels, load_dataset
from probes.errors import ConfigError
from probes.models import build_model, describe, num_parameters
from probes.probing.attributions import Attributions
from probes.probing.probe import Probe
from probes.training.config import TrainConfig

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
        dataset: with true labels, in main memory.
        corruption: what was done to the training labels.
        examples: the training set with its given labels, on the device.
        model: freshly initialised, on the device.
        probes: to measure with, at the config's epochs.
        device: the one in use.
        threads: CPU threads in use.
    """

    config: TrainConfig
    dataset: Dataset
    corruption: Corruption
    examples: ExampleSet
    model: nn.Module
    probes: list[Probe]
    device: torch.device
    threads: int


def prepare(config: TrainConfig) -> Setup:
    """Load the data, draw the noise, build the model and the probes.

    Raises:
        ConfigError: the device is not there, or the data cannot take this kind of noise.
    """
    device = _device(config.device)
    dataset = load_dataset(config.dataset, split_seed=config.split_seed)
    clean, num_classes = dataset.train, len(dataset.classes)
    corruption = corrupt_labels(
        clean.given_labels.numpy(), config.noise_kind, config.noise, num_classes, config.seeds["noise"]
    )
    model = build_model(
        config.model,
        input_shape=tuple(clean.inputs.shape[1:]),
        num_classes=num_classes,
        width=config.width,
        depth=config.depth,
        seed=config.seeds["init"],
    ).to(device)
    examples = ExampleSet(clean.inputs, corruption.given_labels, true_labels=corruption.true_labels).to(device)
    probes = [_make_probe(name, config, dataset) for name in config.probe_names]
    return Setup(config, dataset, corruption, examples, model, probes, device, _threads(config, model))


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
            "image_shape": list(dataset.image_shape),
            "mean": dataset.mean,
            "sd": dataset.sd,
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
    """Build a probe by its name in PROBES; 32 examples are followed, half of them noisy where there are any."""
    make: dict[str, Callable[[], Probe]] = {
        "attributions": lambda: Attributions(panel=32, seed=config.seed, baseline=dataset.blank_value)
    }
    return make[name]()


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
