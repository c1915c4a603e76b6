"""The multilayer perceptron against plain matrix products."""

import torch

from probes.models import build_model, describe, num_parameters


def build(**changes):
    arguments = {"input_shape": (1, 8, 8), "num_classes": 10, "width": 512, "depth": 2, "seed": 0}
    return build_model("mlp", **{**arguments, **changes})


def test_has_the_layers_of_the_reference_protocol():
    model = build()

    assert describe(model) == "MLP 64-512-512-10"
    assert num_parameters(model) == 64 * 512 + 512 + 512 * 512 + 512 + 512 * 10 + 10


def test_computes_relu_layers_and_linear_logits():
    model = build(width=7, depth=2)
    inputs = torch.linspace(-1, 1, 3 * 64).reshape(3, 1, 8, 8)

    hidden = inputs.reshape(3, 64)
    for layer in (model.hidden1, model.hidden2):
        hidden = (hidden @ layer.weight.T + layer.bias).clamp(min=0)

    torch.testing.assert_close(model(inputs), hidden @ model.output.weight.T + model.output.bias)


def test_depth_zero_is_a_linear_model():
    model = build(depth=0)

    assert describe(model) == "MLP 64-10"
    assert [name for name, _ in model.named_parameters()] == ["output.weight", "output.bias"]
