"""Attributions of the default panel, in units of one training epoch of the default MLP on digits.

Run alone: python benchmarks/attributions.py [--json]
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from measuring import Figure, run_alone, seconds

from probes.probing.attributions import Attributions
from probes.probing.probe import ProbeContext
from probes.training import TrainConfig
from probes.training.loop import train_epoch
from probes.training.optimization import configured_optimizer
from probes.training.setup import prepare, using_threads

METHODS = {"both": ("saliency", "integrated_gradients"), "saliency": ("saliency",)}
ROUNDS = 31


def measured(rounds: int = ROUNDS) -> Iterator[tuple[str, Figure]]:
    """An epoch and a measurement in turns."""
    setup = prepare(TrainConfig(noise=0.4))
    optimizer = configured_optimizer(setup.model, setup.config)
    with using_threads(setup.threads):
        for name, methods in METHODS.items():
            probe = Attributions(methods, baseline=setup.dataset.blank_value)
            found = []
            for epoch in range(rounds + 1):
                trained = seconds(lambda: train_epoch(setup.model, optimizer, setup.examples, setup.config.batch_size))
                context = ProbeContext(epoch=epoch, step=0)
                probed = seconds(partial(probe.measure, setup.model, setup.examples, context))
                found.append(probed / trained)
            what = f"{' and '.join(methods).replace('_', ' ')} of the panel / one training epoch"
            yield f"{name}_over_training_epoch", Figure(what, found[1:])  # the first round loads captum


if __name__ == "__main__":
    run_alone(__doc__, measured)
