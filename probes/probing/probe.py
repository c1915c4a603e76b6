"""What a probe is, and how it leaves the model as it found it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from probes.runs.probe_recording import ProbeContext

if TYPE_CHECKING:
    import pandas as pd

    from probes.data.examples import ExampleSet

__all__ = ["Probe", "ProbeContext", "preserved"]


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
