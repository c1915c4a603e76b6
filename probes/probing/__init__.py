"""What is measured on the model itself, at chosen epochs; one file per probe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from probes.probing.attributions import Attributions, AttributionTracker
    from probes.probing.panel import choose_panel
    from probes.probing.probe import Probe, ProbeContext, preserved

__all__ = [
    "PROBES",
    "AttributionTracker",
    "Attributions",
    "Probe",
    "ProbeContext",
    "choose_panel",
    "preserved",
]

PROBES: dict[str, str] = {
    "attributions": "what in the input speaks for the given label and what for the true one: captum maps of a panel",
}

_HOMES = {
    "AttributionTracker": "attributions",
    "Attributions": "attributions",
    "Probe": "probe",
    "ProbeContext": "probe",
    "choose_panel": "panel",
    "preserved": "probe",
}


def __getattr__(name: str) -> Any:
    """Load a name where it is first used: all but PROBES need torch or numpy."""
    if name not in _HOMES:
        raise AttributeError(f"module 'probes.probing' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"probes.probing.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
