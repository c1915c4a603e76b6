"""A class that holds nearly all the examples is warned of: learning them may be no more than always answering it."""

import numpy as np
import pytest

from probes import open_run
from probes.runs.writer import RunWriter
from probes_reports.majority import majority
from probes_reports.page import render
from probes_reports.sections import learning
from probes_reports.view import RunView
from probes_reports.wording import plain_text


@pytest.fixture
def imbalanced(tmp_path):
    """Writes a run of 100 examples of two classes, so many of the second; the last ten have a wrong label."""

    def write(rare):
        labels = np.where(np.arange(100) < rare, 1, 0)
        noisy = np.arange(100) >= 90
        meta = {"config": {"seed": 0}, "dataset": {"name": "toy", "classes": ["<b>no</b>", "yes"]}}
        writer = RunWriter.create(tmp_path / f"rare{rare}", num_examples=100, measure="sweep", meta=meta)
        writer.write_examples({"given_label": np.where(noisy, 1, labels), "true_label": labels, "noisy": noisy})
        signals = dict.fromkeys(("loss", "margin", "entropy", "el2n"), np.ones(100, np.float32))
        counts = {"visits": np.ones(100, np.int32), "prediction": np.zeros(100, np.int32)}
        writer.write_epoch(1, {"example": np.arange(100), **signals, **counts})
        writer.finish("complete")
        return open_run(writer.path)

    return write


def test_the_top_of_the_page_says_what_always_answering_it_would_reach(imbalanced):
    run = imbalanced(rare=1)

    lede = plain_text(learning.build(RunView(run)).lede)
    assert "answering \u201c<b>no</b>\u201d always would reach 98.9% of the clean examples" in lede  # 89 of 90
    assert "\u201c&lt;b&gt;no&lt;/b&gt;\u201d always" in render(run)


@pytest.mark.parametrize(("rare", "told"), [(9, True), (10, False)])
def test_nothing_is_said_below_nine_tenths(imbalanced, rare, told):
    """81 of 90 clean examples are exactly that."""
    assert bool(majority(imbalanced(rare))) == told
