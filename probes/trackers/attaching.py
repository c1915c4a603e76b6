"""Loss modules that say what they were called with."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["after_each_call", "check_criterion"]


def check_criterion(criterion: Any) -> None:
    """Refuse what has no hooks, or no logits."""
    from torch import nn

    if not isinstance(criterion, nn.Module):
        name = getattr(criterion, "__name__", type(criterion).__name__)
        raise TypeError(
            f"attach() takes a loss module, such as torch.nn.CrossEntropyLoss(), got {name}. With a function, call "
            "tracker.update(logits=logits, targets=targets) after it."
        )
    if isinstance(criterion, nn.BCELoss):
        raise TypeError("attach() needs a loss of logits, but BCELoss takes probabilities. Use BCEWithLogitsLoss.")


def after_each_call(criterion: Any, tell: Callable[[Any, Any], None]) -> Any:
    """Call `tell(logits, targets)` after each call of a loss module.

    Returns:
        A handle; its `remove()` undoes this.
    """
    return criterion.register_forward_hook(_Hook(tell, _first_parameters(criterion)), with_kwargs=True)


class _Hook:
    """What a loss module calls; a copy of it, as in a saved model, tells nobody.

    Args:
        tell: takes logits and targets.
        names: of the parameters that are these.
    """

    def __init__(self, tell: Callable[[Any, Any], None], names: tuple[str, str]):
        self._tell = tell
        self._names = names

    def __call__(self, module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> None:
        given = dict(zip(self._names, args, strict=False)) | dict(kwargs)
        self._tell(given.get(self._names[0]), given.get(self._names[1]))

    def __reduce__(self) -> tuple[Any, ...]:
        return _Hook, (_nobody, self._names)


def _nobody(logits: Any, targets: Any) -> None:
    """Whom the hook of a copy tells."""


def _first_parameters(criterion: Any) -> tuple[str, str]:
    """Names under which a loss takes logits and targets."""
    many = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    named = [p.name for p in inspect.signature(criterion.forward).parameters.values() if p.kind not in many]
    first, second = named[:2] if len(named) > 1 else ("input", "target")
    return first, second
