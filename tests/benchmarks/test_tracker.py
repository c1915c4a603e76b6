"""Of what a tracker costs, the part that does not depend on the clock: bytes."""

import numpy as np
import pytest

from probes import ExampleTracker


def test_buffers_stay_under_40_bytes_per_example(benchmark_module):
    pytest.importorskip("aum")

    figures = dict(benchmark_module("tracker").memory(examples=300_000, classes=10))

    assert 28 < figures["memory_bytes"].values[0] < 40  # no less than visits, five signals and a label of 4 bytes each


@pytest.mark.parametrize("lead", [0.0, 4.0, 12.0], ids=["untrained", "half trained", "trained"])
def test_an_epoch_takes_at_most_16_bytes_per_example_on_disk(tmp_path, lead):
    rng = np.random.default_rng(0)
    given = rng.integers(0, 10, 50_000)
    logits = rng.normal(size=(50_000, 10)).astype(np.float32)
    logits[np.arange(50_000), given] += lead * rng.gamma(2, 0.5, 50_000)

    with ExampleTracker(50_000, run=tmp_path / "run") as tracker:
        for index in np.array_split(rng.permutation(50_000), 100):
            tracker.update(index, logits[index], given[index])

    assert (tmp_path / "run/trajectories/epoch-00001.parquet").stat().st_size <= 16 * 50_000
