"""A run in which some labels are wrong and other inputs were replaced: neither is taken for the other."""

import numpy as np
import pytest

from probes_reports.page import render
from probes_reports.sections import learning, provenance
from probes_reports.view import RunView
from probes_reports.wording import MIXED, REPLACED_INPUTS, plain_text

N, K = 40, 4
TRUE = np.arange(N) % K
WRONG = np.arange(N) < 6  # two of the eight that were redrawn got their own label back
REPLACED = (np.arange(N) >= 8) & (np.arange(N) < 18)


@pytest.fixture(scope="module")
def mixed(write_mixed, tmp_path_factory):
    return RunView(write_mixed(tmp_path_factory.mktemp("mixed") / "run"))


def test_wrong_labels_and_replaced_inputs_are_counted_apart(mixed):
    hero = learning.build(mixed)

    assert mixed.words is MIXED
    assert (mixed.num_noisy, mixed.num_wrong, mixed.num_replaced) == (16, 6, 10)
    assert "15.0% of labels wrong, 25.0% of inputs replaced" in hero.facts
    lede = plain_text(hero.lede)
    assert lede.startswith("Before training, 6 of the 40 labels were made wrong and 10 other inputs were replaced. ")
    assert "of all 16 noisy examples as labelled" in lede
    assert "(6 wrong labels, 10 replaced inputs)" in " ".join(map(plain_text, hero.section.how_to_read))


def test_the_true_label_is_asked_for_of_wrong_labels_alone(mixed):
    epochs, shares = mixed.hidden_curve

    expected = [
        (mixed.run.epoch(epoch)["prediction"][WRONG] == TRUE[WRONG]).mean() for epoch in mixed.run.closed_epochs
    ]
    assert epochs.tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(shares, expected)
    assert shares[0] == 1.0  # of all the noisy ones it would be 6 of 16
    line = next(trace for trace in learning.build(mixed).section.plots()[0].wide.data if "true one" in trace.name)
    assert line.name == "wrong labels, answered with the true one"
    np.testing.assert_allclose(line.y, expected)


def test_noisy_examples_are_answered_as_labelled(mixed):
    names = [trace.name for trace in learning.build(mixed).section.plots()[0].wide.data]

    assert "noisy examples, answered as labelled" in names
    assert not [name for name in names if name and "wrong one" in name]


def test_replaced_inputs_are_never_answered_with_a_wrong_label(write_mixed, tmp_path):
    kinds = np.where(REPLACED, "gaussian", "")
    view = RunView(write_mixed(tmp_path / "run", wrong=np.zeros(N, dtype=bool), kinds=kinds, rates=None))

    names = [trace.name for trace in learning.build(view).section.plots()[0].wide.data]
    assert view.words is REPLACED_INPUTS
    assert "replaced inputs, answered as labelled" in names
    assert "wrong label" not in " ".join(name or "" for name in names)
    assert "answered with the</b>" not in render(view.run)


def test_each_kind_has_its_own_request(mixed):
    noise = next(entry.value for entry in provenance.build(mixed).parts[0].data.entries if entry.term == "Noise")

    assert "redrawn from all classes (uniform_all): 20.0% requested, 8 drawn (20.0%)" in noise
    assert "(gaussian): 15.0% requested, 6 drawn (15.0%)" in noise
    assert "(random_pixels): 10.0% requested, 4 drawn (10.0%)" in noise
    assert "16 of 40 noisy (40.0%): 6 wrong labels, 10 replaced inputs" in noise
