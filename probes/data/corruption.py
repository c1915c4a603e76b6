"""Label noise: drawn once from a seed, remembered example by example, fixed over epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from probes.errors import ConfigError, unknown_name

if TYPE_CHECKING:
    import numpy as np

__all__ = ["NOISE_KINDS", "Corruption", "check_noise", "corrupt_labels"]

NOISE_KINDS: dict[str, str] = {
    "uniform_all": "with this probability, a label is redrawn from all classes, its own included",
    "uniform_other": "this share of the labels, exactly, moves to another class",
}


@dataclass(frozen=True)
class Corruption:
    """What was done to the labels of N examples.

    Attributes:
        kind: a name of NOISE_KINDS.
        given_labels: int64, (N,); what training is told.
        true_labels: int64, (N,); what they were before.
        noisy: bool, (N,); given differs from true.
        corruption: str, (N,); `kind` where the example was drawn, "" elsewhere. Under `uniform_all` a drawn example
            may keep its label, and so stay clean.
        requested: share asked for.
        drawn: share of examples drawn.
        realised: share of noisy examples.
    """

    kind: str
    given_labels: np.ndarray
    true_labels: np.ndarray
    noisy: np.ndarray
    corruption: np.ndarray
    requested: float
    drawn: float
    realised: float

    @property
    def rates(self) -> dict[str, Any]:
        """Kind, requested, drawn and realised share, as `run.json` keeps them."""
        return {"kind": self.kind, "requested": self.requested, "drawn": self.drawn, "realised": self.realised}


def check_noise(kind: str, share: float) -> None:
    """Raise ConfigError unless `kind` is known and `share` lies in [0, 1]."""
    if kind not in NOISE_KINDS:
        raise unknown_name("noise kind", kind, NOISE_KINDS)
    if not 0 <= share <= 1:  # nan compares false
        raise ConfigError(f"noise must lie in [0, 1], got {share:g}.")


def corrupt_labels(labels: np.ndarray, kind: str, share: float, num_classes: int, seed: int) -> Corruption:
    """Draw label noise.

    `uniform_all`: independently with probability `share`, a label is redrawn uniformly from all K classes, its own
    included, so that about share * (K - 1) / K of the examples become noisy. `uniform_other`: exactly int(share * N)
    examples, without replacement, move uniformly to one of the K - 1 other classes.

    Args:
        labels: int, (N,); true labels in [0, K).
        kind: a name of NOISE_KINDS.
        share: p, in [0, 1].
        num_classes: K.
        seed: equal seeds give equal noise; a smaller share draws a subset of what a larger one does.

    Raises:
        ConfigError: unknown kind, a share outside [0, 1], or `uniform_other` with fewer than two classes.
        ValueError: a label outside [0, K).

    Source:
        uniform_all: Zhang et al., ICLR 2017, section 2, https://arxiv.org/abs/1611.03530, and the authors' demo code.
        uniform_other: Toneva et al., ICLR 2019, https://arxiv.org/abs/1812.05159, and their code.
    """
    import numpy as np

    check_noise(kind, share)
    if kind == "uniform_other" and num_classes < 2:
        raise ConfigError(f"noise kind 'uniform_other' needs at least 2 classes, got {num_classes}.")
    true = np.array(labels, dtype=np.int64)
    if ((true < 0) | (true >= num_classes)).any():
        raise ValueError(f"labels must lie in [0, {num_classes}), got {true.min()} to {true.max()}.")
    draw = {"uniform_all": _uniform_all, "uniform_other": _uniform_other}[kind]
    chosen, given = draw(true, share, num_classes, np.random.default_rng(seed))
    noisy = given != true
    return Corruption(
        kind=kind,
        given_labels=given,
        true_labels=true,
        noisy=noisy,
        corruption=np.where(chosen, kind, ""),
        requested=float(share),
        drawn=float(chosen.mean()) if true.size else 0.0,
        realised=float(noisy.mean()) if true.size else 0.0,
    )


def _uniform_all(
    labels: np.ndarray, share: float, num_classes: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return (drawn bool (N,), given int64 (N,))."""
    import numpy as np

    chosen = random.random(len(labels)) < share
    return chosen, np.where(chosen, random.integers(0, num_classes, len(labels)), labels)


def _uniform_other(
    labels: np.ndarray, share: float, num_classes: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return (drawn bool (N,), given int64 (N,))."""
    import numpy as np

    chosen = np.zeros(len(labels), dtype=bool)
    chosen[random.permutation(len(labels))[: int(share * len(labels))]] = True
    moved = (labels + random.integers(1, num_classes, len(labels))) % num_classes
    return chosen, np.where(chosen, moved, labels)
