"""Label issues against the definition (Northcutt et al., JAIR 2021), and against cleanlab, which finds them for us."""

import numpy as np
import pytest
from cleanlab.filter import find_label_issues

from probes.scores import confident_learning


def confident_issues(probabilities, labels, classes):
    """Section 3.1: examples off the diagonal of the confident joint.

    A class's threshold is the mean probability of the class over the examples that bear it. An example is counted
    under the most probable class among those that reach their thresholds, and under none where there is none.
    Cleanlab departs from it twice, which is followed here: where several classes reach theirs, it counts under the
    most probable of all classes; and it takes back the issues whose given label is as probable as any other.
    """
    thresholds = []
    for k in range(classes):
        own = [row[k] for row, label in zip(probabilities, labels, strict=True) if label == k]
        thresholds.append(sum(own) / len(own))
    issues = []
    for row, label in zip(probabilities, labels, strict=True):
        confident = [k for k in range(classes) if row[k] >= thresholds[k] - 1e-6]
        among = range(classes) if len(confident) > 1 else confident
        guess = max(among, key=lambda k: row[k], default=label)
        issues.append(guess != label and row[label] < max(row) - 1e-6)
    return issues


@pytest.fixture
def last_epoch(whole):
    """Probabilities and given labels of the classes that some example bears, at the last epoch."""
    logits = np.array([whole.histories()[example][-1][1] for example in range(whole.num_examples)])
    exponentials = np.exp(logits)
    return exponentials / exponentials.sum(axis=1, keepdims=True), whole.targets


def test_issues_are_those_off_the_diagonal_of_the_confident_joint(last_epoch, whole):
    probabilities, labels = last_epoch
    assert set(labels.tolist()) == set(range(whole.num_classes))

    found = confident_learning(probabilities, labels)["is_label_issue"]

    assert found.tolist() == confident_issues(probabilities.tolist(), labels.tolist(), whole.num_classes)
    assert 0 < found.sum() < len(found)


def test_issues_are_cleanlabs(last_epoch):
    """As cleanlab gives them as positions, ranked; ours are flags in the order of the examples."""
    probabilities, labels = last_epoch

    found = confident_learning(probabilities, labels)["is_label_issue"]

    ranked = find_label_issues(
        labels, probabilities, filter_by="confident_learning", return_indices_ranked_by="self_confidence", n_jobs=1
    )
    assert np.flatnonzero(found).tolist() == sorted(ranked.tolist())
