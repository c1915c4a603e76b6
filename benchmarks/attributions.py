"""Attributions of the default panel, in units of one training epoch of the default MLP on digits.

Run alone: python benchmarks/attributions.py [--json]
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable

import torch

from probes.probing.attributions import Attributions
from probes.probing.probe import ProbeContext
from probes.training import TrainConfig
from probes.training.loop import make_optimizer, train_epoch
from probes.training.setup import prepare, using_threads

ROUNDS = 31


def seconds(function: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main() -> None:
    """Print the median ratio of alternated rounds, with its quartiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    setup = prepare(TrainConfig(noise=0.4))
    optimizer = make_optimizer(setup.model, setup.config)
    figures = {}
    with using_threads(setup.threads):
        for name, methods in (("both", ("saliency", "integrated_gradients")), ("saliency", ("saliency",))):
            probe = Attributions(methods, baseline=setup.dataset.blank_value)
            ratios = []
            for epoch in range(ROUNDS + 1):
                trained = seconds(lambda: train_epoch(setup.model, optimizer, setup.examples, setup.config.batch_size))
                context = ProbeContext(epoch=epoch, step=0)
                measured = seconds(
                    lambda probe=probe, context=context: probe.measure(setup.model, setup.examples, context)
                )
                ratios.append(measured / trained)
            low, middle, high = statistics.quantiles(ratios[1:], n=4)  # the first round loads captum
            figures[f"{name}_over_training_epoch"] = round(middle, 2)
            if not as_json:
                print(f"{name}: {middle:.2f} training epochs (quartiles {low:.2f} and {high:.2f})")
    if as_json:
        machine = {"processor": platform.machine(), "python": platform.python_version(), "torch": torch.__version__}
        print(json.dumps({"figures": figures, "machine": machine}))


if __name__ == "__main__":
    main()
