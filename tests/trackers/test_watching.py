"""Passes over watched loaders: when their epochs end, two at a time, each batch once, and what is refused."""

import copy
import gc
import pickle
import warnings
import weakref

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from probes import ExampleTracker, ProbeError
from probes.errors import ProbeWarning

N, CLASSES = 23, 3


# Epochs


def test_a_pass_that_runs_out_ends_the_epoch(tracker, own, play):
    loader = tracker.watch(DataLoader(own(), batch_size=4))

    play(tracker, loader)
    play(tracker, loader)
    tracker.end_epoch()

    assert tracker.trajectory("visits").tolist() == [[1] * N] * 2


@pytest.mark.parametrize(
    "ending", ["end_epoch", "scores", "state_dict", "close", "detach", "the next pass", "a pass over another loader"]
)
def test_an_epoch_left_early_is_ended_by(tracker, ending, own, play, right):
    loader = tracker.watch(DataLoader(own(), batch_size=4))
    play(tracker, loader, stop=2)
    if ending == "the next pass":
        play(tracker, loader)
    elif ending == "a pass over another loader":
        play(tracker, tracker.watch(DataLoader(own(), batch_size=5)))
    else:
        getattr(tracker, ending)()

    assert right(tracker, 0) == list(range(8))


def test_an_epoch_left_early_is_ended_by_trajectory(tracker, own, play):
    play(tracker, tracker.watch(DataLoader(own(), batch_size=4)), stop=2)

    assert tracker.trajectory("loss").shape == (1, N)


def test_an_epoch_left_by_an_exception_is_closed(tracker, own, logits_for):
    with pytest.raises(RuntimeError, match="out of memory"):
        for x, y in tracker.watch(DataLoader(own(), batch_size=4)):
            tracker.update(logits=logits_for(x), targets=y)
            raise RuntimeError("out of memory")

    assert tracker.scores()["visits"].sum() == 4


def test_looking_at_scores_inside_the_loop_ends_nothing(tracker, own, logits_for):
    for x, y in tracker.watch(DataLoader(own(), batch_size=4)):
        tracker.update(logits=logits_for(x), targets=y)
        tracker.scores()
        tracker.state_dict()

    assert tracker.trajectory("visits").tolist() == [[1] * N]


def test_end_epoch_inside_the_loop_starts_another(tracker, own, logits_for, right):
    for step, (x, y) in enumerate(tracker.watch(DataLoader(own(), batch_size=4))):
        tracker.update(logits=logits_for(x), targets=y)
        if step % 2 == 1:
            tracker.end_epoch()

    assert [right(tracker, epoch) for epoch in range(3)] == [[*range(8)], [*range(8, 16)], [*range(16, 23)]]


def test_a_state_saved_after_a_break_goes_on_as_if_uninterrupted(tracker, own, play):
    loader = tracker.watch(DataLoader(own(), batch_size=4))
    play(tracker, loader, stop=2)
    again = ExampleTracker(N)
    again.load_state_dict(tracker.state_dict())

    play(tracker, loader)
    play(again, again.watch(DataLoader(own(), batch_size=4)))

    pd.testing.assert_frame_equal(again.scores(), tracker.scores())


def test_a_state_loaded_after_a_break_is_not_cut_in_two(tracker, own, play):
    """The open epoch is the loaded one; the pass left before has no part in it."""
    saved = ExampleTracker(N)
    saved.update([22], [[1.0, 23.0, 0.0]], [1])
    loader = tracker.watch(DataLoader(own(), batch_size=4))
    play(tracker, loader, stop=1)

    tracker.load_state_dict(saved.state_dict())
    play(tracker, loader, stop=1)

    assert np.flatnonzero(tracker.trajectory("visits")[0] > 0).tolist() == [0, 1, 2, 3, 22]


# Two passes at a time


@pytest.mark.parametrize("workers", [0, 1])
def test_an_overtaken_pass_is_refused(tracker, workers, own, play, right):
    loader = tracker.watch(DataLoader(own(), batch_size=4, num_workers=workers))
    first = iter(loader)
    next(first)

    assert play(tracker, loader) == list(range(N))
    with pytest.raises(ProbeError, match="later pass over a watched loader has begun.*with_index"):
        next(first)
    assert right(tracker) == list(range(N))


@pytest.mark.parametrize("taken", [1, 3])
def test_a_batch_of_an_overtaken_pass_is_not_taken_for_one_of_the_new(tracker, taken, own, logits_for):
    loader = tracker.watch(DataLoader(own(), batch_size=4))
    outer = iter(loader)
    next(outer)
    for x, y in outer:
        inner = iter(loader)
        for _ in range(taken):
            next(inner)
        with pytest.raises(ValueError, match="targets are not in the batch that the watched loader gave last"):
            tracker.update(logits=logits_for(x), targets=y)
        break

    assert tracker.trajectory("loss").shape == (0, N)


def test_a_fresh_iterator_in_the_old_ones_place_is_right(tracker, own, logits_for, right):
    """`batches = iter(loader)` per epoch, a fixed number of steps: the old one is alive while the new one is made."""
    loader = tracker.watch(DataLoader(own(), batch_size=4))
    for _ in range(3):
        batches = iter(loader)
        for _ in range(2):
            x, y = next(batches)
            tracker.update(logits=logits_for(x), targets=y + 0)
    tracker.end_epoch()

    assert [right(tracker, epoch) for epoch in range(3)] == [list(range(8))] * 3


def test_persistent_workers_reset_by_the_loader_itself_are_noticed(tracker, own):
    """Both iterators are one then, and torch restarts it."""
    loader = DataLoader(own(), batch_size=4, num_workers=1, persistent_workers=True)
    batches = iter(tracker.watch(loader))
    next(batches)
    next(iter(loader))

    with pytest.raises(ProbeError, match="later pass"):
        next(batches)


def test_a_loader_iterated_beside_its_watched_self_disturbs_nothing(tracker, own, logits_for, right):
    loader = DataLoader(own(), batch_size=4, shuffle=True, num_workers=1)

    for (x, y), _ in zip(tracker.watch(loader), loader, strict=True):
        tracker.update(logits=logits_for(x), targets=y)

    assert right(tracker) == list(range(N))


def test_two_trackers_watch_two_loaders_side_by_side(own, logits_for, right):
    one, other = ExampleTracker(N), ExampleTracker(30)
    loaders = (
        one.watch(DataLoader(own(), batch_size=4, shuffle=True)),
        other.watch(DataLoader(own(30), batch_size=5, shuffle=True, num_workers=2)),
    )

    for (x, y), (u, v) in zip(*loaders, strict=True):
        other.update(logits=logits_for(u), targets=v)
        one.update(logits=logits_for(x), targets=y)

    assert right(one) == list(range(N))
    assert right(other) == list(range(30))


def test_two_trackers_watch_the_same_loader(own, logits_for, right):
    """Two networks trained on the same batches, or each in passes of its own."""
    one, other = ExampleTracker(N), ExampleTracker(N)
    loader = DataLoader(own(), batch_size=4, shuffle=True)

    for x, y in one.watch(other.watch(loader)):
        one.update(logits=logits_for(x), targets=y)
        other.update(logits=logits_for(x), targets=y)
    for (x, y), (u, v) in zip(one.watch(loader), other.watch(loader), strict=True):
        one.update(logits=logits_for(x), targets=y)
        other.update(logits=logits_for(u), targets=v)

    assert [right(t, epoch) for t in (one, other) for epoch in (0, 1)] == [list(range(N))] * 4


def test_watching_a_watched_loader_again_changes_nothing(tracker, own, play, right):
    loader = tracker.watch(DataLoader(own(), batch_size=4))

    assert tracker.watch(loader) is loader
    play(tracker, tracker.watch(loader))
    assert right(tracker) == list(range(N))


# Each batch once


def test_indices_are_used_once(tracker, own, logits_for):
    with pytest.raises(ValueError, match="index is missing.*used once.*with_index"):
        for x, y in tracker.watch(DataLoader(own(), batch_size=4)):
            tracker.update(logits=logits_for(x), targets=y)
            tracker.update(logits=logits_for(x), targets=y)

    assert tracker.trajectory("visits")[0, :4].tolist() == [1] * 4


def test_a_refused_batch_keeps_its_indices(tracker, own, logits_for, right):
    for x, y in tracker.watch(DataLoader(own(), batch_size=4)):
        with pytest.raises(ValueError, match="targets must lie in"):
            tracker.update(logits=logits_for(x), targets=y + 7)
        tracker.update(logits=logits_for(x), targets=y)

    assert right(tracker) == list(range(N))


def test_a_batch_may_be_taken_without_a_loop(tracker, own, logits_for, right):
    x, y = next(iter(tracker.watch(DataLoader(own(), batch_size=4))))
    tracker.update(logits=logits_for(x), targets=y)

    with pytest.raises(ValueError, match="index is missing"):
        tracker.update(logits=logits_for(x), targets=y)
    assert right(tracker) == [0, 1, 2, 3]


@pytest.mark.parametrize("when", ["before any pass", "after the last batch", "after a break", "never watched"])
def test_without_a_batch_at_hand_the_index_is_asked_for(tracker, when, own, logits_for):
    if when != "never watched":
        loader = tracker.watch(DataLoader(own(), batch_size=4))
    if when == "after the last batch":
        for x, y in loader:  # noqa: B007
            pass
    if when == "after a break":
        for x, y in loader:  # noqa: B007
            break

    with pytest.raises(ValueError, match="index is missing"):
        tracker.update(logits=logits_for(torch.arange(4.0)), targets=torch.arange(4) % CLASSES)


def test_batches_may_be_skipped(tracker, own, logits_for, right):
    for step, (x, y) in enumerate(tracker.watch(DataLoader(own(), batch_size=4))):
        if step % 2:
            tracker.update(logits=logits_for(x), targets=y)

    assert right(tracker) == [*range(4, 8), *range(12, 16), *range(20, 23)]


def test_a_loop_that_takes_batches_ahead_is_refused(tracker, own, logits_for):
    """A prefetching generator is one batch ahead of the loop; by its targets this is noticed."""

    def ahead(loader):
        batches = iter(loader)
        current = next(batches)
        for following in batches:
            yield current
            current = following
        yield current

    with pytest.raises(ValueError, match="take batches ahead.*with_index"):
        for x, y in ahead(tracker.watch(DataLoader(own(), batch_size=4))):
            tracker.update(logits=logits_for(x), targets=y)

    assert tracker.trajectory("loss").shape == (0, N)


def test_an_index_may_still_be_given(tracker, own, logits_for, right):
    for x, y in tracker.watch(DataLoader(own(), batch_size=4)):
        tracker.update(x.int(), logits_for(x), y)

    assert right(tracker) == list(range(N))


def test_no_batch_is_kept_alive_by_a_pass_that_was_left(tracker, own, logits_for):
    for x, y in tracker.watch(DataLoader(own(), batch_size=4)):
        kept = weakref.ref(x)
        tracker.update(logits=logits_for(x), targets=y)
        break
    del x
    gc.collect()

    assert kept() is None


# What cannot be followed says so


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(N))


class Prefetching(DataLoader):
    def __iter__(self):
        yield from list(super().__iter__())


@pytest.mark.parametrize(
    ("loader", "error", "message"),
    [
        (lambda own: [1, 2], TypeError, "watch.. takes a torch DataLoader, got list.*with_index"),
        (lambda own: own(), TypeError, "takes a torch DataLoader, got Own"),
        (lambda own: DataLoader(Stream()), ValueError, "iterable dataset.*pass the index"),
        (
            lambda own: DataLoader(own(), in_order=False),
            ValueError,
            "in_order=False. Pass the index to[^:]*; with_index",
        ),
        (lambda own: DataLoader(own(), in_order=False, num_workers=2), ValueError, "in_order=False. Pass the index"),
        (lambda own: Prefetching(own()), ValueError, "Prefetching, which iterates in its own way.*with_index"),
        (lambda own: DataLoader(own(5)), ValueError, r"dataset has 5 examples and the tracker 23.*num_examples=len"),
    ],
)
def test_refuses_in_one_line_a_loader_that_it_cannot_follow(tracker, loader, error, message, own):
    with pytest.raises(error, match=message) as caught:
        tracker.watch(loader(own))

    assert "\n" not in str(caught.value)


def test_says_that_a_watched_loader_was_iterated_and_no_update_called(tracker, own):
    for _ in tracker.watch(DataLoader(own(), batch_size=4)):
        pass

    with pytest.warns(ProbeWarning, match=r"iterated but nothing was recorded: update\(\) was never called"):
        tracker.scores()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tracker.detach()  # it is said once
        tracker.close()


def test_says_that_an_attached_criterion_was_never_called(tracker, own):
    tracker.attach(torch.nn.CrossEntropyLoss())
    list(tracker.watch(DataLoader(own(), batch_size=4)))

    with pytest.warns(ProbeWarning, match="nothing was recorded: the attached criterion was never called"):
        tracker.close()


def test_an_error_on_the_first_batch_is_not_followed_by_a_warning(own, recwarn):
    with pytest.raises(RuntimeError), ExampleTracker(N) as tracker:
        for _ in tracker.watch(DataLoader(own(), batch_size=4)):
            raise RuntimeError

    assert not [found for found in recwarn if issubclass(found.category, ProbeWarning)]


def test_updates_with_an_index_are_not_nothing(tracker, own, logits_for, recwarn):
    for x, y in tracker.watch(DataLoader(own(), batch_size=4)):
        tracker.update(x.int(), logits_for(x), y)
    tracker.close()

    assert not [found for found in recwarn if issubclass(found.category, ProbeWarning)]


@pytest.mark.parametrize("again", [lambda loader: pickle.loads(pickle.dumps(loader)), copy.deepcopy])
def test_pickled_or_copied_deeply_a_watched_loader_is_the_plain_one(tracker, again):
    loader = tracker.watch(DataLoader(TensorDataset(torch.arange(N)), batch_size=4))

    found = again(loader)

    assert type(found) is DataLoader
    assert [len(x) for (x,) in found] == [4, 4, 4, 4, 4, 3]


def test_a_shallow_copy_of_a_watched_loader_is_watched(tracker, own, play):
    play(tracker, copy.copy(tracker.watch(DataLoader(own(), batch_size=4))))

    assert tracker.trajectory("visits").tolist() == [[1] * N]


def test_a_loader_changed_after_it_was_watched_is_refused(tracker, own):
    loader = tracker.watch(DataLoader(own()))
    loader.in_order = False

    with pytest.raises(ValueError, match="in_order=False"):
        iter(loader)
