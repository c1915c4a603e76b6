import copy
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from probes.data import ExampleSet
from probes.probing import gradient_norms as module
from probes.probing import layer_gradients
from probes.probing.gradient_norms import GradientNorms, gradient_norms
from probes.probing.probe import ProbeContext

N, K = 7, 3


class Tied(nn.Module):
    """The embedding's weight is the output layer's too: one parameter, two uses."""

    def __init__(self):
        super().__init__()
        self.embedding, self.inner = nn.Embedding(6, 4), nn.Linear(4, 4)

    def forward(self, tokens):
        return F.linear(self.inner(self.embedding(tokens)).mean(1), self.embedding.weight)[:, :K]


class Shared(nn.Module):
    """Two layers, one Parameter."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.out = nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(5, K)
        self.second.weight = self.first.weight

    def forward(self, inputs):
        return self.out(self.second(self.first(inputs).tanh()))


class Reused(nn.Module):
    """One layer, called twice."""

    def __init__(self):
        super().__init__()
        self.layer, self.out = nn.Linear(5, 5), nn.Linear(5, K)

    def forward(self, inputs):
        return self.out(self.layer(self.layer(inputs).tanh()))


class OwnParameter(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale, self.out = nn.Parameter(torch.rand(5)), nn.Linear(5, K)

    def forward(self, inputs):
        return self.out(inputs * self.scale)


class Penalised(nn.Module):
    """The first layer's weight is used by its call and once more, outside of it."""

    def __init__(self):
        super().__init__()
        self.layer, self.out = nn.Linear(5, 5), nn.Linear(5, K)

    def forward(self, inputs):
        return self.out(self.layer(inputs)) + self.layer.weight.sum()


class Flattened(nn.Module):
    """The layer sees (B x T, D): its rows are not the examples."""

    def __init__(self):
        super().__init__()
        self.layer, self.out = nn.Linear(5, 4), nn.Linear(4, K)

    def forward(self, inputs):
        return self.out(self.layer(inputs.flatten(0, 1)).tanh().reshape(len(inputs), -1, 4).sum(1))


class TimeFirst(nn.Module):
    """The layer sees (T, B, D): with T = B its shape tells nothing."""

    def __init__(self):
        super().__init__()
        self.layer, self.out = nn.Linear(5, 4), nn.Linear(4, K)

    def forward(self, inputs):
        return self.out(self.layer(inputs.transpose(0, 1)).tanh().sum(0))


class Branching(nn.Module):
    """Control flow that depends on the data: nothing that vmap can follow."""

    def __init__(self):
        super().__init__()
        self.scale, self.out = nn.Parameter(torch.rand(5)), nn.Linear(5, K)

    def forward(self, inputs):
        return self.out(inputs * self.scale if inputs.sum() > 0 else inputs)


class NeverCalled(nn.Module):
    """The layer only keeps the parameters."""

    def __init__(self):
        super().__init__()
        self.layer, self.out = nn.Linear(5, 5), nn.Linear(5, K)

    def forward(self, inputs):
        return self.out(F.linear(inputs, self.layer.weight, self.layer.bias))


class CalledForAnother(NeverCalled):
    """Its only call carries no gradient."""

    def forward(self, inputs):
        with torch.no_grad():
            scale = self.layer(inputs).norm(dim=1, keepdim=True)
        return super().forward(inputs) / scale


class Centred(nn.Module):
    """What one example does is in every row: alone, it is its own mean."""

    def __init__(self):
        super().__init__()
        self.layer, self.out = nn.Linear(5, 5), nn.Linear(5, K)

    def forward(self, inputs):
        hidden = self.layer(inputs)
        return self.out(hidden - hidden.mean(0) + inputs)


class Scaled(nn.Linear):
    """A subclass that computes something else."""

    def forward(self, inputs):
        return F.linear(inputs, 2 * self.weight, self.bias)


class WithScale(nn.Module):
    """A layer that was given a third parameter."""

    def __init__(self):
        super().__init__()
        self.out = nn.Linear(5, K)
        self.out.register_parameter("scale", nn.Parameter(torch.tensor(2.0)))

    def forward(self, inputs):
        return self.out(inputs) * self.out.scale


class OwnLeaf(nn.Module):
    """Asks for a gradient by its input itself."""

    def __init__(self):
        super().__init__()
        self.layer, self.out = nn.Linear(5, 5), nn.Linear(5, K)

    def forward(self, inputs):
        return self.out(self.layer(inputs.detach().clone().requires_grad_()).tanh())


class Overwriting(nn.Module):
    """Changes in place what its layer still needs: no gradient can be had from it."""

    def __init__(self):
        super().__init__()
        self.layer, self.out = nn.Linear(5, 5), nn.Linear(5, K)

    def forward(self, inputs):
        hidden = inputs * 2
        result = self.layer(hidden)
        hidden += result
        return self.out(hidden)


class Viewing(nn.Module):
    """`view` takes no image whose channels come last in memory."""

    def __init__(self):
        super().__init__()
        self.layer, self.out = nn.Conv2d(4, 6, 3, padding=1), nn.Linear(6 * 30, K)

    def forward(self, inputs):
        hidden = self.layer(inputs).relu()
        return self.out(hidden.view(len(hidden), -1))


class Pair(nn.Module):
    def forward(self, inputs):
        return inputs, inputs


class Residual(nn.Module):
    """In place, and with a frozen layer in the middle."""

    def __init__(self):
        super().__init__()
        self.first, self.frozen, self.out = nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(5, K)
        self.frozen.requires_grad_(False)

    def forward(self, inputs):
        hidden = self.first(inputs)
        hidden += inputs
        return self.out(self.frozen(hidden.relu_()) + inputs)


def net(*layers):
    return nn.Sequential(*layers)


def conv(*sizes, **options):
    return net(
        nn.Conv2d(*sizes, **options), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.LazyLinear(K)
    )


FLAT, IMAGES, WORDS, TOKENS = (5,), (4, 6, 5), (N, 5), "tokens"
BY_HOOKS = {
    "mlp": (FLAT, lambda: net(nn.Linear(5, 6), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(6, K))),
    "mlp without bias": (FLAT, lambda: net(nn.Linear(5, 6, bias=False), nn.Tanh(), nn.Linear(6, K, bias=False))),
    "linear over words": (WORDS, lambda: net(nn.Linear(5, 4), nn.Tanh(), nn.Flatten(), nn.Linear(4 * N, K))),
    "one logit": (FLAT, lambda: net(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 1))),
    "one logit without its dimension": (FLAT, lambda: net(nn.Linear(5, 1), nn.Flatten(0))),
    "conv": (IMAGES, lambda: conv(4, 6, 3, padding=1)),
    "conv without bias": (IMAGES, lambda: conv(4, 6, 3, bias=False)),
    "conv stride, dilation": (IMAGES, lambda: conv(4, 6, (3, 2), stride=(2, 1), dilation=(1, 2), padding=(2, 1))),
    "conv stride, dilation, wide": (
        IMAGES,
        lambda: conv(4, 6, (2, 3), stride=(1, 2), dilation=(3, 1), padding=(2, 0)),
    ),
    "conv channels last": (
        IMAGES,
        lambda: net(nn.Conv2d(4, 6, 3).to(memory_format=torch.channels_last), nn.Flatten(), nn.LazyLinear(K)),
    ),
    "conv viewed": (IMAGES, Viewing),
    "conv of one channel": ((1, 6, 5), lambda: conv(1, 6, 3)),
    "conv groups": (IMAGES, lambda: conv(4, 8, 3, groups=2, stride=2)),
    "conv depthwise": (IMAGES, lambda: conv(4, 4, 3, groups=4)),
    "conv same": (IMAGES, lambda: conv(4, 6, (2, 3), padding="same")),
    "conv reflect": (IMAGES, lambda: conv(4, 6, 3, padding=1, padding_mode="reflect")),
    "conv circular": (IMAGES, lambda: conv(4, 6, 3, padding=1, padding_mode="circular")),
    "conv1d": (
        (4, 9),
        lambda: net(nn.Conv1d(4, 6, 3, stride=2), nn.ReLU(inplace=True), nn.Flatten(), nn.LazyLinear(K)),
    ),
    "conv3d": ((2, 4, 3, 3), lambda: net(nn.Conv3d(2, 3, 2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(K))),
    "batch norm": (FLAT, lambda: net(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.ReLU(inplace=True), nn.Linear(6, K))),
    "batch norm 2d": (IMAGES, lambda: net(nn.BatchNorm2d(4), nn.Conv2d(4, 2, 3), nn.Flatten(), nn.LazyLinear(K))),
    "layer norm": (WORDS, lambda: net(nn.LayerNorm(5), nn.Flatten(), nn.LayerNorm(5 * N), nn.Linear(5 * N, K))),
    "layer norm over two": (WORDS, lambda: net(nn.LayerNorm((N, 5), bias=False), nn.Flatten(), nn.Linear(5 * N, K))),
    "group norm": (IMAGES, lambda: net(nn.Conv2d(4, 6, 3), nn.GroupNorm(2, 6), nn.Flatten(), nn.LazyLinear(K))),
    "embedding": (TOKENS, lambda: net(nn.Embedding(6, 4), nn.Linear(4, 4), nn.Flatten(), nn.LazyLinear(K))),
    "embedding, padding": (TOKENS, lambda: net(nn.Embedding(6, 4, padding_idx=2), nn.Flatten(), nn.LazyLinear(K))),
    "bias alone": (FLAT, lambda: net(frozen_weight(nn.Linear(5, 6)), nn.Tanh(), nn.Linear(6, K))),
    "residual": (FLAT, Residual),
}
BY_TORCH_FUNC = {
    "tied": (TOKENS, Tied),
    "shared": (FLAT, Shared),
    "reused": (FLAT, Reused),
    "own parameter": (FLAT, OwnParameter),
    "a second use": (FLAT, Penalised),
    "rows are words": (WORDS, Flattened),
    "words first": (WORDS, TimeFirst),
    "branching": (FLAT, Branching),
    "a layer never called": (FLAT, NeverCalled),
    "a call without gradient": (FLAT, CalledForAnother),
    "rows that mix": (FLAT, Centred),
    "a subclass": (FLAT, lambda: net(Scaled(5, 6), nn.Tanh(), Scaled(6, K))),
    "a third parameter": (FLAT, WithScale),
    "a leaf of its own": (FLAT, OwnLeaf),
    "prelu": (FLAT, lambda: net(nn.Linear(5, 6), nn.PReLU(), nn.Linear(6, K))),
    "weight norm": (FLAT, lambda: net(weight_norm(nn.Linear(5, 6)), nn.Linear(6, K))),
    "transposed convolution": (IMAGES, lambda: net(nn.ConvTranspose2d(4, 2, 2), nn.Flatten(), nn.LazyLinear(K))),
}


def frozen_weight(layer):
    layer.weight.requires_grad_(False)
    return layer


def case(shape, make, dtype=torch.float32):
    """A model in train mode with statistics of its own, inputs and labels."""
    torch.manual_seed(0)
    model = make()
    inputs = torch.randint(6, (N, 5)) if shape is TOKENS else torch.randn(N, *shape)
    model.eval()
    logits = model(inputs)
    for layer in model.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.running_mean.normal_(), layer.running_var.uniform_(0.5, 2)
    targets = torch.arange(N) % (2 if logits.ndim == 1 or logits.shape[1] == 1 else K)
    inputs = inputs if shape is TOKENS else inputs.to(dtype)
    return model.to(dtype).train(), inputs, targets


def one_by_one(model, inputs, targets):
    """A loss, a backward pass and a norm for each example."""
    model = copy.deepcopy(model).double().eval()
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    norms = []
    for row, target in zip(inputs.split(1), targets.split(1), strict=True):
        logits = model(row.double() if row.is_floating_point() else row).reshape(1, -1)
        if logits.shape[1] == 1:
            logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
        gradients = torch.autograd.grad(
            F.cross_entropy(logits, target), parameters, materialize_grads=True, allow_unused=True
        )
        norms.append(torch.cat([gradient.flatten() for gradient in gradients]).norm().item())
    return np.array(norms)


@pytest.mark.parametrize("name", BY_HOOKS)
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_one_pass_agrees_with_a_loop_over_examples(name):
    model, inputs, targets = case(*BY_HOOKS[name])

    norms, _, method = module.measure_norms(model, ExampleSet(inputs, targets))

    assert method == "hooks"
    assert norms == pytest.approx(one_by_one(model, inputs, targets), rel=1e-5)


@pytest.mark.parametrize("name", BY_TORCH_FUNC)
@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_what_layers_do_not_tell_is_computed_otherwise(name):
    model, inputs, targets = case(*BY_TORCH_FUNC[name])

    norms, _, method = module.measure_norms(model, ExampleSet(inputs, targets))

    assert method == "per-example gradients"
    assert norms == pytest.approx(one_by_one(model, inputs, targets), rel=1e-5)


@pytest.mark.parametrize("name", ["conv", "batch norm", "tied"])
def test_is_exact_in_double_precision(name):
    model, inputs, targets = case(*(BY_HOOKS | BY_TORCH_FUNC)[name], dtype=torch.float64)

    assert gradient_norms(model, inputs, targets) == pytest.approx(one_by_one(model, inputs, targets), rel=1e-12)


@pytest.mark.parametrize("name", ["batch norm 2d", "layer norm", "group norm", "conv"])
def test_is_about_right_in_bfloat16(name):
    model, inputs, targets = case(*BY_HOOKS[name], dtype=torch.bfloat16)

    norms, _, method = module.measure_norms(model, ExampleSet(inputs, targets))

    assert method == "hooks"
    assert norms == pytest.approx(one_by_one(model, inputs, targets), rel=0.05)


def test_a_convolution_too_large_for_groups_agrees_too():
    model, inputs, targets = case((16, 24, 24), lambda: conv(16, 32, 3, groups=2, padding=1))

    assert gradient_norms(model, inputs, targets) == pytest.approx(one_by_one(model, inputs, targets), rel=1e-5)


@pytest.mark.parametrize("name", ["mlp", "conv", "conv groups"])
def test_chunks_change_nothing(name, monkeypatch):
    model, inputs, targets = case(*BY_HOOKS[name])
    whole = gradient_norms(model, inputs, targets)
    monkeypatch.setattr(module, "ROWS", 2)
    monkeypatch.setattr(module, "ROWS_OF_IMAGES", 2)
    monkeypatch.setattr(layer_gradients, "_WINDOW_BYTES", 1)
    monkeypatch.setattr(module, "_BYTES", 1)

    assert gradient_norms(model, inputs, targets) == pytest.approx(whole, rel=1e-6)
    assert gradient_norms(model, inputs[:1], targets[:1]) == pytest.approx(whole[:1], rel=1e-6)


def test_a_model_that_turns_off_its_path_midway_is_still_exact(monkeypatch):
    """The first two examples take both layers; a later chunk skips one."""

    class Skipping(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.out = nn.Linear(5, 5), nn.Linear(5, K)

        def forward(self, inputs):
            return self.out(self.first(inputs) if float(inputs.detach().abs().max()) < 9 else inputs)

    model, inputs, targets = case(FLAT, Skipping)
    inputs[4:] += 20
    monkeypatch.setattr(module, "ROWS", 2)

    assert gradient_norms(model, inputs, targets) == pytest.approx(one_by_one(model, inputs, targets), rel=1e-5)


@pytest.mark.parametrize("name", ["mlp", "mlp without bias", "conv", "one logit", "one logit without its dimension"])
def test_the_last_layer_alone_is_its_closed_form(name):
    """||p - onehot|| sqrt(||h||^2 + 1) is the gradient's norm by the last layer, all others frozen."""
    model, inputs, targets = case(*BY_HOOKS[name])
    _, last_layer, _ = module.measure_norms(model, ExampleSet(inputs, targets))
    linear = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    model.requires_grad_(False)
    linear[-1].requires_grad_(True)

    assert last_layer == pytest.approx(one_by_one(model, inputs, targets), rel=1e-5)


def test_el2n_and_the_last_layer_agree():
    """The relation of EL2N to the gradient, for a model that is nothing but its last layer."""
    model, inputs, targets = case(FLAT, lambda: nn.Linear(5, K))
    errors = model(inputs).softmax(1) - F.one_hot(targets, K)
    expected = (errors.norm(dim=1) * (inputs.norm(dim=1) ** 2 + 1).sqrt()).detach().numpy()

    assert gradient_norms(model, inputs, targets) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("ending", [nn.LogSoftmax(1), nn.Hardtanh(inplace=True), nn.ReLU()])
def test_logits_that_are_worked_on_after_the_last_layer_have_no_closed_form(ending):
    model, inputs, targets = case(FLAT, lambda: net(nn.Linear(5, K), ending))

    norms, last_layer, _ = module.measure_norms(model, ExampleSet(inputs, targets))

    assert np.isnan(last_layer).all()
    assert norms == pytest.approx(one_by_one(model, inputs, targets), rel=1e-5)


def test_a_perfectly_fitted_example_keeps_its_digits():
    """1 - p underflows in float32 long before the gradient does; its square would too."""
    model = nn.Linear(1, 2, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[30.0], [-30.0]]))
    expected = np.sqrt(2) * np.exp(-60.0) / (1 + np.exp(-60.0))

    assert gradient_norms(model, [[1.0]], [0]) == pytest.approx([expected], rel=1e-6)


@pytest.mark.parametrize("name", ["batch norm", "residual", "own parameter", "branching"])
def test_leaves_the_model_as_it_was(name):
    model, inputs, targets = case(*(BY_HOOKS | BY_TORCH_FUNC)[name])
    F.cross_entropy(model(inputs), targets).backward()
    before = copy.deepcopy(model)
    held = [parameter.grad for parameter in model.parameters()]
    grads = [None if grad is None else grad.clone() for grad in held]
    kept, state = inputs.clone(), torch.get_rng_state()

    gradient_norms(model, inputs, targets)

    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(inputs, kept)
    assert all(
        torch.equal(a, b) for a, b in zip(model.state_dict().values(), before.state_dict().values(), strict=True)
    )
    assert [m.training for m in model.modules()] == [m.training for m in before.modules()]
    assert [p.requires_grad for p in model.parameters()] == [p.requires_grad for p in before.parameters()]
    assert all(parameter.grad is grad for parameter, grad in zip(model.parameters(), held, strict=True))
    assert all(grad is None or torch.equal(grad, value) for grad, value in zip(held, grads, strict=True))
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_takes_no_gradient_from_a_caller_without():
    model, inputs, targets = case(*BY_HOOKS["mlp"])
    expected = gradient_norms(model, inputs, targets)

    with torch.inference_mode():
        assert gradient_norms(model, inputs.clone(), targets.clone()) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("model", "targets", "error", "words"),
    [
        (nn.Linear(5, K), [3], ValueError, r"labels must lie in \[0, 3\), the number of logits, got 3"),
        (nn.Linear(5, 1), [2], ValueError, r"labels must lie in \[0, 2\)"),
        (net(nn.Linear(5, 4), nn.Unflatten(1, (2, 2))), [0], ValueError, r"must return logits \(B, K\), got shape"),
        (net(nn.Linear(5, 4), Pair()), [0], TypeError, "must return logits .*, got tuple"),
        (nn.Linear(5, K).requires_grad_(False), [0], ValueError, "no parameter that requires a gradient"),
        (
            net(nn.Linear(5, K), nn.BatchNorm1d(K, track_running_stats=False)),
            [0],
            ValueError,
            r"layer 1 \(BatchNorm1d\) normalises by the batch",
        ),
        (nn.Embedding(6, K, max_norm=1.0), [0], ValueError, "changes its weights in the forward pass"),
    ],
)
def test_refuses_with_a_reason(model, targets, error, words):
    with pytest.raises(error, match=words):
        gradient_norms(model, torch.zeros(1, 5), targets)


def test_refuses_where_torch_would():
    model, inputs, targets = case(FLAT, Overwriting)

    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        gradient_norms(model, inputs, targets)


def test_refuses_no_examples():
    with pytest.raises(ValueError, match="at least one example, got none"):
        gradient_norms(nn.Linear(5, K), torch.zeros(0, 5), torch.zeros(0, dtype=torch.long))


def test_the_probe_measures_every_example():
    model, inputs, targets = case(*BY_HOOKS["mlp"])
    examples = ExampleSet(inputs, targets, index=torch.arange(N) + 10)
    probe = GradientNorms()

    frame = probe.measure(model, examples, ProbeContext(epoch=5, step=0))

    assert list(frame) == ["epoch", "split", "example", "gradient_norm", "last_layer_gradient_norm"]
    assert frame["example"].tolist() == list(range(10, 10 + N))
    assert frame["epoch"].tolist() == [5] * N
    assert frame["gradient_norm"].to_numpy() == pytest.approx(one_by_one(model, inputs, targets), rel=1e-5)
    assert probe.metadata() == {"mode": '"eval"', "method": '"hooks"'}


def frame_of(epoch, *norms):
    return pd.DataFrame({"epoch": epoch, "example": range(len(norms)), "gradient_norm": norms})


def test_scores_are_the_mean_over_trained_epochs_and_the_norm_at_initialisation():
    scores = GradientNorms().finish([frame_of(0, 8.0, 9.0), frame_of(1, 1.0, 2.0), frame_of(5, 3.0, 6.0)])

    assert scores.index.name == "example"
    assert scores.to_dict("list") == {"gradient_norm": [2.0, 4.0], "grand": [8.0, 9.0]}


def test_before_training_there_is_only_the_norm_at_initialisation():
    scores = GradientNorms().finish([frame_of(0, 8.0)])

    assert scores["gradient_norm"].isna().all()
    assert scores["grand"].tolist() == [8.0]
    assert list(GradientNorms().finish([frame_of(1, 8.0)])) == ["gradient_norm"]


def test_a_recurrent_net_is_measured_exactly_and_without_torchs_word_on_speed():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.out = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, K)

        def forward(self, inputs):
            return self.out(self.cell(inputs)[0][:, -1])

    torch.manual_seed(0)
    model, inputs, targets = Recurrent(), torch.randn(6, 5, 3), torch.arange(6) % K
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = gradient_norms(model, inputs, targets)

    for row, target, norm in zip(inputs, targets, found, strict=True):
        slopes = torch.autograd.grad(nn.functional.cross_entropy(model(row[None]), target[None]), [*model.parameters()])
        assert norm == pytest.approx(torch.cat([slope.flatten() for slope in slopes]).norm().item(), rel=1e-4)
