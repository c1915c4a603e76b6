"""Every attribution method: against its formula, and on models that are awkward for gradients and hooks."""

import json
from itertools import product

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from torch import nn
from torch.nn.functional import conv2d, relu
from torch.utils.checkpoint import checkpoint

from probes import AttributionTracker, ProbeError
from probes.data import ExampleSet
from probes.probing import Attributions, ProbeContext
from probes.probing.attribution_methods import METHODS

CONTEXT = ProbeContext(epoch=5, step=0)


@pytest.fixture
def images():
    """Six images of 2 channels, 6 x 8 pixels, in 3 classes, two labels wrong."""
    inputs = torch.randn(6, 2, 6, 8, generator=torch.Generator().manual_seed(1))
    return ExampleSet(inputs, [0, 1, 2, 1, 1, 2], true_labels=[0, 1, 2, 0, 1, 1])


def convolutional(*, inplace=False, norm=False, dropout=False):
    """Two convolutions, the second of stride 2, a mean and a linear layer."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.BatchNorm2d(4) if norm else nn.Identity(),
        nn.ReLU(inplace),
        nn.Conv2d(4, 5, 3, stride=2),
        nn.ReLU(inplace),
        nn.Dropout(0.9) if dropout else nn.Identity(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(5, 3),
    )


def maps_of(model, examples, method, **settings):
    """(example, label) -> map, of one method."""
    frame = Attributions([method], **settings).measure(model, examples, CONTEXT)
    return {(row.example, row.label): row.map for row in frame.itertuples()}


def same(left, right, **tolerance):
    assert left.keys() == right.keys()
    for key in left:
        np.testing.assert_allclose(left[key], right[key], **(tolerance or {"rtol": 0, "atol": 0}))


def label_of(examples, example, label):
    labels = examples.given_labels if label == "given" else examples.true_labels
    return int(labels[example])


# formulas


def test_input_x_gradient_is_the_input_times_the_gradient_and_keeps_its_sign(images):
    model = convolutional()

    for (example, label), found in maps_of(model, images, "input_x_gradient").items():
        one = images.inputs[[example]].clone().requires_grad_()
        (gradient,) = torch.autograd.grad(model(one)[0, label_of(images, example, label)], one)
        expected = (one * gradient).detach().numpy().ravel()
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)
        assert (found < 0).any()
        assert (found > 0).any()


def test_grad_cam_is_the_papers_formula_in_numpy(images):
    """A convolution, a ReLU, a mean and a linear layer: dz/dA is known without autograd."""
    model = convolutional()
    first, second, linear = model[0], model[3], model[8]

    for (example, label), found in maps_of(model, images, "grad_cam").items():
        hidden = np.maximum(convolved(images.inputs[example].numpy(), first, stride=1, padding=1), 0)
        made = convolved(hidden, second, stride=2, padding=0)  # 5 channels of 2 x 3 places
        weights = linear.weight.detach().double().numpy()[label_of(images, example, label)]
        gradient = weights[:, None, None] / made[0].size * (made > 0)
        coarse = np.maximum((gradient.mean(axis=(1, 2))[:, None, None] * made).sum(axis=0), 0)
        expected = enlarged(coarse, (6, 8))
        np.testing.assert_allclose(found.reshape(2, 6, 8), [expected, expected], rtol=1e-4, atol=1e-7)


def convolved(image, layer, *, stride, padding):
    """The output of a convolution, pixel by pixel: float64, (channels, H, W)."""
    weight, bias = (tensor.detach().double().numpy() for tensor in (layer.weight, layer.bias))
    image = np.pad(image.astype(np.float64), ((0, 0), (padding, padding), (padding, padding)))
    height, width = ((side - 3) // stride + 1 for side in image.shape[1:])
    made = np.empty((len(weight), height, width))
    for channel, row, column in product(range(len(weight)), range(height), range(width)):
        patch = image[:, row * stride : row * stride + 3, column * stride : column * stride + 3]
        made[channel, row, column] = (patch * weight[channel]).sum() + bias[channel]
    return made


def enlarged(image, sides):
    """Linear interpolation between the centres of pixels, the outermost values kept beyond them."""
    for axis, side in enumerate(sides):
        old = image.shape[axis]
        at = np.clip((np.arange(side) + 0.5) * old / side - 0.5, 0, old - 1)
        below = np.minimum(at.astype(int), old - 2)
        shape = [-1 if axis == other else 1 for other in range(image.ndim)]
        share = (at - below).reshape(shape)
        image = image.take(below, axis) * (1 - share) + image.take(below + 1, axis) * share
    return image


def test_integrated_gradients_of_a_convolutional_net_sum_to_the_change_of_the_logit(images):
    model = convolutional()
    with torch.no_grad():
        change = model(images.inputs) - model(torch.full((1, 2, 6, 8), 0.3))

    for (example, label), found in maps_of(model, images, "integrated_gradients", baseline=0.3).items():
        assert found.sum() == pytest.approx(float(change[example, label_of(images, example, label)]), abs=2e-3)


def test_integrated_gradients_are_those_of_captums_own_class(images):
    model = convolutional()
    integrated = IntegratedGradients(model)

    for (example, label), found in maps_of(model, images, "integrated_gradients", baseline=0.3).items():
        target = label_of(images, example, label)
        expected = integrated.attribute(images.inputs[[example]], baselines=0.3, target=target, n_steps=50)
        np.testing.assert_allclose(found, expected.detach().numpy().ravel(), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("method", ["input_x_gradient", "integrated_gradients"])
def test_signed_maps_are_linear_in_the_logit(images, method):
    """The map of one logit less another is the difference of their maps."""
    model = convolutional()
    difference = nn.Sequential(model, nn.Linear(3, 3, bias=False))
    with torch.no_grad():
        difference[1].weight.copy_(torch.tensor([[0.0, 0, 0], [-1, 1, 0], [0, 0, 0]]))

    one = images.select([3])  # given 1, true 0
    apart = maps_of(model, one, method)
    np.testing.assert_allclose(
        maps_of(difference, one, method)[3, "given"], apart[3, "given"] - apart[3, "true"], rtol=1e-3, atol=1e-5
    )


def test_a_tracker_records_every_method(images):
    tracker = AttributionTracker(images, methods=METHODS)
    tracker.record(convolutional(), 1)

    frames = tracker.frames
    assert frames.groupby("method", sort=False).size().to_dict() == dict.fromkeys(METHODS, 8)
    assert set(frames["map"].map(len)) == {96}
    assert json.loads(frames.attrs["methods"]) == list(METHODS)
    assert json.loads(frames.attrs["grad_cam_layer"]) == "3"


# which example, which others


@pytest.mark.parametrize("method", METHODS)
def test_a_map_is_the_same_to_the_bit_whatever_else_is_measured(images, method):
    model = convolutional(norm=True)
    together = maps_of(model, images, method)

    for example in range(6):
        alone = maps_of(model, images.select([example]), method)
        same(alone, {key: value for key, value in together.items() if key[0] == example})


@pytest.mark.parametrize("method", METHODS)
def test_at_most_a_hundred_rows_are_in_one_pass(images, method):
    """Two labels of one example, 50 points each: memory does not grow with the number of examples."""
    rows = []
    model = convolutional()
    model.register_forward_pre_hook(lambda module, inputs: rows.append(len(inputs[0])))

    maps_of(model, ExampleSet(images.inputs.repeat(20, 1, 1, 1), [0] * 120, true_labels=[1] * 120), method, panel=120)

    assert max(rows) == (100 if method == "integrated_gradients" else 2)


# awkward models


class Functional(nn.Module):
    """Its convolution is a function, not a module."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 2, 3, 3, generator=torch.Generator().manual_seed(0)))

    def forward(self, inputs):
        return conv2d(inputs, self.weight).mean(dim=(2, 3))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("settings", [{"norm": True}, {"dropout": True}, {"inplace": True}], ids=str)
def test_leaves_everything_as_it_was(images, method, settings):
    model = convolutional(**settings).train()
    model[0].eval()
    model[3].weight.requires_grad_(False)
    model(images.inputs).sum().backward()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    grads = {name: (p.grad if p.grad is None else p.grad.clone()) for name, p in model.named_parameters()}
    modes = [module.training for module in model.modules()]
    before, random_state = images.inputs.clone(), torch.get_rng_state()

    first, second = maps_of(model, images, method), maps_of(model, images, method)

    same(first, second)
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad == (name != "3.weight")
        assert (parameter.grad is None) if grads[name] is None else torch.equal(parameter.grad, grads[name])
    assert torch.equal(torch.get_rng_state(), random_state)
    assert torch.equal(images.inputs, before)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


@pytest.mark.parametrize("method", METHODS)
def test_dropout_and_batch_statistics_are_off(images, method):
    model = convolutional(norm=True, dropout=True).train()
    model(images.inputs)

    same(maps_of(model, images, method), maps_of(model.eval(), images, method))


@pytest.mark.parametrize("method", METHODS)
def test_an_in_place_relu_changes_nothing(images, method):
    same(
        maps_of(convolutional(inplace=True), images, method),
        maps_of(convolutional(), images, method),
        rtol=1e-5,
        atol=0,
    )


@pytest.mark.parametrize("method", METHODS)
def test_channels_last_memory_changes_nothing(images, method):
    plain = maps_of(convolutional(), images, method)
    inputs = images.inputs.to(memory_format=torch.channels_last)
    examples = ExampleSet(inputs, images.given_labels, true_labels=images.true_labels)

    same(maps_of(convolutional().to(memory_format=torch.channels_last), examples, method), plain, rtol=1e-4, atol=1e-6)


class ChannelsLast(nn.Module):
    """Takes (B, H, W, C)."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, inputs):
        return self.model(inputs.permute(0, 3, 1, 2))


@pytest.mark.parametrize("method", METHODS)
def test_an_input_whose_channels_come_last_has_maps_whose_channels_do(images, method):
    examples = ExampleSet(images.inputs.permute(0, 2, 3, 1), images.given_labels, true_labels=images.true_labels)

    found = maps_of(ChannelsLast(convolutional()), examples, method)

    turned = {key: value.reshape(6, 8, 2).transpose(2, 0, 1).ravel() for key, value in found.items()}
    same(turned, maps_of(convolutional(), images, method), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_model_in_float64_is_measured_in_float64(images, method):
    examples = ExampleSet(images.inputs.double(), images.given_labels, true_labels=images.true_labels)

    found = maps_of(convolutional().double(), examples, method)

    assert {values.dtype for values in found.values()} == {np.dtype(np.float32)}
    same(found, maps_of(convolutional(), images, method), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_a_compiled_model_gives_the_maps_of_the_model(images, method):
    """Compiled code calls no hooks: it is run as it was written."""
    compiled = torch.compile(convolutional(), backend="eager")
    compiled(images.inputs)

    same(maps_of(compiled, images, method), maps_of(convolutional(), images, method), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_a_single_logit_has_maps_for_label_1_alone(images, method):
    model = convolutional()
    model[8] = nn.Linear(5, 1)
    examples = images.select([0, 1, 3, 4])  # labels 0 and 1

    found = maps_of(model, examples, method)

    assert not np.any(found[0, "given"])
    assert not np.any(found[3, "true"])
    assert method == "grad_cam" or np.any(found[1, "given"])


class Repeated(nn.Module):
    """Calls one convolution twice."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)
        self.output = nn.Linear(2, 3)

    def forward(self, inputs):
        return self.output(relu(self.conv(relu(self.conv(inputs)))).mean(dim=(2, 3)))


class Beside(nn.Module):
    """Its last convolution has no part in the logits."""

    def __init__(self):
        super().__init__()
        self.main, self.beside = nn.Conv2d(2, 3, 3), nn.Conv2d(2, 3, 3)

    def forward(self, inputs):
        logits = self.main(inputs).mean(dim=(2, 3))
        self.beside(inputs)
        return logits


class InParts(nn.Module):
    """Takes each channel for an image of its own."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)

    def forward(self, inputs):
        return self.conv(inputs.flatten(0, 1)[:, None]).mean(dim=(2, 3)).unflatten(0, (len(inputs), 2)).mean(dim=1)


class Reshaped(nn.Module):
    """Lays its input out anew before the convolution."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)

    def forward(self, inputs):
        return self.conv(inputs.reshape(-1, 1, 12, 8)).mean(dim=(2, 3))


NONE = r"^grad_cam needs a convolution, and this model calls none of nn\.Conv1d, nn\.Conv2d, nn\.Conv3d as a module\. "


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(96, 3)), NONE),
        (Functional(), NONE),
        (
            nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(2, 3, 1), nn.Flatten()),
            r"^grad_cam needs a convolution whose output has more than one place, and this model has none\. ",
        ),
        (Repeated(), r"^grad_cam reads one output of the last convolution, and this model calls conv several times\. "),
        (InParts(), r"^grad_cam needs one output for each input, and conv makes 2 of 1\. "),
        (
            Reshaped(),
            r"^grad_cam cannot place its map: an input of shape \(2, 6, 8\) reaches the first convolution, conv, "
            r"as \(1, 12, 8\)\. ",
        ),
        (Beside(), r"^grad_cam cannot be measured on this model: .* used in the graph.*\. "),
    ],
    ids=["mlp", "function", "one place", "called twice", "in parts", "reshaped", "beside"],
)
def test_where_grad_cam_cannot_be_it_says_why_and_the_others_can(images, model, reason):
    with pytest.raises(ProbeError, match=reason + r"Leave grad_cam out\.$"):
        maps_of(model, images, "grad_cam")

    assert not any(module._forward_hooks for module in model.modules())
    for method in METHODS[:3]:
        assert len(maps_of(model, images, method)) == 8


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_traced_model_has_no_modules_for_grad_cam(images):
    traced = torch.jit.trace(convolutional().eval(), torch.zeros(1, 2, 6, 8))

    with pytest.raises(ProbeError, match=NONE):
        maps_of(traced, images, "grad_cam")
    same(maps_of(traced, images, "saliency"), maps_of(convolutional(), images, "saliency"), rtol=1e-5, atol=1e-7)


class Checkpointed(nn.Module):
    """Recomputes its first half in the backward pass, in the way that autograd.grad cannot follow."""

    def __init__(self):
        super().__init__()
        self.model = convolutional()

    def forward(self, inputs):
        return self.model[3:](checkpoint(self.model[:3], inputs, use_reentrant=True))


@pytest.mark.parametrize("method", METHODS[:3])
def test_a_model_that_torch_has_no_gradient_for_is_refused_with_torchs_reason(images, method):
    with pytest.raises(
        ProbeError, match=rf"^{method} cannot be measured on this model: .*checkpoint.*Leave {method} out"
    ):
        maps_of(Checkpointed(), images, method)


def test_a_one_by_one_convolution_after_the_pooling_is_passed_over(images):
    """The last convolution with places stands, and the file says which that was."""
    model = convolutional()
    as_convolution = nn.Conv2d(5, 3, 1)
    with torch.no_grad():
        as_convolution.weight.copy_(model[8].weight[:, :, None, None])
        as_convolution.bias.copy_(model[8].bias)
    other = nn.Sequential(*model[:7], as_convolution, nn.Flatten())

    same(maps_of(other, images, "grad_cam"), maps_of(model, images, "grad_cam"), rtol=1e-5, atol=1e-8)
    probe = Attributions(["grad_cam"])
    probe.measure(other, images, CONTEXT)
    assert json.loads(probe.metadata()["grad_cam_layer"]) == "3"


def test_images_without_a_channel_and_signals_have_grad_cam_too(images):
    grey = ExampleSet(images.inputs[:, 0], images.given_labels)
    model = nn.Sequential(nn.Unflatten(1, (1, 6)), nn.Conv2d(1, 3, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    signals = nn.Sequential(nn.Conv1d(6, 3, 3), nn.AdaptiveAvgPool1d(1), nn.Flatten())

    assert {len(values) for values in maps_of(model, grey, "grad_cam").values()} == {48}
    for values in maps_of(signals, grey, "grad_cam").values():
        np.testing.assert_array_equal(values.reshape(6, 8), np.tile(values[:8], (6, 1)))
