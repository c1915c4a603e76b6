"""What the studies of Zhang et al. and Arpit et al. train, and the bounds that their claims are held to."""

import numpy as np
import pytest

from probes.studies import Scale, first_epoch, get_study, run_study
from probes.studies.data import load_arrays
from probes.studies.first_epoch import _Errors, overdispersion
from probes.studies.point import Training
from probes.studies.results import Results

FULL, QUICK = Scale(), Scale(quick=True)
ABOVE_0 = (0.0, None)
BOUNDS = {
    "randomization": {
        "every-kind-is-fitted": (0.999, None),
        "labels-slower-mlp-1x512": (3.0, None),
        "labels-slower-mlp-3x512": (3.0, None),
        "error-grows": ABOVE_0,
        "chance-at-the-end": (0.87, 0.93),
    },
    "regularization": {
        "not-necessary": (0.97, None),
        "grid-all-good": (0.97, None),
        "dropout-slows-memorizing": (0.15, None),
        "dropout-for-free": (-0.02, 0.02),
    },
    "expressivity": {"exact-gaussian": (None, 1e-5), "exact-data": (None, 1e-5), "weights-data": (0, 0)},
    "linear": {"norm-0.5": ABOVE_0, "norm-1": ABOVE_0, "generalises-only-with-true-labels": (0.8, None)},
    "first-epoch": {"real-spread": (10.0, None), "random-inputs-alike": (None, 8.0)},
    "capacity": {"capacity-matters-more-for-noise": ABOVE_0},
    "patterns-first": {
        "peak-then-fall": (0.10, None),
        "noise-not-yet-memorized": (None, 0.15),
        "pattern-already-learned": (0.9, None),
        "true-label-first": (0.8, None),
        "noise-later": (3.0, None),
    },
    "sensitivity": {
        "few-matter-against-inputs": ABOVE_0,
        "few-matter-against-labels": ABOVE_0,
        "unique-classes": ABOVE_0,
        "grows-on-real-data": ABOVE_0,
    },
    "critical-samples": {"grows-with-noise": ABOVE_0, "jumps-while-memorizing": (0.2, None)},
}


def claims_of(name, scale, root):
    study = get_study(name)
    return {claim.id: claim for claim in study.find(Results(study.points(scale), root), scale).claims}


def configs_of(name, scale):
    return {point.name: point.config for point in get_study(name).points(scale) if isinstance(point, Training)}


@pytest.mark.parametrize("name", BOUNDS)
def test_every_assertion_is_a_claim_with_its_bounds(name, tmp_path):
    claims = claims_of(name, FULL, tmp_path)

    for id, bounds in BOUNDS[name].items():
        assert (claims[id].rule.low, claims[id].rule.high) == pytest.approx(bounds), id


@pytest.mark.parametrize("name", BOUNDS)
def test_the_quick_size_has_three_seeds_and_every_assertion_that_its_points_allow(name, tmp_path):
    left_out = {"labels-slower-mlp-1x512", "unique-classes"}

    assert QUICK.seeds == (0, 1, 2)
    assert (BOUNDS[name].keys() - left_out) <= claims_of(name, QUICK, tmp_path).keys()


def test_depth_asserts_no_sign_of_its_own(tmp_path):
    """That deeper is better is told as what is said of the paper; our own claim has two sides."""
    for id, claim in claims_of("depth", FULL, tmp_path).items():
        if id.startswith("deeper"):
            assert "not tested by the paper" in claim.published
        else:
            assert claim.rule.low == -claim.rule.high


@pytest.mark.parametrize("scale", [FULL, QUICK])
def test_regularisers_are_tried_on_real_and_on_random_labels(scale):
    configs = configs_of("regularization", scale)
    grid = {(config.dropout, config.weight_decay) for name, config in configs.items() if name.startswith("real")}

    assert {(0.0, 0.0), (0.25, 0.0), (0.0, 1e-3), (0.25, 1e-3)} <= grid
    assert {config.noise for name, config in configs.items() if name.startswith("random")} == {1.0}
    if scale is FULL:
        assert {config.dropout for config in configs.values()} == {0, 0.25, 0.5, 0.75, 0.9}
        assert {config.weight_decay for config in configs.values()} == {0, 1e-3, 1e-2, 5e-2}
        assert {config.epochs for name, config in configs.items() if name.startswith("random")} == {60}
        assert {config.epochs for name, config in configs.items() if name.startswith("real")} == {30}


def test_more_data_are_compared_at_the_same_number_of_units():
    """Random labels with as many units as the real ones beside them, as many as fit them."""
    for scale in (FULL, QUICK):
        units = {
            name.rsplit("-n", 1)[0]: config.width
            for name, config in configs_of("capacity", scale).items()
            if "-n" in name
        }
        assert units == {"real-inputs": 64, "random-inputs": 64, "real-labels": 256, "random-labels": 256}


def test_convolutional_networks_are_for_images():
    def models(dataset):
        return {config.model for config in configs_of("randomization", Scale(dataset=dataset)).values()}

    assert models("digits") == models("rows.csv") == {"mlp"}
    assert models("fashion-mnist") == {"mlp", "cnn", "alexnet", "inception"}


@pytest.mark.slow
def test_convolutional_networks_are_trained_with_their_own_options(tmp_path, monkeypatch):
    """Of random images, for an epoch: every point of the study is carried out, and every claim has its value."""
    random = np.random.default_rng(0)
    np.savez(tmp_path / "images.npz", X=random.random((60, 28, 28), dtype=np.float32), y=np.arange(60) % 10)
    whole = Scale.config
    monkeypatch.setattr(Scale, "config", lambda scale, **options: whole(scale, **{**options, "epochs": 1}))
    scale = Scale(quick=True, seeds=(0,), dataset=str(tmp_path / "images.npz"))

    content = run_study(get_study("randomization"), tmp_path / "studies", scale)

    rates = {(config.model, config.lr) for config in configs_of("randomization", scale).values()}
    assert rates == {("mlp", 0.05), ("cnn", 0.05), ("alexnet", 0.01), ("inception", 0.1)}
    assert content["failed"] == []
    claims = {claim["id"]: claim for claim in content["claims"]}
    assert {
        f"labels-slower-{model}" for model in ("mlp-3x512", "cnn", "small-alexnet", "small-inception")
    } <= claims.keys()
    assert len(claims["every-kind-is-fitted"]["measured"]["values"]) == 1


def test_overdispersion_is_told_for_a_hundred_runs_however_many_there_are(monkeypatch):
    random = np.random.default_rng(1)
    chance = np.where(np.arange(50_000) % 2, 0.2, 0.6)
    few, many = (_Errors(random.binomial(runs, chance), runs, 0.0) for runs in (40, 100))

    assert many.dispersion == pytest.approx(overdispersion(many.wrong, 100))
    assert few.dispersion == pytest.approx(many.dispersion, rel=0.03)
    assert first_epoch.RUNS == 100


def test_large_data_are_cut_to_what_can_be_solved():
    assert len(load_arrays("digits", None, most=100).train) == 100
    assert len(load_arrays("digits", 200, most=100).train) == 200
    assert len(load_arrays("digits", None, most=5000).train) == 1400


def test_bandwidths_belong_to_the_size_of_the_inputs():
    def bandwidths(dataset):
        points = get_study("linear").points(Scale(dataset=dataset))
        return {point.arguments["bandwidth"] for point in points if "bandwidth" in point.arguments}

    assert bandwidths("digits") == {0.5, 1.0, 2.0}
    assert 0.02 in bandwidths("fashion-mnist")
