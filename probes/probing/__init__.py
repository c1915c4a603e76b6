"""What is measured on the model itself, at chosen epochs; one file per probe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from probes.probing.attributions import Attributions, AttributionTracker
    from probes.probing.coherence import Coherence
    from probes.probing.critical_samples import CriticalSamples
    from probes.probing.gradient_norms import GradientNorms
    from probes.probing.input_grad import InputGrad
    from probes.probing.loss_curvature import LossCurvature
    from probes.probing.making import make_probe
    from probes.probing.map_summaries import map_similarity, maps_by_group, summarize_maps
    from probes.probing.panel import choose_panel
    from probes.probing.prediction_depth import PredictionDepth
    from probes.probing.probe import Probe, ProbeContext, preserved
    from probes.probing.self_influence import SelfInfluence
    from probes.probing.sensitivity import loss_sensitivity, loss_sensitivity_by_class
    from probes.probing.vog import VoG
    from probes.scores.probe_scores import PROBE_SCORES

__all__ = [
    "PROBES",
    "PROBE_SCORES",
    "AttributionTracker",
    "Attributions",
    "Coherence",
    "CriticalSamples",
    "GradientNorms",
    "InputGrad",
    "LossCurvature",
    "PredictionDepth",
    "Probe",
    "ProbeContext",
    "SelfInfluence",
    "VoG",
    "choose_panel",
    "loss_sensitivity",
    "loss_sensitivity_by_class",
    "make_probe",
    "map_similarity",
    "maps_by_group",
    "preserved",
    "summarize_maps",
]

PROBES: dict[str, str] = {
    "attributions": "what in the input speaks for the given label and what for the true one: captum maps of a panel",
    "input_grad": "how strongly each example's loss reacts to its input: l1 norm of its gradient",
    "gradient_norms": "how far a step on each example alone would move the weights: exact gradient norms (GraNd)",
    "self_influence": "how much each example's own steps lower its loss: TracIn with itself",
    "coherence": "whether examples pull the weights the same way: m-coherence, stiffness, GSNR, clean against noisy",
    "critical_samples": "share of validation examples that a small change of the input turns: CSR by LASS",
    "vog": "how much each example's input gradient varies over training: variance of gradients",
    "loss_curvature": "how fast the gradient of each example's loss turns around its input",
    "prediction_depth": "from which layer on each example's nearest neighbours predict what the network does",
}

_HOMES = {
    "PROBE_SCORES": "probes.scores.probe_scores",
    "AttributionTracker": "probes.probing.attributions",
    "Attributions": "probes.probing.attributions",
    "Coherence": "probes.probing.coherence",
    "CriticalSamples": "probes.probing.critical_samples",
    "GradientNorms": "probes.probing.gradient_norms",
    "InputGrad": "probes.probing.input_grad",
    "LossCurvature": "probes.probing.loss_curvature",
    "PredictionDepth": "probes.probing.prediction_depth",
    "Probe": "probes.probing.probe",
    "ProbeContext": "probes.probing.probe",
    "SelfInfluence": "probes.probing.self_influence",
    "VoG": "probes.probing.vog",
    "choose_panel": "probes.probing.panel",
    "loss_sensitivity": "probes.probing.sensitivity",
    "loss_sensitivity_by_class": "probes.probing.sensitivity",
    "make_probe": "probes.probing.making",
    "map_similarity": "probes.probing.map_summaries",
    "maps_by_group": "probes.probing.map_summaries",
    "preserved": "probes.probing.probe",
    "summarize_maps": "probes.probing.map_summaries",
}


def __getattr__(name: str) -> Any:
    """Load a name where it is first used: all but PROBES need torch or numpy."""
    if name not in _HOMES:
        raise AttributeError(f"module 'probes.probing' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
