"""The footer: what the run says of how it was made, and nothing that it does not say."""

import numpy as np
import pytest
from jinja2 import Environment, PackageLoader

from probes.runs.run import open_run
from probes.runs.thumbnails import encode_png
from probes.runs.writer import RunWriter
from probes_reports.page import render
from probes_reports.sections import provenance
from probes_reports.view import RunView

FULL = {
    "command": "probe train --noise 0.5 --out /home/me/run",
    "config": {"lr": 0.05, "momentum": 0.9, "batch_size": 64, "epochs": 120},
    "seeds": {"split": 0, "noise": 1, "init": 2, "order": 3},
    "dataset": {
        "name": "digits",
        "fingerprint": "d1d4f69e",
        "classes": ["0", "1"],
        "splits": {"train": 4, "validation": 197, "test": 200},
        "image_shape": [8, 8],
    },
    "corruption": {"kind": "uniform_all", "requested": 0.5, "drawn": 0.5, "realised": 0.25},
    "model": {"description": "MLP 64-512-10", "parameters": 38_666},
    "device": "cpu",
    "threads": 1,
    "versions": {"python": "3.11.7", "torch": "2.14.1"},
}
NOISE = {
    "given_label": [0, 1, 0, 0],
    "true_label": [0, 1, 1, 0],
    "noisy": [False, False, True, False],
    "corruption": ["", "", "uniform_all", "uniform_all"],
}


def write_run(folder, *, meta=None, labels=None, measure="sweep", status="complete", unusable=0, **view):
    """Four examples, one epoch; returns the run's view."""
    writer = RunWriter.create(folder, num_examples=4, measure=measure, meta=meta)
    if labels:
        writer.write_examples(labels)
    signals = dict.fromkeys(("loss", "margin", "entropy", "el2n"), np.ones(4, np.float32))
    counts = dict.fromkeys(("visits", "prediction"), np.ones(4, np.int32))
    writer.write_epoch(1, {"example": np.arange(4), **signals, **counts})
    writer.finish(status, nonfinite_visits=unusable, timings={"training_s": 6.54})
    return RunView(open_run(folder), **view)


def shown(view):
    return provenance.build(view).parts[0].data


def entries(view):
    return {entry.term: entry.value.replace("\u00a0", " ") for entry in shown(view).entries}


@pytest.fixture
def full(tmp_path):
    return write_run(tmp_path / "run", meta=FULL, labels=NOISE)


def test_everything_that_is_recorded_is_said(full):
    assert entries(full) == {
        "Data": "digits, 8 × 8 pixels, 2 classes; 4 train, 197 validation, 200 test; split seed 0",
        "Label noise": "redrawn from all classes (uniform_all): 50.0% requested, 2 drawn (50.0%); "
        "1 of 4 wrong (25.0%); noise seed 1",
        "Model": "MLP 64-512-10, 38,666 parameters; init seed 2",
        "Training": "SGD, learning rate 0.05, momentum 0.9, batch 64, 120 epochs; "
        "6.5 s on one CPU thread; order seed 3",
        "Measured": "sweep: an evaluation pass over all training examples after each epoch",
        "Versions": "Python 3.11.7, torch 2.14.1",
        "Data fingerprint": "d1d4f69e",
        "This file holds": "no thumbnails, the command, no requests to anywhere",
        "Limits": "one run, one seed, small data, synthetic noise: this page speaks of this run only",
    }


def test_what_is_not_recorded_is_left_out_or_said_to_be_unknown(tmp_path):
    found = entries(write_run(tmp_path / "run", measure="online"))

    assert found["Data"] == "data without a name; 4 training examples"
    assert found["Label noise"] == "unknown: no true labels were recorded"
    assert found["Model"] == "not recorded"
    assert found["Training"].startswith("settings not recorded")
    assert "weights move" in found["Measured"]
    assert "true labels unknown" in found["Limits"]
    assert "Data fingerprint" not in found


def test_a_run_without_noise_says_none(tmp_path):
    labels = {**NOISE, "given_label": [0, 1, 1, 0], "noisy": [False] * 4, "corruption": [""] * 4}

    found = entries(write_run(tmp_path / "run", meta=FULL, labels=labels))

    assert found["Label noise"] == "none"
    assert "synthetic" not in found["Limits"]


def test_noise_that_was_found_is_not_called_made(tmp_path):
    labels = {name: NOISE[name] for name in ("given_label", "true_label", "noisy")}

    found = entries(write_run(tmp_path / "run", labels=labels))

    assert found["Label noise"] == "1 of 4 wrong (25.0%); not made here, but known from the true labels"
    assert "synthetic" not in found["Limits"]


def test_replaced_inputs_are_not_called_label_noise(tmp_path):
    labels = {**NOISE, "given_label": NOISE["true_label"], "corruption": ["", "", "gaussian", ""]}

    found = entries(write_run(tmp_path / "run", labels=labels))

    assert found["Replaced inputs"] == "noise instead of the input (gaussian): 1 drawn (25.0%); 1 of 4 replaced (25.0%)"
    assert "Label noise" not in found


def test_paths_are_left_out_where_they_are_not_wanted(tmp_path):
    view = write_run(tmp_path / "run", meta=FULL, labels={**NOISE, "path": ["/home/me/a.png"] * 4}, paths=False)

    assert shown(view).command == ""
    assert "no paths" in entries(view)["This file holds"]
    assert not any("/home" in value for value in entries(view).values())


def test_paths_that_it_may_hold_are_said(tmp_path):
    view = write_run(tmp_path / "run", meta=FULL, labels={**NOISE, "path": ["/home/me/a.png"] * 4})

    assert shown(view).command == FULL["command"]
    assert "the command, paths of examples" in entries(view)["This file holds"]


def test_thumbnails_are_said_only_where_they_may_be_held(tmp_path):
    writer = RunWriter.create(tmp_path / "run", num_examples=2, measure="sweep")
    png = encode_png(np.zeros((2, 2), dtype=np.uint8))
    writer.write_thumbnails({0: png, 1: png})
    writer.finish("complete")
    run = open_run(tmp_path / "run")

    held = [entries(RunView(run, images=images))["This file holds"] for images in (True, False)]

    assert held[0].startswith("thumbnails of the examples it shows")
    assert held[1].startswith("no thumbnails")


def test_a_run_that_ended_early_says_where(tmp_path):
    found = entries(write_run(tmp_path / "run", meta=FULL, status="interrupted"))

    assert "120 epochs; interrupted after epoch 1;" in found["Training"]


def test_unusable_visits_are_counted(tmp_path):
    found = entries(write_run(tmp_path / "run", unusable=3))

    assert "3 visits with logits that are not finite, taken as not visited" in found["Measured"]


def test_the_template_shows_every_entry_and_escapes_it(tmp_path):
    name = "</dd><script>alert(1)</script>"
    view = write_run(tmp_path / "run", meta={**FULL, "command": name, "dataset": {"name": name}})
    environment = Environment(loader=PackageLoader("probes_reports"), autoescape=True)

    page = environment.get_template("provenance.html.j2").render(data=shown(view))

    assert page.count("<dt>") == len(shown(view).entries) + 1
    assert page.count("&lt;/dd&gt;&lt;script&gt;alert(1)&lt;/script&gt;") == 2
    assert "<script>" not in page


def test_what_was_skipped_and_left_out_is_said(tmp_path):
    notes = ["10 images were skipped, being unreadable: <b>.jpg.", "images of 64 sizes were resized."]
    meta = {**FULL, "dataset": {**FULL["dataset"], "notes": notes}}

    view = write_run(tmp_path / "run", meta=meta)
    hidden = RunView(view.run, paths=False)

    assert entries(view)["Reading the data"] == (
        "10 images were skipped, being unreadable: <b>.jpg. Images of 64 sizes were resized."
    )
    assert "being unreadable: &lt;b&gt;.jpg." in render(view.run)
    assert "Reading the data" not in entries(hidden)


@pytest.mark.parametrize(
    ("patience", "epochs", "stopped"),
    [(3, 120, "stopped early after epoch 1: no better on validation for 3 epochs"), (3, 1, ""), (None, 120, "")],
)
def test_a_run_that_was_stopped_early_says_so(tmp_path, patience, epochs, stopped):
    meta = {**FULL, "config": {**FULL["config"], "epochs": epochs, "early_stopping": patience}}
    told = entries(write_run(tmp_path / "run", meta=meta))["Training"]

    assert ("stopped early" in told) == bool(stopped)
    assert stopped in told
