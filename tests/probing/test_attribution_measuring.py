"""Maps that are measured afterwards: the same as those of training, and beside them."""

import hashlib
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from probes import open_run
from probes.errors import ConfigError
from probes.probing.attribution_methods import METHODS
from probes.runs.writer import write_probe_frame
from probes.training import TrainConfig, measure_run, train

KEYS = ["epoch", "example", "method", "label"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A convolutional net, with maps of a panel and without any, to be copied; and an MLP without."""
    folder = tmp_path_factory.mktemp("runs")
    config = {"noise": 0.4, "subset": 100, "epochs": 2}
    train(TrainConfig(**config, model="cnn"), folder / "probed")
    train(TrainConfig(**config, model="cnn", probe=("none",)), folder / "bare")
    train(TrainConfig(**config, width=8, probe=("none",)), folder / "mlp")
    return folder


@pytest.fixture
def copy(trained, tmp_path):
    """A copy of the run of that name."""

    def copied(name):
        shutil.copytree(trained / name, tmp_path / name)
        return tmp_path / name

    return copied


def maps(run):
    """(epoch, example, method, label) -> the bytes of the map."""
    frame = run.probe("attributions")
    assert not frame.duplicated(KEYS).any()
    keys = frame[KEYS].itertuples(index=False, name=None)
    return {key: values.tobytes() for key, values in zip(keys, frame["map"], strict=True)}


def test_the_panel_measured_afterwards_is_the_one_of_training_to_the_bit(trained, copy):
    recorded = open_run(trained / "probed").probe("attributions")

    found = measure_run(copy("bare"), "attributions").probe("attributions")

    pd.testing.assert_frame_equal(found.drop(columns="map"), recorded.drop(columns="map"))
    assert [values.tobytes() for values in found["map"]] == [values.tobytes() for values in recorded["map"]]
    assert found.attrs == recorded.attrs


def test_an_example_measured_beside_others_has_the_maps_of_training_to_the_bit(trained, copy):
    recorded = maps(open_run(trained / "probed"))
    panel = sorted({key[1] for key in recorded})
    others = sorted(set(range(100)) - set(panel))

    found = maps(measure_run(copy("bare"), "attributions", examples=[*others[:3], panel[5], others[9], panel[-1]]))

    shared = {key for key in recorded if key[1] in (panel[5], panel[-1])}
    assert shared
    assert all(found[key] == recorded[key] for key in shared)


def test_other_examples_and_other_methods_join_what_was_recorded(copy):
    run = copy("probed")
    recorded = maps(open_run(run))
    panel = sorted({key[1] for key in recorded})
    other = next(example for example in range(100) if example not in panel)

    measure_run(run, "attributions", examples=[other, panel[0]])
    measure_run(run, "attributions", examples=[panel[0]], methods=["grad_cam", "input_x_gradient"])
    found = maps(measure_run(run, "attributions", examples="most_forgotten", top=3, methods="grad_cam"))

    assert recorded.items() <= found.items()
    assert {key[2] for key in found if key[1] == other} >= set(METHODS[:2])
    assert {key[2] for key in found if key[1] == panel[0]} == set(METHODS)
    assert {key[0] for key in found if key[2] == "grad_cam"} == {0, 1, 2}
    attrs = {name: json.loads(text) for name, text in open_run(run).probe("attributions").attrs.items()}
    assert sorted(attrs["methods"]) == sorted(METHODS)
    assert (attrs["panel"], attrs["map_shape"], attrs["grad_cam_layer"]) == (32, [1, 8, 8], "conv2")


def test_the_layer_of_grad_cam_stays_known_when_other_maps_join(copy):
    run = copy("bare")
    measure_run(run, "attributions", examples=[1], methods="grad_cam", probe_epochs=[2])

    attrs = (
        measure_run(run, "attributions", examples=[2], methods="saliency", probe_epochs=[2]).probe("attributions").attrs
    )

    assert json.loads(attrs["grad_cam_layer"]) == "conv2"
    assert json.loads(attrs["methods"]) == ["grad_cam", "saliency"]


def test_a_map_measured_again_takes_the_place_of_its_row(copy):
    run = copy("probed")
    recorded = open_run(run).probe("attributions")
    at_one = recorded[recorded["epoch"] == 1].reset_index(drop=True)
    spoilt = at_one.assign(map=[np.zeros_like(values) for values in at_one["map"]])
    write_probe_frame(run, "attributions", 1, spoilt, recorded.attrs)
    example = int(at_one["example"][0])

    measured = measure_run(run, "attributions", examples=[example], methods="saliency", probe_epochs=[1])

    now, before = maps(measured), {tuple(row[:4]): row[4] for row in recorded[[*KEYS, "map"]].itertuples(index=False)}
    assert now.keys() == before.keys()
    for key, found in now.items():
        again = key[0] != 1 or key[1:3] == (example, "saliency")
        assert found == (before[key] if again else np.zeros_like(before[key])).tobytes()


def test_only_the_epochs_asked_for_are_measured(copy):
    run = measure_run(copy("bare"), "attributions", examples=[4], probe_epochs=[2, 0, 2])

    assert sorted({key[0] for key in maps(run)}) == [0, 2]


def test_checksums_stay_true(copy):
    run = copy("probed")
    measure_run(run, "attributions", examples=[4], methods="grad_cam")

    lines = dict(reversed(line.split(maxsplit=1)) for line in (run / "SHA256SUMS").read_text().splitlines())
    for path in (run / "probes/attributions").iterdir():
        assert lines[f"probes/attributions/{path.name}"] == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("name", "settings", "match"),
    [
        (
            "attributions",
            {"methods": ["gradcam"]},
            r"^unknown attribution method 'gradcam'\. Did you mean 'grad_cam'\?",
        ),
        ("attributions", {"methods": "grad_cam"}, r"^grad_cam needs a convolution, and this model calls none"),
        ("attributions", {"probe_epochs": [1, 7]}, r"^the run keeps no weights of epoch 7, only of 0, 1, 2\. Choose"),
        ("input_grad", {"methods": "saliency"}, r"^methods belong to the probe attributions, not to input_grad"),
    ],
)
def test_what_cannot_be_measured_is_refused_and_leaves_nothing(trained, name, settings, match):
    with pytest.raises(ConfigError, match=match):
        measure_run(trained / "mlp", name, **settings)

    assert not list((trained / "mlp").glob("probes/*/*"))
