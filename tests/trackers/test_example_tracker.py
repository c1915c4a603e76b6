"""The tracker's life: what it records, when it writes, how it ends and goes on."""

import copy
import gc
import json
import os
import subprocess
import sys
import tracemalloc
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import probes
from probes import ExampleTracker, ProbeError, open_run
from probes.data import ExampleSet
from probes.errors import ConfigError, ProbeWarning, RunExistsError, RunLockedError
from probes.probing import GradientNorms, VoG

ROOT = Path(probes.__file__).parents[1]


def random_epochs(seed=0, epochs=4, examples=30, classes=3):
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, classes, examples)
    return targets, [rng.normal(size=(examples, classes)).astype(np.float32) for _ in range(epochs)]


def play(tracker, targets, epochs, batch=7, shuffle=None):
    for number, logits in enumerate(epochs):
        order = np.arange(len(targets)) if shuffle is None else np.random.default_rng([shuffle, number]).permutation(30)
        for start in range(0, len(order), batch):
            index = order[start : start + batch]
            tracker.update(index, logits[index], targets[index])
        tracker.end_epoch()
    return tracker


def test_batch_size_and_order_within_an_epoch_change_nothing():
    targets, epochs = random_epochs()

    one = play(ExampleTracker(30), targets, epochs, batch=30).scores()
    other = play(ExampleTracker(30), targets, epochs, batch=4, shuffle=1).scores()

    pd.testing.assert_frame_equal(one, other)


def test_in_memory_and_on_disk_agree(tmp_path):
    targets, epochs = random_epochs()
    truth = np.where(np.arange(30) < 5, (targets + 1) % 3, targets)

    memory = play(ExampleTracker(30, true_labels=truth), targets, epochs)
    with play(ExampleTracker(30, true_labels=truth, run=tmp_path / "run"), targets, epochs) as disk:
        pd.testing.assert_frame_equal(memory.scores(), disk.scores())
        assert np.array_equal(memory.trajectory("margin"), disk.trajectory("margin"))
    run = open_run(tmp_path / "run")

    pd.testing.assert_frame_equal(memory.scores(), run.scores(), check_dtype=False)
    assert run.summary()["num_noisy"] == 5
    assert (run.status, run.measure) == ("complete", "online")
    pd.testing.assert_frame_equal(memory.scores(epochs=(2, 3)), disk.scores(epochs=(2, 3)))


def test_the_last_of_repeated_visits_stands_and_visits_counts_them():
    tracker = ExampleTracker(2)
    tracker.update([0, 0], [[1.0, 0.0], [0.0, 3.0]], [1, 1])
    tracker.update([0], [[0.0, 5.0]], [1])
    tracker.end_epoch()

    assert tracker.trajectory("margin").tolist()[0][0] == 5.0
    assert tracker.trajectory("visits").tolist() == [[3, -1]]
    assert tracker.scores()["visits"].tolist() == [3, pd.NA]


def test_transitions_are_counted_between_visited_epochs():
    """Right, not visited, wrong: one forgetting event, and the gap is missing, not zero."""
    tracker = ExampleTracker(2)
    for visited, logits in (([0, 1], [[2.0, 0.0]] * 2), ([1], [[2.0, 0.0]]), ([0, 1], [[0.0, 2.0], [2.0, 0.0]])):
        tracker.update(visited, logits, [0] * len(visited))
        tracker.end_epoch()

    assert tracker.scores()["forgetting_events"].tolist() == [1, 0]
    assert np.isnan(tracker.trajectory("loss")[1, 0])


def test_unusable_logits_are_missing_and_counted(tmp_path):
    with ExampleTracker(3, run=tmp_path / "run") as tracker:
        tracker.update([0, 1, 2], [[np.nan, 0.0], [1.0, -np.inf], [np.inf, 0.0]], [0, 0, 1])
        tracker.end_epoch()
        tracker.update([0], [[1.0, 0.0]], [0])
    run = open_run(tmp_path / "run")

    assert run.trajectory("prediction").tolist() == [[-1, 0, -1], [0, -1, -1]]
    assert run.trajectory("visits")[0].tolist() == [1, 1, 1]
    assert run.summary()["nonfinite_visits"] == 2
    assert run.scores()["first_learned_epoch"].tolist() == [2, 1, pd.NA]
    assert run.scores().loc[2].drop(["given_label"]).isna().all()


@pytest.mark.parametrize(
    "bad", [([0, 9], [[1.0, 0.0]] * 2, [0, 0]), ([0, 1], [[1.0, 0.0]] * 2, [0, 2]), ([0, 1], [[1.0, 0.0]] * 2, [1, 1])]
)
def test_a_refused_batch_leaves_no_trace(bad):
    tracker = ExampleTracker(3)
    tracker.update([0], [[1.0, 0.0]], [0])
    before = copy.deepcopy(tracker.state_dict())

    with pytest.raises((ValueError, IndexError)):
        tracker.update(*bad)

    assert str(tracker.state_dict()) == str(before)


def test_a_changed_label_names_the_example():
    tracker = ExampleTracker(10)
    tracker.update([4, 7], [[1.0, 0.0]] * 2, [0, 1])

    with pytest.raises(ValueError, match="targets gave example 7 label 0, but earlier 1"):
        tracker.update([7], [[1.0, 0.0]], [0])
    with pytest.raises(ValueError, match="example 5 label"):
        tracker.update([5, 5], [[1.0, 0.0]] * 2, [0, 1])


def test_ending_an_epoch_twice_or_without_updates_does_nothing():
    tracker = ExampleTracker(1)
    tracker.end_epoch()
    tracker.update([0], [[1.0, 0.0]], [0])
    tracker.end_epoch()
    tracker.end_epoch()

    assert tracker.trajectory("loss").shape == (1, 1)


def test_scores_are_of_closed_epochs_only():
    tracker = ExampleTracker(1)
    tracker.update([0], [[1.0, 0.0]], [0])

    assert tracker.scores()["aum"].isna().all()
    assert tracker.trajectory("loss").shape == (0, 1)


def test_ids_replace_positions(tmp_path):
    with ExampleTracker(2, run=tmp_path / "run", ids=["cat.png", "dog.png"]) as tracker:
        tracker.update(["dog.png"], [[1.0, 0.0]], [0])
        tracker.end_epoch()

        assert tracker.scores()["id"].tolist() == ["cat.png", "dog.png"]
    assert open_run(tmp_path / "run").scores()["aum"].tolist() == pytest.approx([np.nan, 1.0], nan_ok=True)

    tensor_ids = ExampleTracker(2, ids=[100, 200])
    tensor_ids.update(torch.tensor([200]), torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
    tensor_ids.end_epoch()
    assert tensor_ids.scores()["aum"][1] == 1.0


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"num_examples": 0}, ValueError, "num_examples must be at least 1, got 0"),
        ({"num_examples": 2.0}, TypeError, "num_examples must be an int, got float"),
        ({"num_examples": 2, "true_labels": [0]}, ValueError, r"true_labels must have shape \(2,\), got \(1,\)"),
        ({"num_examples": 2, "true_labels": [0.5, 1]}, TypeError, "true_labels must be integers"),
        ({"num_examples": 2, "ids": ["a", "a"]}, ValueError, "ids must be unique, got 'a' more than once"),
        ({"num_examples": 2, "ids": [1.5, 2.5]}, TypeError, "all strings or all ints, got 1.5, of type float"),
        ({"num_examples": 2, "ids": ["a", 2]}, TypeError, "all strings or all ints, got both"),
        ({"num_examples": 2, "classes": ["cat", "dog", "cat"]}, ValueError, "classes must be unique, got 'cat'"),
        ({"num_examples": 2, "ids": ["a"]}, ValueError, "ids must hold 2 entries, got 1"),
        ({"num_examples": 2, "ids": ["a", 1]}, TypeError, "all strings or all ints"),
        ({"num_examples": 2, "images": np.zeros((3, 4, 4))}, ValueError, r"images must have shape \(2, H, W"),
        ({"num_examples": 2, "images": np.zeros((2, 3, 8, 8))}, ValueError, "Put channels last"),
        ({"num_examples": 2, "true_labels": [0, -2]}, ValueError, "classes, or -1 where unknown, got -2"),
        ({"num_examples": 2, "ignore_index": 1.5}, TypeError, "ignore_index must be an int, got 1.5"),
        ({"num_examples": 2, "classes": "ab"}, ValueError, "list of at least two names, got 'ab'"),
        ({"num_examples": 2, "device": "foo"}, ConfigError, "unknown device 'foo'"),
        ({"num_examples": 2, "if_exists": "overwite"}, ConfigError, "Did you mean 'overwrite'"),
    ],
)
def test_says_in_one_line_what_the_constructor_cannot_use(settings, error, message):
    with pytest.raises(error, match=message):
        ExampleTracker(**settings)


def test_no_graph_is_kept():
    tracker = ExampleTracker(2)
    logits = torch.ones(2, 2, requires_grad=True) * 2
    tracker.update([0, 1], logits, [0, 1])
    kept = weakref.ref(logits)

    del logits

    assert kept() is None
    tracker.end_epoch()
    assert tracker.trajectory("margin").tolist() == [[0.0, 0.0]]


@pytest.mark.slow
def test_memory_is_flat_over_ten_thousand_updates():
    tracker = ExampleTracker(50)
    weight = torch.ones(1, 3, requires_grad=True)
    index, targets = torch.arange(8), torch.arange(8) % 3

    def updates(count):
        for _ in range(count):
            tracker.update(index, torch.randn(8, 1) * weight, targets)
        gc.collect()
        return tracemalloc.get_traced_memory()[0], sum(type(found) is torch.Tensor for found in gc.get_objects())

    tracemalloc.start()
    try:
        memory, tensors = updates(1024)  # of 16 logits: as many as are held together, so that none is held now
        more_memory, more_tensors = updates(10 * 1024)
    finally:
        tracemalloc.stop()

    assert more_tensors == tensors
    assert more_memory - memory < 10_000  # bytes: less than one for each update


# Package aum (1.0.2) fails on these three


def test_ids_in_a_tensor_are_the_same_examples_each_time():
    """aum keys its sums by tensors, which are never equal: every visit is a new example."""
    tracker = ExampleTracker(3, ids=[10, 20, 30])
    for margin in (1.0, 3.0):
        tracker.update(torch.tensor([30, 10]), torch.tensor([[margin, 0.0]] * 2), torch.tensor([0, 0]))
        tracker.end_epoch()

    assert tracker.scores()["aum"].tolist() == pytest.approx([2.0, np.nan, 2.0], nan_ok=True)


def test_a_batch_of_one_is_a_batch():
    """aum squeezes its only row away, and then cannot iterate over it."""
    tracker = ExampleTracker(3)
    tracker.update(torch.tensor([2]), torch.tensor([[1.0, 4.0]]), torch.tensor([1]))
    tracker.end_epoch()

    assert tracker.trajectory("margin")[0].tolist() == pytest.approx([np.nan, np.nan, 3.0], nan_ok=True)


def test_one_nan_does_not_spoil_the_other_visits():
    """In aum a NaN stays in the running sum for good."""
    tracker = ExampleTracker(2)
    for first in (2.0, np.nan, 4.0):
        tracker.update([0, 1], torch.tensor([[first, 0.0], [1.0, 0.0]]), [0, 0])
        tracker.end_epoch()

    assert tracker.scores()["aum"].tolist() == [3.0, 1.0]


def test_thumbnails_come_from_an_array_or_a_function(tmp_path):
    pictures = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    for name, images in (("array", pictures), ("function", lambda index: pictures[index])):
        with ExampleTracker(2, run=tmp_path / name, images=images) as tracker:
            tracker.update([0, 1], [[1.0, 0.0]] * 2, [0, 1])
        pngs = open_run(tmp_path / name).images([1])

        assert list(pngs) == [1]
        assert np.array_equal(decode(pngs[1]), pictures[1])


def decode(png):
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(png)))


def test_an_existing_run_is_refused_with_the_three_choices(tmp_path):
    with ExampleTracker(1, run=tmp_path / "run") as tracker:
        tracker.update([0], [[1.0, 0.0]], [0])

    with pytest.raises(RunExistsError, match="already holds a run.*overwrite.*resume"):
        ExampleTracker(1, run=tmp_path / "run")
    ExampleTracker(1, run=tmp_path / "run", if_exists="overwrite").close()
    assert open_run(tmp_path / "run").num_epochs == 0


def test_a_run_is_held_until_closed(tmp_path):
    tracker = ExampleTracker(1, run=tmp_path / "run")

    with pytest.raises(RunLockedError, match="being written"):
        ExampleTracker(1, run=tmp_path / "run", if_exists="overwrite")
    tracker.close()
    tracker.close()
    with pytest.raises(ProbeError, match="closed"):
        tracker.update([0], [[1.0, 0.0]], [0])


@pytest.mark.parametrize(("error", "status"), [(RuntimeError, "failed"), (KeyboardInterrupt, "interrupted")])
def test_an_exception_keeps_the_open_epoch_and_says_how_it_ended(tmp_path, error, status):
    with pytest.raises(error), ExampleTracker(1, run=tmp_path / "run") as tracker:
        tracker.update([0], [[1.0, 0.0]], [0])
        raise error

    run = open_run(tmp_path / "run")
    assert (run.status, run.num_epochs) == (status, 1)


@pytest.mark.parametrize(
    ("ending", "status"), [("", "complete"), ("raise ValueError", "failed"), ("raise KeyboardInterrupt", "interrupted")]
)
def test_the_interpreters_exit_closes_the_run(tmp_path, ending, status):
    script = (
        "import sys; from probes import ExampleTracker\n"
        "t = ExampleTracker(1, run=sys.argv[1]); t.update([0], [[1., 0.]], [0])\n" + ending
    )
    subprocess.run([sys.executable, "-c", script, tmp_path / "run"], cwd=ROOT, check=False, capture_output=True)

    run = open_run(tmp_path / "run")
    assert (run.status, run.num_epochs) == (status, 1)


def test_resuming_goes_on_where_the_run_ended(tmp_path):
    targets, epochs = random_epochs()
    with play(ExampleTracker(30, run=tmp_path / "half"), targets, epochs[:2]):
        pass
    with play(ExampleTracker(30, run=tmp_path / "half", if_exists="resume"), targets, epochs[2:]):
        pass
    with play(ExampleTracker(30, run=tmp_path / "whole"), targets, epochs):
        pass

    pd.testing.assert_frame_equal(open_run(tmp_path / "half").scores(), open_run(tmp_path / "whole").scores())


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_saved_state_goes_on_identically_in_the_middle_of_an_epoch(tmp_path, on_disk):
    """Through torch.save with weights_only loading, as a checkpoint would travel; later epochs are dropped."""
    targets, epochs = random_epochs()
    where = {"run": tmp_path / "run"} if on_disk else {}
    tracker = play(ExampleTracker(30, **where), targets, epochs[:2])
    tracker.update(np.arange(10), epochs[2][:10], targets[:10])
    torch.save({"tracker": tracker.state_dict()}, tmp_path / "state.pt")
    tracker.update(np.arange(10, 30), -epochs[2][10:], targets[10:])  # a future that did not happen
    tracker.end_epoch()
    tracker.close("interrupted")

    again = ExampleTracker(30, **where, **({"if_exists": "resume"} if on_disk else {}))
    again.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True)["tracker"])
    again.update(np.arange(10, 30), epochs[2][10:], targets[10:])
    again.end_epoch()
    play(again, targets, epochs[3:])

    whole = play(ExampleTracker(30), targets, epochs)
    pd.testing.assert_frame_equal(again.scores(), whole.scores())
    assert np.array_equal(again.trajectory("loss"), whole.trajectory("loss"))


def test_a_state_that_does_not_fit_is_refused(tmp_path):
    targets, epochs = random_epochs()
    state = play(ExampleTracker(30), targets, epochs[:2]).state_dict()
    play(ExampleTracker(30, run=tmp_path / "run"), targets, epochs[:3]).close()

    with pytest.raises(ValueError, match="of 30 examples, the tracker of 3"):
        ExampleTracker(3).load_state_dict(state)
    with pytest.raises(ProbeError, match="holds 0 epochs, the state is of epoch 2"):
        ExampleTracker(30, run=tmp_path / "new").load_state_dict(state)


def test_records_a_probe_into_the_run(tmp_path):
    class Norm:
        name = "weight_norm"

        def measure(self, model, examples, context):
            return pd.DataFrame({"epoch": [context.epoch], "split": "train", "example": [0], "value": [context.step]})

        def finish(self, frames):
            return pd.DataFrame({"example": [0], "weight_norm": [len(frames)]})

    with ExampleTracker(1, run=tmp_path / "run") as tracker:
        for _ in range(2):
            tracker.update([0], [[1.0, 0.0]], [0])
            tracker.record(Norm(), None, None)
            tracker.end_epoch()
    run = open_run(tmp_path / "run")

    assert run.probe("weight_norm")[["epoch", "value"]].to_numpy().tolist() == [[1, 1], [2, 2]]
    assert run.scores()["weight_norm"].tolist() == [2]


@pytest.mark.parametrize("where", ["in a run", "in memory"])
def test_scores_join_those_of_probes_as_the_run_read_again_does(where, tmp_path):
    """Three epochs, gradient norms by an independent hand: ||p - onehot|| ||(x, 1)|| of a linear model."""
    inputs = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    examples = ExampleSet(inputs, [0, 1, 2, 0, 1, 2])
    nets, expected = [], []
    for seed in range(3):
        torch.manual_seed(seed)
        nets.append(torch.nn.Linear(4, 3))
        error = nets[-1](inputs).softmax(1) - torch.nn.functional.one_hot(examples.given_labels, 3)
        expected.append((error.norm(dim=1) * (inputs.square().sum(1) + 1).sqrt()).detach().numpy())
    tracker = ExampleTracker(6, run=tmp_path / "run" if where == "in a run" else None)
    vog = VoG()
    assert "gradient_norm" not in tracker.scores()
    for net in nets:
        tracker.update(range(6), net(inputs), examples.given_labels)
        tracker.end_epoch()
        tracker.record(GradientNorms(), net, examples.select(range(5)))
        tracker.record(GradientNorms(), net, examples)  # again: it takes the place of the first
        tracker.record(vog, net, examples)
    scores = tracker.scores()
    tracker.close()

    np.testing.assert_allclose(scores["gradient_norm"], np.mean(expected, axis=0), rtol=1e-5)
    assert scores["vog"].notna().all()
    assert tracker.scores("vog").columns.tolist() == ["vog"]
    if where == "in a run":
        pd.testing.assert_frame_equal(scores, open_run(tmp_path / "run").scores())


def test_what_is_no_probe_is_refused_by_its_name():
    tracker = ExampleTracker(2)
    for wrong, words in (
        ("vog", "probe must be an object with `name` and `measure`, such as probes.probing.VoG\\(\\), got 'vog'"),
        (VoG, r"probe must be an object, got the class VoG: write VoG\(\)\."),
        (None, "probe must be an object with"),
    ):
        with pytest.raises(TypeError, match=words):
            tracker.record(wrong, torch.nn.Linear(2, 2), ExampleSet([[0.0, 1.0]], [0]))
    with pytest.raises(TypeError, match="examples must be an ExampleSet, got Tensor"):
        tracker.record(VoG(), torch.nn.Linear(2, 2), torch.zeros(2, 2))
    assert tracker.frames == {}


def test_probe_scores_in_memory_forget_what_lies_after_a_loaded_state():
    examples = ExampleSet(torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), [0, 1, 0, 1])
    tracker, states, scores = ExampleTracker(4), [], []
    for seed in range(2):
        torch.manual_seed(seed)
        net = torch.nn.Linear(3, 2)
        tracker.update(range(4), net(examples.inputs), examples.given_labels)
        tracker.end_epoch()
        tracker.record(GradientNorms(), net, examples)
        states.append(tracker.state_dict())
        scores.append(tracker.scores()["gradient_norm"])
    assert not scores[0].equals(scores[1])

    tracker.load_state_dict(states[0])

    assert tracker.scores()["gradient_norm"].equals(scores[0])


def test_vog_in_memory_says_where_its_gradients_went():
    examples = ExampleSet(torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), [0, 1, 0, 1])
    tracker = ExampleTracker(4)
    for _ in range(2):
        tracker.update(range(4), torch.zeros(4, 2), examples.given_labels)
        tracker.record(VoG(), torch.nn.Linear(3, 2), examples)
        tracker.end_epoch()

    with pytest.warns(ProbeWarning, match=r"its scores are of epochs 2\. Record the same VoG\(\) each time"):
        assert tracker.scores()["vog"].isna().all()


def test_a_forked_worker_does_not_end_the_run(tmp_path):
    tracker = ExampleTracker(1, run=tmp_path / "run")
    child = os.fork()
    if child == 0:
        tracker._close_at_exit()
        os._exit(0)
    os.waitpid(child, 0)

    assert json.loads((tmp_path / "run/run.json").read_text())["status"] == "running"
    tracker.close()


def test_an_unknown_true_label_is_neither_clean_nor_noisy(tmp_path):
    with ExampleTracker(3, run=tmp_path / "run", true_labels=[0, 1, -1]) as tracker:
        tracker.update([0, 1, 2], [[1.0, 0.0]] * 3, [0, 0, 0])
    run = open_run(tmp_path / "run")

    assert run.scores()["noisy"].tolist() == [False, True, pd.NA]
    assert (run.summary()["num_noisy"], run.summary()["base_rate"]) == (1, 0.5)


def test_resuming_keeps_what_the_run_knew(tmp_path):
    """Truth and ids stay where they are not told again; other ones are refused, and so is another number of classes."""
    first = {"true_labels": [0, 2, 1], "ids": ["a", "b", "c"]}
    with ExampleTracker(3, run=tmp_path / "run", **first) as tracker:
        tracker.update(["a", "b"], [[1.0, 0.0, 0.0]] * 2, [0, 0])
    with ExampleTracker(3, run=tmp_path / "run", if_exists="resume") as tracker:
        with pytest.raises(ValueError, match="must have 3 classes as in earlier batches, got 2"):
            tracker.update([0], [[1.0, 0.0]], [0])
        tracker.update([2], [[1.0, 0.0, 0.0]], [1])
    run = open_run(tmp_path / "run")

    assert run.examples["id"].tolist() == ["a", "b", "c"]
    assert run.noisy.tolist() == [False, True, False]
    for other in ({"true_labels": [0, 0, 0]}, {"ids": ["a", "b", "x"]}):
        with pytest.raises(ProbeError, match=f"{next(iter(other))} differ"):
            ExampleTracker(3, run=tmp_path / "run", if_exists="resume", **other)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"true_labels": [0, 7]}, r"true_labels must lie in \[0, 2\), or be -1, got 7"),
        ({"classes": ["a", "b", "c"]}, "classes names 3 classes, but logits have 2"),
    ],
)
def test_the_first_batch_shows_what_does_not_fit_the_number_of_classes(settings, message):
    tracker = ExampleTracker(2, **settings)

    with pytest.raises(ValueError, match=message):
        tracker.update([0], [[1.0, 0.0]], [0])
    assert not tracker._buffer.open


def test_an_unknown_status_is_refused(tmp_path):
    tracker = ExampleTracker(1, run=tmp_path / "run")

    with pytest.raises(ConfigError, match="unknown status 'foo'"):
        tracker.close("foo")
    tracker.close()


# Found by a first reader


@pytest.mark.parametrize("logits", [[], torch.empty(0, 3)])
def test_an_empty_batch_says_nothing_and_fixes_nothing(logits):
    tracker = ExampleTracker(2)

    tracker.update([], logits, [])
    tracker.update([0], [[1.0, 0.0, 0.0]], [0])
    tracker.update([], logits, [])
    tracker.end_epoch()

    assert tracker.trajectory("visits").tolist() == [[1, -1]]


def test_a_dropped_tracker_lets_go_of_its_run(tmp_path):
    tracker = ExampleTracker(1, run=tmp_path / "run")
    tracker.update([0], [[1.0, 0.0]], [0])
    del tracker
    gc.collect()

    assert open_run(tmp_path / "run").trajectory("margin").tolist() == [[1.0]]
    ExampleTracker(1, run=tmp_path / "run", if_exists="overwrite").close()


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        ({"model": 1, "tracker": 2}, ValueError, "it has no 'num_examples', but 'model', 'tracker'. Pass the part"),
        (None, TypeError, r"state must be what state_dict\(\) returned, got NoneType"),
    ],
)
def test_what_is_no_state_is_one_line(state, error, message):
    with pytest.raises(error, match=message):
        ExampleTracker(2).load_state_dict(state)


def test_what_is_recorded_does_not_change_with_the_arrays_it_came_from():
    tracker = ExampleTracker(2)
    index, logits, targets = torch.tensor([0, 1]), torch.tensor([[3.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])

    tracker.update(index, logits, targets)
    logits.zero_()
    index.fill_(1)
    tracker.end_epoch()

    assert tracker.trajectory("margin").tolist() == [[3.0, 1.0]]
