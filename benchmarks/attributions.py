"""Attributions of the default panel, in units of one training epoch of the same model on digits.

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

# beginning of the figure's name -> model, methods
METHODS = {
    "both": ("mlp", ("saliency", "integrated_gradients")),
    "saliency": ("mlp", ("saliency",)),
    "integrated_gradients": ("mlp", ("integrated_gradients",)),
    "input_x_gradient": ("mlp", ("input_x_gradient",)),
    "cnn_both": ("cnn", ("saliency", "integrated_gradients")),
    "cnn_saliency": ("cnn", ("saliency",)),
    "cnn_integrated_gradients": ("cnn", ("integrated_gradients",)),
    "cnn_input_x_gradient": ("cnn", ("input_x_gradient",)),
    "cnn_grad_cam": ("cnn", ("grad_cam",)),
}
ROUNDS = 31


def measured(rounds: int = ROUNDS) -> Iterator[tuple[str, Figure]]:
    """An epoch and a measurement in turns."""
    setups = {model: prepare(TrainConfig(noise=0.4, model=model)) for model in ("mlp", "cnn")}
    for name, (model, methods) in METHODS.items():
        setup = setups[model]
        optimizer = configured_optimizer(setup.model, setup.config)
        probe = Attributions(methods, baseline=setup.dataset.blank_value)
        found = []
        with using_threads(setup.threads):
            for epoch in range(rounds + 1):
                train = partial(train_epoch, setup.model, optimizer, setup.examples, setup.config.batch_size)
                trained = seconds(train)
                context = ProbeContext(epoch=epoch, step=0)
                probed = seconds(partial(probe.measure, setup.model, setup.examples, context))
                found.append(probed / trained)
        what = f"{model.upper()}: {' and '.join(methods).replace('_', ' ')} of the panel / one training epoch"
        yield f"{name}_over_training_epoch", Figure(what, found[1:])  # the first round loads captum


if __name__ == "__main__":
    run_alone(__doc__, measured)
