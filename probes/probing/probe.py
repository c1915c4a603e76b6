"""What a probe is, and how it leaves the model as it found it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from probes.data.examples import ExampleSet
from probes.runs.probe_recording import ProbeContext

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Probe", "ProbeContext", "check_arguments", "check_examples_apart", "misfits_named", "preserved"]


class Probe(Protocol):
    """A measurement on the model at chosen epochs.

    A probe leaves weights, mode, gradients, buffers and every random state as it found them:
    `preserved` does that for all but the weights. It may also have

    - `metadata() -> dict[str, str]`, asked after `measure`: kept in the metadata of the file of that frame;
    - `finish(frames: list[DataFrame]) -> DataFrame`, one row per index `example`: the scores that follow
      from the frames of every epoch so far. They join the columns of `scores()`.
    """

    @property
    def name(self) -> str:
        """The folder under `probes/` in the run, and the name on the command line."""
        ...

    def measure(self, model: torch.nn.Module, examples: ExampleSet, context: ProbeContext) -> pd.DataFrame:
        """Return a frame with columns `epoch`, `split`, then `example` or `layer`, then values."""
        ...


@contextmanager
def preserved(model: torch.nn.Module) -> Iterator[torch.nn.Module]:
    """Lend out a model in eval mode, without gradients, and put everything back afterwards.

    Put back, after an error too: the mode of every submodule, `requires_grad` and `.grad` of every
    parameter, every buffer, and the random states of Python, numpy and torch on every device. Weights
    are neither copied nor restored.
    """
    modes = [(module, module.training) for module in model.modules()]
    parameters = [(parameter, parameter.requires_grad, parameter.grad) for parameter in model.parameters()]
    buffers = [
        (module, name, buffer, None if buffer is None else buffer.detach().clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
    ]
    restore_random_states = _random_states()
    try:
        model.eval()
        for parameter, _, _ in parameters:
            parameter.grad = None  # a backward pass inside makes its own; the one put aside is never added to
        yield model
    finally:
        for module, training in modes:
            module.training = training
        for parameter, requires_grad, grad in parameters:
            parameter.requires_grad_(requires_grad)
            parameter.grad = grad
        with torch.no_grad():
            for module, name, buffer, value in buffers:
                module._buffers[name] = buffer  # the same tensor: an optimizer or a graph may hold it
                if buffer is not None and value is not None:
                    buffer.copy_(value)
        restore_random_states()


def check_examples_apart(model: torch.nn.Module) -> None:
    """Raise ValueError where what a model does with an example depends on its batch, in eval mode too."""
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm) and module.running_mean is None:
            raise ValueError(
                f"{_called(name, module)} normalises by the batch in eval mode too (track_running_stats=False): "
                "no gradient belongs to a single example."
            )
        if isinstance(module, (torch.nn.Embedding, torch.nn.EmbeddingBag)) and module.max_norm is not None:
            raise ValueError(f"{_called(name, module)} changes its weights in the forward pass (max_norm).")


def _called(name: str, module: torch.nn.Module) -> str:
    """A module by its name in the model and its kind."""
    return f"layer {name} ({type(module).__name__})" if name else f"the model ({type(module).__name__})"


def check_arguments(model: Any, examples: Any) -> None:
    """Raise TypeError or ValueError, naming the argument, unless a probe can be asked to measure them."""
    if isinstance(model, type):
        raise TypeError(f"model must be a torch.nn.Module, got the class {model.__name__}: make one of it.")
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}.")
    if not isinstance(examples, ExampleSet):
        raise TypeError(
            f"examples must be an ExampleSet, got {type(examples).__name__}. "
            "Wrap them: probes.data.ExampleSet(inputs, given_labels)."
        )
    if len(examples) == 0:
        raise ValueError("examples must hold at least one example, got none.")


@contextmanager
def misfits_named(model: torch.nn.Module, examples: ExampleSet) -> Iterator[None]:
    """Where torch fails because the model does not take the inputs at all, say so.

    Raises:
        TypeError: they are of another floating point type than the weights.
        ValueError: one example alone fails as well, in its shape or another way.
    """
    try:
        yield
    except RuntimeError as error:
        inputs = examples.inputs
        of_weights = {weight.dtype for weight in model.parameters() if weight.is_floating_point()}
        if inputs.is_floating_point() and of_weights and inputs.dtype not in of_weights:
            weights, given = (str(dtype).removeprefix("torch.") for dtype in (min(of_weights, key=str), inputs.dtype))
            raise TypeError(
                f"the model's weights are {weights} and its inputs {given}. "
                f"Give the ExampleSet a tensor of torch.{weights}: it keeps its dtype."
            ) from error
        refusal = _refusal(model, examples)
        if refusal is not None:
            shape = tuple(inputs.shape[1:])
            raise ValueError(f"the model does not take the examples, inputs of shape {shape}: {refusal}.") from error
        raise


def _refusal(model: torch.nn.Module, examples: ExampleSet) -> str | None:
    """What torch says against one example in a plain forward pass, in a line; None where it has nothing to say."""
    one = next(iter(examples.batches(1)))[1]
    device = next((tensor.device for tensor in (*model.parameters(), *model.buffers())), one.device)
    try:
        with torch.no_grad():
            model(one.to(device).clone())
    except RuntimeError as error:
        return None if "allocate" in str(error) or "out of memory" in str(error) else _first_line(error)
    return None


def _first_line(error: BaseException) -> str:
    """What it says, without what follows and the full stop."""
    return str(error).strip().split("\n")[0].rstrip(".")


def _random_states() -> Callable[[], None]:
    """Remember the state of every global random generator; the function returned puts them back."""
    of_python, of_numpy, of_torch = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    of_cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    of_mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None

    def restore() -> None:
        random.setstate(of_python)
        np.random.set_state(of_numpy)  # noqa: NPY002
        torch.set_rng_state(of_torch)
        if of_cuda is not None:
            torch.cuda.set_rng_state_all(of_cuda)
        if of_mps is not None:
            torch.mps.set_rng_state(of_mps)

    return restore
