"""Recorded logits streams, and our scores of them: what other implementations are compared on.

A stream is what a training loop would have shown a tracker: epochs of batches of (index, logits, targets), in numpy.
`whole` streams visit every example exactly once in every epoch; `ragged` ones leave examples out, never visit some,
and visit others several times, within a batch and across batches.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest

from probes import ExampleTracker

N, EPOCHS = 48, 9
NEVER_RIGHT, ALWAYS_RIGHT, TIED, UNSEEN = range(6), range(6, 12), range(12, 16), range(16, 18)  # of the N examples
SHAPES = [(classes, seed) for classes in (2, 3, 10) for seed in range(3)]


class Batch(NamedTuple):
    """One training step.

    Attributes:
        index: int64, (B,).
        logits: float64, (B, K).
        targets: int64, (B,).
    """

    index: np.ndarray
    logits: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True)
class Stream:
    """A recorded training run.

    Attributes:
        targets: int64, (N,); given labels.
        num_classes: K.
        epochs: lists of batches.
    """

    targets: np.ndarray
    num_classes: int
    epochs: list[list[Batch]]

    @property
    def num_examples(self):
        return len(self.targets)

    def visits(self):
        """{example: [(epoch, batch, logits as a list), ...]}: every visit, in the order of training."""
        found = defaultdict(list)
        for epoch, batches in enumerate(self.epochs, 1):
            for step, batch in enumerate(batches):
                for example, row in zip(batch.index.tolist(), batch.logits.tolist(), strict=True):
                    found[example].append((epoch, step, row))
        return dict(found)

    def histories(self):
        """{example: [(epoch, logits as a list), ...]}: the last visit in each epoch that has one."""
        return {
            example: list({epoch: (epoch, row) for epoch, _, row in visits}.values())
            for example, visits in self.visits().items()
        }


def record_stream(num_classes, seed, *, whole):
    """A random walk of logits, every second example on a grid of halves, where ties are frequent."""
    rng = np.random.default_rng([seed, num_classes, whole])
    targets = rng.integers(0, num_classes, N)
    walk = rng.normal(0, 1, (N, num_classes))
    walk[np.arange(N), targets] += np.log(num_classes)  # so that with many classes too some are learned and forgotten
    epochs = []
    for _ in range(EPOCHS):
        walk += rng.normal(0, 0.7, walk.shape)
        order = rng.permutation(N)
        if not whole:
            seen = order[(rng.random(N) < 0.7) & (order >= UNSEEN.stop)]
            seen = np.append(seen, order[(rng.random(N) < 0.7) & (order < UNSEEN.start)])
            order = rng.permutation(np.concatenate([seen, *[rng.choice(seen, 6) for _ in range(2)]]))
        sizes = np.full(N, 16) if whole else rng.integers(1, 12, N)
        batches = np.split(order, [cut for cut in np.cumsum(sizes) if cut < len(order)])
        epochs.append([Batch(index, _shown(walk, index, targets, rng), targets[index]) for index in batches])
    return Stream(targets, num_classes, epochs)


def _shown(walk, index, targets, rng):
    """The logits of one visit: those of the walk and some noise, by the kind of example."""
    logits = walk[index] + rng.normal(0, 0.3, (len(index), walk.shape[1]))
    for row, example in zip(logits, index.tolist(), strict=True):
        if example % 2:
            row[:] = np.round(row * 2) / 2
        if example in TIED:
            row[:] = row[0]
        others = np.delete(row, targets[example])
        if example in NEVER_RIGHT:
            row[targets[example]] = others.max() - 0.5
        if example in ALWAYS_RIGHT:
            row[targets[example]] = others.max() + 0.5
    return logits


def replay(stream, tracker, *, epoch_per_batch=False):
    """Show a stream to a tracker as a training loop would."""
    for batches in stream.epochs:
        for batch in batches:
            tracker.update(*batch)
            if epoch_per_batch:
                tracker.end_epoch()
        tracker.end_epoch()
    return tracker


@pytest.fixture(scope="session")
def make_stream():
    """`make_stream(num_classes, seed, whole=True)`: a recorded stream."""
    return record_stream


@pytest.fixture(scope="session")
def track():
    """`track(stream, tracker, epoch_per_batch=False)`: the tracker, once the stream has been shown to it."""
    return replay


@pytest.fixture(scope="session", params=SHAPES, ids="K{0[0]}-seed{0[1]}".format)
def whole(request):
    return record_stream(*request.param, whole=True)


@pytest.fixture(scope="session", params=SHAPES, ids="K{0[0]}-seed{0[1]}".format)
def ragged(request):
    return record_stream(*request.param, whole=False)


@pytest.fixture(
    scope="session",
    params=[(*shape, kind) for shape in SHAPES for kind in ("whole", "ragged")],
    ids="K{0[0]}-seed{0[1]}-{0[2]}".format,
)
def stream(request):
    classes, seed, kind = request.param
    return record_stream(classes, seed, whole=kind == "whole")


@pytest.fixture(scope="session")
def tracker(stream):
    """Closed epochs of `stream`, in memory."""
    return replay(stream, ExampleTracker(stream.num_examples))


@pytest.fixture(scope="session")
def scores(tracker):
    """`scores()` of `stream`."""
    return tracker.scores()
