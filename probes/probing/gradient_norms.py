"""How far one step on each example alone would move the weights: parameter-gradient norms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from probes.data.examples import ExampleSet
from probes.probing.input_gradients import ROWS, ROWS_OF_IMAGES, convolves
from probes.probing.layer_hooks import NotOnePassError, hookable_layers, one_pass_norms
from probes.probing.per_example_gradients import (
    LossSlope,
    loss_slope,
    outputs_alone,
    per_example_gradients,
    rows_within,
    trainable_parameters,
)
from probes.probing.probe import check_arguments, misfits_named, preserved

if TYPE_CHECKING:
    import pandas as pd

    from probes.probing.probe import ProbeContext

__all__ = ["GradientNorms", "gradient_norms", "measure_norms"]

_BYTES = 256 * 2**20  # most that gradients themselves take up at a time, where they have to be held


class GradientNorms:
    """The probe `gradient_norms`: ||d loss / d parameters|| of every example, in eval mode.

    The loss is the cross-entropy (nats) of the given label; the parameters are those that require a gradient.
    Beside it, as a proxy that costs one forward pass, the norm by the last layer alone:
    ||p - onehot(given)|| sqrt(||h||^2 + 1) for the layer's input h (without the 1 where it has no bias); missing
    where the logits do not come straight from a linear layer.

    Scores: `gradient_norm`, the mean over the measured epochs from 1 on, and, where epoch 0 was measured, `grand`,
    the norm at initialisation, which is where the GraNd score is published, as a mean over ten initialisations:
    this is one of them. High is suspicious for both.

    Source:
        Paul et al., NeurIPS 2021, section 2, https://arxiv.org/abs/2107.07075.
    """

    name = "gradient_norms"

    def __init__(self) -> None:
        self._method: str | None = None

    def measure(self, model: nn.Module, examples: ExampleSet, context: ProbeContext) -> pd.DataFrame:
        """Measure all examples; memory does not grow with their number beyond the frame.

        Args:
            model: inputs (B, ...) -> logits (B, K), or (B,) or (B, 1) for two classes.
            examples: any inputs that the model takes.
            context: only the epoch matters.

        Returns:
            One row per example: `epoch` (int32), `split`, `example` (int64), `gradient_norm` and
            `last_layer_gradient_norm` (float32).

        Raises:
            TypeError: the model returns no tensor.
            ValueError: no examples, logits of another shape, fewer logits than labels, no trainable parameter, or
                a layer that mixes the examples of a batch in eval mode.
        """
        norms, last_layer, self._method = measure_norms(model, examples)
        return norms_frame(examples, context.epoch, norms, last_layer)

    def metadata(self) -> dict[str, str]:
        """JSON values: `mode` of the model, and the `method` of the last measurement."""
        return {"mode": json.dumps("eval"), "method": json.dumps(self._method)}

    def finish(self, frames: list[pd.DataFrame]) -> pd.DataFrame:
        """Return `gradient_norm` and, where epoch 0 was measured, `grand`; float64, by `example`."""
        import pandas as pd

        every = pd.concat(frames, ignore_index=True)
        trained = every["epoch"] > 0
        norms = every["gradient_norm"].astype("float64")
        index = pd.Index(np.unique(every["example"]), name="example")
        scores = pd.DataFrame(index=index)
        scores["gradient_norm"] = norms[trained].groupby(every.loc[trained, "example"]).mean()
        if not trained.all():
            scores["grand"] = norms[~trained].groupby(every.loc[~trained, "example"]).mean()
        return scores


def gradient_norms(model: nn.Module, inputs: Any, targets: Any) -> np.ndarray:
    """Norms of each example's gradient of the cross-entropy by all trainable parameters, exact, in eval mode.

    The model is left as it was. Memory beyond the inputs is bounded: 256 examples at a time.

    Args:
        model: inputs (B, ...) -> logits (B, K), or (B,) or (B, 1) for two classes.
        inputs: (n, ...).
        targets: int, (n,); labels.

    Returns:
        float64, (n,).

    Raises:
        TypeError, ValueError: as `GradientNorms.measure`; or inputs and targets differ in length.

    Example:
        >>> zero = torch.nn.Linear(3, 2)
        >>> _ = torch.nn.init.zeros_(zero.weight), torch.nn.init.zeros_(zero.bias)
        >>> gradient_norms(zero, [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]], [0, 1]).round(4).tolist()
        [0.7071, 1.4142]
    """
    return measure_norms(model, ExampleSet(inputs, targets), last_layer=False)[0]


def measure_norms(
    model: nn.Module, examples: ExampleSet, *, last_layer: bool = True
) -> tuple[np.ndarray, np.ndarray, str]:
    """The norms, those by the last layer alone, and how they were found.

    One backward pass with hooks on the layers where `hookable_layers` finds that exact; `torch.func` elsewhere.

    Args:
        model: as for `gradient_norms`.
        examples: at least one.
        last_layer: whether those by the last layer are wanted.

    Returns:
        norms: float64, (N,).
        last_layer: float64, (N,); NaN where the logits do not come straight from a linear layer, or not wanted.
        method: "hooks" or "per-example gradients".
    """
    check_arguments(model, examples)
    with preserved(model), torch.inference_mode(False), torch.enable_grad(), misfits_named(model, examples):
        measure = _Measure(model, _first_two(examples, _device(model, examples.given_labels.device)), last_layer)
        parts = [measure.chunk(inputs, targets) for _, inputs, targets in examples.batches(measure.rows)]
        norms, by_last = (torch.cat(part).cpu().numpy() for part in zip(*parts, strict=True))
        return norms, by_last, "hooks" if measure.layers is not None else "per-example gradients"


def norms_frame(examples: ExampleSet, epoch: int, norms: np.ndarray, last_layer: np.ndarray) -> pd.DataFrame:
    """The frame of `GradientNorms.measure`."""
    import pandas as pd

    return pd.DataFrame(
        {
            "epoch": np.full(len(examples), epoch, dtype=np.int32),
            "split": examples.split,
            "example": examples.index.cpu().numpy(),
            "gradient_norm": norms.astype(np.float32),
            "last_layer_gradient_norm": last_layer.astype(np.float32),
        }
    )


class _Measure:
    """What is found out once about a model, and then used for chunk after chunk."""

    def __init__(self, model: nn.Module, first_two: Tensor, last_layer: bool) -> None:
        self.model, self.device = model, first_two.device
        self._trainable = list(trainable_parameters(model).values())
        self._gradient_rows = rows_within(_BYTES, model)
        self.rows = ROWS_OF_IMAGES if convolves(model) else ROWS
        on_cpu, of_images = first_two.device.type == "cpu", first_two.ndim == 4 and convolves(model)
        self._channels_last = on_cpu and of_images and first_two.is_floating_point()
        try:
            self._look_at_layers(first_two, last_layer)
        except RuntimeError:
            if not self._channels_last:
                raise
            self._channels_last = False  # a `view` that needs the usual order of numbers, perhaps
            self._look_at_layers(first_two, last_layer)

    def _look_at_layers(self, first_two: Tensor, last_layer: bool) -> None:
        self.layers = hookable_layers(self.model, self._laid_out(first_two))
        self.last = _last_linear(self.model, self._laid_out(first_two)) if last_layer else None

    def chunk(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """float64, (B,) each: norms, and those by the last layer."""
        inputs, targets = self._laid_out(inputs.to(self.device)), targets.to(self.device)
        with _seen_by(self.last) as seen:
            norms, slope = self._norms(inputs, targets)
        last_layer = torch.full_like(norms, torch.nan)
        if self.last is not None:
            squares = torch.linalg.vector_norm(seen[-1].double(), dim=1).square()
            last_layer = (squares + (self.last.bias is not None)).sqrt() * slope.size
        return norms * slope.size, last_layer

    def _norms(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, LossSlope]:
        if self.layers is not None:
            try:
                with _frozen(self._trainable):
                    return one_pass_norms(self.model, self.layers, inputs, targets)
            except NotOnePassError:
                self.layers = None
        if self.last is not None:
            with torch.no_grad():
                self.model(inputs.clone())  # for the last layer's input
        slope = loss_slope(outputs_alone(self.model, inputs), targets)
        rows = self._gradient_rows
        parts = zip(inputs.split(rows), slope.direction.split(rows), strict=True)
        return torch.cat([_lengths(per_example_gradients(self.model, *part)) for part in parts]), slope

    def _laid_out(self, inputs: Tensor) -> Tensor:
        """The same inputs, with channels last in memory where that is faster: max-pooling is, by far, on a CPU."""
        if not self._channels_last:
            return inputs
        return torch.empty_like(inputs, memory_format=torch.channels_last).copy_(inputs)


def _lengths(gradients: list[Tensor]) -> Tensor:
    """Norms over all parameters together: a list of (B, D_j) -> float64 (B,)."""
    each = [torch.linalg.vector_norm(of_one, dim=1).double() for of_one in gradients]
    return torch.linalg.vector_norm(torch.stack(each), dim=0)


def _last_linear(model: nn.Module, inputs: Tensor) -> nn.Linear | None:
    """The linear layer whose output (B, K) the model returns as its logits, untouched; None where there is none."""
    outputs: dict[nn.Module, tuple[Tensor, int] | None] = {}

    def look(layer: nn.Module, given: Any, output: Tensor) -> None:
        outputs[layer] = None if layer in outputs else (output, output._version)

    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    handles = [layer.register_forward_hook(look, prepend=True) for layer in linear]
    try:
        with torch.no_grad():
            logits = model(inputs.clone())
    finally:
        for handle in handles:
            handle.remove()
    for layer in linear:
        output, version = outputs.get(layer) or (None, 0)
        if output is not None and output.ndim == 2 and output._version == version and _is_same(output, logits):
            return layer
    return None


def _is_same(output: Tensor, logits: Any) -> bool:
    """Whether they are the same numbers in memory: (B, 1) and (B,) may be."""
    return isinstance(logits, Tensor) and output.numel() == logits.numel() and output.data_ptr() == logits.data_ptr()


@contextmanager
def _seen_by(layer: nn.Module | None) -> Iterator[list[Tensor]]:
    """The input (B, H) of the layer's first call from now on, in a list."""
    seen: list[Tensor] = []

    def look(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        if not seen:
            seen.append(given[0].detach())

    handle = None if layer is None else layer.register_forward_pre_hook(look)
    try:
        yield seen
    finally:
        if handle is not None:
            handle.remove()


@contextmanager
def _frozen(parameters: list[nn.Parameter]) -> Iterator[None]:
    """Without gradients of parameters: autograd then skips them, half of a backward pass."""
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


def _first_two(examples: ExampleSet, device: torch.device) -> Tensor:
    """Inputs (2, ...) on the model's device; a single example twice."""
    inputs = next(iter(examples.batches(2)))[1].to(device).detach().clone()
    return inputs if len(inputs) == 2 else torch.cat([inputs, inputs])


def _device(model: nn.Module, default: torch.device) -> torch.device:
    """Where the model lives."""
    return next((tensor.device for tensor in (*model.parameters(), *model.buffers())), default)
