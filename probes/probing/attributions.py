"""Which parts of the input speak for the given label, and which for the true one, as training goes on."""

from __future__ import annotations

import json
import math
import operator
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from probes.data.examples import ExampleSet
from probes.errors import ConfigError, ProbeError, RunExistsError
from probes.probing.attribution_methods import (
    DEFAULT_METHODS,
    METHODS,
    N_STEPS,
    Attribute,
    Forward,
    checked_methods,
    explained,
    logits_function,
    make_method,
    uncompiled,
)
from probes.probing.panel import choose_panel
from probes.probing.probe import check_arguments, check_examples_apart, misfits_named, preserved
from probes.runs import layout
from probes.runs.writer import RunWriter, write_probe_frame

if TYPE_CHECKING:
    import pandas as pd

    from probes.probing.probe import ProbeContext

__all__ = ["DEFAULT_METHODS", "METHODS", "N_STEPS", "AttributionTracker", "Attributions", "joined_metadata"]

_COLUMNS = ("epoch", "split", "example", "method", "label", "map")


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
      of the given label minus that of the true one is the map of the difference of their logits;
    - `input_x_gradient`: x times dz / dx; signed and linear in z;
    - `grad_cam`, of convolutional nets: max(0, sum over channels of a A), where A is the output of the last
      convolution that the model calls whose output has more than one place, and a, for each channel, the mean
      of dz / dA over its places; enlarged to the sides of the input by linear interpolation, the same for every
      channel of it; never negative. The authors' code reads A after the ReLU; here it is the convolution's own.

    All are measured in eval mode, whatever mode the model is in. A model with a single logit z stands
    for logits (0, z): the maps of label 0 are zero.

    Each example is in a pass of its own, at most 2 N_STEPS rows for its two labels: memory does not grow with the
    number of examples, and a map does not depend, to the last bit, on what else is measured.

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
        section 3, https://arxiv.org/abs/1703.01365; Shrikumar et al. 2016, https://arxiv.org/abs/1605.01713;
        Selvaraju et al. 2017, section 3, https://arxiv.org/abs/1610.02391; gradients by captum.
    """

    name = "attributions"

    def __init__(
        self, methods: Iterable[str] = DEFAULT_METHODS, panel: int = 32, seed: int = 0, baseline: float = 0.0
    ) -> None:
        self.methods = checked_methods(methods)
        if not math.isfinite(baseline):
            raise ValueError(f"baseline must be a finite number, got {baseline}.")
        self.panel, self.seed, self.baseline = _whole("panel", panel, low=1), seed, float(baseline)
        self._map_shape: tuple[int, ...] | None = None
        self._layer: str | None = None

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
            TypeError: inputs are not floating point, or not of the type of the weights; or the model returns no tensor.
            ConfigError: a method cannot be applied to this model, and why.
            ValueError: no examples, logits of another shape, fewer logits than labels, or logits that no
                gradient connects to the inputs.
        """
        return self._measure(model, examples, context.epoch)

    def metadata(self) -> dict[str, str]:
        """What is needed to read the maps measured last: JSON values, for the metadata of their file.

        Keys: `map_shape` (null before the first measurement), `baseline`, `methods`, `n_steps`,
        `saliency_abs`, `grad_cam_layer` (null where it was not measured), `panel`, `seed`, `captum` (its version).
        """
        from importlib.metadata import version

        values = {
            "map_shape": self._map_shape,
            "baseline": self.baseline,
            "methods": self.methods,
            "n_steps": N_STEPS,
            "saliency_abs": True,
            "grad_cam_layer": self._layer,
            "panel": self.panel,
            "seed": self.seed,
            "captum": version("captum"),
        }
        return {name: json.dumps(value) for name, value in values.items()}

    def _measure(self, model: torch.nn.Module, examples: ExampleSet, epoch: int) -> pd.DataFrame:
        check_arguments(model, examples)
        if not examples.inputs.is_floating_point():
            raise TypeError(f"attributions need floating point inputs, got {_dtype_name(examples.inputs)}.")
        check_examples_apart(model)
        chosen = examples.select(choose_panel(examples, self.panel, self.seed))
        position, label, targets = _rows(chosen)
        self._map_shape = tuple(chosen.inputs.shape[1:])
        with preserved(model), uncompiled(), torch.inference_mode(False), torch.enable_grad():
            maps = self._maps(model, chosen, position.cpu().numpy(), targets)
        return self._frame(chosen, position.cpu().numpy(), label, maps, epoch)

    def _maps(
        self, model: torch.nn.Module, chosen: ExampleSet, position: np.ndarray, targets: torch.Tensor
    ) -> list[np.ndarray]:
        """For each method, float32 (R, D); `position` and `targets`, (R,), as `_rows` makes them."""
        device = next((t.device for t in (*model.parameters(), *model.buffers())), chosen.inputs.device)
        targets = targets.to(device).clone()  # clones, for a caller in inference mode: autograd takes none made there
        forward = logits_function(model, targets)
        maps: list[np.ndarray] = [np.empty(0)] * len(self.methods)
        methods: list[Attribute] = []
        for example in range(len(chosen)):
            rows = np.flatnonzero(position == example)
            inputs = chosen.inputs[[example] * len(rows)].to(device, copy=True).detach()
            if not methods:
                with misfits_named(model, chosen), torch.no_grad():
                    model(inputs.clone())
                methods = self._methods(model, forward, inputs)
                maps = [np.empty((len(position), inputs[0].numel()), dtype=np.float32) for _ in methods]
            for name, attribute, found in zip(self.methods, methods, maps, strict=True):
                with explained(name):
                    made = attribute(inputs.clone().requires_grad_(), targets[rows])
                found[rows] = made.detach().flatten(1).float().cpu().numpy()
        return maps

    def _methods(self, model: torch.nn.Module, forward: Forward, inputs: torch.Tensor) -> list[Attribute]:
        """In the order of their names; before any map is made, so that one that cannot be is refused at once."""
        made = []
        self._layer = None
        for name in self.methods:
            with explained(name):
                attribute, layer = make_method(name, model, forward, inputs.clone().requires_grad_(), self.baseline)
            made.append(attribute)
            self._layer = layer or self._layer
        return made

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
        baseline: of integrated gradients, as for `Attributions`.

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
        methods: Iterable[str] = DEFAULT_METHODS,
        panel: int = 32,
        seed: int = 0,
        baseline: float = 0.0,
    ) -> None:
        if not isinstance(examples, ExampleSet):
            raise TypeError(
                f"examples must be an ExampleSet, got {type(examples).__name__}. "
                "Wrap them: probes.data.ExampleSet(inputs, given_labels)."
            )
        self._probe = Attributions(methods, panel, seed, baseline)
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


def joined_metadata(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """The metadata of a file to which maps were added: what is known of either, and the methods of both.

    How the panel was chosen stays as it was: what is added later is none.

    Args:
        before: `Attributions.metadata` of the file; more keys do no harm.
        now: of the maps that are added.
    """
    methods = [name for held in (before, now) for name in json.loads(held.get("methods", "[]"))]
    known = {name: value for name, value in now.items() if value != "null"}
    kept = {name: before[name] for name in ("panel", "seed") if name in before}
    return {**now, **before, **known, **kept, "methods": json.dumps(list(dict.fromkeys(methods)))}


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
