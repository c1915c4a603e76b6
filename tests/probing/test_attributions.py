import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from probes import AttributionTracker, ProbeError, open_run
from probes.data import ExampleSet
from probes.probing import Attributions, ProbeContext, choose_panel
from probes.runs.writer import RunWriter

CONTEXT = ProbeContext(epoch=5, step=0)


@pytest.fixture
def examples():
    """12 examples of 6 inputs in 3 classes, every third label wrong, numbered from 100."""
    generator = np.random.default_rng(0)
    true = np.arange(12) % 3
    given = np.where(np.arange(12) % 4 == 0, (true + 1) % 3, true)
    inputs = generator.normal(size=(12, 6)).astype(np.float32)
    return ExampleSet(inputs, given, true_labels=true, index=np.arange(100, 112))


@pytest.fixture
def linear():
    torch.manual_seed(0)
    return nn.Linear(6, 3)


@pytest.fixture
def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))


def labels_asked(frame, examples):
    """The label that each row of a frame is about."""
    position = frame["example"].to_numpy() - int(examples.index[0])
    given, true = examples.given_labels.numpy()[position], examples.true_labels.numpy()[position]
    return position, np.where(frame["label"] == "given", given, true)


def of_method(frame, method):
    return frame[frame["method"] == method].reset_index(drop=True)


def test_rows_are_methods_by_labels_with_the_true_label_where_it_differs(examples, linear):
    frame = Attributions().measure(linear, examples, CONTEXT)

    assert list(frame.columns) == ["epoch", "split", "example", "method", "label", "map"]
    assert set(frame["epoch"]) == {5}
    assert set(frame["split"]) == {"train"}
    for method in ("saliency", "integrated_gradients"):
        rows = of_method(frame, method)
        assert rows.loc[rows["label"] == "given", "example"].tolist() == list(range(100, 112))
        assert rows.loc[rows["label"] == "true", "example"].tolist() == [100, 104, 108]
    assert len(frame) == 2 * 15


def test_without_true_labels_only_the_given_label_is_asked(examples, linear):
    unknown = ExampleSet(examples.inputs, examples.given_labels)

    assert set(Attributions().measure(linear, unknown, CONTEXT)["label"]) == {"given"}


def test_integrated_gradients_of_a_linear_model_are_its_weights_times_the_step_from_the_baseline(examples, linear):
    frame = Attributions(["integrated_gradients"], baseline=-0.5).measure(linear, examples, CONTEXT)

    position, label = labels_asked(frame, examples)
    expected = linear.weight.detach()[label] * (examples.inputs[position] + 0.5)
    np.testing.assert_allclose(np.stack(frame["map"]), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_saliency_of_a_linear_model_is_the_size_of_its_weights(examples, linear):
    frame = Attributions(["saliency"]).measure(linear, examples, CONTEXT)

    _, label = labels_asked(frame, examples)
    np.testing.assert_allclose(np.stack(frame["map"]), linear.weight.detach()[label].abs().numpy(), rtol=1e-6)


def test_saliency_agrees_with_autograd(examples, mlp):
    frame = Attributions(["saliency"]).measure(mlp, examples, CONTEXT)

    for values, position, label in zip(frame["map"], *labels_asked(frame, examples), strict=True):
        one = examples.inputs[position].clone().requires_grad_()
        (gradient,) = torch.autograd.grad(mlp(one)[label], one)
        np.testing.assert_allclose(values, gradient.abs().numpy(), rtol=1e-4, atol=1e-7)


def test_integrated_gradients_agree_with_a_plain_sum_over_the_path(examples, mlp):
    """A midpoint sum with 2,000 points is the slow, obvious reference."""
    frame = Attributions(["integrated_gradients"], baseline=0.25).measure(mlp, examples, CONTEXT)

    alphas = (torch.arange(2000) + 0.5)[:, None] / 2000
    for values, position, label in zip(frame["map"], *labels_asked(frame, examples), strict=True):
        step = examples.inputs[position] - 0.25
        path = (0.25 + alphas * step).requires_grad_()
        (gradients,) = torch.autograd.grad(mlp(path)[:, label].sum(), path)
        np.testing.assert_allclose(values, (step * gradients.mean(0)).numpy(), atol=0.01)


def test_integrated_gradients_sum_to_the_change_of_the_logit(examples, mlp):
    frame = Attributions(["integrated_gradients"], baseline=0.25).measure(mlp, examples, CONTEXT)

    position, label = labels_asked(frame, examples)
    with torch.no_grad():
        change = (mlp(examples.inputs[position]) - mlp(torch.full((1, 6), 0.25))).numpy()[np.arange(len(label)), label]
    np.testing.assert_allclose([values.sum() for values in frame["map"]], change, atol=0.01)


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)], ids=["B", "Bx1"])
def test_a_single_logit_speaks_for_label_1_and_label_0_is_silent(shape):
    weight = torch.tensor([1.0, -2.0, 3.0])

    class Single(nn.Module):
        def forward(self, inputs):
            return (inputs @ weight).reshape(shape)

    examples = ExampleSet(torch.eye(3) + 1, [0, 1, 1], true_labels=[0, 0, 1])
    frame = Attributions(["integrated_gradients"]).measure(Single(), examples, CONTEXT)

    maps = {(row.example, row.label): row.map.tolist() for row in frame.itertuples()}
    assert maps[0, "given"] == maps[1, "true"] == [0, 0, 0]
    assert maps[1, "given"] == pytest.approx([1, -4, 3])
    assert maps[2, "given"] == pytest.approx([1, -2, 6])


def test_only_the_panel_is_measured(mlp):
    examples = ExampleSet(torch.randn(50, 6), torch.arange(50) % 3)

    frame = Attributions(["saliency"], panel=8, seed=3).measure(mlp, examples, CONTEXT)

    assert frame["example"].tolist() == choose_panel(examples, 8, seed=3).tolist()


def test_maps_are_flat_float32_whose_shape_is_in_the_metadata():
    examples = ExampleSet(torch.randn(2, 3, 4, 5), [0, 1])
    probe = Attributions(baseline=-1.5)
    assert json.loads(probe.metadata()["map_shape"]) is None

    frame = probe.measure(nn.Sequential(nn.Flatten(), nn.Linear(60, 2)), examples, CONTEXT)

    assert all(values.dtype == np.float32 and values.shape == (60,) for values in frame["map"])
    metadata = {name: json.loads(value) for name, value in probe.metadata().items()}
    assert metadata["map_shape"] == [3, 4, 5]
    assert metadata["baseline"] == -1.5
    assert metadata["methods"] == ["saliency", "integrated_gradients"]
    assert metadata["n_steps"] == 50
    assert metadata["saliency_abs"] is True
    assert metadata["captum"]


def test_measures_in_eval_mode_and_leaves_the_model_in_training(examples):
    net = nn.Sequential(nn.BatchNorm1d(6), nn.Dropout(0.9), nn.Linear(6, 3)).train()
    net(examples.inputs).sum().backward()
    state = {name: value.clone() for name, value in net.state_dict().items()}
    grads = [parameter.grad.clone() for parameter in net.parameters()]
    random_state = torch.get_rng_state()

    first = Attributions().measure(net, examples, CONTEXT)
    second = Attributions().measure(net, examples, CONTEXT)

    np.testing.assert_array_equal(np.stack(first["map"]), np.stack(second["map"]))
    assert net[1].training
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(torch.equal(state[name], value) for name, value in net.state_dict().items())
    assert all(torch.equal(a, p.grad) for a, p in zip(grads, net.parameters(), strict=True))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_measures_where_gradients_are_switched_off(examples, mlp, mode):
    expected = Attributions().measure(mlp, examples, CONTEXT)

    with mode():
        inside = ExampleSet(examples.inputs * 1, examples.given_labels, true_labels=examples.true_labels)
        frame = Attributions().measure(mlp, inside, CONTEXT)

    np.testing.assert_array_equal(np.stack(frame["map"]), np.stack(expected["map"]))


def test_a_model_may_change_its_input_in_place(examples, linear):
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = linear

        def forward(self, inputs):
            return self.linear(inputs.mul_(2))

    before = examples.inputs.clone()
    doubled = Attributions(["saliency"]).measure(InPlace(), examples, CONTEXT)
    plain = Attributions(["saliency"]).measure(linear, examples, CONTEXT)

    np.testing.assert_allclose(np.stack(doubled["map"]), 2 * np.stack(plain["map"]), rtol=1e-6)
    assert torch.equal(examples.inputs, before)


def test_an_unknown_method_is_refused_with_the_nearest_name():
    known = r"There are saliency, integrated_gradients, input_x_gradient, grad_cam\.$"
    with pytest.raises(
        ProbeError, match=r"^unknown attribution method 'salience'\. Did you mean 'saliency'\? " + known
    ):
        Attributions(["salience"])
    with pytest.raises(ProbeError, match=r"^unknown attribution method 'xyz'\. " + known):
        Attributions(["xyz"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"methods": []},
            r"^methods must name at least one of saliency, integrated_gradients, .*, grad_cam, got none\.$",
        ),
        ({"panel": 0}, r"^panel must be at least 1, got 0\.$"),
        ({"panel": -3}, r"^panel must be at least 1, got -3\.$"),
        ({"baseline": float("nan")}, r"^baseline must be a finite number, got nan\.$"),
    ],
)
def test_refuses_arguments_that_cannot_be_used(arguments, message):
    with pytest.raises(ValueError, match=message):
        Attributions(**arguments)


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (nn.Linear(6, 2), ValueError, r"^labels must lie in \[0, 2\), the number of logits, got 2\.$"),
        (nn.Unflatten(1, (3, 2)), ValueError, r"^the model must return logits \(B, K\), got shape \(1, 3, 2\)\.$"),
        (nn.LSTM(6, 3), TypeError, r"^the model must return logits \(B, K\), got tuple\.$"),
    ],
    ids=["too few logits", "three dimensions", "no tensor"],
)
def test_says_in_one_line_what_is_wrong_with_the_model(examples, model, error, message):
    with pytest.raises(error, match=message):
        Attributions(["saliency"]).measure(model, ExampleSet(examples.inputs, examples.given_labels), CONTEXT)


def test_says_that_no_gradient_reaches_the_inputs(examples, linear):
    class Frozen(nn.Module):
        def forward(self, inputs):
            with torch.no_grad():
                return linear(inputs)

    with pytest.raises(ValueError, match="no gradient connects the model's logits to its inputs"):
        Attributions().measure(Frozen(), examples, CONTEXT)


def test_refuses_inputs_that_have_no_gradient(linear):
    with pytest.raises(TypeError, match="floating point inputs, got int64"):
        Attributions().measure(linear, ExampleSet(torch.zeros(3, 6, dtype=torch.int64), [0, 1, 2]), CONTEXT)


def test_refuses_a_negative_label(linear):
    with pytest.raises(ValueError, match=r"labels must lie in \[0, 3\), the number of logits, got -1"):
        Attributions().measure(linear, ExampleSet(torch.zeros(2, 6), [0, -1]), CONTEXT)


def test_refuses_an_empty_set(linear):
    with pytest.raises(ValueError, match="at least one example, got none"):
        Attributions().measure(linear, ExampleSet(torch.zeros(0, 6), torch.zeros(0, dtype=torch.int64)), CONTEXT)


# AttributionTracker


def train_and_record(tracker, model, examples, epochs=3):
    """A plain loop that knows nothing of the tracker's ways."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    tracker.record(model, epoch=0)
    for epoch in range(1, epochs + 1):
        for _, inputs, targets in examples.batches(4):
            nn.functional.cross_entropy(model(inputs), targets).backward()
            optimizer.step()
            optimizer.zero_grad()
        tracker.record(model, epoch)


def test_a_tracker_without_a_run_keeps_its_frames_in_memory(examples, mlp, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tracker = AttributionTracker(examples, panel=6, seed=1)
    assert len(tracker.frames) == 0

    train_and_record(tracker, mlp, examples)

    frames = tracker.frames
    assert sorted(set(frames["epoch"])) == [0, 1, 2, 3]
    assert set(frames["example"]) == set((100 + choose_panel(examples, 6, seed=1)).tolist())
    assert json.loads(frames.attrs["map_shape"]) == [6]
    assert list(tmp_path.iterdir()) == []


def test_a_tracker_measures_the_same_as_the_probe(examples, mlp):
    tracker = AttributionTracker(examples, panel=6, seed=1)
    tracker.record(mlp, 5)

    pd.testing.assert_frame_equal(tracker.frames, Attributions(panel=6, seed=1).measure(mlp, examples, CONTEXT))


def test_a_tracker_takes_a_baseline(examples, mlp):
    tracker = AttributionTracker(examples, baseline=-1.5)
    tracker.record(mlp, epoch=2)

    expected = Attributions(baseline=-1.5).measure(mlp, examples, CONTEXT)
    assert [m.tolist() for m in tracker.frames["map"]] == [m.tolist() for m in expected["map"]]
    assert tracker.frames.attrs["baseline"] == "-1.5"


def test_the_weights_after_training_do_not_depend_on_the_tracker(examples):
    def trained(epochs_recorded):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Linear(16, 3))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        tracker = AttributionTracker(examples)
        for epoch in range(4):
            nn.functional.cross_entropy(net(examples.inputs), examples.given_labels).backward()
            if epoch in epochs_recorded:
                tracker.record(net, epoch)
            optimizer.step()
            optimizer.zero_grad()
        return net.state_dict()

    plain, recorded = trained(()), trained((0, 2, 3))

    assert all(torch.equal(plain[name], recorded[name]) for name in plain)


def test_a_tracker_with_a_folder_writes_a_file_an_epoch_that_pandas_reads(examples, mlp, tmp_path):
    tracker = AttributionTracker(examples, run=tmp_path / "new" / "run")

    train_and_record(tracker, mlp, examples)

    folder = tmp_path / "new" / "run" / "probes" / "attributions"
    assert sorted(path.name for path in folder.iterdir()) == [f"epoch-0000{epoch}.parquet" for epoch in range(4)]
    read = pd.read_parquet(folder / "epoch-00002.parquet")
    expected = tracker.frames[tracker.frames["epoch"] == 2]
    assert read.drop(columns="map").equals(expected.drop(columns="map").reset_index(drop=True))
    np.testing.assert_array_equal(np.stack(read["map"]), np.stack(expected["map"]))


def test_the_file_holds_lists_of_float32_and_the_metadata(examples, mlp, tmp_path):
    AttributionTracker(examples, run=str(tmp_path)).record(mlp, 7)

    schema = pq.read_schema(tmp_path / "probes" / "attributions" / "epoch-00007.parquet")
    assert str(schema.field("map").type.value_type) == "float"
    assert str(schema.field("epoch").type) == "int32"
    assert json.loads(schema.metadata[b"map_shape"]) == [6]
    assert json.loads(schema.metadata[b"baseline"]) == 0.0


class Recording:
    """Stands for an ExampleTracker: all that matters is its `writer`, which it makes when it likes."""

    writer = None


def test_a_tracker_joins_the_run_of_an_example_tracker(examples, mlp, tmp_path):
    joined = Recording()
    tracker = AttributionTracker(examples, run=joined)
    joined.writer = RunWriter.create(tmp_path / "run", num_examples=12, measure="online")

    tracker.record(mlp, 3)
    joined.writer.finish("complete")

    assert (tmp_path / "run" / "probes" / "attributions" / "epoch-00003.parquet").exists()
    assert "probes/attributions/epoch-00003.parquet" in (tmp_path / "run" / "SHA256SUMS").read_text()


def test_a_tracker_that_joins_one_in_memory_stays_in_memory(examples, mlp):
    tracker = AttributionTracker(examples, run=Recording())
    tracker.record(mlp, 3)

    assert set(tracker.frames["epoch"]) == {3}


def test_an_epoch_recorded_again_replaces_the_earlier_one(examples, linear, mlp, tmp_path):
    tracker = AttributionTracker(examples, run=tmp_path, methods=["saliency"])
    tracker.record(linear, 1)
    tracker.record(mlp, 1)

    fresh = Attributions(["saliency"]).measure(mlp, examples, ProbeContext(epoch=1, step=0))
    np.testing.assert_array_equal(np.stack(tracker.frames["map"]), np.stack(fresh["map"]))
    saved = pd.read_parquet(tmp_path / "probes" / "attributions" / "epoch-00001.parquet")
    np.testing.assert_array_equal(np.stack(saved["map"]), np.stack(fresh["map"]))


def test_does_not_replace_what_another_tracker_recorded(examples, mlp, tmp_path):
    AttributionTracker(examples, run=tmp_path).record(mlp, 1)
    other = AttributionTracker(examples, run=tmp_path)
    other.record(mlp, 2)

    with pytest.raises(ProbeError, match=r"epoch-00001\.parquet was recorded by another tracker"):
        other.record(mlp, 1)


def test_only_the_panel_is_kept(mlp):
    tracker = AttributionTracker(ExampleSet(torch.randn(1000, 6), torch.arange(1000) % 3))

    assert len(tracker._panel) == 32


def test_refuses_what_is_no_example_set():
    with pytest.raises(TypeError, match=r"^examples must be an ExampleSet, got Tensor\. Wrap them"):
        AttributionTracker(torch.zeros(3, 6))


def test_refuses_what_is_no_run(examples):
    with pytest.raises(TypeError, match=r"^run must be a folder, an ExampleTracker or None, got int\.$"):
        AttributionTracker(examples, run=3)


def test_refuses_a_folder_that_cannot_be_made(examples, tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(ProbeError, match=r"^cannot write to .*file/run: Not a directory\. Choose another folder\.$"):
        AttributionTracker(examples, run=tmp_path / "file" / "run")


def test_refuses_an_epoch_that_is_no_whole_number(examples, mlp):
    with pytest.raises(TypeError, match=r"^epoch must be a whole number, got 1\.5\.$"):
        AttributionTracker(examples).record(mlp, 1.5)


def test_refuses_a_negative_epoch(examples, mlp):
    with pytest.raises(ValueError, match=r"^epoch must be at least 0, got -1\.$"):
        AttributionTracker(examples).record(mlp, -1)


def test_a_fresh_folder_becomes_a_run_that_opens(tmp_path):
    """With the labels of every example, not of the panel alone."""

    examples = ExampleSet(torch.randn(6, 4), [0, 1, 0, 1, 0, 1], true_labels=[0, 1, 0, 1, 1, 1])
    tracker = AttributionTracker(examples, run=tmp_path / "run", panel=2)

    tracker.record(torch.nn.Linear(4, 2), epoch=3)

    run = open_run(tmp_path / "run")
    assert (run.num_examples, run.num_epochs) == (6, 0)
    assert set(run.probe("attributions")["epoch"]) == {3}
    assert run.noisy.tolist() == [False] * 4 + [True, False]
