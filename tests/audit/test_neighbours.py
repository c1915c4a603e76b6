"""Nearest neighbours against an obvious reference."""

import numpy as np

from probes.audit import neighbours
from probes.audit.neighbours import nearest


def test_they_are_those_of_a_full_sort_whatever_the_block(monkeypatch):
    features = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    queries = np.array([3, 40, 7])
    monkeypatch.setattr(neighbours, "_BLOCK", 60)
    places, similarities = nearest(features, queries, 4)

    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    for query, found, values in zip(queries, places, similarities, strict=True):
        cosine = unit @ unit[query]
        expected = [int(other) for other in np.argsort(-cosine) if other != query][:4]
        assert found.tolist() == expected
        np.testing.assert_allclose(values, cosine[expected], rtol=1e-5)


def test_of_few_examples_all_others_are_found():
    places, _ = nearest(np.eye(3, dtype=np.float32), np.array([0]), 8)

    assert sorted(places[0]) == [1, 2]
