"""Which versions a run was made with."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

__all__ = ["versions"]

_PACKAGES = ("memorization-probes", "torch", "torchvision", "numpy", "scikit-learn", "captum")


def versions() -> dict[str, str]:
    """Python's and the packages' versions, without importing them; what is not installed is left out."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
