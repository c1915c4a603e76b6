"""A small, easy data set with wrong labels planted by the test itself, and settings that take a second."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from probes.audit import AuditSettings, examine
from probes.data import ExampleSet
from probes.data.pooled import load_pooled

SIZE, CLASSES = 400, 4


@pytest.fixture(scope="session")
def quick():
    """Small networks and few steps."""
    return AuditSettings(steps=500, width=32, depth=1, batch_size=32, most_epochs=36, neighbours=3, least_shown=20)


@pytest.fixture(scope="session")
def blobs(tmp_path_factory):
    """400 points in four clouds; every tenth label is wrong. The truth is in `true_labels`."""
    random = np.random.default_rng(0)
    true = np.arange(SIZE) % CLASSES
    corners = np.array([[0, 0], [4, 0], [0, 4], [4, 4]], dtype=float)
    given = true.copy()
    given[::10] = (true[::10] + 1 + np.arange(SIZE // 10) % (CLASSES - 1)) % CLASSES
    path = tmp_path_factory.mktemp("data") / "blobs.npz"
    ids = np.array([f"p{number}" for number in range(SIZE)])
    np.savez(path, X=corners[true] + random.normal(size=(SIZE, 2)), y=given, true_labels=true, ids=ids)
    return path


@pytest.fixture(scope="session")
def dataset(blobs):
    return load_pooled(str(blobs))


@pytest.fixture(scope="session")
def found(dataset, quick):
    """What an audit of them finds."""
    return examine(dataset, settings=quick)


@pytest.fixture
def with_truth():
    """Replaces what a data set says is true."""

    def change(dataset, truth):
        train = dataset.train
        truth = None if truth is None else torch.as_tensor(truth)
        return replace(dataset, train=ExampleSet(train.inputs, train.given_labels, true_labels=truth))

    return change
