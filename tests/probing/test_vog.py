import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from probes import open_run
from probes.data import ExampleSet
from probes.probing import ProbeContext, VoG
from probes.probing.vog import class_normalised, variance_of_gradients
from probes.runs.probe_recording import record_probe
from probes.runs.writer import RunWriter

N, K, D = 300, 3, 4
LABELS = torch.arange(N) % K
EPOCHS = (0, 1, 2, 5, 10)


@pytest.fixture
def examples():
    return ExampleSet(torch.randn(N, D, generator=torch.Generator().manual_seed(0)), LABELS)


def net(epoch):
    """A model that stands for an epoch."""
    torch.manual_seed(epoch)
    return nn.Sequential(nn.Linear(D, 8), nn.Tanh(), nn.Linear(8, K))


def jacobian(model, examples):
    """dz_given / dx, one example after the other: (N, D)."""
    rows = []
    for x, label in zip(examples.inputs, examples.given_labels, strict=True):
        x = x.clone().requires_grad_()
        rows.append(torch.autograd.grad(model(x[None])[0, label], x)[0])
    return torch.stack(rows).numpy()


def z_scores(values):
    frame = pd.DataFrame({"value": values, "label": LABELS.numpy()})
    return frame.groupby("label")["value"].transform(lambda of: (of - of.mean()) / of.std(ddof=0)).to_numpy()


@pytest.mark.parametrize("where", ["in a run", "in memory"])
def test_scores_are_class_wise_z_scores_of_the_spread_over_epochs_after_0(examples, where, tmp_path):
    probe = VoG()
    if where == "in a run":
        writer = RunWriter.create(tmp_path / "run", num_examples=N, measure="online")
        for epoch in EPOCHS:
            record_probe(writer, probe, net(epoch), examples, epoch=epoch, step=0)
        writer.finish("complete")
        scores = open_run(tmp_path / "run").scores(["vog", "vog_early", "vog_late"])
    else:
        scores = probe.finish([probe.measure(net(epoch), examples, ProbeContext(epoch, 0)) for epoch in EPOCHS])

    slopes = np.stack([jacobian(net(epoch), examples) for epoch in EPOCHS[1:]])
    for name, part in (("vog", slopes), ("vog_early", slopes[:2]), ("vog_late", slopes[2:])):
        expected = z_scores(np.sqrt(((part - part.mean(0)) ** 2).mean(0)).mean(1))
        np.testing.assert_allclose(scores[name].to_numpy(), expected, atol=1e-4)


def test_a_probe_made_anew_goes_on_with_what_the_run_holds(examples, tmp_path):
    """As after --resume."""
    columns = []
    for name, fresh in (("one", False), ("many", True)):
        writer = RunWriter.create(tmp_path / name, num_examples=N, measure="online")
        probe = VoG()
        for epoch in (1, 2):
            probe = VoG() if fresh else probe
            record_probe(writer, probe, net(epoch), examples, epoch=epoch, step=0)
        writer.finish("complete")
        columns.append(open_run(tmp_path / name).scores()["vog"])

    assert columns[0].notna().all()
    pd.testing.assert_series_equal(*columns)


def test_one_checkpoint_says_nothing(examples):
    probe = VoG()

    scores = probe.finish([probe.measure(net(epoch), examples, ProbeContext(epoch, 0)) for epoch in (0, 1)])

    assert scores["vog"].isna().all()


def test_a_gradient_that_does_not_change_has_no_spread():
    still = np.tile(np.arange(6.0).reshape(1, 2, 3), (4, 1, 1))

    assert variance_of_gradients(still).tolist() == [0, 0]
    assert variance_of_gradients(np.array([[[0.0, 0]], [[2, 4]]])).tolist() == [1.5]


def test_values_are_normalised_within_their_class():
    assert class_normalised(np.array([1.0, 3, 10, 30, 5]), np.array([0, 0, 1, 1, 2])).tolist() == [-1, 1, -1, 1, 0]


def test_a_class_that_varies_by_rounding_alone_gets_0():
    """The sd of seven equal values is 1e-17, not 0."""
    still = np.full(7, 0.1234567)
    assert still.std() > 0

    assert class_normalised(still, np.zeros(7)).tolist() == [0] * 7
    assert class_normalised(still * 1e-9, np.zeros(7)).tolist() == [0] * 7
    assert class_normalised(still * [1, 1, 1, 1, 1, 1, 1 + 1e-9], np.zeros(7)).tolist() == [0] * 7
    assert class_normalised(still * [1, 1, 1, 1, 1, 1, 1.001], np.zeros(7))[6] == pytest.approx(np.sqrt(6))


def test_what_is_not_finite_is_not_0():
    assert np.isnan(class_normalised(np.array([np.nan, 1, 2]), np.zeros(3), np.array([np.nan, 1, 1]))).all()


def test_what_rounding_is_goes_by_the_gradients_that_were_subtracted():
    """Values of 1e-8 that differ by as much say nothing where they come from gradients near 1."""
    values, classes = np.array([1e-8, 2e-8, 3e-8]), np.zeros(3)

    assert class_normalised(values, classes, np.ones(3)).tolist() == [0, 0, 0]
    assert class_normalised(values, classes, values)[2] == pytest.approx(np.sqrt(1.5))


@pytest.mark.parametrize("change", [1.0, 1e-6])
def test_a_linear_model_has_a_vog_of_0_throughout(change):
    """In one layer or more; with as little change between the epochs as there is at the end of training."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(D, 64), nn.BatchNorm1d(64), nn.Linear(64, K))
    examples = ExampleSet(torch.randn(N + 1, D), torch.arange(N + 1) % K)  # 301: parts of unequal size
    probe, frames = VoG(), []
    for epoch in range(1, 5):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += change * torch.randn_like(parameter)
        frames.append(probe.measure(model, examples, ProbeContext(epoch, 0)))

    scores = probe.finish(frames)

    assert (frames[-1]["gradient"] > 0).all()
    assert (scores == 0).all(axis=None)


@pytest.mark.parametrize("outputs", ["(B, 1)", "(B,)"])
def test_a_single_logit_is_differentiated_for_both_classes(outputs):
    """As a model with the logits (-z, z): an example of class 0 has the gradient of -z, not that of 0."""

    def single(epoch):
        torch.manual_seed(epoch)
        last = [nn.Flatten(0)] if outputs == "(B,)" else []
        return nn.Sequential(nn.Linear(D, 8), nn.Tanh(), nn.Linear(8, 1), *last)

    examples = ExampleSet(torch.randn(40, D), torch.arange(40) % 2)
    probe = VoG()
    frames = [probe.measure(single(epoch), examples, ProbeContext(epoch, 0)) for epoch in (1, 2, 3)]
    slopes = []
    for epoch in (1, 2, 3):
        inputs = examples.inputs.clone().requires_grad_()
        signs = torch.arange(40) % 2 * 2 - 1
        slopes.append(torch.autograd.grad((single(epoch)(inputs).reshape(-1) * signs).sum(), inputs)[0].numpy())

    np.testing.assert_allclose(frames[0]["gradient"], np.abs(slopes[0]).mean(1), rtol=1e-5)
    spread = np.stack(slopes).std(axis=0).mean(axis=1)
    expected = np.empty(40)
    for label in (0, 1):
        of_class = spread[label::2]
        expected[label::2] = (of_class - of_class.mean()) / of_class.std()
    np.testing.assert_allclose(probe.finish(frames)["vog"], expected, atol=1e-4)


def test_the_frame_holds_the_mean_size_of_the_gradient_and_the_model_is_left_alone(examples):
    model = nn.Sequential(nn.BatchNorm1d(D), nn.Dropout(0.5), net(0))
    before, random_state = {n: t.clone() for n, t in model.state_dict().items()}, torch.get_rng_state()

    frame = VoG().measure(model, examples, ProbeContext(1, 0))

    assert list(frame.columns) == ["epoch", "split", "example", "given_label", "gradient"]
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert model.training
    assert torch.equal(torch.get_rng_state(), random_state)
    model.eval()
    np.testing.assert_allclose(frame["gradient"], np.abs(jacobian(model, examples)).mean(1), rtol=1e-4)
