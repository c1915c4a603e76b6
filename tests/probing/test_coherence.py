import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from probes.data import ExampleSet
from probes.probing import coherence as module
from probes.probing.coherence import Coherence, gsnr, m_coherence, measure_group, stiffness
from probes.probing.probe import ProbeContext
from probes.training import TrainConfig
from probes.training.loop import train_epoch
from probes.training.optimization import configured_optimizer
from probes.training.setup import prepare

K = 3


def model_and_examples(clean=9, noisy=9):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(6, K))
    true = torch.arange(clean + noisy) % K
    given = torch.where(torch.arange(clean + noisy) < clean, true, (true + 1) % K)
    return model, ExampleSet(torch.randn(clean + noisy, 4), given, true_labels=true)


def gradients_of(model, inputs, targets):
    """float64, (m, D), one backward pass for each example."""
    model = copy.deepcopy(model).double().eval()
    rows = []
    for row, target in zip(inputs.double().split(1), targets.split(1), strict=True):
        found = torch.autograd.grad(F.cross_entropy(model(row), target), list(model.parameters()))
        rows.append(torch.cat([gradient.flatten() for gradient in found]))
    return torch.stack(rows).numpy()


def measured(model, examples, panel=18):
    frame = Coherence(panel).measure(model, examples, ProbeContext(epoch=3, step=0))
    return frame.set_index(["group", "quantity"])["value"]


def test_identical_gradients_have_coherence_m():
    gradients = np.tile([1.0, -2.0, 0.5], (7, 1))

    assert m_coherence(gradients @ gradients.T) == pytest.approx(7)


def test_orthogonal_gradients_of_one_length_have_coherence_one():
    assert m_coherence(4 * np.eye(5)) == 1


def test_opposed_gradients_have_coherence_zero():
    gradients = np.array([[1.0, 2.0], [-1.0, -2.0]])

    assert m_coherence(gradients @ gradients.T) == 0


def test_stiffness_by_hand():
    agreement = np.array([[1.0, 0.5, -1.0], [0.5, 1.0, 0.0], [-1.0, 0.0, 1.0]])

    found = stiffness(agreement, np.array([0, 0, 1]))

    assert found == pytest.approx({"": -0.5 / 3, "_within": 0.5, "_between": -0.5})


def test_stiffness_of_one_class_has_nothing_between():
    assert np.isnan(stiffness(np.eye(3), np.zeros(3))["_between"])


def test_gsnr_by_hand():
    """Gradients 1 and 3, 0 and 4, 0 and 0: ratios 2^2 / 1, 2^2 / 4, and a parameter left out."""
    mean, variance = np.array([2.0, 2.0, 0.0]), np.array([1.0, 4.0, 0.0])

    assert gsnr(mean, variance) == (2.5, 2.5)
    assert np.isnan(gsnr(np.ones(2), np.zeros(2))).all()


@pytest.mark.parametrize("block_bytes", [2**20, 3 * 4 * 69])  # all at once; three gradients of 69 entries at a time
def test_every_quantity_follows_its_definition(monkeypatch, block_bytes):
    """Computed once more from explicit gradients, with plain loops over pairs."""
    monkeypatch.setattr(module, "_BYTES", block_bytes)
    monkeypatch.setattr(module, "_COLUMNS", 20)
    model, examples = model_and_examples()
    found = measured(model, examples)

    means = {}
    for group, wanted in (("clean", ~examples.noisy), ("noisy", examples.noisy)):
        labels = examples.given_labels[wanted]
        g = gradients_of(model, examples.inputs[wanted], labels)
        m, means[group] = len(g), g.mean(0)
        assert found[group, "m_coherence"] == pytest.approx(
            m * (means[group] ** 2).sum() / (g**2).sum(1).mean(), rel=1e-5
        )
        pairs = {"": [], "_within": [], "_between": []}
        for i in range(m):
            for j in range(i):
                cosine = g[i] @ g[j] / np.linalg.norm(g[i]) / np.linalg.norm(g[j])
                pairs[""].append(cosine)
                pairs["_within" if labels[i] == labels[j] else "_between"].append(cosine)
        for part, cosines in pairs.items():
            assert found[group, f"stiffness_cosine{part}"] == pytest.approx(np.mean(cosines), abs=1e-6)
            assert found[group, f"stiffness_sign{part}"] == pytest.approx(np.mean(np.sign(cosines)), abs=1e-6)
        varies = g.var(0) > 1e-12
        ratios = g.mean(0)[varies] ** 2 / g.var(0)[varies]
        assert found[group, "gsnr_mean"] == pytest.approx(ratios.mean(), rel=1e-4)
        assert found[group, "gsnr_median"] == pytest.approx(np.median(ratios), rel=1e-4)
    cosine = means["clean"] @ means["noisy"] / np.linalg.norm(means["clean"]) / np.linalg.norm(means["noisy"])
    assert found["clean/noisy", "cosine_of_means"] == pytest.approx(cosine, rel=1e-5)


def test_copies_of_one_example_have_coherence_m_and_no_gsnr():
    model, examples = model_and_examples()
    copies = ExampleSet(examples.inputs[:1].repeat(5, 1), torch.zeros(5, dtype=torch.long))

    found = measured(model, copies, panel=10)["all"]

    assert found["m_coherence"] == pytest.approx(5, rel=1e-5)
    assert found["stiffness_cosine"] == pytest.approx(1, rel=1e-5)


def test_a_single_layer_has_the_closed_form_of_its_products():
    """Of a linear layer, g_i . g_j = (p - onehot)_i . (p - onehot)_j (h_i . h_j + 1)."""
    model, examples = nn.Linear(4, K), model_and_examples()[1]
    errors = (model(examples.inputs).softmax(1) - F.one_hot(examples.given_labels, K)).detach().numpy()
    inputs = examples.inputs.numpy()
    expected = (errors @ errors.T) * (inputs @ inputs.T + 1)

    products = measure_group(model, examples).products

    assert products / products[0, 0] == pytest.approx(expected / expected[0, 0], rel=1e-4, abs=1e-6)


def test_groups_are_of_equal_number_and_drawn_once():
    model, examples = model_and_examples(clean=20, noisy=4)
    context = ProbeContext(epoch=1, step=0)

    frame = Coherence(panel=12).measure(model, examples, context)

    assert list(frame) == ["epoch", "split", "group", "quantity", "examples", "value"]
    assert set(frame["group"]) == {"clean", "noisy", "clean/noisy"}
    assert set(frame["examples"]) == {4}
    assert frame.equals(Coherence(panel=12).measure(model, examples, context))


def test_without_noise_there_is_one_group():
    model, examples = model_and_examples(noisy=0)
    unknown = ExampleSet(examples.inputs, examples.given_labels)

    assert set(measured(model, examples).index.get_level_values("group")) == {"clean"}
    assert set(measured(model, unknown).index.get_level_values("group")) == {"all"}


def test_leaves_the_model_as_it_was():
    model, examples = model_and_examples()
    F.cross_entropy(model(examples.inputs), examples.given_labels).backward()
    before, grads = copy.deepcopy(model.state_dict()), [parameter.grad for parameter in model.parameters()]
    state = torch.get_rng_state()

    measured(model, examples)

    assert torch.equal(torch.get_rng_state(), state)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is grad for parameter, grad in zip(model.parameters(), grads, strict=True))


def test_refuses_a_panel_without_pairs():
    with pytest.raises(ValueError, match="panel must be at least 4, got 3"):
        Coherence(panel=3)


@pytest.mark.slow
def test_noise_pulls_against_the_clean_direction_before_it_is_memorized():
    """Reference protocol, 40 % noise, epoch 5: clean gradients agree more, and the means point apart."""
    setup = prepare(TrainConfig(noise=0.4))
    optimizer = configured_optimizer(setup.model, setup.config)
    for _ in range(5):
        train_epoch(setup.model, optimizer, setup.examples, setup.config.batch_size)

    frame = Coherence(panel=600).measure(setup.model, setup.examples, ProbeContext(epoch=5, step=0))

    found = frame.set_index(["group", "quantity"])["value"]
    assert found["clean", "m_coherence"] > found["noisy", "m_coherence"]
    assert found["clean/noisy", "cosine_of_means"] < -0.2
