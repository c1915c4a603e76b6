"""How fast the gradient of an example's loss turns around its input."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from probes.probing.input_gradients import example_frame, for_each, given_loss, gradient, mean_over_epochs
from probes.probing.probe import check_arguments

if TYPE_CHECKING:
    import pandas as pd

    from probes.data.examples import ExampleSet
    from probes.probing.probe import ProbeContext

__all__ = ["DIRECTIONS", "STEP", "LossCurvature", "curvature"]

STEP = 1e-3  # h, in the units of the inputs
_ROUNDINGS = 16  # of a number near 1, that h must be at least
DIRECTIONS = 10  # R


def curvature(
    gradient_at: Callable[[torch.Tensor], torch.Tensor],
    inputs: torch.Tensor,
    *,
    step: float,
    directions: int,
    generator: torch.Generator,
) -> torch.Tensor:
    """Mean over random directions v of || gradient(x + h v) - gradient(x) ||^2.

    For a quadratic loss with the Hessian H that is h^2 times the mean of |H v|^2, h^2 |H|_F^2 in expectation.
    The sum is not divided by h^2, as in the paper.

    Args:
        gradient_at: inputs (B, ...) -> gradient of each example's own loss, (B, ...).
        inputs: float, (B, ...).
        step: h.
        directions: R; entries of v are -1 or 1, equally likely, the same v for every example.
        generator: on the CPU; draws v.

    Returns:
        float, (B,).

    Source:
        Garg, Ravikumar and Roy 2024, https://arxiv.org/abs/2307.05831. Their released code averages the norm;
        the text, and this, its square.
    """
    at_inputs = gradient_at(inputs)
    total = torch.zeros(len(inputs), dtype=inputs.dtype, device=inputs.device)
    for _ in range(directions):
        signs = torch.randint(2, inputs.shape[1:], generator=generator).to(inputs) * 2 - 1
        change = gradient_at(inputs + step * signs) - at_inputs
        total += change.flatten(1).square().sum(1)
    return total / directions


class LossCurvature:
    """The probe `loss_curvature`: `curvature` of the loss of the given label, for all examples. High is suspicious.

    In eval mode, each example's own loss (sum reduction: the value does not depend on the batch). All examples
    and epochs share the R directions, so that they differ by the loss alone.

    In the dtype of the model and its inputs. In float32 the values of nearly fitted examples are rounding for the most
    part (after interpolation by up to a factor of thousands), while the order of all examples stays (Spearman 0.99 and
    more with those in float64). Where the values themselves count, measure `copy.deepcopy(model).double()` on inputs in
    float64, or choose a larger step.

    Args:
        step: h, in the units of the inputs. It must stand out from the rounding of their dtype.
        directions: R.

    Raises:
        ValueError: `step` is not positive, or no direction is asked for.
    """

    name = "loss_curvature"

    def __init__(self, step: float = STEP, directions: int = DIRECTIONS) -> None:
        if not 0 < step < math.inf:
            raise ValueError(f"step must be positive and finite, got {step}.")
        if directions < 1:
            raise ValueError(f"directions must be at least 1, got {directions}.")
        self.step, self.directions = float(step), directions
        self._dtype: str | None = None

    def measure(self, model: torch.nn.Module, examples: ExampleSet, context: ProbeContext) -> pd.DataFrame:
        """One row per example: `epoch`, `split`, `example`, `loss_curvature` (float).

        Raises:
            ValueError: the step is lost in the rounding of the inputs; else as `input_grad`.
        """
        check_arguments(model, examples)
        inputs = examples.inputs
        self._dtype = str(inputs.dtype).removeprefix("torch.")
        if inputs.is_floating_point() and self.step < _ROUNDINGS * torch.finfo(inputs.dtype).eps:
            raise ValueError(
                f"a step of {self.step:g} is lost in the rounding of {self._dtype} inputs. "
                "Measure a float32 copy of the model, or choose a larger step."
            )

        def measured(inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            return curvature(
                lambda at: gradient(model, at, targets, given_loss),
                inputs,
                step=self.step,
                directions=self.directions,
                generator=torch.Generator().manual_seed(context.seed),
            )

        return example_frame(examples, context.epoch, {"loss_curvature": for_each(model, examples, measured)})

    def metadata(self) -> dict[str, str]:
        """`step`, `directions`, `squared` (the norm, as in the paper's text) and `dtype`, as JSON."""
        values = {"step": self.step, "directions": self.directions, "squared": True, "dtype": self._dtype}
        return {name: json.dumps(value) for name, value in values.items()}

    def finish(self, frames: list[pd.DataFrame]) -> pd.DataFrame:
        """`loss_curvature` by example: its mean over the measured epochs after epoch 0."""
        return mean_over_epochs(frames, "loss_curvature")
