"""Before and after cleaning: train on noise, audit what training was told, train without the flagged, compare."""

import json
import re

import pytest

from probes.audit import audit
from probes.training import TrainConfig
from probes.training.setup import prepare

pytestmark = pytest.mark.slow

TRAIN = ("train", "--noise", "0.4", "--probe", "none", "--checkpoint-epochs", "120", "--quiet")


@pytest.fixture
def final_accuracy(probe, tmp_path, monkeypatch):
    """Trains in an empty folder with further options and returns the test accuracy in the end."""
    monkeypatch.chdir(tmp_path)

    def trained(out, *options):
        answer = probe(*TRAIN, "--out", out, "--json", *options)
        assert answer.exit_code == 0, answer.stderr
        return json.loads(answer.stdout)["final_test_accuracy"]

    return trained


def test_leaving_out_what_the_audit_flags_raises_test_accuracy_by_a_tenth_and_the_page_says_so(probe, final_accuracy):
    before = final_accuracy("runs/before")
    told = "runs/before/examples.parquet"
    assert probe("audit", "digits", "--given-labels", told, "--out", "audit/before", "--quiet").exit_code == 0
    after = final_accuracy("runs/after", "--exclude", "audit/before/issues.csv")
    assert probe("report", "runs/before", "runs/after", "--out", "compared.html").exit_code == 0

    assert after - before >= 0.10
    with open("compared.html", encoding="utf-8") as file:
        text = re.sub(r"<[^>]*>", "", file.read())
    assert f"Test accuracy rose from {before:.1%} in A to {after:.1%} in B." in text
    assert f"+{100 * (after - before):.1f} points, after epoch 120" in text


def test_it_does_where_the_audit_saw_no_validation_or_test_example(final_accuracy):
    """`probe audit digits` looks at all parts; here it gets the training examples and what training was told alone."""
    audit(prepare(TrainConfig(noise=0.4)).dataset, "audit/training")

    after = final_accuracy("runs/after", "--exclude", "audit/training/issues.csv")

    assert after - final_accuracy("runs/before") >= 0.10
