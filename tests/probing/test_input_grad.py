import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from probes import open_run
from probes.data import ExampleSet
from probes.probing import InputGrad, ProbeContext
from probes.probing.input_grad import input_grad
from probes.runs.probe_recording import record_probe
from probes.runs.writer import RunWriter


@pytest.fixture
def examples():
    generator = torch.Generator().manual_seed(0)
    return ExampleSet(torch.randn(600, 6, generator=generator), torch.arange(600) % 3, index=torch.arange(600) + 100)


def mlp(*layers):
    torch.manual_seed(0)
    return nn.Sequential(*layers, nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))


def test_of_a_linear_model_it_is_the_l1_norm_of_the_weights_times_the_error(examples):
    """dl/dx = W^T (p - onehot)."""
    torch.manual_seed(0)
    model = nn.Linear(6, 3)

    with torch.no_grad():
        error = model(examples.inputs).softmax(1) - nn.functional.one_hot(examples.given_labels, 3)
        expected = (error @ model.weight).abs().sum(1)
    np.testing.assert_allclose(input_grad(model, examples), expected, rtol=1e-5)


def test_each_example_is_as_if_it_were_alone(examples):
    model = mlp(nn.BatchNorm1d(6), nn.Dropout(0.5))
    model(examples.inputs)  # the running statistics are no longer 0 and 1

    together = input_grad(model, examples).numpy()

    for position in (0, 255, 256, 599):
        one = examples.inputs[position : position + 1].clone().requires_grad_()
        model.eval()
        loss = nn.functional.cross_entropy(model(one), examples.given_labels[position : position + 1])
        (slope,) = torch.autograd.grad(loss, one)
        assert together[position] == pytest.approx(slope.abs().sum().item(), rel=1e-4)


def test_a_model_that_changes_its_input_in_place_is_measured_all_the_same(examples):
    np.testing.assert_array_equal(
        input_grad(mlp(nn.ReLU(inplace=True)), examples), input_grad(mlp(nn.ReLU()), examples)
    )


def test_a_single_logit_stands_for_two_classes():
    weight = torch.tensor([1.0, -2.0])
    examples = ExampleSet(torch.tensor([[0.5, 0.25]] * 2), [0, 1])
    model = nn.Linear(2, 1, bias=False)
    model.weight.data = weight[None]

    assert input_grad(model, examples).tolist() == pytest.approx([1.5, 1.5])  # z = 0: |p - t| = 1/2, |w|_1 = 3


@pytest.mark.parametrize("caller", [torch.inference_mode, torch.no_grad])
def test_works_under_no_gradients_and_leaves_everything_as_it_was(examples, caller):
    model = mlp(nn.BatchNorm1d(6), nn.Dropout(0.5))
    model(examples.inputs).sum().backward()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    grads = [parameter.grad.clone() for parameter in model.parameters()]
    random_state = torch.get_rng_state()

    with caller():
        frame = InputGrad().measure(model, examples, ProbeContext(epoch=5, step=0))

    assert list(frame.columns) == ["epoch", "split", "example", "input_grad"]
    assert frame["example"].tolist() == list(range(100, 700))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(torch.equal(old, p.grad) and p.requires_grad for old, p in zip(grads, model.parameters(), strict=True))
    assert model.training
    assert torch.equal(torch.get_rng_state(), random_state)


def test_the_score_is_the_mean_over_measured_epochs_without_epoch_0():
    frames = [
        pd.DataFrame({"epoch": epoch, "split": "train", "example": [0, 1], "input_grad": values})
        for epoch, values in ((0, [9.0, 9.0]), (1, [1.0, 2.0]), (5, [3.0, 6.0]))
    ]

    scores = InputGrad().finish(frames)

    assert scores.index.name == "example"
    assert scores["input_grad"].to_dict() == {0: 2.0, 1: 4.0}


def test_the_score_joins_those_of_the_run(tmp_path):
    writer = RunWriter.create(tmp_path / "run", num_examples=3, measure="online")
    examples = ExampleSet(torch.randn(2, 6), [0, 1], index=[0, 2])
    frame = record_probe(writer, InputGrad(), mlp(), examples, epoch=1, step=1)
    writer.finish("complete")

    column = open_run(tmp_path / "run").scores()["input_grad"]

    assert column[[0, 2]].tolist() == pytest.approx(frame["input_grad"].tolist())
    assert np.isnan(column[1])


@pytest.mark.parametrize(
    ("inputs", "labels", "error", "match"),
    [
        (torch.ones(2, 6), [0, 3], ValueError, r"labels must lie in \[0, 3\), the number of logits, got 3"),
        (torch.ones(2, 6), [-1, 0], ValueError, "got -1"),
        (torch.ones(2, 6, dtype=torch.int64), [0, 1], TypeError, "floating point inputs, got torch.int64"),
        (torch.ones(0, 6), [], ValueError, "at least one example"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(inputs, labels, error, match):
    with pytest.raises(error, match=match):
        InputGrad().measure(mlp(), ExampleSet(inputs, labels), ProbeContext(0, 0))
