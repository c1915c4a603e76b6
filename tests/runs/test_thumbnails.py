"""Which examples get a thumbnail where there are too many for all."""

import numpy as np
import pandas as pd

from probes.runs.thumbnails import EVERY, choose_thumbnails
from probes.scores import CATALOGUE


def test_of_many_examples_each_column_of_scores_keeps_its_suspicious_end():
    """The table is what `scores()` gives unasked: scores that are there by name only are not in it."""
    rng = np.random.default_rng(0)
    num_examples = EVERY + 1
    names = [name for name, score in CATALOGUE.items() if score.default]
    table = pd.DataFrame({name: rng.random(num_examples) for name in names})

    chosen = choose_thumbnails(num_examples, table)

    assert len(chosen) < num_examples
    for name in names:
        if CATALOGUE[name].direction is not None:
            most = table[name].idxmin() if CATALOGUE[name].direction == "low" else table[name].idxmax()
            assert most in chosen, name
