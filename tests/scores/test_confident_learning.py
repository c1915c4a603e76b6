"""Confident learning: the confident joint by hand and by counting, missing rows, and clear refusals."""

import builtins

import numpy as np
import pytest

from probes.errors import MissingDependencyError
from probes.scores import confident_learning

HALVES = np.full((2, 2), 0.5)


def by_counting(probabilities, labels):
    """Off-diagonals of the confident joint, from the definition."""
    classes = probabilities.shape[1]
    thresholds = [probabilities[labels == j, j].mean() for j in range(classes)]
    issues = []
    for row, given in zip(probabilities, labels, strict=True):
        confident = [j for j in range(classes) if row[j] >= thresholds[j]]
        issues.append(bool(confident) and max(confident, key=lambda j: row[j]) != given)
    return issues


def test_an_issue_is_confidently_another_class():
    """Thresholds .7 and .6: example 2 reaches class 0's, example 4 reaches neither."""
    pytest.importorskip("cleanlab")
    probabilities = np.array([[0.9, 0.1], [0.1, 0.9], [0.7, 0.3], [0.4, 0.6], [0.5, 0.5]])
    labels = np.array([0, 1, 1, 1, 0])

    table = confident_learning(probabilities, labels)

    assert table.index.name == "example"
    assert table["is_label_issue"].tolist() == [False, False, True, False, False]
    assert table["self_confidence"].tolist() == [0.9, 0.9, 0.3, 0.6, 0.5]
    assert table["normalized_margin"].tolist() == pytest.approx([0.9, 0.9, 0.3, 0.6, 0.5])


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_counting(seed):
    pytest.importorskip("cleanlab")
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(3), 200)
    labels = np.where(rng.random(200) < 0.7, probabilities.argmax(axis=1), rng.integers(0, 3, 200))

    table = confident_learning(probabilities, labels)

    assert table["is_label_issue"].tolist() == by_counting(probabilities, labels)
    others = [max(np.delete(row, given)) for row, given in zip(probabilities, labels, strict=True)]
    given = probabilities[np.arange(200), labels]
    np.testing.assert_allclose(table["normalized_margin"], (given - others + 1) / 2)


def test_a_row_without_probabilities_is_missing_and_changes_nothing():
    pytest.importorskip("cleanlab")
    rng = np.random.default_rng(0)
    probabilities, labels = rng.dirichlet(np.ones(3), 50), rng.integers(0, 3, 50)

    with_gap = confident_learning(np.insert(probabilities, 7, np.nan, axis=0), np.insert(labels, 7, 1))

    assert with_gap.loc[7].isna().all()
    expected = confident_learning(probabilities, labels)
    assert with_gap.drop(7).to_numpy().tolist() == expected.to_numpy().tolist()
    assert confident_learning(np.full((2, 3), np.nan), np.array([0, 1])).isna().all().all()


@pytest.mark.parametrize(
    ("probabilities", "labels", "error", "match"),
    [
        (np.zeros(3), [0, 1, 0], ValueError, "shape"),
        (np.ones((3, 1)), [0, 0, 0], ValueError, "K of at least 2"),
        (HALVES, [0, 1, 1], ValueError, "given_labels must have shape"),
        (HALVES, [0.0, 1.0], TypeError, "integers"),
        (HALVES, [0, 2], ValueError, r"lie in \[0, 2\), got 2"),
        (HALVES, [-1, 1], ValueError, "got -1"),
        (np.array([[0.5, 0.5], [2.0, -1.0]]), [0, 1], ValueError, "row 1"),
        (np.array([[3.0, 1.0], [0.5, 0.5]]), [0, 1], ValueError, "row 0"),
        (np.array([[0.5, np.nan], [0.5, 0.5]]), [0, 1], ValueError, "row 0"),
    ],
)
def test_what_cannot_be_used_is_refused(probabilities, labels, error, match):
    with pytest.raises(error, match=match):
        confident_learning(probabilities, labels)


def test_without_cleanlab_the_error_names_the_extra(monkeypatch):
    imported = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.startswith("cleanlab"):
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)

    with pytest.raises(MissingDependencyError, match=r"memorization-probes\[cleanlab\]"):
        confident_learning(HALVES, np.array([0, 1]))
