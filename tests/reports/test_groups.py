"""Which groups a figure compares, and what is said of one that is not there."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from probes_reports.sections.groups import groups, missing_group
from probes_reports.wording import LABELS, REPLACED_INPUTS


def view(noisy, words=LABELS):
    mask = None if noisy is None else np.array(noisy, dtype=bool)
    return SimpleNamespace(num_examples=3, noisy=mask, clean=None if mask is None else ~mask, words=words)


def test_clean_stands_before_noisy():
    found = groups(view([0, 1, 0]))

    assert [(group.role, group.label, group.members.tolist()) for group in found] == [
        ("clean", "clean", [True, False, True]),
        ("noisy", "wrong labels", [False, True, False]),
    ]
    assert missing_group(view([0, 1, 0]), found) == ""


def test_replaced_inputs_have_their_own_words():
    everything = view([1, 1, 1], REPLACED_INPUTS)

    assert [group.name for group in groups(everything)] == ["replaced inputs"]
    assert missing_group(everything, groups(everything)) == " All inputs are replaced, so there is no clean group."


def test_unknown_truth_is_one_group_of_everything():
    unknown = view(None)

    assert [(group.role, group.members.tolist()) for group in groups(unknown)] == [("all", [True] * 3)]
    assert "unknown" in missing_group(unknown, groups(unknown))


def test_a_group_that_is_held_back_is_named():
    both = view([0, 1, 0])

    assert missing_group(both, groups(both)[:1]) == " None of the wrong labels has been visited."
