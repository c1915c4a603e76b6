"""How alike the probe loss_curvature orders examples when its random directions are drawn anew.

The default MLP on digits with 40 % noise, seed 0. Run alone: python benchmarks/curvature_directions.py
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from probes.probing import LossCurvature, ProbeContext
from probes.scores.correlations import rank_correlation
from probes.training import TrainConfig
from probes.training.loop import train_epoch
from probes.training.optimization import configured_optimizer
from probes.training.setup import prepare, using_threads

EPOCHS = (1, 5, 20, 80)
DIRECTIONS = (10, 100)
DRAWS = 5


def main() -> None:
    """Print Spearman's correlation of every two of five draws: its mean, lowest and highest."""
    setup = prepare(TrainConfig(noise=0.4, probe=("none",)))
    optimizer = configured_optimizer(setup.model, setup.config)
    with using_threads(setup.threads):
        for epoch in range(1, max(EPOCHS) + 1):
            train_epoch(setup.model, optimizer, setup.examples, setup.config.batch_size)
            for directions in DIRECTIONS if epoch in EPOCHS else ():
                probe = LossCurvature(directions=directions)
                contexts = [ProbeContext(epoch, 0, seed=seed) for seed in range(DRAWS)]
                drawn = [probe.measure(setup.model, setup.examples, context)["loss_curvature"] for context in contexts]
                alike = [rank_correlation(one.to_numpy(), other.to_numpy()) for one, other in combinations(drawn, 2)]
                print(f"epoch {epoch}, R = {directions}: {np.mean(alike):.3f} ({min(alike):.3f} to {max(alike):.3f})")


if __name__ == "__main__":
    main()
