"""Builds a probe by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from probes import probing
from probes.errors import unknown_name
from probes.probing import PROBES
from probes.probing.attribution_methods import DEFAULT_METHODS
from probes.probing.probe import Probe

if TYPE_CHECKING:
    from probes.data.dataset import Dataset
    from probes.data.examples import ExampleSet

__all__ = ["input_unit", "make_probe"]

_CLASSES = {
    "gradient_norms": "GradientNorms",
    "input_grad": "InputGrad",
    "loss_curvature": "LossCurvature",
    "prediction_depth": "PredictionDepth",
    "self_influence": "SelfInfluence",
    "vog": "VoG",
}


def make_probe(
    name: str,
    *,
    seed: int,
    blank_value: float = 0.0,
    validation: ExampleSet | None = None,
    unit: float | np.ndarray = 1.0,
    panel: int = 32,
    methods: Iterable[str] | None = None,
) -> Probe:
    """Build a probe of PROBES.

    Args:
        name: of PROBES.
        seed: of what the probe chooses itself, such as a panel.
        blank_value: what an input without information looks like: the baseline of attributions.
        validation: what `critical_samples` measures; None: the examples it is given.
        unit: the range of an input in the units of the model's inputs, for `critical_samples`; see `input_unit`.
        panel: examples that `attributions` follows.
        methods: of `attributions`; None: its default ones.

    Raises:
        ConfigError: unknown name, of a probe or a method; the nearest is suggested.
    """
    if name not in PROBES:
        raise unknown_name("probe", name, PROBES)
    if name == "attributions":
        chosen = DEFAULT_METHODS if methods is None else methods
        return probing.Attributions(chosen, panel=panel, seed=seed, baseline=blank_value)
    if name == "critical_samples":
        return probing.CriticalSamples(validation, unit=unit)
    if name == "coherence":
        return probing.Coherence(seed=seed)
    make: Callable[[], Probe] = getattr(probing, _CLASSES[name])  # loads its file alone
    return make()


def input_unit(dataset: Dataset) -> np.ndarray:
    """How much of the standardised input is the whole range of the raw one.

    Of images the range that is shown from black to white, in each channel; of anything else the range of each value
    over the training examples.

    Returns:
        float64; broadcasts to one input: (C, 1, 1) of images.
    """
    if dataset.kind == "image":
        low, high = dataset.value_range
        return ((high - low) / np.asarray(dataset.sds, dtype=np.float64)).reshape(-1, 1, 1)
    inputs = dataset.train.inputs
    return (inputs.amax(dim=0) - inputs.amin(dim=0)).double().cpu().numpy()
