"""Scores that average a trajectory: by hand, against a plain loop, and with missing visits."""

import math
import statistics

import numpy as np
import pytest

from probes.scores import aum, confidence, correctness, el2n, final_loss, mean_entropy, mean_loss, variability
from probes.scores.visits import total_visits

NAN = math.nan


def test_hand_worked_values():
    values = np.array([[1.0, NAN, NAN], [3.0, 5.0, NAN]], dtype=np.float32)

    for mean in (aum, confidence, el2n, mean_entropy, mean_loss):
        assert np.array_equal(mean(values), [2.0, 5.0, NAN], equal_nan=True)
    assert np.array_equal(variability(values), [1.0, 0.0, NAN], equal_nan=True)
    assert np.array_equal(final_loss(np.array([[4.0, 7.0], [2.0, NAN]])), [2.0, 7.0])
    assert np.array_equal(correctness(np.array([[1, -1, 0], [0, -1, -1]], dtype=np.int8)), [0.5, NAN, 0.0], True)


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_a_loop_over_visited_epochs(seed):
    rng = np.random.default_rng(seed)
    values = np.where(rng.random((9, 30)) < 0.4, np.nan, rng.random((9, 30))).astype(np.float32)
    histories = [[float(v) for v in column if not math.isnan(v)] for column in values.T]

    assert mean_loss(values) == pytest.approx([statistics.fmean(h) if h else NAN for h in histories], nan_ok=True)
    assert variability(values) == pytest.approx([statistics.pstdev(h) if h else NAN for h in histories], nan_ok=True)
    assert final_loss(values) == pytest.approx([h[-1] if h else NAN for h in histories], nan_ok=True)


def test_averages_in_double_precision():
    """1e5 epochs of 0.1 in float32 would drift by far more than this."""
    assert mean_loss(np.full((100_000, 1), 0.1, dtype=np.float32))[0] == pytest.approx(
        float(np.float32(0.1)), rel=1e-12
    )


def test_variability_does_not_cancel_near_one():
    """Probabilities that differ by 1e-6 have a spread of 5e-7, not 0."""
    assert variability(np.array([[0.999999], [1.0]]))[0] == pytest.approx(5e-7, rel=1e-6)


def test_unusable_visits_count_only_beside_usable_ones():
    visits = np.array([[2, 1, -1], [1, -1, -1]], dtype=np.int32)
    loss = np.array([[NAN, NAN, NAN], [0.5, NAN, NAN]])

    assert total_visits(visits, loss).tolist() == [3, -1, -1]


def test_correctness_may_be_a_count():
    correct = np.array([[1, -1, 0], [1, -1, -1], [0, -1, -1]], dtype=np.int8)

    assert correctness(correct, count=True).tolist() == [2, -1, 0]
    assert correctness(correct)[[0, 2]].tolist() == [2 / 3, 0.0]


def test_variability_may_have_its_interval_added():
    """Probabilities 0.2 and 0.6: variance 0.04 over 2 epochs, so sqrt(0.04 + 0.0016); with one epoch there is none."""
    probability = np.array([[0.2, 0.5, NAN], [0.6, NAN, NAN], [NAN, NAN, NAN]])

    widened = variability(probability, interval=True)

    assert widened == pytest.approx([math.sqrt(0.0416), NAN, NAN], nan_ok=True)
    assert variability(probability) == pytest.approx([0.2, 0.0, NAN], nan_ok=True)


def test_el2n_may_be_read_at_one_epoch():
    norms = np.array([[0.5, NAN], [1.0, 0.25]], dtype=np.float32)

    assert np.array_equal(el2n(norms, epoch=1), [0.5, NAN], equal_nan=True)
    assert el2n(norms, epoch=2).tolist() == [1.0, 0.25]
    assert el2n(norms).tolist() == [0.75, 0.25]
    for epoch in (0, 3, -1):
        with pytest.raises(ValueError, match=f"epoch must lie in 1 to 2, got {epoch}"):
            el2n(norms, epoch=epoch)
