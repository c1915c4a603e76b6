"""The size of a study decides its configs and the folder of its points."""

import pytest

from probes.errors import ConfigError
from probes.studies import Scale


def test_configs_are_of_the_data_and_record_no_attributions():
    config = Scale(dataset="fashion-mnist", subset=500).config(noise=0.4, seed=2)

    assert (config.dataset, config.subset, config.noise, config.seed) == ("fashion-mnist", 500, 0.4, 2)
    assert config.probe_names == ()
    assert config.checkpoint_at == ()
    assert config.threads == 1


def test_a_config_may_ask_for_other_things():
    assert Scale().config(probe=("critical_samples",), probe_epochs=(0, 5)).probe_at == (0, 5)
    assert Scale(subset=100).config(subset=50).subset == 50


def test_the_quick_size_has_fewer_seeds():
    assert (Scale().seeds, Scale(quick=True).seeds, Scale(seeds=(7,)).seeds) == ((0, 1, 2, 3, 4), (0, 1, 2), (7,))


@pytest.mark.parametrize(
    ("settings", "label"),
    [
        ({}, "full"),
        ({"quick": True}, "quick"),
        ({"dataset": "fashion-mnist", "subset": 1000, "quick": True}, "quick-fashion-mnist-1000"),
    ],
)
def test_the_label_names_what_differs_from_the_full_study(settings, label):
    assert Scale(**settings).label == label


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seeds": (1, 1)}, r"got \[1, 1\]"),
        ({"subset": 0}, "subset must be at least 1, got 0"),
        ({"dataset": "digit"}, "digits"),
    ],
)
def test_bad_sizes_are_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        Scale(**settings)
