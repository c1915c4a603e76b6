"""Known wrong labels, planted before the audit: a control on the user's own data, without ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from probes.data import corrupt_labels
from probes.errors import ConfigError

__all__ = ["Planted", "check_share", "plant_labels"]


_PLANTING = 1


@dataclass(frozen=True)
class Planted:
    """Which examples were given a wrong label.

    Attributes:
        share: asked for.
        rows: int64, (P,); positions.
        labels: int64, (N,); what training is told, planted ones included.
    """

    share: float
    rows: np.ndarray
    labels: np.ndarray

    def report(self, scores: np.ndarray, cutoff: float) -> dict[str, Any]:
        """How many were found.

        Args:
            scores: float, (N,); of the labels that training was told.
            cutoff: below it an example is flagged.
        """
        found = int((scores[self.rows] < cutoff).sum())
        return {
            "share": self.share,
            "planted": len(self.rows),
            "found": found,
            "recall": found / len(self.rows),
            "examples": self.rows.tolist(),
        }


def check_share(share: float | None) -> None:
    """Raise ConfigError unless a share is in (0, 0.5]."""
    if share is not None and not 0 < share <= 0.5:
        raise ConfigError(f"plant must be a share in (0, 0.5], got {share}.")


def plant_labels(given: np.ndarray, share: float, classes: int, seed: int) -> Planted:
    """Move int(share * N) labels, but at least one, uniformly to another class.

    Drawn apart from the noise that `probes.data.corrupt` draws with the same seed, whose examples would be the same.
    """
    drawn = max(share, 1.0001 / len(given))
    own_seed = int(np.random.SeedSequence([seed, _PLANTING]).generate_state(1)[0])
    labels = corrupt_labels(given, "uniform_other", drawn, classes, own_seed).given_labels
    return Planted(share, np.flatnonzero(labels != given), labels)
