"""Many models at once end as each of them would alone."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from probes.data import ExampleSet, load_dataset
from probes.models import build_model
from probes.training import ensemble as module
from probes.training.ensemble import train_ensemble
from probes.training.loop import epoch_order, train_epoch

CLASSES = 4


@pytest.fixture(params=["float64", "float32"])
def dtype(request):
    return getattr(torch, request.param)


def some_data(models: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """Inputs, labels of each model and subsets of 45 of 70 examples: the last batch is a small one."""
    random = np.random.default_rng(0)
    inputs = torch.from_numpy(random.normal(size=(70, 2, 3))).to(dtype)
    labels = torch.from_numpy(random.integers(0, CLASSES, (models, 70)))
    return inputs, labels, np.stack([random.permutation(70)[:45] for _ in range(models)])


def alone(inputs, labels, subset, seed, *, epochs, width, depth, lr, momentum, weight_decay) -> nn.Module:
    """The plainest loop."""
    options = {"width": width, "depth": depth, "input_shape": (2, 3), "num_classes": CLASSES}
    model = build_model("mlp", seed=seed, **options).to(inputs.dtype)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum, weight_decay=weight_decay)
    for epoch in range(1, epochs + 1):
        for batch in torch.from_numpy(subset)[epoch_order(seed, epoch, len(subset))].split(16):
            optimizer.zero_grad()
            cross_entropy(model(inputs[batch]), labels[batch]).backward()
            optimizer.step()
    return model


@pytest.mark.parametrize(
    "options",
    [
        {"width": 7, "depth": 1, "lr": 0.1, "momentum": 0.9, "weight_decay": 0.0},
        {"width": 5, "depth": 3, "lr": 0.2, "momentum": 0.5, "weight_decay": 0.01},
        {"width": 5, "depth": 0, "lr": 0.2, "momentum": 0.0, "weight_decay": 0.0},
    ],
    ids=["one hidden layer", "three, with decay", "linear, without momentum"],
)
def test_every_model_ends_as_it_would_alone(dtype, options):
    inputs, labels, subsets = some_data(3, dtype)
    seeds = (4, 9, 2)

    together = train_ensemble(
        inputs, labels, seeds=seeds, num_classes=CLASSES, epochs=5, subsets=subsets, batch_size=16, **options
    )

    for place, seed in enumerate(seeds):
        model = alone(inputs, labels[place], subsets[place], seed, epochs=5, **options)
        expected = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
        limit = 1e-9 if dtype == torch.float64 else 1e-4
        for weight, bias, layer in zip(together.weights, together.biases, expected, strict=True):
            assert (weight[place] - layer.weight).abs().max() < limit
            assert (bias[place] - layer.bias).abs().max() < limit
        assert (together.logits(inputs)[place] - model(inputs)).abs().max() < limit


def test_an_epoch_is_that_of_probe_train():
    """The same weights from the same seed, by the loop behind `probe train`."""
    dataset = load_dataset("digits")
    examples = ExampleSet(dataset.train.inputs, dataset.train.given_labels)

    together = train_ensemble(examples.inputs, examples.given_labels, seeds=(0, 7), num_classes=10, epochs=1, width=32)

    for place, seed in enumerate((0, 7)):
        model = build_model("mlp", input_shape=(1, 8, 8), num_classes=10, width=32, depth=1, seed=seed)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        train_epoch(model, optimizer, examples.select(epoch_order(seed, 1, len(examples))), 64)
        assert torch.allclose(together.logits(dataset.test.inputs)[place], model(dataset.test.inputs), atol=1e-4)


def test_groups_change_nothing(monkeypatch):
    """Neither does the size of the chunks in which logits are computed."""
    inputs, labels, subsets = some_data(5, torch.float64)
    options = {"num_classes": CLASSES, "epochs": 3, "subsets": subsets, "width": 6, "batch_size": 16}
    whole = train_ensemble(inputs, labels, seeds=range(5), **options)
    expected = whole.logits(inputs)

    monkeypatch.setattr(module, "_CHUNK", 11)
    monkeypatch.setattr(module, "_group_size", lambda *_: 2)

    assert torch.allclose(train_ensemble(inputs, labels, seeds=range(5), **options).logits(inputs), expected)
    assert expected.shape == (5, 70, CLASSES)


def test_models_may_share_labels_and_examples():
    inputs, labels, _ = some_data(2, torch.float64)
    options = {"seeds": (1, 2), "num_classes": CLASSES, "epochs": 2, "width": 6, "batch_size": 16}
    everything = np.tile(np.arange(70), (2, 1))

    shared = train_ensemble(inputs, labels[0], **options)
    apart = train_ensemble(inputs, labels[[0, 0]], subsets=everything, **options)

    assert torch.equal(shared.weights[0], apart.weights[0])
    assert not torch.equal(shared.weights[0][0], shared.weights[0][1])


def test_no_random_state_outside_is_touched():
    inputs, labels, _ = some_data(2, torch.float32)
    before = torch.get_rng_state()

    train_ensemble(inputs, labels, seeds=(1, 2), num_classes=CLASSES, epochs=1, width=6)

    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": torch.zeros(3, 70)}, r"labels must have shape \(70,\) or \(2, 70\) .* got \(3, 70\)"),
        ({"labels": torch.full((70,), 4)}, r"labels must lie in \[0, 4\), got 4 to 4"),
        ({"subsets": np.zeros((3, 5))}, r"subsets must have shape \(2, S\), got \(3, 5\)"),
        ({"subsets": np.full((2, 5), 70)}, r"subsets must lie in \[0, 70\), got 70 to 70"),
    ],
)
def test_what_cannot_be_trained_is_refused(change, message):
    inputs, labels, subsets = some_data(2, torch.float32)
    given = {"labels": labels, "subsets": subsets, **change}

    with pytest.raises(ValueError, match=message):
        train_ensemble(inputs, given.pop("labels"), seeds=(1, 2), num_classes=CLASSES, epochs=1, **given)
