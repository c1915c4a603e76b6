"""Models by name, and the seeds they are built from."""

import re

import pytest
import torch

from probes.errors import ConfigError
from probes.models import MODELS, build_model, describe


def weights(seed):
    model = build_model("mlp", input_shape=(4,), num_classes=3, width=5, depth=1, seed=seed)
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


@pytest.mark.parametrize("name", MODELS)
def test_every_listed_model_gives_one_logit_a_class(name):
    model = build_model(name, input_shape=(1, 8, 8), num_classes=3, width=4, depth=1, seed=0)

    assert model(torch.zeros(2, 1, 8, 8)).shape == (2, 3)


def test_equal_seeds_give_equal_weights():
    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_weights_are_pytorchs_default_for_the_seed():
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(1)
        plain = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))

    assert torch.equal(weights(1), torch.cat([parameter.detach().flatten() for parameter in plain.parameters()]))


def test_building_leaves_the_random_state_alone():
    before = torch.get_rng_state()

    weights(1)

    assert torch.equal(before, torch.get_rng_state())


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ConfigError, match="unknown model 'mpl'. Did you mean 'mlp'?"):
        build_model("mpl", input_shape=(4,), num_classes=3, width=5, depth=1, seed=0)


def test_a_model_without_a_description_goes_by_its_class():
    assert describe(torch.nn.Linear(2, 2)) == "Linear"


# Options


@pytest.mark.parametrize("name", ["mlp", "cnn", "alexnet", "inception", "resnet18"])
def test_dropout_leaves_out_units_in_training_only(name):
    model = build_model(name, input_shape=(1, 8, 8), num_classes=3, width=4, depth=1, seed=0, dropout=0.5)
    inputs = torch.ones(4, 1, 8, 8)

    assert any(isinstance(layer, torch.nn.Dropout) for layer in model.modules())
    assert torch.equal(model.eval()(inputs), model.eval()(inputs))


@pytest.mark.parametrize("name", ["mlp", "cnn", "alexnet", "inception"])
@pytest.mark.parametrize("wanted", [True, False])
def test_batch_norm_is_on_or_off(name, wanted):
    model = build_model(name, input_shape=(1, 8, 8), num_classes=3, width=4, depth=1, seed=0, batch_norm=wanted)

    norms = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)
    assert any(isinstance(layer, norms) for layer in model.modules()) == wanted


def test_resnet_without_batch_norm_is_refused():
    with pytest.raises(ConfigError, match="'resnet18' has batch norm"):
        build_model("resnet18", input_shape=(3, 8, 8), num_classes=3, width=4, depth=1, seed=0, batch_norm=False)


# Others' models


def test_torchvisions_networks_go_by_their_names():
    model = build_model("squeezenet1_1", input_shape=(1, 64, 64), num_classes=3, width=4, depth=1, seed=0)

    assert model(torch.zeros(2, 1, 64, 64)).shape == (2, 3)
    assert describe(model) == "squeezenet1_1, grey repeated to three channels"


def test_our_resnet_is_not_torchvisions():
    theirs = build_model("torchvision:resnet18", input_shape=(3, 32, 32), num_classes=3, width=4, depth=1, seed=0)

    assert theirs.conv1.kernel_size == (7, 7)


@pytest.fixture
def own_models(tmp_path, monkeypatch):
    (tmp_path / "own_models.py").write_text(
        "import torch\n"
        "def linear(input_shape, num_classes):\n"
        "    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(input_shape[0], num_classes))\n"
        "def two_logits():\n"
        "    return torch.nn.Linear(4, 2)\n"
        "def fails():\n"
        "    raise KeyError('no such layer')\n"
        "def leaves():\n"
        "    raise SystemExit(3)\n"
        "number = 3\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)


def own(name):
    return build_model(f"own_models:{name}", input_shape=(4,), num_classes=3, width=5, depth=1, seed=0)


def test_a_users_callable_gets_what_it_asks_for(own_models):
    assert own("linear")(torch.zeros(2, 4)).shape == (2, 3)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("liner", "unknown model of own_models 'liner'. Did you mean 'linear'"),
        ("number", "own_models:number is not a model"),
        ("fails", "cannot be built: KeyError"),
        ("leaves", "cannot be built: SystemExit: 3"),
        ("two_logits", r"must make 3 logits per example, \(2, 3\), got \(2, 2\)"),
    ],
)
def test_a_users_callable_that_does_not_fit_is_one_line(own_models, name, message):
    with pytest.raises(ConfigError, match=message):
        own(name)


def test_a_users_module_that_is_not_there_is_one_line():
    with pytest.raises(ConfigError, match="cannot import 'no_such_module'"):
        build_model("no_such_module:net", input_shape=(4,), num_classes=3, width=5, depth=1, seed=0)


def test_an_input_the_network_cannot_take_is_one_line():
    with pytest.raises(ConfigError, match=r"'alexnet' takes images, and an example has shape \(4,\)"):
        build_model("alexnet", input_shape=(4,), num_classes=3, width=5, depth=1, seed=0)
    with pytest.raises(ConfigError, match=r"cannot take examples of shape \(3, 8, 8\)"):
        build_model("squeezenet1_1", input_shape=(3, 8, 8), num_classes=3, width=5, depth=1, seed=0)


def test_the_networks_that_are_named_as_examples_take_small_images():
    from probes.models import OTHER_MODELS

    named = re.findall("such as ([a-z0-9_]+) or ([a-z0-9_]+)", OTHER_MODELS["NAME"])[0]
    for name in (*named, "mobilenet_v3_small"):
        model = build_model(name, input_shape=(1, 8, 8), num_classes=3, width=5, depth=1, seed=0)
        assert model.eval()(torch.zeros(2, 1, 8, 8)).shape == (2, 3)


def test_a_vision_transformer_takes_square_images_that_its_patches_divide():
    options = {"num_classes": 3, "width": 5, "depth": 1, "seed": 0}

    assert build_model("vit_b_32", input_shape=(1, 64, 64), **options)(torch.zeros(2, 1, 64, 64)).shape == (2, 3)
    for shape in ((3, 30, 30), (3, 32, 64)):
        with pytest.raises(
            ConfigError, match=r"cannot take examples of shape .*Wrong image height! Expected 224 .*choose a --model"
        ):
            build_model("vit_b_32", input_shape=shape, **options)


def test_a_users_module_that_exits_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "leaving_models.py").write_text("import sys\nsys.exit(4)\n")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigError, match="cannot import 'leaving_models', .*: SystemExit: 4"):
        build_model("leaving_models:net", input_shape=(4,), num_classes=3, width=5, depth=1, seed=0)
