"""TrainConfig: the defaults are the reference protocol, and every value is checked before any work."""

import dataclasses
import json

import numpy as np
import pytest

from probes.errors import ConfigError
from probes.training import TrainConfig, log_spaced_epochs


def test_the_defaults_are_the_reference_protocol():
    config = TrainConfig()

    assert (config.dataset, config.model, config.width, config.depth) == ("digits", "mlp", 512, 2)
    assert (config.lr, config.momentum, config.batch_size, config.epochs) == (0.05, 0.9, 64, 120)
    assert (config.noise, config.noise_kind, config.measure) == (0.0, "uniform_all", "sweep")


def test_one_seed_sets_noise_weights_and_order_but_not_the_split():
    assert TrainConfig(seed=7).seeds == {"split": 0, "noise": 7, "init": 7, "order": 7}


def test_each_seed_can_be_set_alone():
    config = TrainConfig(seed=7, split_seed=1, noise_seed=2, init_seed=0, order_seed=4)

    assert config.seeds == {"split": 1, "noise": 2, "init": 0, "order": 4}


@pytest.mark.parametrize(
    ("last", "epochs"),
    [
        (1, (0, 1)),
        (2, (0, 1, 2)),
        (3, (0, 1, 2, 3)),
        (10, (0, 1, 2, 5, 10)),
        (120, (0, 1, 2, 5, 10, 20, 50, 100, 120)),
    ],
)
def test_epochs_are_log_spaced_from_zero_to_the_last(last, epochs):
    assert log_spaced_epochs(last) == epochs
    assert TrainConfig(epochs=last).probe_at == TrainConfig(epochs=last).checkpoint_at == epochs


def test_epochs_asked_for_are_sorted_and_unique():
    assert TrainConfig(probe_epochs=[5, 1, 1]).probe_at == (1, 5)
    assert TrainConfig(checkpoint_epochs=()).checkpoint_at == ()


@pytest.mark.parametrize(
    ("asked", "recorded"),
    [((), ("attributions",)), (("attributions",), ("attributions",)), (["none"], ()), ("none", ())],
)
def test_attributions_are_recorded_unless_there_is_to_be_none(asked, recorded):
    assert TrainConfig(probe=asked).probe_names == recorded


def test_numbers_from_numpy_can_be_written_as_json():
    config = TrainConfig(epochs=np.int64(3), noise=np.float32(0.5), seed=np.uint8(1), probe_epochs=np.array([0, 3]))

    assert json.loads(json.dumps(dataclasses.asdict(config)))["probe_epochs"] == [0, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": float("nan")}, "noise must lie in [0, 1], got nan."),
        ({"noise": -0.1}, "noise must lie in [0, 1], got -0.1."),
        ({"noise": 1.5}, "noise must lie in [0, 1], got 1.5."),
        ({"noise": "much"}, "noise must be a number, got 'much'."),
        ({"noise_kind": "uniform"}, "unknown noise kind 'uniform'. Did you mean"),
        ({"dataset": "digts"}, "unknown dataset 'digts'. Did you mean 'digits'?"),
        ({"model": "mpl"}, "unknown model 'mpl'. Did you mean 'mlp'?"),
        ({"measure": "sweeps"}, "unknown measure 'sweeps'. Did you mean 'sweep'?"),
        ({"probe": ("attribution",)}, "unknown probe 'attribution'. Did you mean 'attributions'?"),
        ({"probe": ("none", "attributions")}, "probe 'none' stands alone, got none, attributions."),
        ({"epochs": 0}, "epochs must be at least 1, got 0."),
        ({"epochs": 2.5}, "epochs must be a whole number, got 2.5."),
        ({"width": 0}, "width must be at least 1, got 0."),
        ({"depth": -1}, "depth must be at least 0, got -1."),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0."),
        ({"threads": 0}, "threads must be at least 1, got 0."),
        ({"lr": 0.0}, "lr must be positive and finite, got 0."),
        ({"lr": float("nan")}, "lr must be positive and finite, got nan."),
        ({"lr": float("inf")}, "lr must be positive and finite, got inf."),
        ({"momentum": 1.0}, "momentum must lie in [0, 1), got 1."),
        ({"momentum": float("nan")}, "momentum must lie in [0, 1), got nan."),
        ({"seed": -1}, "seed must be between 0 and 4294967295, got -1."),
        ({"split_seed": 2**32}, "split_seed must be between 0 and 4294967295, got 4294967296."),
        ({"probe_epochs": (0, 11), "epochs": 10}, "probe_epochs must lie in 0 to 10, the last epoch, got 11."),
        ({"checkpoint_epochs": (-1,)}, "checkpoint_epochs must be at least 0, got -1."),
        ({"probe_epochs": 5}, "probe_epochs must be a list of epochs, got 5."),
    ],
    ids=lambda value: str(value)[:40],
)
def test_says_in_one_line_what_cannot_be_used(options, message):
    with pytest.raises(ConfigError) as caught:
        TrainConfig(**options)

    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
