"""Finds the examples of anyone's data that are most likely mislabeled, without ever seeing a true label."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from probes.audit.settings import AuditSettings

if TYPE_CHECKING:
    from probes.audit.auditing import audit
    from probes.audit.examining import Findings, examine
    from probes.audit.folder import Audit, open_audit
    from probes.audit.progress import AuditProgress

__all__ = ["Audit", "AuditProgress", "AuditSettings", "Findings", "audit", "examine", "open_audit"]

_LATE = {
    "Audit": "folder",
    "AuditProgress": "progress",
    "Findings": "examining",
    "audit": "auditing",
    "examine": "examining",
    "open_audit": "folder",
}


def __getattr__(name: str) -> Any:
    """Load what needs torch or pandas where it is first used."""
    if name in _LATE:
        return getattr(import_module(f"probes.audit.{_LATE[name]}"), name)
    raise AttributeError(f"module 'probes.audit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
