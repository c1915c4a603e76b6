"""How much training on an example did for that example itself: TracInCP self-influence."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np

from probes.probing.gradient_norms import measure_norms, norms_frame

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from probes.data.examples import ExampleSet
    from probes.probing.probe import ProbeContext

__all__ = ["SelfInfluence", "self_influence"]


class SelfInfluence:
    """The probe `self_influence`: sum over checkpoints of learning rate x ||d loss / d parameters||^2.

    The checkpoints are the epochs at which the probe measured, epoch 0 among them; the learning rate is the one in
    force there, never assumed, and stored in every frame. The model is in eval mode. TracInCP knows neither momentum
    nor Adam: the learning rate is the only trace of the optimizer. The paper spaces checkpoints evenly while the
    loss still falls; choose the epochs so.

    Scores: `self_influence`, with the gradient by all trainable parameters, and `last_layer_self_influence`, with
    that by the last linear layer alone, its bias included (captum's `TracInCPFast` leaves the bias out). High is
    suspicious for both.

    Source:
        Pruthi et al., NeurIPS 2020, sections 3.2 and 3.4, https://arxiv.org/abs/2002.08484.
    """

    name = "self_influence"

    def __init__(self) -> None:
        self._method: str | None = None

    def measure(self, model: nn.Module, examples: ExampleSet, context: ProbeContext) -> pd.DataFrame:
        """Measure all examples at one checkpoint.

        Args:
            model: inputs (B, ...) -> logits (B, K), or (B,) or (B, 1) for two classes.
            examples: any inputs that the model takes.
            context: the epoch and the learning rate matter.

        Returns:
            The columns of `GradientNorms.measure`, and `learning_rate` (float64).

        Raises:
            TypeError, ValueError: as `GradientNorms.measure`; or the learning rate is not known.
        """
        rate = context.learning_rate
        if rate is None or not math.isfinite(rate) or rate < 0:
            raise ValueError(
                f"self_influence weighs each checkpoint by its learning rate, got {rate}. "
                "Pass learning_rate= to tracker.record."
            )
        norms, last_layer, self._method = measure_norms(model, examples)
        return norms_frame(examples, context.epoch, norms, last_layer).assign(learning_rate=float(rate))

    def metadata(self) -> dict[str, str]:
        """JSON values: `mode` of the model, and the `method` of the last measurement."""
        return {"mode": json.dumps("eval"), "method": json.dumps(self._method)}

    def finish(self, frames: list[pd.DataFrame]) -> pd.DataFrame:
        """Return `self_influence` and `last_layer_self_influence`; float64, by `example`."""
        return self_influence(frames)


def self_influence(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Sum learning_rate x norm^2 over checkpoints.

    Args:
        frames: one for each checkpoint, with columns `example`, `learning_rate`, `gradient_norm` and
            `last_layer_gradient_norm`.

    Returns:
        By `example`: `self_influence` and `last_layer_self_influence`, float64; missing where a checkpoint's is.
    """
    import pandas as pd

    every = pd.concat(frames, ignore_index=True)
    index, place = np.unique(every["example"].to_numpy(), return_inverse=True)
    rate = every["learning_rate"].to_numpy(dtype=np.float64)

    def summed(column: str) -> np.ndarray:
        return np.bincount(place, weights=rate * every[column].to_numpy(dtype=np.float64) ** 2)

    columns = {
        "self_influence": summed("gradient_norm"),
        "last_layer_self_influence": summed("last_layer_gradient_norm"),
    }
    return pd.DataFrame(columns, index=pd.Index(index, name="example"))
