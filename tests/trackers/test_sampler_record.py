"""Every batch of a DataLoader comes with the positions of its examples, however the loader draws and loads them.

What is tested here leans on private attributes of torch's DataLoader; it has passed with torch 2.6.0 and 2.14.1.
"""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    RandomSampler,
    Sampler,
    Subset,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from probes import ExampleTracker, ProbeError, with_index

N, CLASSES = 23, 3
REUSED = "batch sampler that reuses its list"  # with workers and unwatched, its batches are a matter of luck


class ByList(Dataset):
    """Fetches a list of positions at once."""

    def __len__(self):
        return N

    def __getitem__(self, index):
        index = torch.as_tensor(index)
        return index.float(), index % CLASSES


class Reversed(Sampler):
    def __init__(self, size=N):
        self.size = size

    def __iter__(self):
        return iter(range(self.size - 1, -1, -1))

    def __len__(self):
        return self.size


class Uneven(Sampler):
    """Batches of growing size, in a list that it goes on using."""

    def __iter__(self):
        batch, size = [], 1
        for position in torch.randperm(N).tolist():
            batch.append(position)
            if len(batch) == size:
                yield batch
                size += 1
                batch.clear()

    def __len__(self):
        return 6


class Arrays(Sampler):
    def __init__(self, wrap):
        self.wrap = wrap

    def __iter__(self):
        order = np.random.default_rng(0).permutation(N)
        for start in range(0, N, 5):
            yield self.wrap(order[start : start + 5])


def sampler_loaders():
    weights = WeightedRandomSampler(np.linspace(0.1, 1, N).tolist(), 40)
    yield "sequential", lambda: {"batch_size": 4}
    yield "one at a time", lambda: {}
    yield "shuffled", lambda: {"batch_size": 4, "shuffle": True}
    yield "drop_last", lambda: {"batch_size": 4, "shuffle": True, "drop_last": True}
    yield "own generator", lambda: {"batch_size": 4, "shuffle": True, "generator": torch.Generator().manual_seed(7)}
    yield "custom sampler", lambda: {"batch_size": 4, "sampler": Reversed()}
    yield "part of the data", lambda: {"batch_size": 4, "sampler": SubsetRandomSampler([20, 3, 11, 5, 0])}
    yield "list as sampler", lambda: {"batch_size": 2, "sampler": [5, 5, 1, 0]}
    yield "weighted, with repeats", lambda: {"batch_size": 16, "sampler": weights}
    yield "batch sampler", lambda: {"batch_sampler": BatchSampler(RandomSampler(range(N)), 5, False)}
    yield REUSED, lambda: {"batch_sampler": Uneven()}
    yield "batches as tensors", lambda: {"batch_sampler": Arrays(torch.as_tensor)}
    yield "batches as arrays", lambda: {"batch_sampler": Arrays(np.asarray)}
    yield "batches as tuples of tensors", lambda: {"batch_sampler": Arrays(lambda a: tuple(torch.as_tensor(a)))}
    yield "no batches", lambda: {"batch_size": None, "shuffle": True}


SAMPLERS = dict(sampler_loaders())
WORKERS = {
    "no workers": {},
    "one worker": {"num_workers": 1},
    "two workers": {"num_workers": 2, "prefetch_factor": 3},
    "persistent workers": {"num_workers": 2, "persistent_workers": True},
}
IN_WORKERS = ("shuffled", REUSED, "weighted, with repeats", "no batches")
CONFIGURATIONS = [(s, w) for s in SAMPLERS for w in WORKERS if w == "no workers" or s in IN_WORKERS]


# Whatever the loader, the right index


@pytest.mark.parametrize(("sampler", "workers"), CONFIGURATIONS)
def test_indices_are_those_of_the_batch(tracker, sampler, workers, own, play, right):
    """Two whole passes around one that is left early, while workers have more batches ready."""
    loader = tracker.watch(DataLoader(own(), **SAMPLERS[sampler](), **WORKERS[workers]))

    seen = [play(tracker, loader), play(tracker, loader, stop=2), play(tracker, loader)]

    assert [right(tracker, epoch) for epoch in range(3)] == [sorted(set(positions)) for positions in seen]
    visits = tracker.trajectory("visits")[2]
    assert np.where(visits < 0, 0, visits).tolist() == np.bincount(seen[2], minlength=N).tolist()


@pytest.mark.parametrize("workers", WORKERS)
def test_a_sampler_of_lists_without_batching(tracker, workers, play, right):
    sampler = BatchSampler(RandomSampler(range(N)), 4, drop_last=False)
    loader = tracker.watch(DataLoader(ByList(), batch_size=None, sampler=sampler, **WORKERS[workers]))

    play(tracker, loader)

    assert right(tracker) == list(range(N))


def test_one_example_outside_a_batch(tracker, own, logits_for, right):
    """With batch_size=None a loop may well see logits (K,) and a target ()."""
    for x, y in tracker.watch(DataLoader(own(), batch_size=None)):
        tracker.update(logits=logits_for(x)[0], targets=y)

    assert right(tracker) == list(range(N))


def test_positions_in_a_subset_are_the_subsets_own(own, logits_for):
    subset = Subset(own(), [7, 3, 19])
    tracker = ExampleTracker(3)

    for x, y in tracker.watch(DataLoader(subset, batch_size=2)):
        tracker.update(logits=logits_for(x), targets=y)

    assert tracker.trajectory("margin").tolist() == [[8, 4, 20]]


def test_positions_need_no_ids(own, play, right):
    """With ids `update` takes ids, but a sampler draws positions."""
    tracker = ExampleTracker(N, ids=[100 + i for i in range(N)])

    play(tracker, tracker.watch(DataLoader(own(), batch_size=4, shuffle=True)))

    assert right(tracker) == list(range(N))
    assert tracker.scores()["id"].tolist() == [100 + i for i in range(N)]


def test_agrees_with_the_index_in_the_batch(own, logits_for, play):
    """The same order through `with_index`, the slow and obvious way."""
    watched, told = ExampleTracker(N), ExampleTracker(N)
    for _ in range(3):
        torch.manual_seed(5)
        play(watched, watched.watch(DataLoader(own(), batch_size=4, shuffle=True, num_workers=2)))
        torch.manual_seed(5)
        for x, y, index in DataLoader(with_index(own()), batch_size=4, shuffle=True):
            told.update(index, logits_for(x), y)
        told.end_epoch()

    pd.testing.assert_frame_equal(watched.scores(), told.scores())


def test_a_dataset_that_does_not_tell_its_size(tracker, own, play, right):
    class Sizeless(Dataset):
        def __getitem__(self, index):
            return own()[index]

    play(tracker, tracker.watch(DataLoader(Sizeless(), batch_size=4, sampler=[3, 1, 4, 5, 9])))

    assert right(tracker) == [1, 3, 4, 5, 9]


@pytest.mark.parametrize("workers", ["no workers", "two workers"])
def test_a_batch_that_fails_to_load_shifts_nothing(tracker, workers, own, logits_for, right):
    class Broken(own):
        def __getitem__(self, index):
            if index == 9:
                raise OSError("unreadable")
            return super().__getitem__(index)

    batches = iter(tracker.watch(DataLoader(Broken(), batch_size=4, **WORKERS[workers])))
    while True:
        try:
            x, y = next(batches)
        except OSError:
            continue
        except StopIteration:
            break
        tracker.update(logits=logits_for(x), targets=y)

    assert right(tracker) == [i for i in range(N) if not 8 <= i < 12]


def test_a_sampler_of_something_else_than_positions_is_refused(tracker, own):
    class Sized(own):
        def __getitem__(self, index):
            return super().__getitem__(index[0])

    loader = tracker.watch(DataLoader(Sized(), sampler=[(0, 224), (1, 256)]))

    with pytest.raises(TypeError, match=r"must draw positions, ints, got list \[\(0, 224\)\].*with_index"):
        next(iter(loader))


# The loader stays what it was


@pytest.mark.parametrize(("sampler", "workers"), [c for c in CONFIGURATIONS if c[0] != REUSED or c[1] == "no workers"])
def test_batches_and_their_random_order_are_as_unwatched(tracker, sampler, workers, own):
    def passes(watched):
        torch.manual_seed(11)
        loader = DataLoader(own(), **SAMPLERS[sampler](), **WORKERS[workers])
        loader = tracker.watch(loader) if watched else loader
        found = [[(x.tolist(), torch.as_tensor(y).tolist()) for x, y in loader] for _ in range(2)]
        return found, torch.rand(1).item()

    assert passes(watched=True) == passes(watched=False)


def test_a_watched_loader_has_the_loaders_attributes(tracker, own):
    loader = DataLoader(own(), batch_size=4, drop_last=True)
    watched = tracker.watch(loader)

    assert isinstance(watched, DataLoader)
    assert len(watched) == len(loader) == 5
    assert len(iter(watched)) == 5
    assert (watched.batch_size, watched.dataset, watched.sampler) == (4, loader.dataset, loader.sampler)
    watched.timeout = 3
    assert loader.timeout == 3
    with pytest.raises(ValueError, match="attribute should not be set"):
        watched.batch_size = 8
    with pytest.raises(AttributeError, match="nonsense"):
        _ = watched.nonsense
    assert copy.copy(watched).batch_size == 4


@pytest.mark.parametrize("workers", ["no workers", "persistent workers"])
def test_iterating_leaves_no_trace_in_the_loader(tracker, workers, own, play):
    loader = DataLoader(own(), batch_size=4, shuffle=True, **WORKERS[workers])
    before = {name: value for name, value in vars(loader).items() if name != "_iterator"}

    play(tracker, tracker.watch(loader), stop=2)

    assert {name: value for name, value in vars(loader).items() if name != "_iterator"} == before
    if workers == "persistent workers":
        assert loader._iterator._index_sampler is loader.batch_sampler
    assert len(list(loader)) == len(loader)


def test_workers_that_ran_before_the_loader_was_watched(tracker, own, play, right):
    """Persistent workers keep the iterator that was made without us."""
    loader = DataLoader(own(), batch_size=4, shuffle=True, num_workers=1, persistent_workers=True)
    next(iter(loader))
    watched = tracker.watch(loader)

    seen = [play(tracker, watched), play(tracker, watched)]

    assert [right(tracker, epoch) for epoch in (0, 1)] == [sorted(positions) for positions in seen]


# Another DataLoader than the one we know: an error, never a wrong index


class Renamed:
    """The iterator of a DataLoader, less one attribute."""

    def __init__(self, batches, missing):
        self._batches, self._missing = batches, missing

    def __next__(self):
        return next(self._batches)

    def __getattr__(self, name):
        if name == self._missing:
            raise AttributeError(name)
        return getattr(self._batches, name)


@pytest.mark.parametrize("missing", ["_sampler_iter", "_rcvd_idx"])
def test_an_unknown_iterator_is_an_error(tracker, monkeypatch, missing, own):
    """As if a later torch had renamed what we lean on."""
    original = DataLoader.__iter__
    monkeypatch.setattr(DataLoader, "__iter__", lambda self: Renamed(original(self), missing))

    with pytest.raises(ProbeError, match=r"cannot follow the DataLoader of torch \d.*with_index"):
        next(iter(tracker.watch(DataLoader(own(), batch_size=4, num_workers=1))))


def test_an_unknown_loader_is_an_error(tracker, monkeypatch, own):
    loader = DataLoader(own(), batch_size=4)
    monkeypatch.setattr(DataLoader, "batch_sampler", vars(loader).pop("batch_sampler"), raising=False)

    with pytest.raises(ProbeError, match="keeps its batch_sampler elsewhere"):
        iter(tracker.watch(loader))


def test_an_iterator_that_draws_from_elsewhere_is_an_error(tracker, monkeypatch, own):
    """A DataLoader that no longer asks for the sampler when an iterator is made."""
    loader = DataLoader(own(), batch_size=4)
    monkeypatch.setattr(DataLoader, "_index_sampler", loader.batch_sampler)

    with pytest.raises(ProbeError, match="does not draw from its sampler"):
        iter(tracker.watch(loader))
