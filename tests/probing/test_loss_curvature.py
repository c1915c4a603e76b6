import json

import numpy as np
import pytest
import torch
from torch import nn

from probes.data import ExampleSet
from probes.probing import LossCurvature, ProbeContext
from probes.probing.loss_curvature import curvature


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_of_a_quadratic_with_a_diagonal_hessian_it_is_its_squared_norm_times_h_squared():
    """gradient(x) = d x: every v of signs gives h^2 sum d_i^2, wherever x lies."""
    diagonal = torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)
    inputs = torch.randn(5, 3, generator=seeded(), dtype=torch.float64)

    found = curvature(lambda x: x * diagonal, inputs, step=0.1, directions=1, generator=seeded())

    np.testing.assert_allclose(found, 0.01 * 14)


def test_of_any_quadratic_it_is_the_squared_frobenius_norm_in_the_mean():
    hessian = torch.randn(4, 4, generator=seeded(), dtype=torch.float64)
    hessian = hessian + hessian.T
    inputs = torch.zeros(1, 4, dtype=torch.float64)

    found = curvature(lambda x: x @ hessian, inputs, step=1.0, directions=4000, generator=seeded(1))

    assert found.item() == pytest.approx(hessian.square().sum().item(), rel=0.05)


def test_a_linear_loss_has_none():
    slope = torch.ones(2, 3)

    assert curvature(lambda x: slope, torch.zeros(2, 3), step=0.1, directions=3, generator=seeded()).tolist() == [0, 0]


def test_agrees_with_single_examples_and_plain_autograd():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3)).double()
    examples = ExampleSet(torch.randn(300, 6, dtype=torch.float64), torch.arange(300) % 3)

    frame = LossCurvature(step=0.01, directions=4).measure(model, examples, ProbeContext(1, 0, seed=7))

    generator = seeded(7)
    signs = [torch.randint(2, (6,), generator=generator).double() * 2 - 1 for _ in range(4)]
    for position in (0, 255, 256, 299):

        def slope(x, label=examples.given_labels[position]):
            x = x.clone().requires_grad_()
            return torch.autograd.grad(nn.functional.cross_entropy(model(x), label), x)[0]

        x = examples.inputs[position]
        expected = np.mean([(slope(x + 0.01 * v) - slope(x)).square().sum().item() for v in signs])
        assert frame["loss_curvature"][position] == pytest.approx(expected, rel=1e-6)


def test_what_it_was_measured_with_is_kept():
    probe = LossCurvature()
    probe.measure(nn.Linear(2, 2), ExampleSet(torch.ones(1, 2), [0]), ProbeContext(0, 0))

    kept = {name: json.loads(value) for name, value in probe.metadata().items()}
    assert kept == {"step": 1e-3, "directions": 10, "squared": True, "dtype": "float32"}


def test_the_model_is_left_as_it_was():
    model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))
    before, random_state = {n: t.clone() for n, t in model.state_dict().items()}, torch.get_rng_state()

    LossCurvature().measure(model, ExampleSet(torch.ones(3, 2), [0, 1, 0]), ProbeContext(0, 0))

    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert model.training
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), random_state)


def test_steps_and_directions_that_measure_nothing_are_refused():
    with pytest.raises(ValueError, match="step must be positive and finite, got 0"):
        LossCurvature(step=0)
    with pytest.raises(ValueError, match="directions must be at least 1, got 0"):
        LossCurvature(directions=0)
