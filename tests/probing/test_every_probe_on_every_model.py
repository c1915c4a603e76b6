"""Normalisation, dropout, in-place activations, shared weights, other floating point types: every probe, every model.

Each model stands beside a plain one that computes the same: the probe must find the same on both.
"""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from probes.data import ExampleSet
from probes.probing import PROBES, ProbeContext, make_probe

N, K = 40, 10
RNG = np.random.default_rng(0)
TRUE_LABELS = np.arange(N) % K
GIVEN_LABELS = np.where(RNG.random(N) < 0.4, RNG.integers(0, K, N), TRUE_LABELS)
INPUTS = torch.from_numpy(RNG.normal(size=(N, 1, 8, 8)).astype(np.float32))


class Plain(nn.Module):
    """A convolution, a hidden layer that is called twice on request, and logits."""

    def __init__(self, hidden_calls=1):
        super().__init__()
        self.conv, self.hidden, self.out = nn.Conv2d(1, 4, 3, padding=1), nn.Linear(64, 64), nn.Linear(64, K)
        self.hidden_calls = hidden_calls

    def forward(self, images):
        hidden = F.max_pool2d(self.conv(images).relu(), 2).flatten(1)
        for _ in range(self.hidden_calls):
            hidden = self.hidden(hidden).relu()
        return self.out(hidden)


class InPlace(Plain):
    """What may be changed in place is, the input too; and dropout, which eval mode turns off."""

    def forward(self, images):
        images += 0.0
        hidden = F.dropout2d(F.max_pool2d(F.relu_(self.conv(images)), 2), 0.5, self.training).flatten(1)
        for _ in range(self.hidden_calls):
            hidden = F.dropout(F.relu_(self.hidden(hidden)), 0.5, self.training, inplace=True)
        return self.out(hidden)


class Tied(Plain):
    """A second hidden layer, whose weights are the first one's."""

    def __init__(self):
        super().__init__()
        self.second = nn.Linear(64, 64)
        self.second.weight, self.second.bias = self.hidden.weight, self.hidden.bias

    def forward(self, images):
        hidden = F.max_pool2d(self.conv(images).relu(), 2).flatten(1)
        return self.out(self.second(self.hidden(hidden).relu()).relu())


class Normalised(Plain):
    """Batch normalisation whose running statistics and weights leave values as they are: eval mode must use them."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(4, eps=0.0)
        self.norm.requires_grad_(False)

    def forward(self, images):
        return self.out(self.hidden(F.max_pool2d(self.norm(self.conv(images)).relu(), 2).flatten(1)).relu())


def like(model, plain):
    """The same weights."""
    model.load_state_dict(plain.state_dict(), strict=False)
    return model


def plain(hidden_calls=1):
    torch.manual_seed(0)
    return Plain(hidden_calls)


# name -> (the model, the plain one)
MODELS = {
    "in place, dropout": lambda: (like(InPlace(), plain()), plain()),
    "in place, reused": lambda: (like(InPlace(hidden_calls=2), plain()), plain(hidden_calls=2)),
    "tied": lambda: (like(Tied(), plain()), plain(hidden_calls=2)),
    "batch norm": lambda: (like(Normalised(), plain()), plain()),
    "channels last": lambda: (plain().to(memory_format=torch.channels_last), plain()),
}


def examples(dtype=torch.float32):
    return ExampleSet(INPUTS.to(dtype), GIVEN_LABELS, true_labels=TRUE_LABELS)


def measured(name, model, dtype=torch.float32):
    """The numbers of one measurement, all in one array; the model is left as it was."""
    model.train()
    before = copy.deepcopy(model.state_dict())
    probe = make_probe(name, seed=0)

    frame = probe.measure(model, examples(dtype), ProbeContext(epoch=1, step=0, learning_rate=0.1))

    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(module.training for module in model.modules())
    if name == "attributions":
        return np.stack(frame["map"])
    values = frame.drop(columns=["epoch", "example", "given_label", "learning_rate"], errors="ignore")
    return values.select_dtypes(["number", "bool"]).to_numpy(dtype=float)


@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("model", MODELS)
def test_finds_what_it_finds_on_a_plain_model(name, model):
    one, other = MODELS[model]()

    expected = measured(name, other)
    found = measured(name, one)

    assert np.isfinite(expected).all()
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("name", PROBES)
def test_in_double_precision_it_finds_the_same_more_exactly(name):
    found = measured(name, plain().double(), torch.float64)

    assert found == pytest.approx(measured(name, plain()), rel=1e-2, abs=1e-5)


@pytest.mark.parametrize("name", sorted(set(PROBES) - {"loss_curvature"}))
def test_in_bfloat16_it_finds_about_the_same(name):
    found, expected = measured(name, plain().bfloat16(), torch.bfloat16), measured(name, plain())

    assert found.shape == expected.shape
    assert np.isfinite(found).all()
    if name != "critical_samples" and name != "prediction_depth":  # counts: one rounding turns one over
        assert np.corrcoef(found.flatten(), expected.flatten())[0, 1] > 0.95


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_curvature_that_rounding_would_hide_is_refused(dtype):
    with pytest.raises(ValueError, match=r"a step of 0.001 is lost in the rounding of .*float16 inputs"):
        measured("loss_curvature", plain().to(dtype), dtype)


@pytest.mark.parametrize("name", PROBES)
def test_inputs_of_another_type_than_the_weights_are_refused_in_one_line(name):
    with pytest.raises(TypeError, match=r"weights are float64 and its inputs float32\. Give .* torch.float64"):
        measured(name, plain().double())


@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize(
    ("model", "given", "error", "words"),
    [
        (lambda inputs: inputs, examples(), TypeError, r"model must be a torch\.nn\.Module, got function\."),
        (Plain, examples(), TypeError, r"model must be a torch\.nn\.Module, got the class Plain: make one of it"),
        (plain(), INPUTS, TypeError, r"examples must be an ExampleSet, got Tensor\. Wrap them"),
        (plain(), examples().select([]), ValueError, "examples must hold at least one example, got none"),
        (
            plain(),
            ExampleSet(INPUTS[..., :6], GIVEN_LABELS),
            ValueError,
            r"the model does not take the examples, inputs of shape \(1, 8, 6\): mat1 and mat2 shapes",
        ),
    ],
)
def test_arguments_that_cannot_be_used_are_named(name, model, given, error, words):
    with pytest.raises(error, match=words):
        make_probe(name, seed=0).measure(model, given, ProbeContext(epoch=1, step=0, learning_rate=0.1))


@pytest.mark.parametrize("name", PROBES)
def test_a_model_whose_examples_depend_on_their_batch_in_eval_mode_is_refused(name):
    model = Normalised()
    model.norm = nn.BatchNorm2d(4, track_running_stats=False)

    with pytest.raises(ValueError, match=r"layer norm \(BatchNorm\dd\) normalises by the batch in eval mode too"):
        measured(name, model)
