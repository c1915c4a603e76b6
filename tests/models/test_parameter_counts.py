"""The networks of the papers have the parameters that the papers count."""

import pytest
import torch
from torch import nn

from probes.models import build_model, num_parameters


def build(name, input_shape, **options):
    return build_model(
        name, **{"input_shape": input_shape, "num_classes": 10, "width": 512, "depth": 1, "seed": 0, **options}
    )


@pytest.mark.parametrize(
    ("name", "shape", "depth", "published"),
    [
        ("mlp", (3, 28, 28), 1, 1_209_866),  # Zhang et al. 2017, table 1
        ("mlp", (3, 28, 28), 3, 1_735_178),
        ("alexnet", (3, 28, 28), 1, 1_387_786),
        ("resnet18", (3, 32, 32), 1, 11_173_962),
    ],
)
def test_parameters_are_those_published(name, shape, depth, published):
    assert num_parameters(build(name, shape, depth=depth)) == published


@pytest.mark.parametrize("batch_norm", [True, False])
def test_inception_has_the_papers_parameters_without_those_of_batch_norm(batch_norm):
    model = build("inception", (3, 28, 28), batch_norm=batch_norm)

    norms = sum(num_parameters(layer) for layer in model.modules() if isinstance(layer, nn.BatchNorm2d))
    assert num_parameters(model) - norms == 1_649_402
    assert (norms > 0) == batch_norm


def test_the_first_inception_module_joins_a_narrow_and_a_wide_convolution():
    model = build("inception", (3, 8, 8), batch_norm=False).eval()
    inputs = torch.linspace(-1, 1, 2 * 3 * 64).reshape(2, 3, 8, 8)

    stem = nn.functional.conv2d(inputs, model.stem[0].weight, model.stem[0].bias, padding=1).relu()
    narrow, wide = model.inception1_1.narrow[0], model.inception1_1.wide[0]
    by_hand = torch.cat(
        [
            nn.functional.conv2d(stem, narrow.weight, narrow.bias).relu(),
            nn.functional.conv2d(stem, wide.weight, wide.bias, padding=1).relu(),
        ],
        dim=1,
    )

    torch.testing.assert_close(model.inception1_1(model.stem(inputs)), by_hand)


def test_a_residual_block_adds_its_input():
    block = build("resnet18", (3, 8, 8)).eval().stage1[0]
    nn.init.zeros_(block.norm2.weight)  # silences the two convolutions
    inputs = torch.rand(2, 64, 8, 8)

    torch.testing.assert_close(block(inputs), inputs)
