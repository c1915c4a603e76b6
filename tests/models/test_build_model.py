"""Models by name, and the seeds they are built from."""

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
