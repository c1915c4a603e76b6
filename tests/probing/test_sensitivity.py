import numpy as np
import pytest
import torch
from torch import nn

from probes.probing import loss_sensitivity, loss_sensitivity_by_class
from probes.probing.sensitivity import sensitivity_batches

N, K, T, LR = 9, 3, 4, 0.5
SETTINGS = {"steps": T, "lr": LR, "batch_size": 4, "seed": 3}


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(N, 4, generator=generator, dtype=torch.float64), torch.arange(N) % K


def make():
    """Smooth, so that finite differences are exact to their own error."""
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, K)).double()


def retrained_losses(inputs, targets):
    """Losses of all examples after each of T plain SGD updates, (T, N): training written anew, without the library."""
    torch.manual_seed(3)
    model = make()
    order = [np.random.default_rng([3, epoch]).permutation(N) for epoch in (1, 2)]
    batches = [part for of_epoch in order for part in (of_epoch[:4], of_epoch[4:8], of_epoch[8:])][:T]
    rows = []
    for batch in batches:
        model.zero_grad()
        nn.functional.cross_entropy(model(inputs[batch]), targets[batch]).backward()
        with torch.no_grad():
            for weight in model.parameters():
                weight -= LR * weight.grad
            rows.append(nn.functional.cross_entropy(model(inputs), targets, reduction="none"))
    return torch.stack(rows).numpy()


@pytest.fixture(scope="module")
def slopes():
    """d loss of example i after t updates / d value of the inputs, (T, N, N, 4), by central differences."""
    generator = torch.Generator().manual_seed(1)
    inputs, targets = torch.randn(N, 4, generator=generator, dtype=torch.float64), torch.arange(N) % K
    found = np.empty((T, N, N, 4))
    for example in range(N):
        for value in range(4):
            sides = []
            for step in (1e-5, -1e-5):
                moved = inputs.clone()
                moved[example, value] += step
                sides.append(retrained_losses(moved, targets))
            found[:, :, example, value] = (sides[0] - sides[1]) / 2e-5
    return found


def test_agrees_with_finite_differences_of_training_again(data, slopes):
    found = loss_sensitivity(make, *data, **SETTINGS)

    assert found.shape == (T, N)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, np.abs(slopes.mean(axis=1)).sum(-1), rtol=1e-6)


def test_by_class_agrees_with_finite_differences_of_training_again(data, slopes):
    found = loss_sensitivity_by_class(make, *data, **SETTINGS)

    label = data[1].numpy()
    expected = [
        [np.abs(slopes[:, label == i].sum(1) / N).sum(-1)[:, label == j].mean(1) for j in range(K)] for i in range(K)
    ]
    assert found.shape == (T, K, K)
    np.testing.assert_allclose(found, np.moveaxis(np.array(expected), -1, 0), rtol=1e-6)


def test_where_nothing_is_learned_the_direct_part_is_all(data):
    """lr 0: only x's own loss depends on x, and weights never move."""
    found = loss_sensitivity(make, *data, **{**SETTINGS, "lr": 0.0})

    torch.manual_seed(3)
    model, inputs = make(), data[0].clone().requires_grad_()
    (direct,) = torch.autograd.grad(nn.functional.cross_entropy(model(inputs), data[1]), inputs)
    np.testing.assert_allclose(found, np.tile(direct.abs().sum(1), (T, 1)))


def test_it_is_more_than_the_gradient_at_the_weights_of_the_moment(data):
    found = loss_sensitivity(make, *data, **SETTINGS)
    still = loss_sensitivity(make, *data, **{**SETTINGS, "lr": 0.0})

    assert (np.abs(found / still - 1) > 0.01).mean() > 0.9


def test_a_class_without_examples_is_missing_as_a_source_and_silent_as_a_term(data):
    found = loss_sensitivity_by_class(make, data[0], data[1] % 2, **SETTINGS)

    assert np.isnan(found[:, :, 2]).all()
    assert (found[:, 2, :2] == 0).all()
    assert (found[:, :2, :2] > 0).all()


def test_batches_are_slices_of_an_order_drawn_for_each_epoch():
    batches = list(sensitivity_batches(5, 2, 4, seed=1))

    assert [len(batch) for batch in batches] == [2, 2, 1, 2]
    assert sorted(np.concatenate(batches[:3])) == [0, 1, 2, 3, 4]


def test_the_same_seed_gives_the_same_and_no_random_state_is_touched(data):
    state = torch.get_rng_state()

    first, second = (loss_sensitivity(make, *data, **SETTINGS) for _ in range(2))

    np.testing.assert_array_equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)
    assert not np.allclose(first, loss_sensitivity(make, *data, **{**SETTINGS, "seed": 4}))


def test_arrays_and_a_model_that_changes_its_input_in_place_are_taken(data):
    def in_place():
        return nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 5), nn.ReLU(inplace=True), nn.Linear(5, K))

    def plain():
        return nn.Sequential(nn.ReLU(), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, K))

    arrays = (data[0].numpy(), data[1].numpy())
    np.testing.assert_array_equal(
        loss_sensitivity(in_place, *arrays, **SETTINGS), loss_sensitivity(plain, *data, **SETTINGS)
    )


def test_layers_that_draw_or_mix_are_refused(data):
    with pytest.raises(ValueError, match="depend on weights and batch alone, no BatchNorm1d"):
        loss_sensitivity(lambda: nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, K)), *data, **SETTINGS)
    with pytest.raises(ValueError, match="no Dropout"):
        loss_sensitivity(lambda: nn.Sequential(nn.Dropout(0.5), nn.Linear(4, K)), *data, **SETTINGS)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"lr": float("nan")}, "lr must be at least 0 and finite, got nan"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(data, change, match):
    with pytest.raises(ValueError, match=match):
        loss_sensitivity(make, *data, **{**SETTINGS, **change})


def test_data_and_models_that_do_not_fit_are_refused(data):
    with pytest.raises(ValueError, match="targets must have one entry for each of the 9 inputs"):
        loss_sensitivity(make, data[0], data[1][:5], **SETTINGS)
    with pytest.raises(ValueError, match=r"labels must lie in \[0, 3\)"):
        loss_sensitivity(make, data[0], data[1] + 1, **SETTINGS)
    with pytest.raises(TypeError, match=r"make_model must return a torch.nn.Module, got str"):
        loss_sensitivity(lambda: "model", *data, **SETTINGS)
    with pytest.raises(TypeError, match=r"make_model must be a function that makes a model, got a Linear"):
        loss_sensitivity(nn.Linear(4, K), *data, **SETTINGS)
    with pytest.raises(TypeError, match=r"inputs must be floating point, got torch\.int64"):
        loss_sensitivity(make, data[0].long(), data[1], **SETTINGS)
    holed = data[0].clone()
    holed[2, 1], holed[3, 0] = torch.nan, torch.inf
    with pytest.raises(ValueError, match="inputs must be finite, got 2 NaN or infinite values"):
        loss_sensitivity(make, holed, data[1], **SETTINGS)
