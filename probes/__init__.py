"""See, example by example, how a network learns the pattern first and memorizes the noise later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from probes.errors import ProbeError

if TYPE_CHECKING:
    from probes.probing.attributions import AttributionTracker
    from probes.runs.flags import flags_by_class
    from probes.runs.run import Run, open_run
    from probes.trackers.example_tracker import ExampleTracker
    from probes.trackers.with_index import with_index

__version__ = "0.1.0"
__all__ = [
    "AttributionTracker",
    "ExampleTracker",
    "ProbeError",
    "Run",
    "__version__",
    "flags_by_class",
    "open_run",
    "with_index",
]

_HOMES = {
    "AttributionTracker": "probes.probing.attributions",
    "ExampleTracker": "probes.trackers.example_tracker",
    "Run": "probes.runs.run",
    "flags_by_class": "probes.runs.flags",
    "open_run": "probes.runs.run",
    "with_index": "probes.trackers.with_index",
}


def __getattr__(name: str) -> Any:
    """Load a public name where it is first used, so that `import probes` stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module 'probes' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
