"""A run in which some labels are wrong and other inputs were replaced: neither is taken for the other."""

import numpy as np
import pytest

from probes.runs.run import open_run
from probes.runs.writer import RunWriter
from probes.signals import signals
from probes_reports.page import render
from probes_reports.sections import learning, provenance
from probes_reports.view import RunView
from probes_reports.wording import MIXED, REPLACED_INPUTS, plain_text

N, K = 40, 4
KINDS = np.array(["uniform_all"] * 8 + ["gaussian"] * 6 + ["random_pixels"] * 4 + [""] * 22)
RATES = {
    "kind": "uniform_all+gaussian+random_pixels",
    "requested": 0.45,
    "drawn": 0.45,
    "realised": 0.4,
    "kinds": {
        "uniform_all": {"requested": 0.2, "drawn": 0.2, "realised": 0.15},
        "gaussian": {"requested": 0.15, "drawn": 0.15, "realised": 0.15},
        "random_pixels": {"requested": 0.1, "drawn": 0.1, "realised": 0.1},
    },
}
TRUE = np.arange(N) % K
WRONG = np.arange(N) < 6  # two of the eight that were redrawn got their own label back
REPLACED = np.isin(KINDS, ["gaussian", "random_pixels"])


def write(folder, *, wrong=WRONG, kinds=KINDS, rates=RATES):
    """Six epochs: at first all but the replaced inputs are answered with the true label, in the end as given."""
    given = np.where(wrong, (TRUE + 1) % K, TRUE)
    noisy = wrong | np.isin(kinds, ["gaussian", "random_pixels"])
    meta = {"config": {"seed": 0}, "dataset": {"name": "toy", "classes": list("abcd")}, "corruption": rates}
    writer = RunWriter.create(folder, num_examples=N, measure="sweep", meta=meta)
    writer.write_examples(
        {"given_label": given, "true_label": TRUE, "noisy": noisy, "corruption": kinds.astype(str).tolist()}
    )
    for epoch in range(1, 7):
        early = np.where(REPLACED, (TRUE + 2) % K, TRUE)
        answer = np.where(np.arange(N) % 6 < epoch - 1, given, early)
        logits = np.random.default_rng(epoch).normal(0, 0.1, (N, K)).astype(np.float32)
        logits[np.arange(N), answer] += 3
        found = signals(logits, given)
        columns = {name: getattr(found, name) for name in found._fields}
        writer.write_epoch(epoch, {"example": np.arange(N), "visits": np.ones(N, np.int32), **columns})
        writer.append_metrics(
            [{"epoch": epoch, "group": g, "examples": 9, "accuracy": 0.5, "true_label_accuracy": 0.5, "loss": 1.0}
             for g in ("validation", "test")]
        )  # fmt: skip
    writer.finish("complete")
    return open_run(writer.path)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    return RunView(write(tmp_path_factory.mktemp("mixed") / "run"))


def test_wrong_labels_and_replaced_inputs_are_counted_apart(mixed):
    hero = learning.build(mixed)

    assert mixed.words is MIXED
    assert (mixed.num_noisy, mixed.num_wrong, mixed.num_replaced) == (16, 6, 10)
    assert "15.0% of labels wrong, 25.0% of inputs replaced" in hero.facts
    lede = plain_text(hero.lede)
    assert lede.startswith("Before training, 6 of the 40 labels were made wrong and 10 other inputs were replaced. ")
    assert "of all 16 noisy examples as labelled" in lede
    assert "(6 wrong labels, 10 replaced inputs)" in " ".join(map(plain_text, hero.section.how_to_read))


def test_the_true_label_is_asked_for_of_wrong_labels_alone(mixed):
    epochs, shares = mixed.hidden_curve

    expected = [
        (mixed.run.epoch(epoch)["prediction"][WRONG] == TRUE[WRONG]).mean() for epoch in mixed.run.closed_epochs
    ]
    assert epochs.tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(shares, expected)
    assert shares[0] == 1.0  # of all the noisy ones it would be 6 of 16
    line = next(trace for trace in learning.build(mixed).section.plots()[0].wide.data if "true one" in trace.name)
    assert line.name == "wrong labels, answered with the true one"
    np.testing.assert_allclose(line.y, expected)


def test_noisy_examples_are_answered_as_labelled(mixed):
    names = [trace.name for trace in learning.build(mixed).section.plots()[0].wide.data]

    assert "noisy examples, answered as labelled" in names
    assert not [name for name in names if name and "wrong one" in name]


def test_replaced_inputs_are_never_answered_with_a_wrong_label(tmp_path):
    kinds = np.where(REPLACED, KINDS, "")
    view = RunView(write(tmp_path / "run", wrong=np.zeros(N, dtype=bool), kinds=kinds, rates=None))

    names = [trace.name for trace in learning.build(view).section.plots()[0].wide.data]
    assert view.words is REPLACED_INPUTS
    assert "replaced inputs, answered as labelled" in names
    assert "wrong label" not in " ".join(name or "" for name in names)
    assert "answered with the</b>" not in render(view.run)


def test_each_kind_has_its_own_request(mixed):
    noise = next(entry.value for entry in provenance.build(mixed).parts[0].data.entries if entry.term == "Noise")

    assert "redrawn from all classes (uniform_all): 20.0% requested, 8 drawn (20.0%)" in noise
    assert "(gaussian): 15.0% requested, 6 drawn (15.0%)" in noise
    assert "(random_pixels): 10.0% requested, 4 drawn (10.0%)" in noise
    assert "16 of 40 noisy (40.0%): 6 wrong labels, 10 replaced inputs" in noise
