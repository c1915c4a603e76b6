"""Training one small network on tensors, and asking it for its answers after every epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, interpolate

from probes.audit.progress import Work
from probes.audit.settings import AuditSettings
from probes.data import Dataset, LazyImages
from probes.models import build_model
from probes.training.augmentation import epoch_seed
from probes.training.optimization import make_optimizer

__all__ = ["Network", "Trainer", "choose_model", "prepared_inputs"]

_ANSWERED = 1000  # examples per forward pass without training
_FEATURES = 256  # of each network; more are projected at random


def choose_model(dataset: Dataset, model: str | None, settings: AuditSettings) -> str:
    """The user's model, or the small one that suits the data."""
    if model is not None:
        return model
    shape = dataset.train.inputs.shape[1:]
    is_image = dataset.kind == "image" and min(shape[-2:]) >= settings.smallest_image
    return "cnn" if is_image else "mlp"


def prepared_inputs(dataset: Dataset, own_model: bool, settings: AuditSettings) -> Any:
    """Inputs as networks take them; for our own networks, images larger than `largest_image` are shrunk."""
    inputs = dataset.train.inputs
    side = max(inputs.shape[-2:]) if dataset.kind == "image" else 0
    if own_model or side <= settings.largest_image:
        return inputs
    scale = settings.largest_image / side
    size = [max(4, round(scale * length)) for length in inputs.shape[-2:]]
    return torch.cat([interpolate(part, size=size, mode="area") for _, part, _ in dataset.train.batches(256)])


@dataclass(frozen=True)
class Network:
    """A network in training.

    Attributes:
        net: on the device.
        optimizer: of its parameters.
        seed: of the order of examples.
    """

    net: nn.Module
    optimizer: torch.optim.Optimizer
    seed: int


class Trainer:
    """Builds and trains networks on one data set.

    Args:
        inputs: (N, ...); a tensor, or LazyImages.
        classes: K.
        model: a name, or `module:callable`.
        settings: of the audit.
        device: where.
        work: counts the visits.
    """

    def __init__(
        self, inputs: Any, classes: int, model: str, settings: AuditSettings, device: torch.device, work: Work
    ) -> None:
        self._inputs = inputs if isinstance(inputs, LazyImages) else inputs.to(device)
        self._classes, self._model, self._settings = classes, model, settings
        self._device, self._work = device, work
        self.nonfinite = 0

    def build(self, seed: int) -> Network:
        """A fresh network with weights drawn from the seed."""
        settings = self._settings
        net = build_model(
            self._model,
            input_shape=tuple(self._inputs.shape[1:]),
            num_classes=self._classes,
            width=settings.width,
            depth=settings.depth,
            seed=seed,
        ).to(self._device)
        if len(self._inputs.shape) == 4:
            net = net.to(memory_format=torch.channels_last)
        optimizer = make_optimizer(net, "sgd", lr=settings.lr, momentum=settings.momentum, weight_decay=0.0)
        return Network(net, optimizer, seed)

    def train_epoch(self, network: Network, rows: np.ndarray, targets: torch.Tensor, epoch: int) -> None:
        """One pass over some examples, in an order of its own.

        Args:
            network: is changed.
            rows: int, (n,); which examples.
            targets: float32, (N, K); probabilities.
            epoch: 1 for the first.
        """
        order = np.random.default_rng([network.seed, epoch]).permutation(rows)
        batches = np.array_split(order, -(-len(order) // self._settings.batch_of(len(order))))
        network.net.train()
        with torch.random.fork_rng(devices=[]):  # dropout of the user's network
            torch.manual_seed(epoch_seed(network.seed, epoch))
            for batch in batches:
                chosen = torch.from_numpy(batch)
                loss = cross_entropy(network.net(self._some(chosen)), targets[chosen].to(self._device))
                network.optimizer.zero_grad(set_to_none=True)
                loss.backward()
                network.optimizer.step()
        self._work.trained += len(rows)

    def answers(self, network: Network, rows: np.ndarray) -> np.ndarray:
        """Probabilities of the classes: float64, (n, K). Where they are not finite, all classes get the same."""
        return self._probabilities(list(self._walk(network, rows, network.net)))

    def answers_and_features(self, network: Network, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Also what the last linear layer is given (the logits where there is none), as unit vectors: float32, (n, D).

        Both are of one pass.
        """
        layers = [module for module in network.net.modules() if isinstance(module, nn.Linear)]
        kept: list[torch.Tensor] = []

        def keep(module: nn.Module, arguments: tuple[Any, ...]) -> None:
            kept.append(arguments[0].detach().flatten(1))

        logits, features = [], []
        hook = layers[-1].register_forward_pre_hook(keep) if layers else None
        try:
            for part in self._walk(network, rows, network.net):
                whole = kept[-1] if kept and len(kept[-1]) == len(part) else part.flatten(1)
                logits.append(part)
                features.append(_unit(whole.float()).cpu())
                kept.clear()
        finally:
            if hook is not None:
                hook.remove()
        width = features[0].shape[1] if features else 0
        return self._probabilities(logits), torch.cat([torch.empty(0, width), *features]).numpy()

    def _probabilities(self, logits: list[torch.Tensor]) -> np.ndarray:
        found = [torch.softmax(part.double(), dim=1).cpu() for part in logits]
        values = torch.cat(found).numpy() if found else np.empty((0, self._classes))
        bad = ~np.isfinite(values).all(axis=1)
        self.nonfinite += int(bad.sum())
        values[bad] = 1 / self._classes
        return values

    def _walk(self, network: Network, rows: np.ndarray, ask: Callable[[torch.Tensor], torch.Tensor]) -> Any:
        network.net.eval()
        self._work.answered += len(rows)
        with torch.inference_mode():
            for start in range(0, len(rows), _ANSWERED):
                yield ask(self._some(torch.from_numpy(rows[start : start + _ANSWERED])))

    def _some(self, rows: torch.Tensor) -> torch.Tensor:
        if isinstance(self._inputs, LazyImages):
            return self._inputs[rows].to(self._device)
        return self._inputs[rows.to(self._device)]


def _unit(features: torch.Tensor) -> torch.Tensor:
    """Rows of length 1; of many features as many random projections as are kept."""
    if features.shape[1] > _FEATURES:
        generator = torch.Generator().manual_seed(0)
        project = torch.randn(features.shape[1], _FEATURES, generator=generator).to(features.device)
        features = features @ project
    return torch.nan_to_num(torch.nn.functional.normalize(features, dim=1))
