import json
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from probes.data import ExampleSet
from probes.errors import ProbeWarning
from probes.probing import CriticalSamples, ProbeContext
from probes.probing.critical_samples import langevin_search

RADIUS = 0.1


@pytest.fixture
def linear():
    """Two classes by the sign of w.x + b."""
    model = nn.Linear(5, 2)
    weight = torch.tensor([1.0, -2.0, 0.5, 3.0, -1.0])
    model.weight.data, model.bias.data = torch.stack([-weight, weight]) / 2, torch.tensor([-0.1, 0.1])
    return model


@pytest.fixture
def inputs():
    return torch.randn(400, 5, generator=torch.Generator().manual_seed(0)) / 3


def margins(model, inputs):
    """How far z_1 - z_0 is from 0, in units of the furthest that the box reaches: critical means below 1."""
    with torch.no_grad():
        z = model(inputs)
    return ((z[:, 1] - z[:, 0]).abs() / (RADIUS * (model.weight[1] - model.weight[0]).abs().sum())).detach()


def search(model, inputs, **settings):
    return langevin_search(model, inputs, radius=RADIUS, generator=torch.Generator().manual_seed(0), **settings)


def test_of_a_linear_model_it_finds_exactly_the_critical_set_without_noise(linear, inputs):
    """The logit difference changes by r |w|_1 at most: at the corner that the sign of the gradient points to."""
    expected = margins(linear, inputs) < 1

    assert 50 < expected.sum() < 350
    assert torch.equal(search(linear, inputs, noise=0.0), expected)


def test_with_noise_it_finds_no_false_ones_and_nearly_all(linear, inputs):
    size = margins(linear, inputs)

    found = search(linear, inputs)

    assert not found[size > 1].any()
    assert found[size < 0.9].all()


def test_chance_alone_finds_less(linear, inputs):
    found, by_chance = search(linear, inputs), search(linear, inputs, step=0.0)

    assert 0 < by_chance.sum() < 0.9 * found.sum()
    assert not by_chance[margins(linear, inputs) > 1].any()


def test_the_radius_may_differ_from_value_to_value(linear, inputs):
    """Only the fourth value may move: the logit difference changes by r |w_4| at most."""
    with torch.no_grad():
        z = linear(inputs)
    expected = (z[:, 1] - z[:, 0]).abs() < 0.2 * 3

    radius = torch.tensor([0, 0, 0, 0.2, 0])
    found = langevin_search(linear, inputs, radius=radius, generator=torch.Generator(), noise=0.0)
    assert torch.equal(found, expected.detach())


def test_the_probe_measures_its_own_examples_in_input_units(linear, inputs):
    held_out = ExampleSet(inputs, torch.zeros(400).long(), split="validation")
    probe = CriticalSamples(held_out, radius=0.05, unit=2.0)  # 0.05 of a range of 2 is RADIUS

    frame = probe.measure(linear, ExampleSet(inputs[:3], [0, 0, 0]), ProbeContext(epoch=7, step=0))

    assert list(frame.columns) == ["epoch", "split", "example", "critical", "critical_random"]
    assert set(frame["split"]) == {"validation"}
    assert len(frame) == 400
    size = margins(linear, inputs).numpy()
    assert not frame.loc[size > 1, ["critical", "critical_random"]].to_numpy().any()
    assert frame.loc[size < 0.9, "critical"].all()
    assert frame["critical_random"].mean() < frame["critical"].mean()


def test_without_examples_of_its_own_it_measures_those_it_is_given(linear, inputs):
    frame = CriticalSamples(unit=1).measure(linear, ExampleSet(inputs[:3], [0, 0, 0]), ProbeContext(0, 0))

    assert frame["example"].tolist() == [0, 1, 2]


def test_what_it_searched_with_is_kept():
    kept = {name: json.loads(text) for name, text in CriticalSamples(unit=[[1.0], [2.0]]).metadata().items()}

    assert kept["unit"] == [[1.0], [2.0]]
    assert (kept["radius"], kept["iterations"]) == (0.05, 10)
    assert (kept["alpha"], kept["beta"]) == pytest.approx((0.05 * 0.25 / 0.3, 0.05 * 0.2 / 0.3))


def test_the_search_runs_in_eval_mode_and_leaves_everything_as_it_was(inputs):
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm1d(5), nn.Dropout(0.5), nn.Linear(5, 3))
    before, random_state = {n: t.clone() for n, t in model.state_dict().items()}, torch.get_rng_state()
    examples = ExampleSet(inputs, torch.zeros(400).long())

    first, second = (CriticalSamples(unit=1).measure(model, examples, ProbeContext(0, 0)) for _ in range(2))

    np.testing.assert_array_equal(first["critical"], second["critical"])  # dropout would differ
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert model.training
    assert torch.equal(torch.get_rng_state(), random_state)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"radius": 0}, "radius must be positive"),
        ({"iterations": 0}, "iterations must be at least 1"),
        ({"unit": float("nan")}, "unit must be finite"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings, match):
    with pytest.raises(ValueError, match=match):
        CriticalSamples(**settings)


def test_training_examples_in_an_unsaid_unit_are_measured_with_a_word(linear, inputs):
    train, context = ExampleSet(inputs[:9], torch.zeros(9).long()), ProbeContext(1, 0)

    with pytest.warns(ProbeWarning, match=r"measures training examples.*CriticalSamples\(validation, unit=1 / sd\)"):
        CriticalSamples().measure(linear, train, context)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CriticalSamples(unit=1.0).measure(linear, train, context)
        CriticalSamples(ExampleSet(inputs, torch.zeros(400).long(), split="validation")).measure(linear, train, context)
