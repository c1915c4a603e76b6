"""What an audit finds on data whose wrong labels are known, and that it never looks at the truth."""

import numpy as np
import pandas as pd
import pytest
import torch

from probes.audit import examine
from probes.audit.estimate import dealt, estimate_errors, fair_beliefs, label_beliefs, noise_posterior
from probes.audit.planting import plant_labels
from probes.audit.rounds import Rounds
from probes.data import corrupt
from probes.data.pooled import load_pooled
from probes.errors import ConfigError
from probes.scores import auroc

COLUMNS = ["example", "id", "given_label", "suggested_label", "label_score", "is_label_issue"]


def test_the_table_has_the_columns_of_the_contract_in_the_order_of_the_data(found, dataset):
    issues = found.issues

    assert list(issues) == COLUMNS
    assert issues["example"].tolist() == list(range(400))
    assert issues["id"].tolist() == [f"p{number}" for number in range(400)]
    assert issues["given_label"].tolist() == dataset.train.given_labels.tolist()
    assert not issues.isna().any(axis=None)
    assert issues["label_score"].between(0, 1).all()
    assert issues["is_label_issue"].dtype == bool
    assert issues["suggested_label"].dtype == np.int64


def test_wrong_labels_rank_first_and_are_suggested_the_right_one(found, dataset):
    wrong = np.arange(400) % 10 == 0
    true = dataset.train.true_labels.numpy()
    issues = found.issues

    assert auroc(-issues["label_score"].to_numpy(), wrong) > 0.95
    assert (issues["suggested_label"].to_numpy() == true)[wrong].mean() > 0.8
    flagged = issues["is_label_issue"].to_numpy()
    assert wrong[flagged].mean() > 0.8
    assert flagged[wrong].mean() > 0.8


def test_flags_are_the_scores_below_the_cutoff_and_never_suggest_the_given_label(found):
    issues = found.issues
    flagged = issues["is_label_issue"]

    assert (flagged == (issues["label_score"] < 0.5)).all()
    assert (issues["suggested_label"] != issues["given_label"])[flagged].all()
    assert found.facts["cutoff"] == {"label_score": 0.5, "flagged": int(flagged.sum())}


def test_the_estimated_count_is_near_the_truth(found):
    estimate = found.facts["estimate"]

    assert 30 <= estimate["errors"] <= 50  # 40 are wrong
    assert estimate["low"] <= 40 <= estimate["high"]


def test_true_labels_change_nothing(found, dataset, quick, with_truth):
    shuffled = np.random.default_rng(1).permutation(dataset.train.true_labels.numpy())

    for truth in (shuffled, None):
        again = examine(with_truth(dataset, truth), settings=quick)
        pd.testing.assert_frame_equal(again.issues, found.issues)


def test_equal_seeds_find_the_same_and_others_do_not(found, dataset, quick):
    state = torch.get_rng_state()

    pd.testing.assert_frame_equal(examine(dataset, settings=quick).issues, found.issues)
    assert not examine(dataset, settings=quick, seed=1).issues["label_score"].equals(found.issues["label_score"])
    assert torch.equal(torch.get_rng_state(), state)


def test_planted_errors_are_found_and_the_table_is_about_the_original_labels(dataset, quick):
    found = examine(dataset, plant=0.1, settings=quick)
    plant = found.facts["plant"]

    assert plant["planted"] == 40
    assert plant["found"] == round(plant["recall"] * 40)
    assert plant["recall"] >= 0.7
    assert found.issues["given_label"].tolist() == dataset.train.given_labels.tolist()
    right = [row for row in plant["examples"] if row % 10]
    assert found.issues["label_score"].to_numpy()[right].mean() > 0.7  # their own labels were right


@pytest.fixture
def scripted(monkeypatch):
    """Rounds whose every array differs from every other."""
    random = np.random.default_rng(0)
    answers, held_out = random.dirichlet([1] * 4, (2, 3, 400)).astype(np.float32)
    folds = random.integers(0, 3, (3, 400))
    rounds = Rounds(answers, held_out, folds, [1, 1, 1], random.normal(size=(400, 2)).astype(np.float32))
    monkeypatch.setattr("probes.audit.examining.run_rounds", lambda *arguments: rounds)
    return rounds


def test_beliefs_order_and_fair_ones_are_dealt_out(scripted, dataset, quick):
    found = examine(dataset, settings=quick)
    given, rows = dataset.train.given_labels.numpy(), np.arange(400)
    belief, fair = label_beliefs(scripted.answers, given, quick), fair_beliefs(scripted, given, quick)
    scores = dealt(fair[rows, given], belief[rows, given])

    np.testing.assert_allclose(found.issues["label_score"], scores)
    others = belief.copy()
    others[rows, given] = -1
    assert found.issues["suggested_label"].tolist() == np.where(scores < 0.5, others.argmax(axis=1), given).tolist()
    heard = [scripted.answers[0], scripted.held_out[1], scripted.held_out[2]]
    by_round = [noise_posterior(part, given, given, quick)[rows, given] for part in heard]
    expected = estimate_errors(scores, by_round, scripted.folds[-1], scripted.held_out, given)
    assert {name: found.facts["estimate"][name] for name in expected} == expected


def test_of_planted_examples_the_last_network_that_has_not_seen_them_is_heard(scripted, dataset, quick):
    found = examine(dataset, plant=0.1, settings=quick)
    given, rows = dataset.train.given_labels.numpy(), np.arange(400)
    told = plant_labels(given, 0.1, 4, 0).labels
    belief, fair = label_beliefs(scripted.answers, told, quick), fair_beliefs(scripted, told, quick)
    recall = (dealt(fair[rows, told], belief[rows, told]) < 0.5)[told != given].mean()
    belief[told != given] = fair[told != given] = noise_posterior(scripted.held_out[-1], told, given, quick)[
        told != given
    ]

    np.testing.assert_allclose(found.issues["label_score"], dealt(fair[rows, given], belief[rows, given]))
    assert found.facts["plant"]["recall"] == pytest.approx(recall)


def test_neighbours_are_the_most_suspicious_examples_and_others_like_them(found, dataset):
    near = found.neighbours
    queries = near["example"].unique()

    worst = found.issues.sort_values("label_score", kind="stable")["example"].to_numpy()[: len(queries)]
    assert queries.tolist() == worst.tolist()
    assert near.groupby("example")["rank"].apply(list).map(lambda ranks: ranks == [1, 2, 3]).all()
    assert (near["example"] != near["neighbour"]).all()
    true = dataset.train.true_labels.numpy()
    assert (true[near["example"]] == true[near["neighbour"]]).mean() > 0.7
    assert near["similarity"].between(-1.001, 1.001).all()


def test_flags_by_class_add_up(found):
    rows = found.facts["by_class"]

    assert [row["class"] for row in rows] == ["0", "1", "2", "3"]
    assert sum(row["examples"] for row in rows) == 400
    assert sum(row["flagged"] for row in rows) == found.facts["cutoff"]["flagged"]
    assert sum(row["share_of_flags"] for row in rows) == pytest.approx(1)
    assert sum(row["expected_errors"] for row in rows) == pytest.approx(found.facts["estimate"]["errors"])


def test_the_visits_that_are_counted_are_those_that_were_made(found, dataset, quick):
    compute, epochs = found.facts["compute"], found.facts["settings"]["epochs"]
    made = compute["trained_visits"] // 800

    assert made - sum(epochs) in (0, 1)  # a window that ends before the budget does is seen to one epoch later
    assert compute["trained_visits"] == 800 * made  # three networks, each on two thirds
    assert compute["answered_visits"] == 1200 * made
    assert compute["passes"] == 3 * compute["trained_visits"] + compute["answered_visits"]


def test_progress_ends_at_one(dataset, quick):
    seen = []
    examine(dataset, settings=quick, on_progress=seen.append)

    shares = [progress.share for progress in seen]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert (seen[-1].round, seen[-1].fold, seen[-1].epoch) == (seen[-1].rounds, 3, seen[-1].epochs)
    assert 2 <= seen[-1].rounds <= 3


@pytest.mark.parametrize("sizes", [(1, 1), (2, 1), (5, 1), (6, 6, 2)])
def test_tiny_data_do_not_crash(tmp_path, quick, sizes):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    np.savez(tmp_path / "tiny.npz", X=np.random.default_rng(0).normal(size=(len(labels), 3)), y=labels)
    found = examine(load_pooled(str(tmp_path / "tiny.npz")), settings=quick)

    assert len(found.issues) == len(labels)
    assert not found.issues.isna().any(axis=None)
    assert not found.facts["estimate"]["trusted"]
    assert any("examples are few" in warning for warning in found.facts["warnings"])
    assert any("Fewer than 3 examples" in warning for warning in found.facts["warnings"])


def test_constant_features_are_said_to_teach_nothing(tmp_path, quick):
    np.savez(tmp_path / "flat.npz", X=np.ones((60, 3)), y=np.arange(60) % 2)
    found = examine(load_pooled(str(tmp_path / "flat.npz")), settings=quick)

    assert found.facts["warnings"][0] == "All inputs are equal: there is nothing to learn from."
    assert not found.facts["estimate"]["trusted"]


def test_inputs_that_overflow_are_said_to(dataset, quick):
    from dataclasses import replace

    from probes.audit import AuditSettings

    found = examine(dataset, settings=replace(quick, lr=1e30))

    assert isinstance(quick, AuditSettings)
    assert "not finite" in found.facts["warnings"][0]
    assert not found.issues.isna().any(axis=None)


def test_one_class_holding_most_flags_is_named(dataset, quick):
    given = dataset.train.true_labels.numpy().copy()
    given[np.flatnonzero(given == 0)[:40]] = 2
    found = examine(dataset.with_labels(given), settings=quick)

    assert any(warning.startswith("The class 2 holds") for warning in found.facts["warnings"])
    row = found.facts["by_class"][2]
    assert (row["looks_like"], row["flagged"] > 15) == ("0", True)


@pytest.mark.parametrize("share", [0, -0.1, 0.6, float("nan")])
def test_a_share_to_plant_lies_between_none_and_half(dataset, share):
    with pytest.raises(ConfigError, match=r"plant must be a share in \(0, 0.5\]"):
        examine(dataset, plant=share)


def test_an_unknown_device_is_one_line(dataset):
    with pytest.raises(ConfigError, match="device 'nowhere' cannot be used"):
        examine(dataset, device="nowhere")


def test_ones_own_network_is_used(dataset, quick, tmp_path, monkeypatch):
    (tmp_path / "mynet.py").write_text(
        "from torch import nn\n"
        "def make(input_shape, num_classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(input_shape[0], 16), nn.BatchNorm1d(16), nn.ReLU(), "
        "nn.Dropout(0.1), nn.Linear(16, num_classes))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = examine(dataset, model="mynet:make", settings=quick)

    assert found.facts["model"] == {"name": "mynet:make", "description": "Sequential", "parameters": 148}
    assert auroc(-found.issues["label_score"].to_numpy(), np.arange(400) % 10 == 0) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.2, 0.4])
def test_digits_are_counted_and_planted_recall_is_that_of_the_noise(share):
    digits = load_pooled("digits")
    noisy = corrupt(digits, {"uniform_other": share}, seed=0)
    found = examine(noisy.apply(digits), plant=0.05)

    assert found.facts["estimate"]["errors"] == pytest.approx(noisy.noisy.sum(), rel=0.25)
    assert auroc(-found.issues["label_score"].to_numpy(), noisy.noisy) > 0.995
    recall = found.issues["is_label_issue"].to_numpy()[noisy.noisy].mean()
    assert found.facts["plant"]["recall"] == pytest.approx(recall, abs=0.1)
