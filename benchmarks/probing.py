"""Each probe on the set of examples it runs on, in units of one training epoch of the default MLP on digits.

Run alone: python benchmarks/probing.py [--json]. Times are of the processor, one thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from measuring import ROUNDS, Figure, processor_seconds, run_alone

from probes.probing import PROBES
from probes.probing.probe import ProbeContext
from probes.training import TrainConfig
from probes.training.loop import train_epoch
from probes.training.optimization import configured_optimizer
from probes.training.setup import prepare, using_threads


def measured(rounds: int = ROUNDS) -> Iterator[tuple[str, Figure]]:
    """An epoch and a measurement in turns."""
    setup = prepare(TrainConfig(noise=0.4, probe=tuple(PROBES)))
    optimizer = configured_optimizer(setup.model, setup.config)
    with using_threads(setup.threads):
        for probe in setup.probes:
            found = []
            for epoch in range(rounds + 1):
                trained = processor_seconds(
                    lambda: train_epoch(setup.model, optimizer, setup.examples, setup.config.batch_size)
                )
                context = ProbeContext(epoch=epoch, step=0, learning_rate=setup.config.lr)
                probed = processor_seconds(partial(probe.measure, setup.model, setup.examples, context))
                found.append(probed / trained)
            yield f"{probe.name}_over_training_epoch", Figure(f"{probe.name} / one training epoch", found[1:])


if __name__ == "__main__":
    run_alone(__doc__, measured)
