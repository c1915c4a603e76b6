"""What the page needs of an audit, read once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from probes.audit import open_audit
from probes.errors import RunNotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

__all__ = ["AuditView"]

LONGEST = 200  # characters of a class's name


class AuditView:
    """An audit's findings.

    Args:
        path: the folder.
        images: show pictures, and features of a table, where there are any.
        paths: name files, folders and commands.

    Raises:
        RunNotFoundError: there is no audit, or a file of it cannot be read.
    """

    def __init__(self, path: Path, *, images: bool = True, paths: bool = True) -> None:
        audit = open_audit(path)
        self.path, self.paths, self.meta = audit.path, paths, audit.meta
        try:
            self.issues: pd.DataFrame = audit.issues
            self.neighbours: pd.DataFrame = audit.neighbours
            self.pngs: dict[int, bytes] = audit.images() if images else {}
            self.features: pd.DataFrame = self._told(audit.features) if images else audit.features.iloc[:0]
            self.classes = [_short(name) for name in audit.classes]
            self.estimate, self.warnings = audit.estimate, [str(warning) for warning in audit.warnings]
            self.cutoff = float(self.meta["cutoff"]["label_score"])
            self.by_class: list[dict[str, Any]] = list(self.meta["by_class"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunNotFoundError(f"the audit in {path} cannot be read: {str(error).splitlines()[0]}") from error
        self.given: np.ndarray = self.issues["given_label"].to_numpy()
        self.scores: np.ndarray = self.issues["label_score"].to_numpy()
        self.flagged = int(self.issues["is_label_issue"].sum())

    def _told(self, features: pd.DataFrame) -> pd.DataFrame:
        """Features to be shown: without paths none whose value or name looks like one."""
        if self.paths or features.empty:
            return features
        text = features["feature"].astype(str) + features["value"].astype(str)
        return features[~text.str.contains(r"[/\\\\]")]

    @property
    def columns(self) -> int:
        """Number of features that the data have; 0 where they are no table."""
        return int((self.meta.get("dataset") or {}).get("features") or 0)

    @property
    def size(self) -> int:
        """Number of examples."""
        return len(self.issues)

    @property
    def name(self) -> str:
        """Of the data; without paths no more of it than says nothing about where they are."""
        name = str(self.meta.get("name") or "")
        return name if self.paths or not set(name) & set("/\\") else "these data"

    @property
    def names_shown(self) -> bool:
        """Whether ids are shown: numbers always, names only where files may be named."""
        return self.paths or self.issues["id"].dtype.kind in "iu"

    @property
    def notes(self) -> list[str]:
        """How the data were read; they may name files."""
        return [str(note) for note in self.meta.get("notes") or []] if self.paths else []


def _short(name: object) -> str:
    text = str(name)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
