"""Folds hold each class alike."""

import numpy as np
import pytest

from probes.audit.folds import stratified_folds


@pytest.mark.parametrize("seed", range(5))
def test_sizes_differ_by_at_most_one_in_every_class_and_in_all(seed):
    labels = np.random.default_rng(seed).choice(5, 101, p=[0.5, 0.3, 0.15, 0.04, 0.01])
    fold = stratified_folds(labels, 3, [seed])

    for some in (labels >= 0, *(labels == label for label in range(5))):
        sizes = [int((fold[some] == part).sum()) for part in range(3)]
        assert max(sizes) - min(sizes) <= 1


def test_equal_seeds_deal_alike():
    labels = np.arange(40) % 4

    assert (stratified_folds(labels, 3, [1, 2]) == stratified_folds(labels, 3, [1, 2])).all()
    assert (stratified_folds(labels, 3, [1, 2]) != stratified_folds(labels, 3, [1, 3])).any()
