"""Which batch of its watched loaders a tracker is at, when their epochs end, and that each batch is recorded once."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from probes.errors import ProbeError
from probes.trackers.attaching import after_each_call, check_criterion
from probes.trackers.batches import to_array
from probes.trackers.sampler_record import RecordedBatches

__all__ = ["WatchedLoader", "Watching"]

_PASS_THE_INDEX = "Pass the index to update() instead; with_index(dataset) adds it to each item."
_ITERATION = ("__iter__", "_get_iterator", "_index_sampler")  # what a subclass of DataLoader must leave alone


class Watching:
    """What a tracker knows of its watched loaders: the pass that is under way, and the batch that waits to be recorded.

    A pass is held weakly: that it is gone is how a `break` shows.

    Args:
        num_examples: N.
        update: the tracker's; called by attached criteria.
        end_epoch: the tracker's; called when a pass is over.

    Attributes:
        on: False once stopped.
    """

    def __init__(self, num_examples: int, update: Callable[..., None], end_epoch: Callable[[], None]):
        self._num_examples = num_examples
        self._update = update
        self._end_epoch = end_epoch
        self.on = True
        self._hooks: dict[Any, Any] = {}  # from criterion to the handle that removes its hook
        self._pass: Callable[[], _Pass | None] = lambda: None
        self._overtaken: Callable[[], _Pass | None] = lambda: None
        self._unfinished = False  # the pass has not run out, and its epoch is open
        self._waiting: tuple[Any, np.ndarray] | None = None  # a batch and its positions
        self._skipped = False  # the pass went on from a batch that was still waiting
        self._caught = False  # a criterion was called on a batch that waited
        self._missed = 0  # how often one was called, with gradients, while none did

    def watch(self, loader: Any) -> WatchedLoader:
        """See `ExampleTracker.watch`."""
        others: tuple[Watching, ...] = ()
        if isinstance(loader, WatchedLoader):
            if self in loader._watchings:
                return loader
            loader, others = loader._loader, loader._watchings
        self.check(loader)
        return WatchedLoader(loader, (*others, self))

    def attach(self, criterion: Any) -> None:
        """See `ExampleTracker.attach`."""
        check_criterion(criterion)
        if criterion not in self._hooks:
            self._hooks[criterion] = after_each_call(criterion, self._criterion_called)

    def stop(self) -> None:
        """Remove the hooks for good; loaders go on as if they had never been watched."""
        self.on = False
        for handle in self._hooks.values():
            handle.remove()
        self._hooks.clear()
        self._pass, self._waiting = lambda: None, None

    def positions(self, targets: Any) -> np.ndarray | None:
        """int64, (B,); of the batch that waits to be recorded, or None where there is none.

        Once its pass is gone, only the batch's own targets can claim it: `x, y = next(iter(loader))` may be
        recorded, and validation after a `break` is not taken for the batch that the loop left behind.

        Raises:
            ValueError: the loop may have taken batches ahead, for `targets` are not of the last one.
        """
        if self._waiting is None:
            return None
        batch, positions = self._waiting
        if self._pass() is None:
            return positions if _holds(batch, targets, np.may_share_memory) else None
        if (self._skipped or self._overtaken() is not None) and not _holds(batch, targets, np.array_equal):
            raise ValueError(
                "targets are not in the batch that the watched loader gave last, so its indices may be of other "
                f"examples: does the loop take batches ahead, or change the targets? {_PASS_THE_INDEX}"
            )
        return positions

    def recorded(self) -> None:
        """The waiting batch has been recorded: its indices are used up."""
        self._waiting = None

    def settle(self) -> bool:
        """Whether a pass was left early; it is forgotten, for the caller ends its epoch."""
        left = self._unfinished and self._pass() is None
        if left:
            self._unfinished, self._waiting = False, None
        return left

    def forget(self) -> None:
        """Let no pass that has begun end an epoch, for another state was loaded."""
        self._unfinished = False

    def warn_of_nothing(self) -> None:
        """Say once where attached criteria were at work, but no batch was."""
        if self._missed and not self._caught:
            warnings.warn(
                f"the attached criterion was called {self._missed} times, but no batch of a watched loader was at "
                "hand, so nothing was recorded. Iterate over what watch() returns: loader = tracker.watch(loader).",
                stacklevel=3,
            )
            self._missed = 0

    def check(self, loader: Any) -> None:
        """Refuse what cannot be followed."""
        from torch.utils.data import DataLoader, IterableDataset

        if not isinstance(loader, DataLoader):
            raise TypeError(f"watch() takes a torch DataLoader, got {type(loader).__name__}. {_PASS_THE_INDEX}")
        dataset: Any = loader.dataset
        if isinstance(dataset, IterableDataset):
            raise ValueError("watch() cannot follow an iterable dataset, which has no positions: pass the index.")
        if not getattr(loader, "in_order", True):
            raise ValueError(f"watch() cannot follow a loader with in_order=False: pass the index. {_PASS_THE_INDEX}")
        kind = type(loader)
        if any(getattr(kind, name, None) is not getattr(DataLoader, name, None) for name in _ITERATION):
            raise ValueError(f"watch() cannot follow {kind.__name__}, which iterates in its own way. {_PASS_THE_INDEX}")
        try:
            size = len(dataset)
        except (TypeError, NotImplementedError):  # it need not tell
            return
        if size != self._num_examples:
            raise ValueError(
                f"the loader's dataset has {size} examples and the tracker {self._num_examples}, so positions would "
                f"mean other examples. Say num_examples=len(loader.dataset). {_PASS_THE_INDEX}"
            )

    def begin(self, new: _Pass) -> None:
        """A pass starts; if an earlier one is unfinished, its epoch ends here."""
        if self._unfinished:
            old = self._pass()
            if old is not None:
                old.overtaken = True
            self._overtaken = self._pass
            self._end_epoch()
        self._pass = weakref.ref(new)
        self._unfinished, self._waiting, self._skipped = True, None, False

    def gave(self, by: _Pass, batch: Any, positions: np.ndarray) -> None:
        """The pass has given a batch."""
        if by is self._pass():
            self._skipped = self._skipped or self._waiting is not None
            self._waiting = batch, positions

    def ran_out(self, finished: _Pass) -> None:
        """The pass has given its last batch."""
        if finished is self._pass():
            self._pass, self._waiting = lambda: None, None
            self._unfinished = False
            self._end_epoch()

    def _criterion_called(self, logits: Any, targets: Any) -> None:
        if not self.on or not getattr(logits, "requires_grad", True):
            return
        if self.positions(targets) is None:
            self._missed += 1
        elif not hasattr(logits, "requires_grad"):
            raise TypeError(f"call an attached criterion as criterion(logits, targets), got {type(logits).__name__}.")
        else:
            self._caught = True
            self._update(logits=logits, targets=targets)


class WatchedLoader:
    """A DataLoader whose passes tell trackers which examples they are at; in all else the loader itself."""

    def __init__(self, loader: Any, watchings: tuple[Watching, ...]):
        object.__setattr__(self, "_loader", loader)
        object.__setattr__(self, "_watchings", watchings)

    def __iter__(self) -> Iterator[Any]:
        watchings = tuple(watching for watching in self._watchings if watching.on)
        if not watchings:
            return iter(self._loader)
        for watching in watchings:
            watching.check(self._loader)
        return _Pass(self._loader, watchings)

    def __len__(self) -> int:
        return len(self._loader)

    def __getattr__(self, name: str) -> Any:
        if name in ("_loader", "_watchings"):  # before __init__, as in a copy
            raise AttributeError(name)
        return getattr(self._loader, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._loader, name, value)

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # isinstance(loader, DataLoader) holds
        return type(self._loader)


class _Pass:
    """One pass over a watched loader.

    Attributes:
        overtaken: another pass has begun.
    """

    def __init__(self, loader: Any, watchings: tuple[Watching, ...]):
        self._watchings = watchings
        self._batches = RecordedBatches(loader)
        self.overtaken = False
        for watching in watchings:
            watching.begin(self)

    def __iter__(self) -> _Pass:
        return self

    def __len__(self) -> int:
        return len(self._batches)

    def __next__(self) -> Any:
        if self.overtaken or self._batches.restarted:
            raise ProbeError(
                "a later pass over a watched loader has begun, and a tracker follows one at a time. Finish a pass "
                f"before the next, or do not watch. {_PASS_THE_INDEX}"
            )
        try:
            batch, positions = next(self._batches)
        except StopIteration:
            for watching in self._watchings:
                watching.ran_out(self)
            raise
        for watching in self._watchings:
            watching.gave(self, batch, positions)
        return batch


def _holds(batch: Any, targets: Any, alike: Callable[[np.ndarray, np.ndarray], bool]) -> bool:
    """Whether some array of a batch, however nested, is like targets."""
    if isinstance(batch, Mapping):
        return any(_holds(part, targets, alike) for part in batch.values())
    if isinstance(batch, (list, tuple)) and any(_holds(part, targets, alike) for part in batch):
        return True
    try:
        return alike(to_array(batch, "batch").reshape(-1), to_array(targets, "targets").reshape(-1))
    except TypeError:
        return False
