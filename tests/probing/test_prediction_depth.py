import json

import numpy as np
import pytest
import torch
from torch import nn

from probes.data import ExampleSet
from probes.probing import PredictionDepth, ProbeContext
from probes.probing import prediction_depth as module
from probes.probing.prediction_depth import Voters, depth_of


def test_depth_is_the_first_layer_from_which_on_all_votes_agree():
    votes = np.array([[1, 1, 0, 0, 1], [0, 1, 0, 1, 1], [1, 1, 0, 1, 0]])  # layers x examples
    prediction = np.array([1, 1, 1, 1, 1])

    assert depth_of(votes, prediction).tolist() == [2, 0, 3, 1, 3]


@pytest.mark.parametrize("seed", range(3))
def test_votes_agree_with_sorting_all_distances(seed):
    generator = np.random.default_rng(seed)
    reference, labels = generator.normal(size=(40, 5)) + 100, generator.integers(0, 3, 40)
    queries = np.concatenate([reference[:10], generator.normal(size=(10, 5)) + 100])
    own = np.array([*range(10), *[-1] * 10])

    found = Voters(torch.from_numpy(reference), torch.from_numpy(labels), 7).votes(
        torch.from_numpy(queries), torch.from_numpy(own)
    )

    expected = []
    for query, self_position in zip(queries, own, strict=True):
        order = [i for i in np.argsort(((reference - query) ** 2).sum(1)) if i != self_position][:7]
        expected.append(np.bincount(labels[order], minlength=3).argmax())
    assert found.tolist() == expected


def test_an_example_does_not_vote_for_itself():
    """Two far pairs with one label each but for one odd one: with itself it would win, alone its pair does."""
    reference = torch.tensor([[0.0], [0.1], [9.0], [9.1]])

    votes = Voters(reference, torch.tensor([1, 0, 0, 0]), 1).votes(reference, torch.arange(4))

    assert votes.tolist() == [0, 1, 0, 0]


@pytest.fixture
def digits_like():
    """Four far clusters in the plane; class is the cluster's parity, which a line cannot tell."""
    generator = torch.Generator().manual_seed(0)
    cluster = torch.arange(400) % 4
    centres = torch.tensor([[0.0, 0], [5, 0], [5, 5], [0, 5]])
    return ExampleSet(centres[cluster] + torch.randn(400, 2, generator=generator) / 4, cluster % 2)


class Fixed(nn.Module):
    """Two blocks and logits, chosen by hand: the middle one sees nothing, the last one the class."""

    def __init__(self):
        super().__init__()
        self.blind, self.wide, self.out = nn.Linear(2, 3), nn.Linear(3, 2), nn.Linear(2, 2)
        nn.init.zeros_(self.blind.weight)

    def forward(self, inputs):
        self.wide(self.blind(inputs))
        nearest = torch.cdist(inputs, torch.tensor([[0.0, 0], [5, 0], [5, 5], [0, 5]])).argmin(1)
        return self.out(torch.zeros_like(inputs)) * 0 + nn.functional.one_hot(nearest % 2, 2)


def test_a_blind_block_in_between_puts_the_depth_after_it(digits_like):
    """At the input the neighbours already agree, in both blocks they are arbitrary, at the softmax they agree again."""
    probe = PredictionDepth()

    frame = probe.measure(Fixed(), digits_like, ProbeContext(epoch=3, step=0))

    assert list(frame.columns) == ["epoch", "split", "example", "prediction_depth", "prediction"]
    assert frame["prediction"].tolist() == digits_like.given_labels.tolist()
    kept = {name: json.loads(value) for name, value in probe.metadata().items()}
    assert kept == {"layers": ["input", "blind", "wide", "softmax"], "neighbours": 30, "reference": 400, "seed": 0}
    depths = frame.groupby("prediction")["prediction_depth"].agg(set)
    # all points of a blind block are the same: all their neighbours vote for one class, right for half of the examples
    assert sorted(map(tuple, depths)) == [(0,), (3,)]


def test_a_wrong_label_is_decided_later_than_the_right_ones_around_it(digits_like):
    labels = digits_like.given_labels.clone()
    labels[:4] = 1 - labels[:4]
    noisy = ExampleSet(digits_like.inputs, labels)

    class Memorizer(Fixed):
        def forward(self, inputs):
            logits = super().forward(inputs)
            seen = (inputs[:, None] == noisy.inputs[:4]).all(2).any(1)
            return torch.where(seen[:, None], logits.flip(1), logits)

    frame = PredictionDepth().measure(Memorizer(), noisy, ProbeContext(3, 0))

    assert frame["prediction"].tolist() == labels.tolist()
    assert (frame["prediction_depth"][:4] > 0).all()


def test_a_sample_of_the_examples_votes_where_they_are_many(digits_like, monkeypatch):
    monkeypatch.setattr(module, "REFERENCE", 50)
    probe, again, other = PredictionDepth(), PredictionDepth(), PredictionDepth()
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))

    first = probe.measure(model, digits_like, ProbeContext(1, 0, seed=1))
    second = again.measure(model, digits_like, ProbeContext(1, 0, seed=1))
    third = other.measure(model, digits_like, ProbeContext(1, 0, seed=2))

    assert json.loads(probe.metadata()["reference"]) == 50
    assert len(first) == 400
    assert first.equals(second)
    assert not first.equals(third)


def test_wide_blocks_are_held_within_bounds(digits_like, monkeypatch):
    monkeypatch.setattr(module, "_REFERENCE_BYTES", 4 * (2 + 8 + 2) * 100)
    probe = PredictionDepth()

    probe.measure(nn.Sequential(nn.Linear(2, 8), nn.Linear(8, 2)), digits_like, ProbeContext(1, 0))

    assert json.loads(probe.metadata()["reference"]) == 100


def test_the_score_is_the_last_epochs(digits_like):
    model, probe = nn.Linear(2, 2), PredictionDepth()
    frames = [probe.measure(model, digits_like, ProbeContext(epoch, 0)) for epoch in (0, 1, 2)]
    frames[2]["prediction_depth"] = 7

    scores = probe.finish(frames)

    assert scores.index.name == "example"
    assert set(scores["prediction_depth"]) == {7}
    assert probe.finish(frames[:1]).empty


def test_the_model_is_left_as_it_was(digits_like):
    model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(4, 2))
    before, random_state = {n: t.clone() for n, t in model.state_dict().items()}, torch.get_rng_state()

    PredictionDepth().measure(model, digits_like, ProbeContext(1, 0))

    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert model.training
    assert not any(layer._forward_hooks for layer in model)
    assert torch.equal(torch.get_rng_state(), random_state)


def test_one_example_has_no_neighbours():
    with pytest.raises(ValueError, match="at least two examples, got 1"):
        PredictionDepth().measure(nn.Linear(2, 2), ExampleSet(torch.ones(1, 2), [0]), ProbeContext(0, 0))


def test_tokens_are_refused_for_what_they_lack():
    """It takes no gradient: what numbers of tokens lack is a distance."""
    model = nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(12, 2))
    tokens = ExampleSet(torch.arange(12).reshape(4, 3) % 10, [0, 1, 0, 1])

    with pytest.raises(TypeError, match=r"neighbours by their distance.* got torch\.int64\. Of tokens") as refused:
        PredictionDepth().measure(model, tokens, ProbeContext(1, 0))
    assert "gradient" not in str(refused.value)
