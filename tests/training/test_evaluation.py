"""Sweeps and collected batches against signals computed at once."""

import numpy as np
import pytest
import torch

from probes.data import ExampleSet
from probes.signals import signals
from probes.trackers.epoch_buffer import EpochBuffer
from probes.training.evaluation import SignalCollector, held_out_metrics, sweep


@pytest.fixture
def model():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(5, 3), torch.nn.Dropout(0.5))


@pytest.fixture
def examples():
    random = np.random.default_rng(0)
    return ExampleSet(random.normal(size=(600, 5)), random.integers(0, 3, 600), split="validation")


def test_a_sweep_sees_every_example_once_in_evaluation_mode(model, examples):
    collector = SignalCollector(EpochBuffer(600))
    model.train()

    sweep(model, examples, collector)
    columns = collector.take()

    logits = model[0](examples.inputs).detach().numpy()  # without dropout
    assert columns["example"].tolist() == list(range(600))
    assert set(columns["visits"]) == {1}
    np.testing.assert_allclose(columns["loss"], signals(logits, examples.given_labels.numpy()).loss, rtol=1e-5)


def test_how_batches_are_cut_changes_nothing(examples):
    logits = torch.from_numpy(np.random.default_rng(1).normal(size=(600, 3)))
    order = torch.from_numpy(np.random.default_rng(2).permutation(600))
    taken = []

    for size in (7, 600):
        collector = SignalCollector(EpochBuffer(600))
        for part in order.split(size):
            collector.add(part, logits[part], examples.given_labels[part])
        taken.append(collector.take())

    for name, values in taken[0].items():
        np.testing.assert_array_equal(values, taken[1][name])


def test_more_rows_than_are_held_at_once_are_all_written():
    collector = SignalCollector(EpochBuffer(9000))

    for index in torch.arange(9000).split(1000):
        collector.add(index, torch.zeros(1000, 2), torch.zeros(1000, dtype=torch.long))

    assert len(collector.take()["example"]) == 9000


def test_held_out_metrics_are_shares_and_means(examples):
    model = torch.nn.Linear(5, 3)
    logits = model(examples.inputs)

    metrics = held_out_metrics(model, examples)

    assert (metrics["group"], metrics["examples"]) == ("validation", 600)
    assert metrics["accuracy"] == metrics["true_label_accuracy"]
    assert metrics["accuracy"] == (logits.argmax(1) == examples.given_labels).double().mean().item()
    assert metrics["loss"] == pytest.approx(torch.nn.functional.cross_entropy(logits, examples.given_labels).item())


def test_accuracy_is_unknown_where_no_output_is_finite():
    """Not 0: nothing was answered."""
    model = torch.nn.Linear(2, 3)
    torch.nn.init.constant_(model.weight, torch.nan)

    found = held_out_metrics(model, ExampleSet(torch.ones(4, 2), [0, 1, 2, 0], split="test"))

    assert found["accuracy"] is None
