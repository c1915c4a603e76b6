"""Gradients by the input, example by example and in chunks, of a model that is left as it was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from probes.data.examples import ExampleSet
from probes.probing.probe import check_arguments, check_examples_apart, misfits_named, preserved

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ROWS",
    "ROWS_OF_IMAGES",
    "check_targets",
    "convolves",
    "example_frame",
    "for_each",
    "full_precision",
    "given_loss",
    "gradient",
    "logits_of",
    "mean_over_epochs",
]

ROWS = 256  # examples in one pass, about a training batch: bounds the memory
ROWS_OF_IMAGES = 64  # the same of a convolutional network, whose values are many; then they stay in caches as well

OfLogits: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def for_each(
    model: torch.nn.Module,
    examples: ExampleSet,
    measure: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> np.ndarray:
    """Measure every example, ROWS or ROWS_OF_IMAGES at a time, in eval mode and with frozen weights.

    Args:
        model: inputs (B, ...) -> logits; left as it was found.
        examples: N of them, floating point.
        measure: (inputs (B, ...), targets (B,)), both where the model is -> (B, ...).

    Returns:
        What `measure` returns, for all of them: (N, ...); float16 and bfloat16 as float32.

    Raises:
        ValueError: no examples, inputs of a shape that the model does not take, or a model that mixes the examples of a
            batch in eval mode.
        TypeError: no model or no `ExampleSet`; inputs are not floating point, or not of the type of the weights.
    """
    check_arguments(model, examples)
    if not examples.inputs.is_floating_point():
        raise TypeError(f"a gradient by the input needs floating point inputs, got {examples.inputs.dtype}.")
    check_examples_apart(model)
    whole: np.ndarray | None = None
    start = 0
    with preserved(model), torch.inference_mode(False), torch.enable_grad(), misfits_named(model, examples):
        device = next((t.device for t in (*model.parameters(), *model.buffers())), examples.inputs.device)
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        for _, inputs, targets in examples.batches(ROWS_OF_IMAGES if convolves(model) else ROWS):
            # Clones, for a caller in inference mode: autograd does not take the tensors made there.
            found = measure(inputs.to(device).detach().clone(), targets.to(device).clone())
            part = full_precision(found.detach()).cpu().numpy()
            if whole is None:  # filled part by part: putting parts together would take their memory twice
                whole = np.empty((len(examples), *part.shape[1:]), dtype=part.dtype)
            whole[start : start + len(part)] = part
            start += len(part)
    assert whole is not None
    return whole


def convolves(model: torch.nn.Module) -> bool:
    """Whether it has convolutions of images."""
    return any(isinstance(module, torch.nn.Conv2d) for module in model.modules())


def full_precision(values: torch.Tensor) -> torch.Tensor:
    """float16 and bfloat16 as float32, to add up in and for numpy; anything else as it is."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def gradient(
    model: Callable[[torch.Tensor], Any], inputs: torch.Tensor, targets: torch.Tensor, of: OfLogits
) -> torch.Tensor:
    """Return the gradient by each input of a value of its own logits.

    Args:
        model: in eval mode, so that the examples of a batch do not mix.
        inputs: float, (B, ...).
        targets: int, (B,).
        of: (logits (B, K), targets) -> values (B,).

    Returns:
        float, (B, ...); float32 at least.
    """
    leaf = inputs.detach().clone().requires_grad_()
    values = of(full_precision(logits_of(model, leaf)), targets)
    if not values.requires_grad:
        raise ValueError("no gradient connects the model's logits to its inputs. Is there a no_grad inside?")
    return full_precision(torch.autograd.grad(values.sum(), leaf)[0])


def logits_of(model: Callable[[torch.Tensor], Any], inputs: torch.Tensor) -> torch.Tensor:
    """Logits (B, K); a single one z per example stands for (0, z).

    Raises:
        TypeError: the model returns no tensor.
        ValueError: they have another shape.
    """
    logits: Any = model(inputs.clone())  # clone: a model may change its input in place, a leaf may not be changed
    if not isinstance(logits, torch.Tensor):
        raise TypeError(f"the model must return logits (B, K), got {type(logits).__name__}.")
    if logits.ndim not in (1, 2) or len(logits) != len(inputs):
        raise ValueError(f"the model must return logits (B, K), got shape {tuple(logits.shape)}.")
    if logits.ndim == 1 or logits.shape[1] == 1:
        logits = logits.reshape(-1)
        logits = torch.stack([torch.zeros_like(logits), logits], dim=1)
    return logits


def given_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of each example, nats, (B,).

    Raises:
        ValueError: a target lies outside the logits.
    """
    check_targets(logits, targets)
    return cross_entropy(logits, targets, reduction="none")


def check_targets(logits: torch.Tensor, targets: torch.Tensor) -> None:
    """Raise ValueError unless every target is a class of the logits."""
    low, high = int(targets.min()), int(targets.max())
    if low < 0 or high >= logits.shape[1]:
        wrong = low if low < 0 else high
        raise ValueError(f"labels must lie in [0, {logits.shape[1]}), the number of logits, got {wrong}.")


def example_frame(examples: ExampleSet, epoch: int, values: Mapping[str, Any]) -> pd.DataFrame:
    """One row per example: `epoch` (int32), `split`, `example` (int64, its index), then the values."""
    import pandas as pd

    index = examples.index.cpu().numpy()
    head = {"epoch": np.full(len(index), epoch, dtype=np.int32), "split": examples.split, "example": index}
    return pd.DataFrame({**head, **values})


def mean_over_epochs(frames: Sequence[pd.DataFrame], column: str) -> pd.DataFrame:
    """A column's mean over the measured epochs after epoch 0, which no score uses; training examples only.

    Returns:
        Indexed by `example`, with that one column, float64.
    """
    import pandas as pd

    rows = pd.concat([frame[["epoch", "split", "example", column]] for frame in frames])
    rows = rows[(rows["epoch"] > 0) & (rows["split"] == "train")]
    return rows.astype({column: np.float64}).groupby("example")[[column]].mean()
