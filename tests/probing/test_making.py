import numpy as np
import pytest
import torch
from torch import nn

from probes.data import Dataset, ExampleSet, load_dataset
from probes.errors import ConfigError
from probes.probing import PROBE_SCORES, PROBES, ProbeContext, make_probe
from probes.probing.making import input_unit
from probes.runs.probe_recording import read_probe_scores, record_probe
from probes.runs.writer import RunWriter


@pytest.mark.parametrize("name", PROBES)
def test_every_probe_is_made_by_its_name_and_its_scores_have_a_direction(name, tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(8, 3))
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    random_state = torch.get_rng_state()
    true = torch.arange(60) % 3
    given = torch.where(torch.arange(60) % 4 == 0, (true + 1) % 3, true)
    examples = ExampleSet(torch.randn(60, 4, generator=torch.Generator().manual_seed(0)), given, true_labels=true)
    probe = make_probe(name, seed=0)
    writer = RunWriter.create(tmp_path / "run", num_examples=60, measure="online")

    for epoch in (0, 1, 2):
        frame = record_probe(writer, probe, model, examples, epoch=epoch, step=epoch, learning_rate=0.1)

    assert probe.name == name
    assert list(frame.columns[:2]) == ["epoch", "split"]
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())
    assert model.training
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), random_state)
    writer.finish("complete")
    if hasattr(probe, "finish"):
        added = set(read_probe_scores(tmp_path / "run").columns)
        assert added
        assert added <= PROBE_SCORES.keys()


def test_an_unknown_probe_is_one_line_with_the_nearest():
    with pytest.raises(ConfigError, match="unknown probe 'vogg'. Did you mean 'vog'?"):
        make_probe("vogg", seed=0)


def test_settings_reach_the_probe_they_are_for():
    held_out = ExampleSet(torch.ones(2, 4), [0, 1], split="validation")

    search = make_probe("critical_samples", seed=0, validation=held_out, unit=3.0)
    maps = make_probe("attributions", seed=5, blank_value=-0.5, panel=7)

    assert search.measure(nn.Linear(4, 2), ExampleSet(torch.ones(9, 4), [0] * 9), ProbeContext(0, 0)).shape[0] == 2
    assert float(search.unit) == 3.0
    assert (maps.baseline, maps.panel, maps.seed) == (-0.5, 7, 5)


def test_the_unit_of_digits_is_one_over_their_sd():
    dataset = load_dataset("digits")

    unit = input_unit(dataset)

    assert unit.shape == (1, 1, 1)
    assert unit.item() == pytest.approx(1 / dataset.sd)
    spread = dataset.train.inputs.max() - dataset.train.inputs.min()  # 0 and 16 of 16 both occur
    assert unit.item() == pytest.approx(spread.item(), rel=1e-6)


def test_the_unit_of_colour_images_is_per_channel_and_of_tables_per_feature():
    inputs = torch.tensor([[0.0, -1.0], [2.0, 4.0]])
    some = ExampleSet(inputs, [0, 1])
    shared = {"name": "x", "train": some, "validation": some, "test": some, "ids": np.arange(2), "classes": ["a", "b"]}
    shared |= {"fingerprint": "", "mean": None, "sd": None}

    colour = Dataset(**shared, image_shape=(8, 8, 3), sds=(0.5, 0.25, 0.2), value_range=(0.0, 1.0))
    table = Dataset(**shared, image_shape=(), kind="table")

    assert input_unit(colour).reshape(-1).tolist() == [2, 4, 5]
    assert input_unit(table).tolist() == [2, 5]
