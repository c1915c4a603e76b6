"""What float32 leaves of the probe loss_curvature, against the same in float64.

The default MLP on digits, seed 0, with 40 % noise and without. Run alone: python benchmarks/curvature_precision.py
"""

from __future__ import annotations

import copy

import numpy as np

from probes.data import ExampleSet
from probes.probing import LossCurvature, ProbeContext
from probes.scores.correlations import rank_correlation
from probes.training import TrainConfig
from probes.training.loop import epoch_order, train_epoch
from probes.training.optimization import configured_optimizer
from probes.training.setup import prepare, using_threads

EPOCHS = (5, 20, 120)


def main() -> None:
    """Print relative errors (median, largest, share beyond 1, the largest value there) and Spearman's correlation."""
    for noise in (0.4, 0.0):
        setup = prepare(TrainConfig(noise=noise, probe=("none",)))
        optimizer, examples = configured_optimizer(setup.model, setup.config), setup.examples
        exact = ExampleSet(examples.inputs.double(), examples.given_labels)
        with using_threads(setup.threads):
            for epoch in range(1, max(EPOCHS) + 1):
                order = epoch_order(setup.config.seed, epoch, len(examples))
                train_epoch(setup.model, optimizer, examples.select(order), setup.config.batch_size, seed=epoch)
                if epoch in EPOCHS:
                    probe, context = LossCurvature(), ProbeContext(epoch, 0)
                    found, true = (
                        probe.measure(model, data, context)["loss_curvature"].to_numpy(np.float64)
                        for model, data in ((setup.model, examples), (copy.deepcopy(setup.model).double(), exact))
                    )
                    error = np.abs(found - true) / true
                    largest = true[error > 1].max(initial=0)
                    print(
                        f"noise {noise}, epoch {epoch}: median {np.median(error):.2g}, largest {error.max():.2g}, "
                        f"{(error > 1).mean():.2%} beyond 1 (values up to {largest:.1g}), "
                        f"Spearman {rank_correlation(found, true):.5f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
