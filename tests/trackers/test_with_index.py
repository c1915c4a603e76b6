"""`with_index` in front of a real DataLoader."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Subset, TensorDataset

from probes import with_index

INPUTS = torch.arange(10.0)[:, None]
DATASET = TensorDataset(INPUTS, torch.arange(10))


@pytest.mark.parametrize("workers", [0, 2])
def test_every_item_knows_its_position_whatever_the_loader_does(workers):
    loader = DataLoader(with_index(DATASET), batch_size=3, shuffle=True, num_workers=workers)

    seen = [(x, y, index) for x, y, index in loader]

    assert sorted(torch.cat([index for *_, index in seen]).tolist()) == list(range(10))
    for x, y, index in seen:
        assert torch.equal(x[:, 0], index.float())
        assert torch.equal(y, index)


def test_wraps_a_subset_by_its_own_positions():
    """A Subset offers batched fetching, which must not slip past the wrapper."""
    loader = DataLoader(with_index(Subset(DATASET, [7, 3])), batch_size=2)

    _, y, index = next(iter(loader))

    assert (y.tolist(), index.tolist()) == ([7, 3], [0, 1])


def test_dicts_gain_a_key_and_bare_items_become_pairs():
    assert with_index([{"x": 1}])[0] == {"x": 1, "index": 0}
    assert with_index(["only"])[0] == ("only", 0)
    assert with_index([[1, 2]])[-1] == (1, 2, 0)
    assert with_index([(np.float32(1),)])[np.int64(0)] == (1.0, 0)


def test_attributes_show_through():
    class Named(TensorDataset):
        classes = ("a", "b")

    assert with_index(Named(INPUTS)).classes == ("a", "b")
    assert len(with_index(DATASET)) == 10


def test_refuses_what_has_no_positions():
    with pytest.raises(TypeError, match="__getitem__ and __len__, got generator.*pass the index"):
        with_index(x for x in range(3))
    with pytest.raises(ValueError, match="already have a key 'index'"):
        with_index([{"index": 5}])[0]
