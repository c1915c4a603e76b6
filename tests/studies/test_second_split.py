"""Two stages of training, cut short."""

import numpy as np

from probes.studies.second_split import _auroc, _groups, forget


def test_every_example_has_its_two_times():
    found = forget("digits", 120, first=3, second=2, seed=0)

    noisy, forgotten = np.array(found["noisy"]), np.array(found["forgotten"])
    assert len(noisy) == len(forgotten) == len(found["learned"]) == 120
    assert set(forgotten) <= {1, 2, 3}
    assert {epoch for epoch in found["learned"] if epoch is not None} <= {1, 2, 3}
    kept = np.mean(forgotten[~noisy] == 3)  # right at the last epoch
    assert np.isclose(found["clean_kept"][-1], kept, atol=0.05)  # the mean of two halves of nearly equal size
    assert found == forget("digits", 120, first=3, second=2, seed=0)


def test_low_times_are_the_suspicious_ones():
    row = {"noisy": [True, True, False, False], "forgotten": [1, 2, 5, 2]}

    assert _auroc(row) == 0.875  # pairs: 1, 1, 1 and a tie
    assert _groups(row, True).tolist() == [1, 2]
