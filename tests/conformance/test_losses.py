"""Loss, EL2N, entropy, noise probability and visits against plain loops, scipy, torch and scikit-learn, in float64."""

import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import entropy as scipy_entropy
from sklearn.mixture import GaussianMixture
from torch.nn import functional

from probes.scores import el2n

RELATIVE, ABSOLUTE = 1e-5, 1e-6  # signals are kept in float32


def softmax(row):
    """Through exact sums of exponentials; rows are small enough not to overflow."""
    exponentials = [math.exp(value) for value in row]
    total = math.fsum(exponentials)
    return [value / total for value in exponentials]


def cross_entropy(row, given):
    """Minus the log-probability of the given label, in nats."""
    return math.log(math.fsum(math.exp(value) for value in row)) - row[given]


def error_norm(row, given):
    """Paul et al., NeurIPS 2021, definition 2.3: the L2 norm of p(w, x) - y, with y one-hot."""
    return math.sqrt(math.fsum((p - (k == given)) ** 2 for k, p in enumerate(softmax(row))))


def entropy(row, _given):
    """Shannon: minus the sum of p ln p, in nats."""
    return -math.fsum(p * math.log(p) for p in softmax(row))


@pytest.fixture
def values(stream):
    """Call with a function of (logits, given label): {example: its values at the visited epochs}."""

    def of(signal):
        return {
            example: [signal(row, int(stream.targets[example])) for _, row in history]
            for example, history in stream.histories().items()
        }

    return of


def close(expected):
    return pytest.approx(expected, rel=RELATIVE, abs=ABSOLUTE)


@pytest.mark.parametrize(
    ("column", "signal"), [("mean_loss", cross_entropy), ("el2n", error_norm), ("mean_entropy", entropy)]
)
def test_averages_are_those_of_the_definition(values, scores, column, signal):
    expected = {example: math.fsum(seen) / len(seen) for example, seen in values(signal).items()}

    assert scores[column].dropna().to_dict() == close(expected)


def test_final_loss_is_that_of_the_last_visited_epoch(values, scores):
    """Small-loss criterion (Han et al., NeurIPS 2018), read at the end."""
    expected = {example: seen[-1] for example, seen in values(cross_entropy).items()}

    assert scores["final_loss"].dropna().to_dict() == close(expected)


def test_signals_are_those_of_scipy_and_torch(stream, tracker):
    """Row by row, so that errors cannot cancel in a mean."""
    loss, spread, norm = (tracker.trajectory(signal) for signal in ("loss", "entropy", "el2n"))
    for example, history in stream.histories().items():
        rows = np.array([row for _, row in history])
        at = [epoch - 1 for epoch, _ in history]
        given = int(stream.targets[example])
        by_torch = functional.cross_entropy(
            torch.from_numpy(rows), torch.full((len(rows),), given), reduction="none"
        ).numpy()
        chances = np.exp(rows - logsumexp(rows, axis=1, keepdims=True))

        assert loss[at, example] == close(by_torch)
        assert loss[at, example] == close(logsumexp(rows, axis=1) - rows[:, given])
        assert spread[at, example] == close(scipy_entropy(chances, axis=1))
        assert norm[at, example] == close(np.linalg.norm(chances - np.eye(stream.num_classes)[given], axis=1))


def test_el2n_at_an_epoch_is_the_windows_and_the_definitions(stream, tracker):
    """Paul et al. read one early epoch; a mean over epochs is ours."""
    for epoch in (1, 5):
        ours = el2n(tracker.trajectory("el2n"), epoch=epoch)
        window = tracker.scores(["el2n"], epochs=(epoch, epoch))["el2n"].to_numpy()
        expected = {
            example: error_norm(row, int(stream.targets[example]))
            for example, history in stream.histories().items()
            for when, row in history
            if when == epoch
        }

        assert {example: ours[example] for example in expected} == close(expected)
        assert np.array_equal(ours, window, equal_nan=True)
        assert np.isnan(ours).sum() == stream.num_examples - len(expected)


def test_noise_probability_is_scikit_learns_posterior_made_rising(scores):
    """Two Gaussians on the mean loss (Arazo et al., ICML 2019, section 3.1): the higher mean's posterior.

    Made nondecreasing: of an example, the largest posterior among those of at most its loss.
    """
    losses = scores["mean_loss"].dropna()
    column = losses.to_numpy()[:, None]
    mixture = GaussianMixture(n_components=2, random_state=0).fit(column)
    posterior = mixture.predict_proba(column)[:, int(mixture.means_[1, 0] > mixture.means_[0, 0])].tolist()
    rising = [max(p for p, other in zip(posterior, losses, strict=True) if other <= loss) for loss in losses]

    assert scores["noise_probability"].dropna().to_dict() == pytest.approx(
        dict(zip(losses.index, rising, strict=True)), abs=1e-9
    )


def test_visits_are_counted_one_by_one(stream, scores):
    assert scores["visits"].dropna().to_dict() == {example: len(seen) for example, seen in stream.visits().items()}


def test_unvisited_examples_are_missing_everywhere(stream, scores):
    unseen = sorted(set(range(stream.num_examples)) - set(stream.histories()))

    assert scores.loc[unseen].drop(columns=["given_label"], errors="ignore").isna().all(axis=None)
