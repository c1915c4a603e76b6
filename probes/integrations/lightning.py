"""`TrackExamples`: per-example training dynamics in a Lightning Trainer (extra `lightning`).

Works with `lightning` and with `pytorch_lightning`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Literal

from probes.errors import MissingDependencyError, ProbeError
from probes.trackers.example_tracker import ExampleTracker
from probes.trackers.with_index import _WithIndex

__all__ = ["TrackExamples"]

_TARGETS = ("targets", "target", "labels", "label", "y")  # how a batch that is a dict may call them


def _callback_class() -> Any:
    """The Callback of the package that is imported already, for the Trainer comes from it; else of one installed."""
    packages = ("lightning.pytorch", "pytorch_lightning")
    for package in sorted(packages, key=lambda name: name not in sys.modules):
        try:
            return import_module(package).Callback
        except ModuleNotFoundError:
            continue
    raise MissingDependencyError(
        "probes.integrations.lightning needs Lightning: pip install 'memorization-probes[lightning]'."
    )


_Callback: Any = _callback_class()


class TrackExamples(_Callback):
    """Records every batch that `Trainer.fit` trains on; validation, tests and sanity checks are not recorded.

    Wrap the training set, `with_index(train_set)`, so that each batch ends with its index, (x, y, index), or has the
    key `index`; and let `training_step` return a dict with `loss` and `logits`. Targets are those of the batch: its y,
    or its key `targets`, `target`, `labels`, `label` or `y`. Keys `index` and `targets` of the returned dict come
    first, for batches of any other form.

    The tracker opens when training starts, so that under DDP the process group exists; it closes when `fit` ends, as
    `failed` or `interrupted` where it ends early. Its state is part of Lightning's checkpoints: with
    `if_exists="resume"`, `fit(..., ckpt_path=...)` goes on where the checkpoint was made, its run included.

    Args:
        run: folder to save to, epoch by epoch; None keeps the trajectories in memory.
        num_examples: N; by default the length of the training loader's dataset.
        true_labels, ids, images, classes, ignore_index, if_exists: as those of `ExampleTracker`.

    Example:
        trainer = Trainer(callbacks=[TrackExamples(run="runs/mine")])
    """

    def __init__(
        self,
        run: str | os.PathLike[str] | None = None,
        *,
        num_examples: int | None = None,
        true_labels: Any = None,
        ids: Sequence[str] | Sequence[int] | None = None,
        images: Any | Callable[[int], Any] | None = None,
        classes: Sequence[str] | None = None,
        ignore_index: int | None = None,
        if_exists: Literal["error", "overwrite", "resume"] = "error",
    ):
        super().__init__()
        self._num_examples = num_examples
        self._options: dict[str, Any] = {
            "run": run,
            "true_labels": true_labels,
            "ids": ids,
            "images": images,
            "classes": classes,
            "ignore_index": ignore_index,
            "if_exists": if_exists,
        }
        self._tracker: ExampleTracker | None = None
        self._indexed = False  # the training set is with_index(...)
        self._open_epoch = 0  # Lightning's number of the epoch that the last recorded batch is of
        self._restored: dict[str, Any] | None = None  # a checkpoint's state, until the tracker opens
        self._at_exception: dict[str, Any] | None = None  # the state before closing ended the open epoch

    @property
    def tracker(self) -> ExampleTracker:
        """The tracker of the last `fit`, for `tracker.scores()`.

        Raises:
            ProbeError: training has not started.
        """
        if self._tracker is None:
            raise ProbeError("there is no tracker yet: it opens when Trainer.fit starts to train.")
        return self._tracker

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Open the tracker; after a checkpoint was loaded, with its state."""
        dataset = getattr(trainer.train_dataloader, "dataset", None)
        self._indexed = isinstance(dataset, _WithIndex)
        self._tracker = ExampleTracker(self._count(dataset), **self._options)
        self._at_exception = None
        if self._restored is not None:
            self._tracker.load_state_dict(self._restored["tracker"])
            self._open_epoch = int(self._restored["open_epoch"])
            self._restored = None

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Record a batch."""
        if not outputs and pl_module.automatic_optimization:
            return  # training_step returned None: Lightning skipped it
        index, logits, targets = self._find(outputs, batch)
        if trainer.current_epoch != self._open_epoch:
            self.tracker.end_epoch()  # a checkpoint of an epoch's last step is resumed without on_train_epoch_end
        self._open_epoch = trainer.current_epoch
        self.tracker.update(index, logits, targets)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """End the epoch; before checkpoints are made, for Lightning calls those callbacks last."""
        self.tracker.end_epoch()

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Close the run."""
        self.tracker.close()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Close the run as `interrupted` (Ctrl-C, SIGTERM) or `failed`."""
        if self._tracker is None:
            return
        self._at_exception = self.state_dict()  # for a checkpoint that is made because of the exception
        self._tracker.close("interrupted" if isinstance(exception, (KeyboardInterrupt, SystemExit)) else "failed")

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: tensors and numbers."""
        if self._at_exception is not None:
            return self._at_exception
        if self._tracker is None:
            return {}
        return {"tracker": self._tracker.state_dict(), "open_epoch": self._open_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep a checkpoint's state for when the tracker opens."""
        self._restored = state_dict

    def _count(self, dataset: Any) -> int:
        """N."""
        if self._num_examples is not None:
            return self._num_examples
        try:
            return len(dataset)
        except TypeError:
            raise ValueError(
                "the number of training examples cannot be read from the training loader. "
                "Say TrackExamples(num_examples=...)."
            ) from None

    def _find(self, outputs: Any, batch: Any) -> tuple[Any, Any, Any]:
        """(index, logits, targets) of a batch, each as it came."""
        outputs = outputs or {}
        if "logits" not in outputs:
            raise TypeError(
                "training_step must return the logits with the loss, for TrackExamples to record them: "
                'return {"loss": loss, "logits": logits}.'
            )
        index, targets = outputs.get("index"), outputs.get("targets")
        if index is None:
            index = self._index_in(batch)
        if targets is None:
            targets = _targets_in(batch)
        return index, outputs["logits"], targets

    def _index_in(self, batch: Any) -> Any:
        if self._indexed and isinstance(batch, Mapping) and "index" in batch:
            return batch["index"]
        if self._indexed and isinstance(batch, (tuple, list)):
            return batch[-1]
        raise ValueError(
            "TrackExamples found no index of the batch's examples. Wrap the training set outermost, "
            "with_index(train_set), or return the positions from training_step under the key 'index'."
        )


def _targets_in(batch: Any) -> Any:
    if isinstance(batch, Mapping):
        found = [batch[name] for name in _TARGETS if name in batch]
        if len(found) == 1:
            return found[0]
    elif isinstance(batch, (tuple, list)) and len(batch) == 3:
        return batch[1]
    raise ValueError(
        "TrackExamples found no targets in the batch, which is neither (x, y, index) nor a dict with one of the keys "
        f"{', '.join(_TARGETS)}. Return them from training_step under the key 'targets'."
    )
