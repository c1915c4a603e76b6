"""Which parts of the input speak for the given label, and which for the true one, as training goes on."""

from __future__ import annotations

import json
import math
import operator
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import torch

from probes.data.examples import ExampleSet
from probes.errors import ConfigError, ProbeError, RunExistsError, unknown_name
from probes.probing.panel import choose_panel
from probes.probing.probe import preserved
from probes.runs import layout
from probes.runs.writer import RunWriter, write_probe_frame

if TYPE_CHECKING:
    import pandas as pd

    from probes.probing.probe import ProbeContext

__all__ = ["METHODS", "N_STEPS", "AttributionTracker", "Attributions"]

METHODS = ("saliency", "integrated_gradients")
N_STEPS = 50  # points on the path of integrated gradients (Gauss-Legendre), captum's default
_ROWS = 256  # most inputs in one forward and backward pass, about a training batch: bounds the memory
_COLUMNS = ("epoch", "split", "example", "method", "label", "map")

Forward: TypeAlias = Callable[[torch.Tensor], torch.Tensor]


class _HasWriter(Protocol):
    """An ExampleTracker: its writer is None where it keeps everything in memory."""

    @property
    def writer(self) -> RunWriter | None: ...


class Attributions:
    """The probe `attributions`: how much each input value does for the logit of a label.

    For the given label of every example on a panel, and for its true label where that is another:

    - `saliency`: |dz / dx|, never negative;
    - `integrated_gradients`: (x - baseline) times the mean of dz / dx along the straight line from the
      baseline to x, at N_STEPS points; signed, and summing to z(x) - z(baseline). Linear in z: the map
      of the given label minus that of the true one is the map of the difference of their logits.

    Both are measured in eval mode, whatever mode the model is in. A model with a single logit z stands
    for logits (0, z): the maps of label 0 are zero.

    Args:
        methods: names of METHODS.
        panel: examples to follow, chosen by `choose_panel`.
        seed: of the panel.
        baseline: of integrated gradients, one value for all inputs, in their units: what an input
            without information looks like. With standardised inputs 0 is the training mean.

    Raises:
        ConfigError: unknown method; the nearest is suggested.
        ValueError: no method, a panel below 1, or a baseline that is not finite.

    Source:
        Simonyan et al. 2014, section 3, https://arxiv.org/abs/1312.6034; Sundararajan et al. 2017,
        section 3, https://arxiv.org/abs/1703.01365; computed by captum.
    """

    name = "attributions"

    def __init__(self, methods: Iterable[str] = METHODS, panel: int = 32, seed: int = 0, baseline: float = 0.0) -> None:
        self.methods = tuple(dict.fromkeys([methods] if isinstance(methods, str) else methods))
        for method in self.methods:
            if method not in METHODS:
                raise unknown_name("attribution method", method, METHODS)
        if not self.methods:
            raise ValueError(f"methods must name at least one of {', '.join(METHODS)}, got none.")
        if not math.isfinite(baseline):
            raise ValueError(f"baseline must be a finite number, got {baseline}.")
        self.panel, self.seed, self.baseline = _whole("panel", panel, low=1), seed, float(baseline)
        self._map_shape: tuple[int, ...] | None = None

    def measure(self, model: torch.nn.Module, examples: ExampleSet, context: ProbeContext) -> pd.DataFrame:
        """Attribute the logits of the panel.

        Args:
            model: inputs (B, ...) -> logits (B, K), or (B,) or (B, 1) for two classes.
            examples: floating point inputs; the panel is chosen from them.
            context: only the epoch matters.

        Returns:
            One row per method, label and example: `epoch` (int32), `split`, `example` (int64, its index in
            the training set), `method`, `label` ("given" or "true") and `map` (float32, the input's values
            in row-major order; the shape is in `metadata`).

        Raises:
            TypeError: inputs are not floating point, or the model returns no tensor.
            ValueError: no examples, logits of another shape, fewer logits than labels, or logits that no
                gradient connects to the inputs.
        """
        return self._measure(model, examples, context.epoch)

    def metadata(self) -> dict[str, str]:
        """What is needed to read the maps measured last: JSON values, for the metadata of their file.

        Keys: `map_shape` (null before the first measurement), `baseline`, `methods`, `n_steps`,
        `saliency_abs`, `panel`, `seed`, `captum` (its version).
        """
        from importlib.metadata import version

        values = {
            "map_shape": self._map_shape,
            "baseline": self.baseline,
            "methods": self.methods,
            "n_steps": N_STEPS,
            "saliency_abs": True,
            "panel": self.panel,
            "seed": self.seed,
            "captum": version("captum"),
        }
        return {name: json.dumps(value) for name, value in values.items()}

    def _measure(self, model: torch.nn.Module, examples: ExampleSet, epoch: int) -> pd.DataFrame:
        if len(examples) == 0:
            raise ValueError("examples must hold at least one example, got none.")
        if not examples.inputs.is_floating_point():
            raise TypeError(f"attributions need floating point inputs, got {_dtype_name(examples.inputs)}.")
        chosen = examples.select(choose_panel(examples, self.panel, self.seed))
        position, label, targets = _rows(chosen)
        self._map_shape = tuple(chosen.inputs.shape[1:])
        with preserved(model), torch.inference_mode(False), torch.enable_grad():
            device = _device(model, chosen.inputs.device)
            # Clones, for a caller in inference mode: autograd does not take the tensors made there.
            inputs = chosen.inputs.to(device)[position.to(device)].detach().clone()
            targets = targets.to(device).clone()
            forward = _logits(model, lowest=int(targets.min()), highest=int(targets.max()))
            maps = [_in_chunks(self._attribute(method, forward), inputs, targets) for method in self.methods]
        return self._frame(chosen, position.cpu().numpy(), label, maps, epoch)

    def _attribute(self, method: str, forward: Forward) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
        """The function (inputs (B, ...), targets (B,)) -> maps (B, ...) of a method."""
        from captum.attr import IntegratedGradients, Saliency  # slow to import: it brings matplotlib along

        if method == "saliency":
            saliency = Saliency(forward)
            return lambda inputs, targets: saliency.attribute(inputs, target=targets, abs=True)
        integrated = IntegratedGradients(forward)
        return lambda inputs, targets: integrated.attribute(
            inputs, baselines=self.baseline, target=targets, n_steps=N_STEPS, internal_batch_size=_ROWS
        )

    def _frame(
        self, chosen: ExampleSet, position: np.ndarray, label: np.ndarray, maps: list[np.ndarray], epoch: int
    ) -> pd.DataFrame:
        """One row per method and map; `maps` holds, for each method, float32 (rows, D)."""
        import pandas as pd

        rows, repeats = len(position), len(self.methods)
        columns = {
            "epoch": np.full(rows * repeats, epoch, dtype=np.int32),
            "split": [chosen.split] * (rows * repeats),
            "example": np.tile(chosen.index.cpu().numpy()[position], repeats),
            "method": np.repeat(self.methods, rows),
            "label": np.tile(label, repeats),
            "map": [values for of_method in maps for values in of_method],
        }
        return pd.DataFrame(columns, columns=_COLUMNS)


class AttributionTracker:
    """Attribution maps of a fixed, stratified panel, recorded at epochs of one's choice, in any training loop.

    Args:
        examples: N examples; the panel is chosen from them once and only the panel is kept.
        run: where to save: a run folder, made if there is none; the `ExampleTracker` whose run it
            joins; None for memory only.
        methods: names of METHODS.
        panel: examples to follow, chosen by `choose_panel`: half clean, half noisy where the truth is known.
        seed: of the panel.

    Raises:
        TypeError: examples are not an `ExampleSet`, or `run` is none of the above.
        ConfigError: an unknown method, or the folder cannot be made.
        ValueError: as `Attributions`.

    Example:
        >>> from probes.data import ExampleSet
        >>> tracker = AttributionTracker(ExampleSet([[1.0, 2.0], [3.0, 4.0]], [0, 1]), methods=["integrated_gradients"])
        >>> tracker.record(torch.nn.Linear(2, 2), epoch=0)
        >>> len(tracker.frames)
        2
    """

    def __init__(
        self,
        examples: ExampleSet,
        *,
        run: str | os.PathLike[str] | _HasWriter | None = None,
        methods: Iterable[str] = METHODS,
        panel: int = 32,
        seed: int = 0,
    ) -> None:
        if not isinstance(examples, ExampleSet):
            raise TypeError(
                f"examples must be an ExampleSet, got {type(examples).__name__}. "
                "Wrap them: probes.data.ExampleSet(inputs, given_labels)."
            )
        self._probe = Attributions(methods, panel, seed)
        self._panel = examples.select(choose_panel(examples, panel, seed))
        self._labels = _labels_by_index(examples) if isinstance(run, (str, os.PathLike)) else {}
        self._folder = _made_folder(run) if isinstance(run, (str, os.PathLike)) else None
        if run is not None and self._folder is None and not hasattr(run, "writer"):
            raise TypeError(f"run must be a folder, an ExampleTracker or None, got {type(run).__name__}.")
        self._joined = run if self._folder is None else None
        self._frames: dict[int, pd.DataFrame] = {}

    def record(self, model: torch.nn.Module, epoch: int) -> None:
        """Measure the panel now, and save it where there is a run. The model is left as it was.

        Args:
            model: inputs (B, ...) -> logits (B, K), or (B,) or (B, 1) for two classes.
            epoch: 0 for before training. The same epoch again replaces what this tracker recorded for it.

        Raises:
            ValueError: the epoch is negative, or as `Attributions.measure`.
            RunExistsError: the folder holds attributions of this epoch that another tracker recorded.
        """
        epoch = _whole("epoch", epoch, low=0)
        if self._folder is not None and epoch not in self._frames:
            _check_absent(self._folder, epoch)
        frame = self._probe._measure(model, self._panel, epoch)
        self._save(epoch, frame)
        self._frames[epoch] = frame

    @property
    def frames(self) -> pd.DataFrame:
        """Everything this tracker recorded, in the order of epochs; the columns are those of `Attributions.measure`.

        `frames.attrs` holds `Attributions.metadata`, the shape of the maps among it.
        """
        import pandas as pd

        recorded = [self._frames[epoch] for epoch in sorted(self._frames)]
        joined = pd.concat(recorded, ignore_index=True) if recorded else pd.DataFrame(columns=_COLUMNS)
        joined.attrs.update(self._probe.metadata())
        return joined

    def _save(self, epoch: int, frame: pd.DataFrame) -> None:
        name, metadata = self._probe.name, self._probe.metadata()
        if self._folder is not None:
            if not (self._folder / layout.RUN_JSON).exists():
                _start_run(self._folder, self._labels)
            try:
                write_probe_frame(self._folder, name, epoch, frame, metadata)
            except OSError as error:
                raise ProbeError(f"cannot write to {self._folder}: {error.strerror or error}.") from error
        writer = getattr(self._joined, "writer", None)  # looked up now: the tracker may make its run late
        if writer is not None:
            writer.write_probe(name, epoch, frame, metadata)


def _rows(chosen: ExampleSet) -> tuple[torch.Tensor, np.ndarray, torch.Tensor]:
    """What to attribute: for every example its given label, then for those with another true label that one.

    Returns:
        position: int64, (R,); in `chosen`.
        label: str, (R,); "given" or "true".
        targets: int64, (R,); the label itself.
    """
    given, true = chosen.given_labels, chosen.true_labels
    everyone = torch.arange(len(chosen), device=given.device)
    differs = everyone[:0] if true is None else everyone[(true != given) & (true >= 0)]  # -1: not known
    targets = given if true is None else torch.cat([given, true[differs]])
    return torch.cat([everyone, differs]), np.repeat(["given", "true"], [len(everyone), len(differs)]), targets


def _logits(model: torch.nn.Module, lowest: int, highest: int) -> Forward:
    """The model as a function to logits (B, K), its output checked against the range of labels asked for."""

    def forward(inputs: torch.Tensor) -> torch.Tensor:
        logits: Any = model(inputs.clone())  # clone: a model may change its input in place, a leaf may not be changed
        if not isinstance(logits, torch.Tensor):
            raise TypeError(f"the model must return logits (B, K), got {type(logits).__name__}.")
        if logits.ndim not in (1, 2) or len(logits) != len(inputs):
            raise ValueError(f"the model must return logits (B, K), got shape {tuple(logits.shape)}.")
        if not logits.requires_grad:
            raise ValueError("no gradient connects the model's logits to its inputs. Is there a no_grad inside?")
        if logits.ndim == 1 or logits.shape[1] == 1:
            logits = logits.reshape(-1)
            logits = torch.stack([torch.zeros_like(logits), logits], dim=1)
        num_classes = logits.shape[1]
        if lowest < 0 or highest >= num_classes:
            wrong = lowest if lowest < 0 else highest
            raise ValueError(f"labels must lie in [0, {num_classes}), the number of logits, got {wrong}.")
        return logits

    return forward


def _in_chunks(
    attribute: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], inputs: torch.Tensor, targets: torch.Tensor
) -> np.ndarray:
    """Attribute _ROWS inputs at a time; maps float32, (R, D)."""
    maps = [
        attribute(part.requires_grad_(), of_part).detach().flatten(1).float().cpu()
        for part, of_part in zip(inputs.split(_ROWS), targets.split(_ROWS), strict=True)
    ]
    return torch.cat(maps).numpy()


def _device(model: torch.nn.Module, default: torch.device) -> torch.device:
    """Where the model lives."""
    return next((tensor.device for tensor in (*model.parameters(), *model.buffers())), default)


def _made_folder(run: str | os.PathLike[str]) -> Path:
    folder = Path(run)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot write to {folder}: {error.strerror or error}. Choose another folder.") from error
    return folder


def _labels_by_index(examples: ExampleSet) -> dict[str, np.ndarray]:
    """Given and true labels of every example of the training set, -1 where it is not among `examples`."""
    index = examples.index.cpu().numpy()
    columns = {}
    for name, labels in (("given_label", examples.given_labels), ("true_label", examples.true_labels)):
        if labels is not None:
            columns[name] = np.full(int(index.max(initial=0)) + 1, -1)
            columns[name][index] = labels.cpu().numpy()
    return columns


def _start_run(folder: Path, labels: dict[str, np.ndarray]) -> None:
    """Make the folder a run without epochs, so that what is written there can be opened."""
    writer = RunWriter.create(folder, num_examples=len(labels["given_label"]), measure="online")
    columns: dict[str, Any] = dict(labels)
    if "true_label" in labels:
        columns["noisy"] = labels["given_label"] != labels["true_label"]
    writer.write_examples(columns)
    writer.finish("complete")


def _check_absent(folder: Path, epoch: int) -> None:
    path = folder / layout.PROBES / Attributions.name / f"{layout.epoch_name(epoch)}.parquet"
    if path.exists():
        raise RunExistsError(f"{path} was recorded by another tracker. Choose another epoch or folder.")


def _whole(name: str, value: int, *, low: int) -> int:
    try:
        whole = operator.index(value)
    except TypeError as error:
        raise TypeError(f"{name} must be a whole number, got {value!r}.") from error
    if whole < low:
        raise ValueError(f"{name} must be at least {low}, got {whole}.")
    return whole


def _dtype_name(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
