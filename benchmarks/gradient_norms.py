"""Exact per-example gradient norms, in units of one plain forward and backward pass of the same batch.

Run alone: python benchmarks/gradient_norms.py [--json]. Minutes on one thread. Against a loop of single-example
backward passes, against `torch.func`'s vmap(grad) (the whole batch at once: in chunks it is slower) and, where the
extra `bench` is installed, against opacus. The layout `channels_last` is faster to train on a CPU, and what
`probe train` uses: plain and rivals are given it too. Times are of the processor, which a thread that waits for its
turn does not use: other work on the machine counts less.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec

import torch
from measuring import ROUNDS, Figure, processor_seconds, ratios, run_alone, seconds
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from probes.probing.gradient_norms import gradient_norms

Named = Iterator[tuple[str, Figure]]
Call = Callable[[], object]


def measured(rounds: int = ROUNDS) -> Named:
    """Every network; the rivals on two of them, the slow loop of single examples among them."""
    pixels, small, colour = torch.rand(256, 64), torch.rand(128, 1, 28, 28), torch.rand(128, 3, 32, 32)
    rivals = {"vmap": vmapped, "loop": looped}
    if find_spec("opacus") is not None:
        rivals["opacus"] = of_opacus
    yield from against_plain("digits_mlp", "MLP 64-512-512-10, B = 256", mlp(64), pixels, 1.0, rivals, 10, rounds)
    yield from against_plain("mlp", "MLP 784-512-512-10, B = 128", mlp(784), small.flatten(1), 1.0, rivals, 10, rounds)
    yield from against_plain("cnn", "CNN 3x3, 32/64, 28x28, B = 128", cnn(1, 28, 3), small, 1.6, rivals, 3, rounds)
    last = cnn(1, 28, 3).to(memory_format=torch.channels_last)
    rivals = {"vmap": vmapped}
    yield from against_plain(
        "cnn_channels_last", "the same CNN in channels_last, B = 128", last, small, 1.6, rivals, 3, rounds
    )
    yield from against_plain("cnn_5x5", "CNN 5x5, 32/64, 32x32 RGB, B = 128", cnn(3, 32, 5), colour, 2.2, {}, 0, rounds)
    yield from against_plain(
        "cnn_batch_norm",
        "the 3x3 CNN with BatchNorm, B = 128",
        cnn(1, 28, 3, batch_norm=True),
        small,
        2.2,
        {},
        0,
        rounds,
    )


def mlp(inputs: int) -> nn.Module:
    """Two hidden layers of 512."""
    return nn.Sequential(
        *(nn.Linear(inputs, 512), nn.ReLU()), *(nn.Linear(512, 512), nn.ReLU()), nn.Linear(512, 10)
    ).eval()


def cnn(channels: int, side: int, kernel: int, batch_norm: bool = False) -> nn.Module:
    """Two convolutions of 32 and 64 channels, each halved by a max-pool, and a hidden layer of 128."""
    layers: list[nn.Module] = []
    for before, after in ((channels, 32), (32, 64)):
        layers.append(nn.Conv2d(before, after, kernel, padding=kernel // 2))
        layers.extend([nn.BatchNorm2d(after)] if batch_norm else [])
        layers.extend([nn.ReLU(), nn.MaxPool2d(2)])
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(64 * (side // 4) ** 2, 128), nn.ReLU(), nn.Linear(128, 10)
    ).eval()


def against_plain(
    name: str,
    what: str,
    model: nn.Module,
    inputs: Tensor,
    most: float,
    rivals: dict[str, Callable[[nn.Module, Tensor, Tensor], Call]],
    least: float,
    rounds: int,
) -> Named:
    """Norms alone, all in turns; a round is one call of each, after one that warms up."""
    targets = torch.randint(10, (len(inputs),))
    calls: dict[str, Call] = {
        "plain": partial(plain, model, inputs, targets),
        "ours": partial(gradient_norms, model, inputs, targets),
        **{rival: make(model, inputs, targets) for rival, make in rivals.items()},
    }
    times = in_turns(calls, rounds)
    yield (
        f"{name}_over_plain",
        Figure(f"ours / plain, {what}", ratios(times["ours"], times["plain"]), ("at most", most)),
    )
    for rival in rivals:
        over_plain, over_ours = (ratios(times[rival], times[other]) for other in ("plain", "ours"))
        target = ("at least", least) if rival == "vmap" else None
        yield f"{name}_{rival}_over_plain", Figure(f"{rival} / plain, {what}", over_plain)
        yield f"{name}_{rival}_over_ours", Figure(f"{rival} / ours, {what}", over_ours, target)
    errors = [float(abs(gradient_norms(model, inputs, targets) / vmapped(model, inputs, targets)() - 1).max())]
    yield f"{name}_error", Figure(f"largest relative difference from `torch.func`, {what}", errors, ("at most", 1e-5))


def in_turns(calls: dict[str, Call], rounds: int) -> dict[str, list[float]]:
    """Seconds of the processor for each call; cheap ones five times a round."""
    repeats = {name: 5 if seconds(call) < 0.2 else 1 for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(processor_seconds(call, repeats[name]))
    return times


def plain(model: nn.Module, inputs: Tensor, targets: Tensor) -> None:
    """What a training step does, without the optimizer."""
    model.zero_grad()
    nn.functional.cross_entropy(model(inputs), targets).backward()


def vmapped(model: nn.Module, inputs: Tensor, targets: Tensor) -> Call:
    """`torch.func`, as its tutorial on per-sample gradients does."""
    parameters = {name: parameter.detach() for name, parameter in model.named_parameters()}

    def loss(values: dict[str, Tensor], row: Tensor, target: Tensor) -> Tensor:
        return nn.functional.cross_entropy(functional_call(model, values, (row[None],)), target[None])

    each = vmap(grad(loss), in_dims=(None, 0, 0))
    return lambda: norms(each(parameters, inputs, targets).values()).numpy()


def looped(model: nn.Module, inputs: Tensor, targets: Tensor) -> Call:
    """One backward pass after the other."""
    parameters = list(model.parameters())

    def call() -> list[float]:
        found = []
        for row, target in zip(inputs.split(1), targets.split(1), strict=True):
            loss = nn.functional.cross_entropy(model(row), target)
            found.append(float(norms([g[None] for g in torch.autograd.grad(loss, parameters)])))
        return found

    return call


def of_opacus(model: nn.Module, inputs: Tensor, targets: Tensor) -> Call:
    """`GradSampleModule`, which holds every per-example gradient."""
    from copy import deepcopy

    logging.disable()
    warnings.simplefilter("ignore")
    from opacus import GradSampleModule

    wrapped = GradSampleModule(deepcopy(model).train(), loss_reduction="sum")

    def call() -> Tensor:
        wrapped.zero_grad()
        nn.functional.cross_entropy(wrapped(inputs), targets, reduction="sum").backward()
        return norms([parameter.grad_sample for parameter in wrapped.parameters()])

    return call


def norms(gradients: object) -> Tensor:
    """Of each example over all its parameters: tensors (B, ...) -> (B,)."""
    return torch.stack([each.flatten(1).norm(dim=1) for each in gradients]).norm(dim=0)  # type: ignore[attr-defined]


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    run_alone(__doc__, measured)
