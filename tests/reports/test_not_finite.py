"""A run whose logits were not finite from the first epoch on says that, and nothing else."""

import numpy as np
import pytest

from probes.runs.run import open_run
from probes.runs.writer import RunWriter
from probes.signals import signals
from probes_reports.sections import SECTIONS, builder, learning
from probes_reports.sections.section import Absent
from probes_reports.view import RunView
from probes_reports.wording import plain_text

REASON = "The network's outputs were not finite: nothing could be recorded from epoch 1 on."
N, CLASSES = 12, 3


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """Write a run of 3 epochs, the first `usable` of which have finite logits, as epoch 0 does."""

    def write(usable=0):
        true = np.arange(N) % CLASSES
        noisy = np.arange(N) < 4
        given = np.where(noisy, (true + 1) % CLASSES, true)
        writer = RunWriter.create(tmp_path_factory.mktemp("runs") / "run", num_examples=N, measure="sweep")
        writer.write_examples({"given_label": given, "true_label": true, "noisy": noisy})
        for epoch in range(4):
            logits = np.random.default_rng(epoch).normal(size=(N, CLASSES)).astype(np.float32)
            found = signals(logits, given)
            columns = {"example": np.arange(N), "visits": np.ones(N, np.int32), **found._asdict()}
            if epoch > usable:
                columns = {name: values[:0] for name, values in columns.items()}
            writer.write_epoch(epoch, columns)
        writer.finish("complete", nonfinite_visits=N * (3 - usable))
        return RunView(open_run(writer.path))

    return write


def test_the_verdict_and_every_section_give_the_reason(make):
    view = make()

    assert view.not_finite == REASON
    assert (view.verdict.word, plain_text(view.verdict.sentence)) == ("Cannot tell", REASON)
    for key in SECTIONS:
        if key != "provenance":
            section = builder(key)(view)
            assert isinstance(section, Absent), key
            assert (plain_text(section.reason), section.command) == (REASON, "")


def test_the_tiles_hold_no_numbers_of_what_was_not_recorded(make):
    top = learning.build(make())

    assert top.section.parts == ()
    assert "Wrong labels found" not in [tile.name for tile in top.tiles]
    assert "%" not in plain_text(top.lede)


def test_one_usable_epoch_is_enough_for_the_usual_page(make):
    view = make(usable=1)

    assert view.not_finite is None
    assert not isinstance(builder("fate")(view), Absent)
