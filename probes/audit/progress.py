"""How far an audit has come."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["AuditProgress", "Work"]


@dataclass(frozen=True)
class AuditProgress:
    """What is known after an epoch of a round's networks, which train side by side.

    Attributes:
        round: 1 for the first.
        rounds: of all; in the first round at most, for its length decides.
        fold: 1 for the first.
        folds: of each round.
        epoch: 1 for the first.
        epochs: of this round; of the first at most, until it ends.
        share: of the work done, in [0, 1].
        eta_s: seconds that are left, by the speed so far.
    """

    round: int
    rounds: int
    fold: int
    folds: int
    epoch: int
    epochs: int
    share: float
    eta_s: float


class Work:
    """Counts the visits that networks pay to examples, and tells a listener how far they have come.

    Attributes:
        trained: visits with a forward and a backward pass.
        answered: visits with a forward pass alone.
    """

    def __init__(self, listener: Callable[[AuditProgress], None] | None) -> None:
        self._listener, self._start = listener, time.monotonic()
        self.trained = self.answered = 0
        self.total = 1.0

    @property
    def passes(self) -> int:
        """Visits in units of a forward pass, a backward pass counting two."""
        return 3 * self.trained + self.answered

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._start

    def tell(self, place: tuple[int, int, int, int, int, int]) -> None:
        """Say where we are: round, rounds, fold, folds, epoch, epochs."""
        if self._listener is not None:
            share = min(self.passes / self.total, 1.0)
            self._listener(AuditProgress(*place, share=share, eta_s=self.seconds * (1 / max(share, 1e-9) - 1)))
