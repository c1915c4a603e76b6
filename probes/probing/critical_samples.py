"""Which inputs lie so close to a boundary between classes that a small change crosses it."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from probes.errors import ProbeWarning
from probes.probing.input_gradients import example_frame, for_each, gradient, logits_of

if TYPE_CHECKING:
    import pandas as pd

    from probes.data.examples import ExampleSet
    from probes.probing.probe import ProbeContext

__all__ = ["ITERATIONS", "RADIUS", "CriticalSamples", "langevin_search"]

RADIUS = 0.05  # of the input's range
ITERATIONS = 10
STEP, NOISE = 0.25 / 0.3, 0.2 / 0.3  # alpha and beta as shares of the radius


def langevin_search(
    model: torch.nn.Module,
    inputs: torch.Tensor,
    *,
    radius: torch.Tensor | float,
    generator: torch.Generator,
    step: float = STEP,
    noise: float = NOISE,
    iterations: int = ITERATIONS,
) -> torch.Tensor:
    """Search the box around each input for one that the model predicts differently (LASS).

    From x~ = x, repeat: x~ <- x~ + alpha sign(g) + beta eta, clipped to the box |x~ - x| <= radius; g is the gradient
    at x~ of the cross-entropy of the class predicted at x, eta standard normal. An input is critical once its
    prediction differs. A critical one found is critical; one not found may be.

    Args:
        model: in eval mode: inputs (B, ...) -> logits (B, K), or (B,) or (B, 1).
        inputs: float, (B, ...).
        radius: half the side of the box, in the units of the inputs; a number, or one for each value of an input.
        generator: on the CPU; draws eta.
        step: alpha, as a share of the radius; 0 searches by chance alone.
        noise: beta, likewise.
        iterations: at most.

    Returns:
        bool, (B,).

    Source:
        Arpit et al., ICML 2017, algorithm 1, https://arxiv.org/abs/1706.05394; the loss that is climbed is that of
        the authors' code. Theirs also stops when an iteration finds fewer than 20 more.
    """
    size = torch.as_tensor(radius, dtype=inputs.dtype, device=inputs.device).expand(inputs.shape[1:])
    with torch.no_grad():
        predicted = logits_of(model, inputs).argmax(1)
    critical = torch.zeros(len(inputs), dtype=torch.bool, device=inputs.device)
    moved = inputs.clone()
    for _ in range(iterations):
        left = (~critical).nonzero().flatten()
        if not len(left):
            break
        at, start, label = moved[left], inputs[left], predicted[left]
        change = noise * torch.randn(inputs.shape, generator=generator).to(inputs)[left]  # the same for every dtype
        if step:
            change += step * gradient(model, at, label, _loss).sign()
        at = (at + size * change).clamp(start - size, start + size)
        with torch.no_grad():
            critical[left] = logits_of(model, at).argmax(1) != label
        moved[left] = at
    return critical


class CriticalSamples:
    """The probe `critical_samples`: the share of critical ones among validation examples grows as noise is memorized.

    For each example `critical`, found by `langevin_search`, and `critical_random`, found by the same search with its
    noise alone: what chance finds is the floor. Their means over the examples are the critical sample ratio (CSR) and
    its floor. Both are lower bounds that depend on the radius and the iterations, which are kept with them.

    Args:
        examples: what is measured; None: the examples that `measure` is given.
        radius: of the box, as a share of the input's range.
        unit: the length of that range in the units of the inputs: a number, or an array that broadcasts to one input;
            1 / sd of inputs from 0 to 1 that were standardised. None: 1.
        iterations: of the search.

    Raises:
        ValueError: a radius, a unit or iterations that cannot be used.
    """

    name = "critical_samples"

    def __init__(
        self,
        examples: ExampleSet | None = None,
        *,
        radius: float = RADIUS,
        unit: float | Sequence[float] | np.ndarray | None = None,
        iterations: int = ITERATIONS,
    ) -> None:
        if not 0 < radius < math.inf:
            raise ValueError(f"radius must be positive and finite, got {radius}.")
        if iterations < 1:
            raise ValueError(f"iterations must be at least 1, got {iterations}.")
        self.examples, self.radius, self.iterations = examples, float(radius), iterations
        self._unit_given = unit is not None
        self.unit = np.asarray(1.0 if unit is None else unit, dtype=np.float64)
        if not (np.isfinite(self.unit).all() and (self.unit >= 0).all()):
            raise ValueError(f"unit must be finite and not negative, got {unit}.")

    def measure(self, model: torch.nn.Module, examples: ExampleSet, context: ProbeContext) -> pd.DataFrame:
        """Search around each example.

        Args:
            model: inputs (B, ...) -> logits (B, K), or (B,) or (B, 1) for two classes.
            examples: measured where the probe has none of its own.
            context: its seed decides the noise, the same at every epoch.

        Returns:
            One row per example: `epoch`, `split`, `example` (its number in that split), `critical`, `critical_random`.
        """
        chosen = examples if self.examples is None else self.examples
        if self.examples is None and not self._unit_given and getattr(chosen, "split", None) == "train":
            warnings.warn(
                "critical_samples measures training examples, and as if their inputs went from 0 to 1. "
                "Say what to measure, and the range: CriticalSamples(validation, unit=1 / sd).",
                ProbeWarning,
                stacklevel=2,
            )
        radius = torch.as_tensor(self.radius * self.unit)
        columns = {}
        for name, step in (("critical", STEP), ("critical_random", 0.0)):
            generator = torch.Generator().manual_seed(context.seed)

            def search(
                inputs: torch.Tensor,
                targets: torch.Tensor,
                step: float = step,
                generator: torch.Generator = generator,
            ) -> torch.Tensor:
                return langevin_search(
                    model, inputs, radius=radius, generator=generator, step=step, iterations=self.iterations
                )

            columns[name] = for_each(model, chosen, search)
        return example_frame(chosen, context.epoch, columns)

    def metadata(self) -> dict[str, str]:
        """`radius`, `unit`, `alpha` and `beta` (shares of the input's range) and `iterations`, as JSON."""
        values = {
            "radius": self.radius,
            "unit": self.unit.tolist(),
            "alpha": STEP * self.radius,
            "beta": NOISE * self.radius,
            "iterations": self.iterations,
        }
        return {name: json.dumps(value) for name, value in values.items()}


def _loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return cross_entropy(logits, targets, reduction="none")
