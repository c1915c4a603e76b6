"""A dataset whose items tell their positions, and a loop and a check that go by them: any wrong index shows."""

import warnings

import numpy as np
import pytest
import torch
from torch.nn import functional
from torch.utils.data import Dataset

from probes import ExampleTracker

N, CLASSES = 23, 3


class Own(Dataset):
    """Every item carries its own position: what an index can be checked against."""

    def __init__(self, size=N, start=0):
        self.size, self.start = size, start

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        if not -self.size <= index < self.size:
            raise IndexError(index)
        return torch.tensor(float(self.start + index)), (self.start + index) % CLASSES


def telling_logits(x):
    """(B, K) with a margin that tells the example: the given label's logit is position + 1, the others 0."""
    x = torch.atleast_1d(x)
    return functional.one_hot(x.long() % CLASSES, CLASSES) * (x[:, None] + 1)


def one_pass(tracker, loader, stop=None):
    """One pass that lets the tracker find the index itself; the positions really seen, in order."""
    seen = []
    for step, (x, y) in enumerate(loader):
        if step == stop:
            break
        tracker.update(logits=telling_logits(x), targets=torch.atleast_1d(torch.as_tensor(y)))
        seen += torch.atleast_1d(x).int().tolist()
    return seen


def rightly_recorded(tracker, epoch=-1):
    """Positions recorded in an epoch, each of whose margins was its own."""
    margin = tracker.trajectory("margin")[epoch]
    found = np.flatnonzero(np.isfinite(margin))
    assert margin[found].tolist() == (found + 1).tolist()
    return found.tolist()


@pytest.fixture(autouse=True)
def seeded_and_quiet():
    """Some machines have fewer processors than these tests have workers."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="This DataLoader will create")
        yield


@pytest.fixture
def tracker():
    return ExampleTracker(N)


@pytest.fixture
def own():
    """`own(size, start)`: a dataset of positions."""
    return Own


@pytest.fixture
def logits_for():
    """`logits_for(x)`: logits that tell the positions of a batch."""
    return telling_logits


@pytest.fixture
def play():
    """`play(tracker, loader, stop)`: one pass, and the positions seen."""
    return one_pass


@pytest.fixture
def right():
    """`right(tracker, epoch)`: the positions recorded, once each was found to be its own."""
    return rightly_recorded
