"""Hugging Face's Trainer, recording each training example: `TrackedTrainer`, or `TrackExamples` before your own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from probes.errors import MissingDependencyError, ProbeError
from probes.integrations.state_file import read_state, state_path, write_state
from probes.trackers.example_tracker import ExampleTracker
from probes.trackers.with_index import _WithIndex

try:
    from transformers import Trainer, TrainerCallback
    from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR, get_last_checkpoint
except ImportError as error:
    raise MissingDependencyError(
        "the Hugging Face Trainer needs the package transformers: pip install 'memorization-probes[transformers]'."
    ) from error

__all__ = ["TrackExamples", "TrackedTrainer"]

INDEX = "index"  # key of the batch
_Base: Any = Trainer if TYPE_CHECKING else object


class TrackExamples(_Base):
    """What a Trainer needs to record its training examples, put before it: `class Mine(TrackExamples, MyTrainer)`.

    The training set stays as it is: its positions are added where batches are made, whatever the collator and
    `remove_unused_columns`, and taken out again before the model. A collator that reorders needs `with_index` around
    the training set, and must pass `index` on. Recorded are the logits that the model returns for each training batch,
    with the given labels: their plain cross-entropy, whatever `compute_loss`, label smoothing, class weights or
    gradient accumulation make of the loss. Evaluation is not recorded. An epoch of the Trainer is one of the tracker;
    the last may be cut short by `max_steps`. `train` closes the tracker: `failed` on an exception.

    Each checkpoint also holds the tracker's state; `resume_from_checkpoint` goes on from it, with a run folder opened
    by `if_exists="resume"`.

    Args:
        tracker: of as many examples as `train_dataset`.
        args, kwargs: the Trainer's own.

    Raises:
        TypeError, ValueError: no tracker; a training set of another size, or without positions.
    """

    train_dataset: Any
    data_collator: Any
    _signature_columns: Any

    def __init__(self, *args: Any, tracker: ExampleTracker, **kwargs: Any):
        if not isinstance(tracker, ExampleTracker):
            raise TypeError(f"tracker must be an ExampleTracker, got {type(tracker).__name__}.")
        self.tracker = tracker
        positions = tracker._buffer._positions  # from id to position, in this order
        self._ids = None if positions is None else list(positions)
        self._start: dict[str, Any] | None = None  # the tracker's state that training begins with, if not its present
        self._recorded = False  # whether the optimizer's present step has recorded a batch
        super().__init__(*args, **kwargs)
        if self.train_dataset is not None:
            _check_dataset(self.train_dataset, tracker.num_examples)
        self.add_callback(_Epochs(self))

    def get_train_dataloader(self) -> Any:
        """The Trainer's own loader; its batches also hold `index`, the positions of their examples, int64, (B,)."""
        dataset, collator = self.train_dataset, self.data_collator
        if dataset is None:
            return super().get_train_dataloader()  # which says so
        _check_dataset(dataset, self.tracker.num_examples)
        indexed = isinstance(dataset, _WithIndex)
        if hasattr(dataset, "remove_columns") and not indexed:  # of datasets; the Trainer will not know it once wrapped
            self.train_dataset = self._remove_unused_columns(dataset, description="training")
        self.train_dataset = _Positioned(self.train_dataset)
        self.data_collator = _PositionedCollator(self._collator_of_used_columns(collator, indexed), indexed)
        try:
            return super().get_train_dataloader()
        finally:
            self.train_dataset, self.data_collator = dataset, collator

    def training_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The Trainer's own; records the batch where the model is called on it, the first time with gradients."""
        index = inputs.pop(INDEX, None)
        if index is None:
            raise ValueError(
                "the training batch has no 'index'. Where get_train_dataloader() is your own, let it use "
                "self.train_dataset and self.data_collator, with TrackExamples first among the bases."
            )
        name = _label_name(inputs, self.label_names)
        targets = inputs[name]
        waiting = True

        def record(_: Any, args: Any, given: Mapping[str, Any], outputs: Any) -> None:
            nonlocal waiting
            if waiting and torch.is_grad_enabled():
                logits = _logits(outputs, loss_first=given.get(name) is not None)
                self.tracker.update(self._names(index), logits, targets)
                waiting, self._recorded = False, True

        hook = model.register_forward_hook(record, with_kwargs=True)
        try:
            return super().training_step(model, inputs, *args, **kwargs)
        finally:
            hook.remove()

    def prediction_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The Trainer's own, without the `index` of an evaluation set in `with_index`."""
        inputs.pop(INDEX, None)
        return super().prediction_step(model, inputs, *args, **kwargs)

    def train(self, resume_from_checkpoint: Any = None, *args: Any, **kwargs: Any) -> Any:
        """The Trainer's own; closes the tracker at its end."""
        folder = resume_from_checkpoint
        if folder is True:
            folder = get_last_checkpoint(self.args.output_dir)
        self._start = None
        if folder:
            self._start = read_state(state_path(folder, self.args.process_index))
        elif self.args.auto_find_batch_size:  # which begins anew after each size that did not fit
            self._start = self.tracker.state_dict()
        with self.tracker:
            return super().train(resume_from_checkpoint, *args, **kwargs)

    def _collator_of_used_columns(self, collator: Any, indexed: bool) -> Any:
        """The collator, shown what the model takes, as the Trainer has it, and `index` where items carry theirs."""
        if indexed and self.args.remove_unused_columns:
            self._set_signature_columns_if_needed()
            columns = self._signature_columns
            self._signature_columns = [*columns, INDEX]
            try:
                return self._get_collator_with_removed_columns(collator, description="training")
            finally:
                self._signature_columns = columns
        return self._get_collator_with_removed_columns(collator, description="training")

    def _names(self, index: torch.Tensor) -> Any:
        """What `update` calls these positions: ids, where the tracker was given any."""
        return index if self._ids is None else [self._ids[position] for position in index.tolist()]


class TrackedTrainer(TrackExamples, Trainer):
    """The Trainer with a tracker: `TrackedTrainer(tracker=ExampleTracker(len(train_set), run=...), model=..., ...)`.

    Args:
        tracker: of as many examples as `train_dataset`.
        args, kwargs: as `Trainer`.

    See `TrackExamples` for what is recorded.
    """


class _Epochs(TrainerCallback):
    """Tells a tracker when the Trainer's epochs end, and keeps its state beside the Trainer's."""

    def __init__(self, trainer: TrackExamples):
        self._trainer = trainer

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self._trainer._start is not None:
            self._trainer.tracker.load_state_dict(self._trainer._start)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._trainer._recorded = False

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if not self._trainer._recorded:
            raise ProbeError(
                "a training step recorded no batch: the tracker sees those on which training_step() calls the model it "
                "is given. Call that model in compute_loss(), and super().training_step() in a training_step() of your "
                "own, or put that on a Trainer below: class Mine(TrackExamples, MyTrainer)."
            )

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._trainer.tracker.end_epoch()

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if float(state.epoch or 0).is_integer():  # by steps, at an epoch's last one: resuming begins with the next
            self._trainer.tracker.end_epoch()
        folder = Path(args.output_dir) / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
        folder.mkdir(parents=True, exist_ok=True)
        write_state(self._trainer.tracker.state_dict(), state_path(folder, args.process_index))


class _Drawn(NamedTuple):
    item: Any
    position: int


class _Positioned:
    """A dataset whose items, where a loader draws a batch of them, come with their positions; else as it is."""

    def __init__(self, dataset: Any):
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> Any:
        return self._dataset[index]

    def __getitems__(self, indices: Sequence[int]) -> list[_Drawn]:
        """What torch's DataLoader asks for a batch."""
        draw = getattr(self._dataset, "__getitems__", None)
        items = [self._dataset[index] for index in indices] if draw is None else draw(indices)
        return [_Drawn(item, int(index)) for item, index in zip(items, indices, strict=True)]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._dataset)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_dataset":
            raise AttributeError(name)
        return getattr(self._dataset, name)


class _PositionedCollator:
    """A collator that is not shown the positions; they are added to the batch it makes, unless it holds its own.

    Args:
        collator: makes a batch, a dict, of items.
        indexed: the items carry their positions under `index`: what the batch holds there is right, in any order.
    """

    def __init__(self, collator: Callable[[list[Any]], Any], indexed: bool):
        self._collator = collator
        self._indexed = indexed

    def __call__(self, features: list[_Drawn]) -> Any:
        if not all(isinstance(feature, _Drawn) for feature in features):
            raise TypeError(
                "the loader must draw the items of self.train_dataset by its __getitems__, as torch's does."
            )
        batch = self._collator([feature.item for feature in features])
        index = torch.tensor([feature.position for feature in features])
        if not isinstance(batch, Mapping):
            raise TypeError(
                f"the data collator must return a dict, as the Trainer expects, got {type(batch).__name__}."
            )
        if INDEX in batch:
            held = torch.as_tensor(batch[INDEX])
            if not (self._indexed or torch.equal(held.sort().values, index.sort().values)):
                raise ValueError(
                    f"the batch already has a key {INDEX!r} that holds something else. Rename that column."
                )
            index = held  # the collator may have reordered its items
        batch[INDEX] = index  # type: ignore[index]
        return batch


def _check_dataset(dataset: Any, num_examples: int) -> None:
    if isinstance(dataset, torch.utils.data.IterableDataset) or not hasattr(dataset, "__len__"):
        raise TypeError(
            f"train_dataset must have positions and a length to be tracked, got {type(dataset).__name__}. "
            "Iterable datasets have none."
        )
    if len(dataset) != num_examples:
        raise ValueError(
            f"train_dataset has {len(dataset)} examples, the tracker {num_examples}. "
            "Say ExampleTracker(num_examples=len(train_dataset))."
        )


def _label_name(inputs: Mapping[str, Any], label_names: Sequence[str]) -> str:
    """The key of the given labels."""
    held = [name for name in inputs if inputs[name] is not None]
    names = [name for name in label_names if name in held] or [name for name in ("labels", "label") if name in held]
    if len(names) != 1:
        raise ValueError(
            f"the training batch must hold one label per example, under 'labels' or args.label_names; found "
            f"{' and '.join(names) or 'none'} among {', '.join(inputs)}."
        )
    return names[0]


def _logits(outputs: Any, *, loss_first: bool) -> Any:
    """The logits among what a model returned.

    Args:
        loss_first: the model was given labels, so that of a tuple the first is the loss.
    """
    if isinstance(outputs, Mapping):
        logits = outputs.get("logits")
    elif isinstance(outputs, (tuple, list)):
        logits = outputs[int(loss_first)] if len(outputs) > int(loss_first) else None
    else:
        logits = outputs
    if not isinstance(logits, torch.Tensor):
        raise ProbeError(
            f"the model's outputs hold no logits: {type(outputs).__name__}. It should return them under 'logits', or "
            "in a tuple after the loss."
        )
    return logits
