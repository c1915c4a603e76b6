"""Which batch of its watched loaders a tracker is at, when their epochs end, and that each batch is recorded once."""

from __future__ import annotations

import math
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from probes.errors import ProbeError, ProbeWarning
from probes.trackers.attaching import after_each_call, check_criterion
from probes.trackers.batch_form import PASS_THE_INDEX, ahead_error
from probes.trackers.batches import on_accelerator, to_array
from probes.trackers.sampler_record import RecordedBatches

__all__ = ["WatchedLoader", "Watching"]

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
        self._calls = 0  # how often one was called at all
        self._given = 0  # how many batches passes have given
        self._warned = False

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

    def positions(self, targets: Any, *, defer: bool = False) -> np.ndarray | None:
        """int64, (B,); of the batch that waits to be recorded, or None where there is none.

        Once its pass is gone, only the batch's own targets can claim it: `x, y = next(iter(loader))` may be
        recorded, and validation after a `break` is not taken for the batch that the loop left behind.

        Args:
            targets: of the batch that is to be recorded.
            defer: leave the values of targets alone; the caller compares them with `candidates`.

        Raises:
            ValueError: the loop may have taken batches ahead, for `targets` are not of the last one.
        """
        if self._waiting is None:
            return None
        batch, positions = self._waiting
        if self._pass() is None:
            return positions if any(_share_memory(part, targets) for part in _parts(batch)) else None
        if not defer and self._in_doubt() and not any(_equal(part, targets) for part in _parts(batch)):
            raise ahead_error()
        return positions

    def candidates(self, targets: Any) -> list[Any]:
        """Arrays of the waiting batch, one of which must equal targets on a device; none where there is no doubt.

        Raises:
            ValueError: none can, by their sizes.
        """
        if self._waiting is None or self._pass() is None or not self._in_doubt():
            return []
        arrays = [part if on_accelerator(part) else _numbers(part) for part in _parts(self._waiting[0])]
        found = [array for array in arrays if array is not None and math.prod(array.shape) == targets.numel()]
        if not found:
            raise ahead_error()
        return found

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

    def warn_of_nothing(self, updates: int) -> None:
        """Say once where criteria were attached, or loaders watched, and nothing came of it.

        Args:
            updates: how many the tracker has recorded.
        """
        found = None if self._warned else self._nothing(updates)
        if found is not None:
            self._warned = True
            warnings.warn(found, ProbeWarning, stacklevel=3)

    def _nothing(self, updates: int) -> str | None:
        """What was seen where nothing was recorded; None where something was, or nothing is amiss."""
        if self._caught:
            return None
        called = f"the attached criterion was called {_times(self._calls)},"
        if self._missed and not self._given:
            return (
                f"the attached criterion was called {_times(self._missed)}, but no batch of a watched loader was at "
                "hand, so nothing was recorded. Iterate over what watch() returns: loader = tracker.watch(loader)."
            )
        if updates or not self._given:
            return None
        start = "a watched loader was iterated but nothing was recorded: "
        if self._missed:
            return (
                f"{start}{called} but never on the batch that the loader gave last. Compute each batch's loss before "
                f"taking the next, not from list(loader). {PASS_THE_INDEX}"
            )
        if self._calls:
            return f"{start}{called} never as criterion(logits, targets) with logits that require grad."
        if self._hooks:
            return f"{start}the attached criterion was never called."
        return f"{start}update() was never called. Call tracker.update(logits=logits, targets=targets) on each batch."

    def check(self, loader: Any) -> None:
        """Refuse what cannot be followed."""
        from torch.utils.data import DataLoader, IterableDataset

        if not isinstance(loader, DataLoader):
            raise TypeError(f"watch() takes a torch DataLoader, got {type(loader).__name__}. {PASS_THE_INDEX}")
        dataset: Any = loader.dataset
        if isinstance(dataset, IterableDataset):
            raise ValueError("watch() cannot follow an iterable dataset, which has no positions: pass the index.")
        if not getattr(loader, "in_order", True):
            raise ValueError(f"watch() cannot follow a loader with in_order=False. {PASS_THE_INDEX}")
        kind = type(loader)
        if any(getattr(kind, name, None) is not getattr(DataLoader, name, None) for name in _ITERATION):
            raise ValueError(f"watch() cannot follow {kind.__name__}, which iterates in its own way. {PASS_THE_INDEX}")
        try:
            size = len(dataset)
        except (TypeError, NotImplementedError):  # it need not tell
            return
        if size != self._num_examples:
            raise ValueError(
                f"the loader's dataset has {size} examples and the tracker {self._num_examples}, so positions would "
                f"mean other examples. Say num_examples=len(loader.dataset). {PASS_THE_INDEX}"
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
        self._given += 1
        if by is self._pass():
            self._skipped = self._skipped or self._waiting is not None
            self._waiting = batch, positions

    def ran_out(self, finished: _Pass) -> None:
        """The pass has given its last batch."""
        if finished is self._pass():
            self._pass, self._waiting = lambda: None, None
            self._unfinished = False
            self._end_epoch()

    def _in_doubt(self) -> bool:
        """Whether the loop may have taken batches ahead, so that targets must show of which batch they are."""
        return self._skipped or self._overtaken() is not None

    def _criterion_called(self, logits: Any, targets: Any) -> None:
        if not self.on:
            return
        self._calls += 1
        if not getattr(logits, "requires_grad", True):
            return
        if self.positions(targets, defer=True) is None:
            self._missed += 1
        elif not hasattr(logits, "requires_grad"):
            raise TypeError(f"call an attached criterion as criterion(logits, targets), got {type(logits).__name__}.")
        else:
            self._caught = True
            self._update(logits=logits, targets=targets)


class WatchedLoader:
    """A DataLoader whose passes tell trackers which examples they are at; in all else the loader itself.

    Pickled or copied deeply it is the plain loader: a tracker stays where it is.
    """

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

    def __copy__(self) -> WatchedLoader:
        return WatchedLoader(self._loader, self._watchings)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return _plain, (self._loader,)

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
                f"before the next, or do not watch. {PASS_THE_INDEX}"
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


def _plain(loader: Any) -> Any:
    """What a watched loader is where it was unpickled."""
    return loader


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _parts(batch: Any) -> Iterator[Any]:
    """A batch and all that it holds, however nested."""
    if isinstance(batch, (Mapping, list, tuple)):
        for part in batch.values() if isinstance(batch, Mapping) else batch:
            yield from _parts(part)
    if not isinstance(batch, Mapping):
        yield batch


def _numbers(value: Any) -> np.ndarray | None:
    """The value as an array of numbers, flat, if it is one."""
    if isinstance(value, (list, tuple)) and any(on_accelerator(part) for part in value):
        return None
    try:
        array = to_array(value, "batch").reshape(-1)
    except TypeError:
        return None
    return array if array.dtype.kind in "fiub" else None


def _equal(part: Any, targets: Any) -> bool:
    first, second = _numbers(part), _numbers(targets)
    return first is not None and second is not None and np.array_equal(first, second)


def _share_memory(part: Any, targets: Any) -> bool:
    if on_accelerator(part) and on_accelerator(targets):
        return bool(part.untyped_storage().data_ptr() == targets.untyped_storage().data_ptr())
    if on_accelerator(part) or on_accelerator(targets):
        return False
    first, second = _numbers(part), _numbers(targets)
    return first is not None and second is not None and np.may_share_memory(first, second)
