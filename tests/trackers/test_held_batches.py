"""Small batches whose signals are computed together, against batches that are written one by one."""

import numpy as np
import pytest

from probes.signals import signals
from probes.trackers.batches import Batch
from probes.trackers.epoch_buffer import EpochBuffer
from probes.trackers.held_batches import HeldBatches

N, CLASSES = 40, 5


def batches(seed, dtypes=(np.float32,)):
    """Batches of all sizes with repeats, rows that are not finite, and the kinds of floats in turn."""
    rng = np.random.default_rng(seed)
    found = []
    for step in range(30):
        size = rng.integers(1, 9)
        logits = rng.normal(size=(size, CLASSES)).astype(dtypes[step % len(dtypes)])
        if step % 7 == 0:
            logits[0, 0] = np.nan
        found.append(Batch(rng.integers(0, N, size), logits, rng.integers(0, CLASSES, size)))
    return found


def assert_same(one, other):
    assert one.nonfinite_visits == other.nonfinite_visits > 0
    mine, theirs = one.take(), other.take()
    for name in theirs:
        np.testing.assert_array_equal(mine[name], theirs[name])


@pytest.mark.parametrize("dtypes", [(np.float32,), (np.float64,), (np.float32, np.float64, np.float64)])
@pytest.mark.parametrize("enough", [1, 50, 10**6])
def test_what_is_held_is_what_batch_by_batch_would_have_written(dtypes, enough, monkeypatch):
    monkeypatch.setattr("probes.trackers.held_batches._ENOUGH", enough)
    together, one_by_one = EpochBuffer(N), EpochBuffer(N)
    held = HeldBatches(together)

    for batch in batches(0, dtypes):
        held.add(batch)
        one_by_one.write(batch.index, signals(batch.logits, batch.targets))
    held.flush()

    assert_same(together, one_by_one)


def test_arrays_may_change_once_they_are_taken():
    together, one_by_one = EpochBuffer(N), EpochBuffer(N)
    held = HeldBatches(together)

    for batch in batches(1):
        one_by_one.write(batch.index, signals(batch.logits, batch.targets))
        held.add(batch)
        for array in (batch.index, batch.logits, batch.targets):
            array[:] = 0
    held.flush()

    assert_same(together, one_by_one)


def test_no_more_is_held_than_fits_the_cache():
    held = HeldBatches(EpochBuffer(1000))
    for _ in range(20):
        held.add(Batch(np.arange(100), np.zeros((100, 10), np.float32), np.zeros(100, np.int64)))

        assert sum(batch.logits.nbytes for batch in held._held) < 2**16


def test_a_large_batch_is_not_held():
    held = HeldBatches(EpochBuffer(2000))

    held.add(Batch(np.arange(2000), np.zeros((2000, 10), np.float32), np.zeros(2000, np.int64)))

    assert len(held) == 0
