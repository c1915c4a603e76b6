"""`TrackExamples`: per-example training dynamics in a PyTorch-Ignite engine (extra `ignite`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from probes.errors import MissingDependencyError
from probes.trackers.example_tracker import ExampleTracker

try:
    from ignite.engine import Engine, Events
except ModuleNotFoundError as error:
    raise MissingDependencyError(
        "probes.integrations.ignite needs PyTorch-Ignite: pip install 'memorization-probes[ignite]'."
    ) from error

__all__ = ["TrackExamples"]


class TrackExamples:
    """Records what a trainer puts out after each iteration; ends the tracker's epochs with the engine's, and closes it.

    The output, transformed if so told, is a dict with `logits`, `targets` and `index`, or a pair (y_pred, y) as
    Ignite's metrics take it. Without `index`, run the trainer on `tracker.watch(loader)`.

    The tracker is closed when the run completes or is terminated; on an exception as `interrupted` or `failed`. With a
    handler of your own at `EXCEPTION_RAISED`, which may let the engine go on, the exception is left to that one.

    Args:
        tracker: it belongs into `Checkpoint({"tracker": tracker, ...})`, too, where training is resumed.
        output_transform: from the engine's output to the above.

    Example:
        >>> tracker = ExampleTracker(4)
        >>> rows = [([0, 1], [[2.0, 0.0], [2.0, 0.0]], [0, 1]), ([2, 3], [[1.0, 0.0], [0.0, 1.0]], [0, 1])]
        >>> trainer = Engine(lambda engine, batch: dict(zip(("index", "logits", "targets"), batch)))
        >>> TrackExamples(tracker).attach(trainer)
        >>> epochs = trainer.run(rows, max_epochs=2).epoch
        >>> tracker.scores()["aum"].tolist()
        [2.0, -2.0, 1.0, 1.0]
    """

    def __init__(self, tracker: ExampleTracker, output_transform: Callable[[Any], Any] = lambda output: output):
        if not isinstance(tracker, ExampleTracker):
            raise TypeError(f"tracker must be an ExampleTracker, got {type(tracker).__name__}.")
        self.tracker = tracker
        self._transform = output_transform
        self._begun = False  # an epoch has begun in this process

    def attach(self, trainer: Engine) -> None:
        """Follow the engine that trains. Attach checkpoint handlers later, so that they see the epoch closed.

        Raises:
            TypeError: no engine.
        """
        if not isinstance(trainer, Engine):
            raise TypeError(f"attach() takes an ignite Engine, got {type(trainer).__name__}.")
        trainer.add_event_handler(Events.EPOCH_STARTED, self._begin_epoch)
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._record)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, self._end_epoch)
        trainer.add_event_handler(Events.TERMINATE | Events.COMPLETED, self._close)
        trainer.add_event_handler(Events.EXCEPTION_RAISED, self._fail)

    def _begin_epoch(self, engine: Engine) -> None:
        """End an epoch that is still open, unless it is the one that a resumed trainer goes on with."""
        within = engine.state.iteration % (engine.state.epoch_length or 1) != 0
        if self._begun or not within:
            self.tracker.end_epoch()
        self._begun = True

    def _record(self, engine: Engine) -> None:
        index, logits, targets = _parts(self._transform(engine.state.output))
        self.tracker.update(index, logits, targets)

    def _end_epoch(self, engine: Engine) -> None:
        self.tracker.end_epoch()

    def _close(self, engine: Engine) -> None:
        self.tracker.close()

    def _fail(self, engine: Engine, error: BaseException) -> None:
        """Close the tracker and raise: an exception that a handler does not raise again is lost."""
        handlers = [handler for handler, *_ in engine._event_handlers[Events.EXCEPTION_RAISED]]
        if not all(isinstance(getattr(handler, "__self__", None), TrackExamples) for handler in handlers):
            return
        self.tracker.close("interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
        if handlers[-1] == self._fail:
            raise error


def _parts(output: Any) -> tuple[Any, Any, Any]:
    """(index or None, logits, targets)."""
    if isinstance(output, Mapping) and "logits" in output and "targets" in output:
        return output.get("index"), output["logits"], output["targets"]
    if isinstance(output, (tuple, list)) and len(output) == 2:
        return None, *output
    found = f"a dict with {', '.join(map(str, output))}" if isinstance(output, Mapping) else type(output).__name__
    raise TypeError(
        f"TrackExamples needs logits and targets, but the trainer's output is {found}. "
        "Let the training step return a dict with them, or say "
        'create_supervised_trainer(..., output_transform=lambda x, y, y_pred, loss: {"logits": y_pred, "targets": y}).'
    )
