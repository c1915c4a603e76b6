"""Whatever point of a study is missing, every claim keeps a value per seed, each paired with those of its own seed."""

import math
import zlib
from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from probes.studies import Scale, get_study
from probes.studies.results import Results
from probes.studies.sensitivity import STEPS

SCALE = Scale(quick=True, seeds=(0, 1, 2))
STUDIES = [
    *("randomization", "depth", "regularization", "expressivity", "linear"),
    *("first-epoch", "capacity", "patterns-first", "sensitivity", "critical-samples"),
]
COLUMNS = ("accuracy", "true_label_accuracy", "loss")
GROUPS = ("train/all", "train/clean", "train/noisy", "validation", "test")


@cache
def made_up_run(name, epochs, fits=True):
    """A run whose curves are random numbers of its own, rising to 1 on the training set where it fits."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    rows = []
    for group in GROUPS:
        curves = np.sort(random.random((3, epochs)), axis=1)
        if group.startswith("train") and fits:
            curves[0, random.integers(1, epochs) :] = 1.0
        table = pd.DataFrame(dict(zip(COLUMNS, curves, strict=True)))
        rows.append(table.assign(group=group, epoch=range(1, epochs + 1)))
    at = (0, 1, 5, 20, epochs)
    critical = pd.DataFrame({"epoch": at, "critical": random.random(5), "critical_random": random.random(5) / 9})
    return SimpleNamespace(
        epochs=pd.concat(rows),
        num_epochs=epochs,
        num_examples=100,
        config={"batch_size": 64},
        classes=list("0123456789"),
        probe=lambda name: critical,
    )


def made_up_value(name, function):
    random = np.random.default_rng(zlib.crc32(name.encode()))
    return {
        "realise": lambda: {
            **{"points": 100, "dimensions": 64, "weights": 264},
            **dict.fromkeys(("error", "error_float32", "largest_weight", "least_gap"), random.random()),
        },
        "interpolate": lambda: dict(zip(("train", "test", "norm", "residual"), random.random(4), strict=True)),
        "least_norm": lambda: {"difference": random.random(), "residual": 0.0},
        "wrong_after_one_epoch": lambda: {
            **{"runs": 40, "as_true": random.random()},
            "wrong": random.integers(0, 41, 50).tolist(),
        },
        "gini_over_steps": lambda: {"gini": random.random(STEPS).tolist()},
        "class_matrix": lambda: {"matrix": random.random((10, 10)).tolist()},
    }[function.__name__]()


class MadeUp(Results):
    """Results of every point but those that are missing; runs that never fit where it is said."""

    def __init__(self, points, missing=(), unfitted=()):
        super().__init__(points, None)
        self.missing, self.unfitted = missing, unfitted

    def run(self, name):
        if name in self.missing:
            return None
        return made_up_run(name, self._points[name].config.epochs, fits=name not in self.unfitted)

    def value(self, name):
        return None if name in self.missing else made_up_value(name, self._points[name].function)


def values_of(study, points, **settings):
    found = study.find(MadeUp(points, **settings), SCALE)
    for chart in found.charts:
        chart.to_dict()
    return {claim.id: np.array(claim.values, dtype=float) for claim in found.claims}


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_a_missing_point_leaves_the_other_seeds_as_they_are(name):
    study = get_study(name)
    points = study.points(SCALE)
    whole = values_of(study, points)
    assert all(len(values) == 3 for values in whole.values())

    for point in points:
        if not point.name.endswith("seed0"):
            continue
        found = values_of(study, points, missing=(point.name,))
        assert found.keys() == whole.keys()
        for id, values in found.items():
            assert values[1:] == pytest.approx(whole[id][1:], nan_ok=True), (point.name, id)
            assert math.isnan(values[0]) or values[0] == pytest.approx(whole[id][0], nan_ok=True), (point.name, id)


@pytest.mark.parametrize("name", ["randomization", "capacity"])
def test_a_run_that_never_fits_leaves_its_claims_open(name):
    """It has no time to fit; nothing stands in for it, and no claim is lost."""
    study = get_study(name)
    points = study.points(SCALE)
    never = tuple(point.name for point in points if "random-labels" in point.name or "width64" in point.name)

    found = study.find(MadeUp(points, unfitted=never), SCALE)
    verdicts = {claim.id: claim.verdict for claim in found.claims}
    concerned = [id for id in verdicts if id.startswith(("labels-slower", "inputs-before", "capacity", "size-matters"))]
    assert concerned
    assert {verdicts[id] for id in concerned if not id.endswith("random-inputs")} == {"inconclusive"}
