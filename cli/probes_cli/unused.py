"""Options of `probe train` that were given and change nothing."""

from __future__ import annotations

from collections.abc import Iterable

from probes.training import TrainConfig

__all__ = ["without_effect"]


def without_effect(config: TrainConfig, given: Iterable[str]) -> list[str]:
    """Sentences on options that the rest of the config makes idle.

    Args:
        config: what is trained.
        given: names of its fields that the user set.
    """
    model, optimizer = f"--model {config.model}", f"--optimizer {config.optimizer}"
    idle = {
        "width": (config.model != "mlp", model),
        "depth": (config.model != "mlp", model),
        "momentum": (config.optimizer != "sgd", optimizer),
        "noise_kind": (not config.noise and not config.corrupt, "a run without --noise"),
    }
    named = {name: what for name, (is_idle, what) in idle.items() if is_idle and name in set(given)}
    return [f"--{name.replace('_', '-')} has no effect on {what}" for name, what in named.items()]
