"""What every pure function takes: arrays of epochs and examples."""

import numpy as np
import pytest

from probes import scores
from probes.scores.visits import as_trajectories

OF_ANSWERS = (
    "forgetting_events",
    "never_learned",
    "unforgettable",
    "first_learned_epoch",
    "learned_epoch",
    "correctness",
)
OF_VALUES = ("aum", "confidence", "variability", "mean_loss", "el2n", "mean_entropy")


@pytest.mark.parametrize("name", [*OF_ANSWERS, *OF_VALUES])
def test_lists_are_as_good_as_arrays(name):
    function = getattr(scores, name)
    rows = [[1, 0], [0, 1], [1, 1]]

    assert function(rows).tolist() == function(np.array(rows, dtype=np.int8 if name in OF_ANSWERS else float)).tolist()


@pytest.mark.parametrize("name", [*OF_ANSWERS, *OF_VALUES])
def test_one_dimension_is_refused(name):
    with pytest.raises(ValueError, match=r"must have shape \(epochs, examples\), got \(2,\)"):
        getattr(scores, name)([1.0, 0.0])


def test_two_dimensions_are_left_as_they_are():
    array = np.ones((2, 3))

    assert as_trajectories(array) is array
