"""The kinds of noise of a run, each by itself."""

import numpy as np
import pytest

from probes.runs.kinds import detection_by_kind, in_order, kinds_of
from probes.runs.noise_rate import unlearned
from probes.runs.run import open_run
from probes.runs.writer import RunWriter
from probes.signals import signals

N, K = 30, 3
TRUE = np.arange(N) % K
KIND = np.array(["gaussian"] * 5 + ["pair"] * 10 + [""] * 15)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two epochs: at first everything is answered with its true label, then 6 of the 10 pairs with the given one."""
    writer = RunWriter.create(tmp_path_factory.mktemp("kinds") / "run", num_examples=N, measure="sweep", meta={})
    given = np.where(KIND == "pair", (TRUE + 1) % K, TRUE)
    known = {"true_label": TRUE, "noisy": KIND != "", "corruption": KIND.tolist()}
    writer.write_examples({"given_label": given, **known})
    for epoch in (1, 2):
        answer = np.where((np.arange(N) < 11) & (epoch == 2), given, TRUE)
        answer = np.where((np.arange(N) < 2) & (epoch == 1), (TRUE + 2) % K, answer)
        found = signals(3 * np.eye(K, dtype=np.float32)[answer], given)
        columns = {name: getattr(found, name) for name in found._fields}
        writer.write_epoch(epoch, {"example": np.arange(N), "visits": np.ones(N, np.int32), **columns})
    writer.finish("complete")
    return open_run(writer.path)


def test_kinds_are_counted_and_timed_apart(run):
    kinds = kinds_of(run)

    assert kinds.index.tolist() == ["pair", "gaussian"]
    assert kinds.loc["pair", ["drawn", "wrong", "replaced"]].tolist() == [10, 10, 0]
    assert kinds.loc["gaussian", ["drawn", "wrong", "replaced"]].tolist() == [5, 0, 5]
    assert kinds.loc["pair", "half_memorized_epoch"] == 2
    assert kinds["memorized_epoch"].isna().tolist() == [True, False]
    assert kinds.loc["gaussian", "half_memorized_epoch"] == 1  # 3 of 5
    assert kinds["final_accuracy"].tolist() == pytest.approx([0.6, 1.0])


def test_an_input_kind_has_no_share_answered_with_the_true_label(run):
    kinds = kinds_of(run)

    assert (kinds.loc["pair", "true_label_peak"], kinds.loc["pair", "true_label_peak_epoch"]) == (1.0, 1)
    assert np.isnan(kinds.loc["gaussian", "true_label_peak"])


def test_detection_takes_one_kind_against_the_clean(run):
    found = detection_by_kind(run)

    assert list(found.columns) == ["pair", "gaussian"]
    assert found.loc["mean_loss", "pair"] == 1.0  # wrong labels have the higher loss all along
    assert found.loc["mean_loss", "gaussian"] == pytest.approx((2 * 1.0 + 3 * 0.5) / 5)  # two of five, the rest tied


def test_order_is_that_of_the_documentation():
    assert in_order(["zebra", "gaussian", "matrix:m.csv", "pair"]) == ["pair", "matrix:m.csv", "gaussian", "zebra"]


def test_the_noise_rate_of_a_short_run_is_doubted():
    epochs, shares = np.array([0, 1, 2]), np.array([0.1, 0.9, 0.85])

    assert unlearned(epochs, shares, 1, 2, 10) == "the network was trained for 2 epochs only"
    assert unlearned(epochs[:0], shares[:0], None, 1, 10) == "the network was trained for one epoch only"
    assert unlearned(epochs, shares, 2, 2, 10) == "the network was still learning at the end"
    assert unlearned(np.arange(9), np.r_[0.1, 0.5, 0.9, [0.8] * 6], 2, 8, 10) == ""
