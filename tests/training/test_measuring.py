import json
import shutil

import numpy as np
import pandas as pd
import pytest

from probes import ExampleTracker, open_run
from probes.errors import ConfigError, ProbeError, ProbeWarning, RunLockedError
from probes.runs.claiming import locked
from probes.training import TrainConfig, measure_run, train

PROBES = ("input_grad", "critical_samples", "vog")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two runs of one training, one probed while training and one not, to be copied."""
    folder = tmp_path_factory.mktemp("runs")
    config = {"noise": 0.4, "subset": 200, "width": 8, "epochs": 3}
    train(TrainConfig(**config, probe=PROBES), folder / "probed")
    train(TrainConfig(**config, probe=("none",)), folder / "bare")
    return folder


@pytest.fixture
def bare(trained, tmp_path):
    shutil.copytree(trained / "bare", tmp_path / "bare")
    return tmp_path / "bare"


def weights(run):
    return {path.parent.name: path.read_bytes() for path in (run / "checkpoints").glob("*/model.safetensors")}


def test_a_run_with_probes_ends_with_the_weights_and_trajectories_of_one_without(trained):
    assert weights(trained / "probed") == weights(trained / "bare")
    for path in sorted((trained / "bare/trajectories").iterdir()):
        assert path.read_bytes() == (trained / "probed/trajectories" / path.name).read_bytes()


@pytest.mark.parametrize("name", PROBES)
def test_afterwards_it_finds_what_it_would_have_found_while_training(trained, bare, name):
    before = (bare / "run.json").read_bytes()

    run = measure_run(bare, name)

    pd.testing.assert_frame_equal(run.probe(name), open_run(trained / "probed").probe(name))
    assert sorted(set(run.probe(name)["epoch"])) == [0, 1, 2, 3]
    assert (bare / "run.json").read_bytes() == before
    if name != "critical_samples":
        pd.testing.assert_series_equal(run.scores()[name], open_run(trained / "probed").scores()[name])


def test_critical_samples_are_those_of_the_validation_split(bare):
    frame = measure_run(bare, "critical_samples").probe("critical_samples")

    assert set(frame["split"]) == {"validation"}
    assert frame["example"].nunique() == 197


def test_the_most_forgotten_are_measured(bare):
    run = measure_run(bare, "attributions", examples="most_forgotten", top=5)

    table = run.scores()
    events = table["forgetting_events"].mask(table["never_learned"].astype(bool), 3).to_numpy(dtype=float)
    frame = run.probe("attributions")
    assert frame["example"].nunique() == 5
    assert events[frame["example"].unique()].min() >= np.sort(events)[::-1][4]
    assert set(frame["method"]) == {"saliency", "integrated_gradients"}


def test_that_fewer_were_ever_forgotten_is_said(bare):
    table = open_run(bare).scores()
    forgotten = ((table["forgetting_events"] > 0) | table["never_learned"]).sum()
    assert 0 < forgotten < len(table)

    with pytest.warns(ProbeWarning, match=f"^{forgotten} of the {forgotten + 2} most forgotten examples was ever"):
        measure_run(bare, "input_grad", examples="most_forgotten", top=int(forgotten) + 2, probe_epochs=[1])
    with pytest.raises(ConfigError, match="top says how many of the most forgotten"):
        measure_run(bare, "input_grad", examples=[3], top=2)


def test_examples_of_ones_choice_join_those_that_were_measured_before(bare):
    whole = measure_run(bare, "input_grad").probe("input_grad")
    again = measure_run(bare, "input_grad", examples=[7, 3]).probe("input_grad")
    order = ["epoch", "example"]

    left, right = (frame.sort_values(order, ignore_index=True) for frame in (whole, again))
    pd.testing.assert_frame_equal(left, right, rtol=1e-5)


def test_examples_alone_give_scores_for_those_alone(bare):
    run = measure_run(bare, "input_grad", examples=[7, 3])

    assert run.scores()["input_grad"].notna().to_numpy().nonzero()[0].tolist() == [3, 7]


def test_checksums_stay_true(bare):
    import hashlib

    measure_run(bare, "input_grad")
    measure_run(bare, "input_grad")

    lines = dict(reversed(line.split(maxsplit=1)) for line in (bare / "SHA256SUMS").read_text().splitlines())
    files = {name.removeprefix("./"): digest for name, digest in lines.items()}
    for epoch in range(4):
        name = f"probes/input_grad/epoch-{epoch:05d}.parquet"
        assert files[name] == hashlib.sha256((bare / name).read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("name", "settings", "match"),
    [
        ("vogg", {}, "unknown probe 'vogg'. Did you mean 'vog'"),
        ("vog", {"examples": [1]}, "vog measures its own set of examples: leave examples out"),
        ("input_grad", {"examples": "most"}, "unknown set of examples 'most'"),
        ("input_grad", {"examples": [200]}, r"examples must lie in \[0, 200\), got 200"),
        ("input_grad", {"examples": []}, "examples must be whole numbers, at least one"),
        ("input_grad", {"examples": "most_forgotten", "top": 0}, "top must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_any_work(trained, name, settings, match):
    with pytest.raises(ConfigError, match=match):
        measure_run(trained / "bare", name, **settings)

    assert not (trained / "bare/probes").exists()


def test_a_run_that_is_being_written_is_refused(bare):
    lock = locked(bare)
    try:
        with pytest.raises(RunLockedError, match="is being written"):
            measure_run(bare, "input_grad")
    finally:
        lock.release()


def test_the_run_can_be_measured_again_after_a_failure(bare):
    model = bare / "checkpoints/epoch-00001/model.safetensors"
    kept = model.read_bytes()
    model.unlink()
    with pytest.raises(ProbeError, match="is not a checkpoint: model.safetensors is missing"):
        measure_run(bare, "input_grad")

    model.write_bytes(kept)
    assert measure_run(bare, "input_grad").status == "complete"


@pytest.mark.parametrize("change", [{"seed": 1}, {"subset": 190}])
def test_data_that_changed_since_are_refused(bare, change):
    """As if the file behind the data held something else now."""
    meta = json.loads((bare / "run.json").read_text())
    meta["config"] |= change
    (bare / "run.json").write_text(json.dumps(meta))

    with pytest.raises(ConfigError, match="cannot be measured: its data or their noise changed since"):
        measure_run(bare, "input_grad")


def test_a_run_without_config_or_checkpoints_is_refused(bare, tmp_path):
    with ExampleTracker(1, run=tmp_path / "own") as tracker:
        tracker.update([0], [[1.0, 0.0]], [0])
    with pytest.raises(ConfigError, match="was not written by probe train, so its model cannot be rebuilt"):
        measure_run(tmp_path / "own", "input_grad")

    shutil.rmtree(bare / "checkpoints")
    with pytest.raises(ConfigError, match="holds no checkpoints"):
        measure_run(bare, "input_grad")
