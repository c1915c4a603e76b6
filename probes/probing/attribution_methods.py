"""The attribution methods that can be measured, by name: each turns inputs and labels into maps."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import nn
from torch.nn.functional import interpolate

from probes.errors import ConfigError, unknown_name
from probes.probing.input_gradients import check_targets, logits_of

__all__ = [
    "DEFAULT_METHODS",
    "METHODS",
    "N_STEPS",
    "Attribute",
    "Forward",
    "checked_methods",
    "explained",
    "last_convolution",
    "logits_function",
    "make_method",
    "uncompiled",
]

METHODS = ("saliency", "integrated_gradients", "input_x_gradient", "grad_cam")
DEFAULT_METHODS = ("saliency", "integrated_gradients")
N_STEPS = 50  # points on the path of integrated gradients (Gauss-Legendre), captum's default
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_SMOOTH = {1: "linear", 2: "bilinear", 3: "trilinear"}  # how a coarse map is enlarged, by its number of sides

Forward: TypeAlias = Callable[[torch.Tensor], torch.Tensor]
Attribute: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def checked_methods(methods: str | Iterable[str]) -> tuple[str, ...]:
    """Return the names, each once.

    Raises:
        ConfigError: an unknown name; the nearest is suggested, and all are listed.
        ValueError: no name.
    """
    names = tuple(dict.fromkeys([methods] if isinstance(methods, str) else methods))
    for name in names:
        if name not in METHODS:
            nearest = unknown_name("attribution method", name, METHODS)
            raise ConfigError(f"{str(nearest).partition(' Choose from')[0]} There are {', '.join(METHODS)}.")
    if not names:
        raise ValueError(f"methods must name at least one of {', '.join(METHODS)}, got none.")
    return names


def make_method(
    name: str, model: nn.Module, forward: Forward, inputs: torch.Tensor, baseline: float
) -> tuple[Attribute, str | None]:
    """Build a method for a model, by captum.

    Args:
        name: of METHODS.
        model: where Grad-CAM looks for a convolution.
        forward: inputs (B, ...) -> logits (B, K), through that model.
        inputs: float, (B, ...); some to try the model with, where the method needs to.
        baseline: of integrated gradients.

    Returns:
        The function (inputs (B, ...), targets (B,)) -> maps of the shape of the inputs, and the name of the layer that
        it looks at, None for the input itself.

    Raises:
        ConfigError: the method cannot be applied to this model, and why.
    """
    from captum.attr import InputXGradient, Saliency  # slow to import: it brings matplotlib along

    if name == "saliency":
        saliency = Saliency(forward)
        return lambda inputs, targets: saliency.attribute(inputs, target=targets, abs=True), None
    if name == "input_x_gradient":
        product = InputXGradient(forward)
        return lambda inputs, targets: product.attribute(inputs, target=targets), None
    if name == "integrated_gradients":
        return _integrated_gradients(forward, baseline), None
    return _grad_cam(model, forward, inputs)


def _integrated_gradients(forward: Forward, baseline: float) -> Attribute:
    """Add up captum's gradients along the path: its own class finds the points anew for every input.

    For a small model that takes longer than the passes through it. The values are the same but for rounding.
    """
    from captum.attr import Saliency

    gradient = Saliency(forward)
    nodes, weights = ((values / 2).tolist() for values in np.polynomial.legendre.leggauss(N_STEPS))

    def attribute(inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        step = inputs.detach() - baseline
        places = step.new_tensor(nodes).add(0.5).reshape(N_STEPS, *[1] * step.ndim)
        path = (baseline + places * step).flatten(0, 1).requires_grad_()
        gradients = gradient.attribute(path, target=targets.repeat(N_STEPS), abs=False)
        return step * torch.tensordot(step.new_tensor(weights), gradients.unflatten(0, (N_STEPS, len(step))), dims=1)

    return attribute


def logits_function(model: torch.nn.Module, targets: torch.Tensor) -> Forward:
    """The model as a function to logits (B, K) that checks them against the labels asked for, int, (R,)."""

    def forward(inputs: torch.Tensor) -> torch.Tensor:
        logits = logits_of(model, inputs)
        if not logits.requires_grad:
            raise ValueError("no gradient connects the model's logits to its inputs. Is there a no_grad inside?")
        check_targets(logits, targets)
        return logits

    return forward


@contextmanager
def explained(method: str) -> Iterator[None]:
    """Name the method that torch or captum cannot do on the model at hand; memory that runs out is another matter."""
    try:
        yield
    except RuntimeError as error:
        if "allocate" in str(error) or "out of memory" in str(error):
            raise
        reason = str(error).strip().split("\n")[0].rstrip(".")
        raise ConfigError(f"{method} cannot be measured on this model: {reason}. Leave {method} out.") from error


def uncompiled() -> AbstractContextManager[Any]:
    """Within it, what `torch.compile` made runs as it was written: compiled code does not call hooks."""
    if "torch._dynamo" not in sys.modules:  # nothing can have been compiled yet, and importing it takes a second
        return nullcontext()
    stance: AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
    return stance


# Grad-CAM ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Convolution:
    """A convolution that a model called, and the shapes of what went in and came out."""

    name: str
    module: nn.Module
    read: tuple[int, ...]
    made: tuple[int, ...]


def _grad_cam(model: nn.Module, forward: Forward, inputs: torch.Tensor) -> tuple[Attribute, str]:
    from captum.attr import LayerGradCam

    first, last = last_convolution(model, forward, inputs)
    sides, spread = _placement(inputs.shape, first, last)
    cam = LayerGradCam(forward, last.module)

    def attribute(inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        coarse = cam.attribute(inputs, target=targets, relu_attributions=True)
        fine = interpolate(coarse, size=sides, mode=_SMOOTH[len(sides)], align_corners=False)
        return spread(fine, inputs)

    return attribute, last.name


def last_convolution(model: nn.Module, forward: Forward, inputs: torch.Tensor) -> tuple[Convolution, Convolution]:
    """Run a model once and find the first convolution it calls, and the last whose output still has places.

    A convolution whose output is one place wide in every direction, such as one that stands for a linear layer after
    the pooling, says nothing of where.

    Args:
        model: with convolutions as modules (`nn.Conv1d`, `nn.Conv2d`, `nn.Conv3d`).
        forward: inputs (B, ...) -> logits, through that model.
        inputs: float, (B, ...).

    Raises:
        ConfigError: there is none, or it is called more than once.
    """
    calls = _convolutions(model, forward, inputs)
    if not calls:
        raise ConfigError(
            "grad_cam needs a convolution, and this model calls none of nn.Conv1d, nn.Conv2d, nn.Conv3d as a module. "
            "Leave grad_cam out."
        )
    placed = [call for call in calls if max(call.made[2:]) > 1]
    if not placed:
        raise ConfigError(
            "grad_cam needs a convolution whose output has more than one place, and this model has none. "
            "Leave grad_cam out."
        )
    last = placed[-1]
    if sum(call.module is last.module for call in calls) > 1:
        raise ConfigError(
            f"grad_cam reads one output of the last convolution, and this model calls {last.name} several times. "
            "Leave grad_cam out."
        )
    if last.made[0] != len(inputs):
        raise ConfigError(
            f"grad_cam needs one output for each input, and {last.name} makes {last.made[0]} of {len(inputs)}. "
            "Leave grad_cam out."
        )
    return calls[0], last


def _convolutions(model: nn.Module, forward: Forward, inputs: torch.Tensor) -> list[Convolution]:
    """In the order of their calls."""
    names: dict[nn.Module, str] = {m: name for name, m in model.named_modules() if isinstance(m, _CONVOLUTIONS)}
    calls: list[Convolution] = []

    def note(module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
        read = arguments[0] if arguments else named["input"]
        if output.ndim == len(module.kernel_size) + 2:  # type: ignore[arg-type]  # not one input without its batch
            calls.append(Convolution(names[module], module, tuple(read.shape), tuple(output.shape)))

    handles = [module.register_forward_hook(note, with_kwargs=True) for module in names]
    try:
        forward(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return calls


def _placement(
    shape: torch.Size, first: Convolution, last: Convolution
) -> tuple[tuple[int, ...], Callable[[torch.Tensor, torch.Tensor], torch.Tensor]]:
    """Where the places of a convolution lie in the model's input, of `shape` (B, ...).

    Returns:
        The sides to enlarge a map to, and the function (map (B, 1, *sides), inputs) -> map of the shape of the inputs,
        the same for every channel.

    Raises:
        ConfigError: the input is not laid out as what the first convolution reads.
    """
    sides = len(last.made) - 2
    if len(first.read) == sides + 2:
        if len(shape) == sides + 2 and (shape[1] == first.read[1] or shape[2:] == first.read[2:]):
            return tuple(shape[2:]), lambda fine, inputs: fine.expand_as(inputs)
        if len(shape) == sides + 2 and tuple(shape[1:-1]) == first.read[2:]:  # (B, H, W, C)
            return tuple(shape[1:-1]), lambda fine, inputs: fine.movedim(1, -1).expand_as(inputs)
        if len(shape) == sides + 1 and tuple(shape[1:]) == first.read[2:]:  # (B, H, W)
            return tuple(shape[1:]), lambda fine, inputs: fine[:, 0]
    raise ConfigError(
        f"grad_cam cannot place its map: an input of shape {tuple(shape[1:])} reaches the first convolution, "
        f"{first.name}, as {first.read[1:]}. Leave grad_cam out."
    )
