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
