"""Which examples each batch of a DataLoader holds, noted as its sampler draws them.

A DataLoader fetches what its sampler draws and gives it back in the order of drawing, whatever its workers do. So a
stand-in that notes the draws takes the sampler's place just while an iterator is made, and leaves the loader as it was.
This leans on private attributes of DataLoader; where one is missing, that is an error, never a wrong index. The tests
name the versions of torch that were checked.
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from probes.errors import ProbeError

__all__ = ["RecordedBatches"]


class RecordedBatches:
    """A pass over a torch DataLoader that gives each batch with the positions of its examples.

    Args:
        loader: a DataLoader over a map-style dataset that gives its batches in order.

    Raises:
        ProbeError: this version of DataLoader works in another way.
    """

    def __init__(self, loader: Any):
        self._batches = _start(loader)
        self._draws: _Draws = self._batches._sampler_iter
        self._workers: bool = loader.num_workers > 0

    def __iter__(self) -> RecordedBatches:
        return self

    def __len__(self) -> int:
        return len(self._batches)

    def __next__(self) -> tuple[Any, np.ndarray]:
        """The next batch, and int64 (B,) positions."""
        batch = next(self._batches)
        return batch, self._draws.take(
            getattr(self._batches, "_rcvd_idx", None) if self._workers else self._draws.count
        )

    @property
    def restarted(self) -> bool:
        """Whether another pass has taken over the iterator, which persistent workers share."""
        return self._batches._sampler_iter is not self._draws


class _Draws:
    """An iterator over a sampler's draws that keeps their positions until the batch is there.

    Attributes:
        count: how many there were so far.
    """

    def __init__(self, draws: Iterator[Any]):
        self._draws = draws
        self._waiting: deque[np.ndarray] = deque()
        self.count = 0

    def __iter__(self) -> _Draws:
        return self

    def __next__(self) -> Any:
        draw = _own(next(self._draws))
        self._waiting.append(_positions(draw))
        self.count += 1
        return draw

    def take(self, number: int | None) -> np.ndarray:
        """Positions of draw `number`, counted from 1; those before it failed to load and will not come."""
        later = -1 if number is None else self.count - number
        if not 0 <= later < len(self._waiting):
            raise _unfollowable("it does not count its batches")
        while len(self._waiting) > later:
            positions = self._waiting.popleft()
        return positions


class _Recorder:
    """Stands in for a sampler; every iteration over it has draws of its own, so that no pass leaves any to the next."""

    def __init__(self, sampler: Any):
        self._sampler = sampler

    def __iter__(self) -> _Draws:
        return _Draws(iter(self._sampler))


def _start(loader: Any) -> Any:
    """What `iter(loader)` returns, drawing from a recorder."""
    name = "sampler" if loader.batch_sampler is None else "batch_sampler"
    if name not in vars(loader):
        raise _unfollowable(f"it keeps its {name} elsewhere")
    sampler = vars(loader)[name]
    recorder = _Recorder(sampler)
    running = getattr(loader, "_iterator", None)  # of persistent workers that ran before
    vars(loader)[name] = recorder  # `loader.sampler = ...` would be refused
    if running is not None:
        running._index_sampler = recorder
    try:
        batches = iter(loader)
    finally:
        vars(loader)[name] = sampler
        if running is not None:
            running._index_sampler = sampler
    if not isinstance(getattr(batches, "_sampler_iter", None), _Draws):
        raise _unfollowable("its iterator does not draw from its sampler")
    batches._index_sampler = sampler
    return batches


def _unfollowable(reason: str) -> ProbeError:
    import torch

    return ProbeError(
        f"watch() cannot follow the DataLoader of torch {torch.__version__}: {reason}. "
        "Pass the index to update() instead; with_index(dataset) adds it to each item."
    )


def _own(draw: Any) -> Any:
    """A copy where the draw could be changed later: a sampler may reuse its list before a worker has read it."""
    copy = getattr(draw, "copy", None) or getattr(draw, "clone", None)
    return draw if copy is None else copy()


def _positions(draw: Any) -> np.ndarray:
    """int64, (B,)."""
    single = not hasattr(draw, "__len__") or getattr(draw, "ndim", 1) == 0
    try:
        return np.fromiter(map(operator.index, (draw,) if single else draw), np.int64)
    except TypeError:
        raise TypeError(
            f"the sampler of a watched loader must draw positions, ints, got {type(draw).__name__} {draw!r:.60}. "
            "Pass the index to update() instead; with_index(dataset) adds it to each item."
        ) from None
