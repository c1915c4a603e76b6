"""What sections read of a run."""

import numpy as np

from probes_reports.page import render
from probes_reports.view import RunView
from probes_reports.wording import plain_text


def test_a_sample_keeps_each_groups_share(small_run):
    view = RunView(small_run)

    sample = view.sample(30)

    assert len(set(sample.tolist())) == 30
    assert view.noisy[sample].sum() == 10  # a third, as in the run
    assert np.array_equal(sample, view.sample(30))
    assert np.array_equal(view.sample(1000), np.arange(60))


def test_curves_agree_with_a_count_over_the_trajectories(small_run):
    view = RunView(small_run)

    epochs, shares = view.curve("train/noisy")

    correct = small_run.trajectory("correct", initial=True)[:, view.noisy]
    assert epochs.tolist() == list(range(13))
    assert np.allclose(shares, (correct == 1).mean(axis=1))


def test_epochs_are_cached_and_equal_the_run(small_run):
    view = RunView(small_run)

    assert view.epoch(3) is view.epoch(3)
    assert np.array_equal(view.epoch(3)["loss"], small_run.trajectory("loss")[2])


def test_truth_unknown_is_none_rather_than_clean(make_run):
    view = RunView(make_run(truth=False))

    assert view.noisy is None
    assert view.clean is None
    assert view.num_noisy is None


def test_images_are_left_out_where_they_are_not_wanted(small_run):
    assert RunView(small_run, images=False).images([0, 1]) == {}
    assert RunView(small_run).images([1])[1].startswith("data:image/png;base64,")
    assert RunView(small_run).images_are_ink


def test_a_net_that_has_not_learned_is_said_beside_the_estimate(make_run):
    learned = RunView(make_run(truth=False))  # best at epoch 3 of 12
    short = RunView(make_run(truth=False, epochs=2))  # best at the last epoch
    guessing = RunView(make_run(truth=False))
    low = guessing.epochs["group"] == "validation"
    guessing.epochs = guessing.epochs.assign(accuracy=guessing.epochs["accuracy"].mask(low, 0.3))  # chance is 0.25

    assert learned.unlearned == ""
    assert short.unlearned == "the network was still learning at the end"
    assert guessing.unlearned == "the network has hardly learned anything yet"
    assert "still learning at the end" in plain_text(short.verdict.sentence)


def test_the_estimate_of_a_short_run_is_not_to_be_trusted(make_run):
    short, long = render(make_run(epochs=2)), render(make_run(epochs=12))

    assert "Not to be trusted: the network was still learning at the end." in short
    assert "Not to be trusted" not in long
