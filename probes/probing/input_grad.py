"""How strongly the loss of an example reacts to its input, at the weights of the moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from probes.probing.input_gradients import example_frame, for_each, given_loss, gradient, mean_over_epochs

if TYPE_CHECKING:
    import pandas as pd

    from probes.data.examples import ExampleSet
    from probes.probing.probe import ProbeContext

__all__ = ["InputGrad", "input_grad"]


def input_grad(model: torch.nn.Module, examples: ExampleSet) -> torch.Tensor:
    """l1 norm of the gradient of each example's loss by its own input, at fixed weights, in eval mode.

    This is not the loss sensitivity of Arpit et al., whose derivative also runs through the training that
    made the weights: see `loss_sensitivity`.

    Args:
        model: inputs (B, ...) -> logits (B, K), or (B,) or (B, 1) for two classes.
        examples: N of them; the loss is the cross-entropy of their given labels.

    Returns:
        float, (N,); nats per unit of the input as the model is given it.
    """

    def norms(inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return gradient(model, inputs, targets, given_loss).flatten(1).abs().sum(1)

    return torch.from_numpy(for_each(model, examples, norms))


class InputGrad:
    """The probe `input_grad`: the function of that name, for all examples. High is suspicious."""

    name = "input_grad"

    def measure(self, model: torch.nn.Module, examples: ExampleSet, context: ProbeContext) -> pd.DataFrame:
        """One row per example: `epoch`, `split`, `example`, `input_grad` (float)."""
        return example_frame(examples, context.epoch, {"input_grad": input_grad(model, examples).numpy()})

    def finish(self, frames: list[pd.DataFrame]) -> pd.DataFrame:
        """`input_grad` by example: its mean over the measured epochs after epoch 0."""
        return mean_over_epochs(frames, "input_grad")
