import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from probes.data import ExampleSet
from probes.probing.probe import ProbeContext
from probes.probing.self_influence import SelfInfluence

N, K = 6, 3
RATES = (0.1, 0.05, 0.01)


def checkpoints(bias):
    """Three, as training would leave them: (learning rate, model)."""
    models = []
    for seed, rate in enumerate(RATES):
        torch.manual_seed(seed)
        layers = nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Dropout(0.5), nn.ReLU(), nn.Linear(5, K, bias=bias)
        models.append((rate, nn.Sequential(*layers)))
    return models


def examples():
    generator = torch.Generator().manual_seed(0)
    return ExampleSet(torch.randn(N, 4, generator=generator), torch.arange(N) % K)


def measured(models):
    probe = SelfInfluence()
    frames = [
        probe.measure(model, examples(), ProbeContext(epoch=epoch, step=0, learning_rate=rate))
        for epoch, (rate, model) in enumerate(models)
    ]
    return probe.finish(frames)


def test_is_the_sum_over_checkpoints_of_the_rate_times_the_squared_gradient():
    models = checkpoints(bias=True)
    expected = [0.0] * N
    for rate, trained in models:
        model = copy.deepcopy(trained).double().eval()
        for i, (row, target) in enumerate(zip(examples().inputs, examples().given_labels, strict=True)):
            loss = F.cross_entropy(model(row[None].double()), target[None])
            expected[i] += rate * sum(float(g.square().sum()) for g in torch.autograd.grad(loss, model.parameters()))

    scores = measured(models)

    assert scores.index.tolist() == list(range(N))
    assert scores["self_influence"].to_numpy() == pytest.approx(expected, rel=1e-5)


def of_captum(models):
    """captum's fast TracInCP on the last layer, told the mode and the rates."""
    influence = pytest.importorskip("captum.influence")
    model = copy.deepcopy(models[0][1]).eval()

    def load(into, position):
        rate, trained = models[position]
        into.load_state_dict(trained.state_dict())
        return rate

    fast = influence.TracInCPFast(
        model,
        model[-1],
        torch.utils.data.TensorDataset(examples().inputs, examples().given_labels),
        checkpoints=list(range(len(models))),
        checkpoints_load_func=load,
        loss_fn=nn.CrossEntropyLoss(reduction="sum"),
        batch_size=N,
    )
    return fast.self_influence((examples().inputs, examples().given_labels)).detach().numpy()


def test_the_last_layer_without_bias_agrees_with_captum():
    models = checkpoints(bias=False)

    assert measured(models)["last_layer_self_influence"].to_numpy() == pytest.approx(of_captum(models), rel=1e-5)


def test_the_last_layer_with_bias_adds_what_captum_leaves_out():
    """The bias's own gradient is p - onehot: its square norm, times the rate, at each checkpoint."""
    models = checkpoints(bias=True)
    of_biases = 0
    for rate, trained in models:
        errors = copy.deepcopy(trained).eval()(examples().inputs).softmax(1) - F.one_hot(examples().given_labels, K)
        of_biases = of_biases + rate * errors.square().sum(1).detach().numpy()

    found = measured(models)["last_layer_self_influence"].to_numpy()

    assert found == pytest.approx(of_captum(models) + of_biases, rel=1e-5)


def test_the_frame_holds_the_rate_beside_the_norms():
    model = checkpoints(bias=True)[0][1]

    frame = SelfInfluence().measure(model, examples(), ProbeContext(epoch=2, step=0, learning_rate=0.25))

    assert frame["learning_rate"].tolist() == [0.25] * N
    assert {"epoch", "split", "example", "gradient_norm", "last_layer_gradient_norm"} < set(frame)
    assert model.training


@pytest.mark.parametrize("rate", [None, float("nan"), -0.1])
def test_assumes_no_learning_rate(rate):
    with pytest.raises(ValueError, match="by its learning rate, got .* Pass learning_rate="):
        SelfInfluence().measure(nn.Linear(4, K), examples(), ProbeContext(epoch=0, step=0, learning_rate=rate))


def test_without_a_last_linear_layer_only_the_full_one_is_there():
    model = nn.Sequential(nn.Linear(4, K), nn.Tanh())

    scores = measured([(0.1, model)])

    assert scores["last_layer_self_influence"].isna().all()
    assert scores["self_influence"].notna().all()
