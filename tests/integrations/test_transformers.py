"""The Hugging Face Trainer with a tracker, against a plain tracker that is told the same logits."""

import gc
import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
transformers = pytest.importorskip("transformers")
pytest.importorskip("accelerate")

import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, IterableDataset  # noqa: E402

from probes import ExampleTracker, open_run, with_index  # noqa: E402
from probes.errors import MissingDependencyError, ProbeError  # noqa: E402
from probes.integrations.transformers import TrackedTrainer, TrackExamples  # noqa: E402

ROOT = Path(__file__).parents[2]
N, CLASSES, EPOCHS = 22, 3, 3
LABELS = np.random.default_rng(1).integers(0, CLASSES, N)
# A recorded stream (epochs, examples, classes): a random walk, with ties; 0 is never learned, 1 always.
STREAM = np.random.default_rng(2).normal(size=(EPOCHS, N, CLASSES)).cumsum(axis=0)
STREAM[:, 2:6] = STREAM[:, 2:6].round()
STREAM[:, 0] = -5.0 * np.eye(CLASSES)[LABELS[0]]
STREAM[:, 1] = 5.0 * np.eye(CLASSES)[LABELS[1]]
FIRST_WORD = 5
ITEMS = [{"row": row, "label": int(LABELS[row]), "text": "dropped", "size": 1} for row in range(N)]


@pytest.fixture(autouse=True)
def _quick_and_quiet(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gc, "collect", lambda *_: 0)  # which the Trainer calls, for longer than these trainings take
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()


class Replay(nn.Module):
    """Answers from the stream, by the row of the training set, which is a feature of its own; has no index."""

    def __init__(self, fail_at=None, error=None):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.visits = np.zeros(N, dtype=int)
        self.calls = []  # (epoch of each row, rows)
        self.fail_at, self.error = fail_at, error

    def forward(self, row, labels):
        rows = row.numpy()
        if self.training:
            if len(self.calls) == self.fail_at:
                self.fail_at = None  # once
                raise self.error
            self.calls.append((self.visits[rows].copy(), rows))
            self.visits[rows] += 1
        logits = torch.from_numpy(STREAM[np.minimum(self.calls[-1][0].max(), EPOCHS - 1), rows]) + 0 * self.weight
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}

    def plain(self):
        """What a plain tracker makes of the calls there were."""
        tracker = ExampleTracker(N)
        for epoch in range(EPOCHS):
            for epochs, rows in self.calls:
                if epochs[0] == epoch:
                    tracker.update(rows, STREAM[epoch, rows], LABELS[rows])
            tracker.end_epoch()
        return tracker


def arguments(**options):
    given = {"num_train_epochs": EPOCHS, "per_device_train_batch_size": 4, "save_strategy": "no"} | options
    return transformers.TrainingArguments(
        output_dir="out", use_cpu=True, report_to="none", disable_tqdm=True, logging_strategy="no", **given
    )


def assert_same(tracker, plain):
    pd.testing.assert_frame_equal(tracker.scores(), plain.scores(), check_exact=True)
    for signal in ("loss", "margin", "entropy", "el2n", "prediction", "visits"):
        np.testing.assert_array_equal(tracker.trajectory(signal), plain.trajectory(signal))


def by_hand(items):
    """A collator of one's own, which knows nothing of an index."""
    return {"row": torch.tensor([row for row, _ in items]), "labels": torch.tensor([label for _, label in items])}


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("dicts", {}),
        ("dicts", {"gradient_accumulation_steps": 4}),
        ("dicts", {"dataloader_num_workers": 2}),
        ("dicts", {"eval_strategy": "steps", "eval_steps": 2, "bf16": True}),
        ("tuples", {"dataloader_drop_last": True, "remove_unused_columns": False}),
        ("datasets", {"gradient_accumulation_steps": 2}),
    ],
)
def test_a_replayed_stream_gives_the_columns_of_a_plain_tracker(kind, options):
    data, collator = ITEMS, None
    if kind == "tuples":
        data, collator = [(item["row"], item["label"]) for item in ITEMS], by_hand
    if kind == "datasets":
        data = pytest.importorskip("datasets").Dataset.from_list(ITEMS)
    model, tracker = Replay(), ExampleTracker(N)
    trainer = TrackedTrainer(
        tracker=tracker,
        model=model,
        args=arguments(**options),
        train_dataset=data,
        eval_dataset=data,
        data_collator=collator,
    )

    trainer.train()
    trainer.evaluate()

    assert_same(tracker, model.plain())
    assert tracker.trajectory("loss").shape == (EPOCHS, N)
    assert (tracker.trajectory("visits") < 1).any() == ("dataloader_drop_last" in options)
    assert trainer.train_dataset is data


@pytest.mark.parametrize("columns", ["kept", "removed"])
@pytest.mark.parametrize("kind", ["dicts", "datasets"])
def test_a_collator_that_reorders_is_followed_where_it_passes_the_index_on(kind, columns):
    """The labels are all alike, so that an order that is wrong would not be noticed by them."""
    data = [{**item, "label": 0} for item in ITEMS]
    if kind == "datasets":
        data = pytest.importorskip("datasets").Dataset.from_list(data)
    model, tracker = Replay(), ExampleTracker(N)
    TrackedTrainer(
        tracker=tracker,
        model=model,
        args=arguments(remove_unused_columns=columns == "removed"),
        train_dataset=with_index(data),
        data_collator=by_row,
    ).train()

    expected = ExampleTracker(N)
    for logits in STREAM:
        expected.update(range(N), logits, [0] * N)
        expected.end_epoch()
    assert_same(tracker, expected)


def by_row(items):
    """A collator that sorts its items, as those of sequences do by length."""
    items = sorted(items, key=lambda item: item["row"])
    batch = {name: torch.tensor([item[name] for item in items]) for name in ("row", "index")}
    return {**batch, "labels": torch.tensor([item["label"] for item in items])}


def test_a_column_called_index_that_holds_the_positions_is_followed_too():
    model, tracker = Replay(), ExampleTracker(N)
    items = [{**item, "index": item["row"]} for item in ITEMS]
    args = arguments(remove_unused_columns=False)

    TrackedTrainer(tracker=tracker, model=model, args=args, train_dataset=items, data_collator=by_row).train()

    assert_same(tracker, model.plain())


def test_an_evaluation_set_with_an_index_is_evaluated():
    args = arguments(remove_unused_columns=False, num_train_epochs=1, eval_strategy="epoch")
    data = with_index([{"row": item["row"], "label": item["label"]} for item in ITEMS])
    tracker = ExampleTracker(N)

    TrackedTrainer(tracker=tracker, model=Replay(), args=args, train_dataset=data, eval_dataset=data).train()

    assert tracker.trajectory("visits").tolist() == [[1] * N]


def smoothed(outputs, labels):
    return nn.functional.cross_entropy(outputs["logits"], labels, label_smoothing=0.2)


class OwnLoss:
    """Overrides without a call of super, as they are written for a Trainer."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        with torch.no_grad():
            model(**inputs)  # a first look, which does not count
        outputs = model(**inputs)
        loss = smoothed(outputs, inputs["labels"])
        return (loss, outputs) if return_outputs else loss


class LossAlone:
    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        return smoothed(model(**inputs), inputs["labels"])


class Calling:
    def compute_loss(self, model, inputs, *args, **kwargs):
        return super().compute_loss(model, inputs, *args, **kwargs)


@pytest.mark.parametrize("first", [True, False], ids=["before TrackedTrainer", "behind TrackExamples"])
@pytest.mark.parametrize("own", [OwnLoss, LossAlone, Calling])
def test_a_compute_loss_of_ones_own_is_recorded_wherever_it_is_defined(own, first):
    if first:
        kind = type("Mine", (own, TrackedTrainer), {})
    else:
        kind = type("Mine", (TrackExamples, type("Own", (own, transformers.Trainer), {})), {})
    tracker = ExampleTracker(N)

    train(Constant(), tracker, kind=kind)

    assert tracker.trajectory("visits").tolist() == [[1] * N] * EPOCHS
    log_odds = STREAM[0] - np.log(np.exp(STREAM[0]).sum(axis=1, keepdims=True))
    expected = -log_odds[np.arange(N), LABELS]
    np.testing.assert_allclose(tracker.trajectory("loss"), [expected] * EPOCHS, rtol=1e-6)


class Constant(nn.Module):
    """Answers from the stream's first epoch, and takes whatever else it is given."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, row, labels=None, **_):
        logits = torch.from_numpy(STREAM[0, row.numpy()]) + 0 * self.weight
        if not torch.is_grad_enabled():
            return {"loss": logits.mean(), "logits": logits + 1e3 * torch.eye(CLASSES)[0]}
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def test_steps_that_end_in_mid_epoch_leave_a_short_epoch():
    model, tracker = Replay(), ExampleTracker(N)

    TrackedTrainer(tracker=tracker, model=model, args=arguments(max_steps=8), train_dataset=ITEMS).train()

    assert tracker.trajectory("visits").clip(0).sum(axis=1).tolist() == [22, 8]  # 6 steps, 2 steps of 4
    assert_same(tracker, model.plain())


def test_records_by_id_where_the_tracker_has_ids():
    names = [f"text {row}" for row in range(N)]
    model, tracker = Replay(), ExampleTracker(N, ids=names)

    TrackedTrainer(tracker=tracker, model=model, args=arguments(), train_dataset=ITEMS).train()

    pd.testing.assert_frame_equal(tracker.scores().drop(columns="id"), model.plain().scores(), check_exact=True)


def test_a_batch_size_that_did_not_fit_leaves_nothing():
    """The Trainer takes a smaller one and begins anew, after two batches were recorded."""
    model, tracker = Replay(fail_at=2, error=RuntimeError("CUDA out of memory.")), ExampleTracker(N)

    train(model, tracker, auto_find_batch_size=True)

    assert tracker.trajectory("visits").tolist() == [[1] * N] * EPOCHS


# Live training

SENTENCES = [  # each with its own first word, by which a batch tells its rows
    {"input_ids": [FIRST_WORD + row, *([4] * (row % 4)), 3], "labels": int(LABELS[row]), "text": "dropped"}
    for row in range(N)
]


class Bert:
    """A tiny classifier of sequences, in which dropout makes the order of random numbers matter."""

    def __init__(self):
        config = transformers.BertConfig(
            vocab_size=40,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            num_labels=CLASSES,
            max_position_embeddings=8,
        )
        torch.manual_seed(0)
        self.model = transformers.BertForSequenceClassification(config)
        self.calls = []  # rows, logits
        self.model.register_forward_hook(self._listen, with_kwargs=True)

    def _listen(self, model, args, kwargs, output):
        if model.training:
            rows = kwargs["input_ids"][:, 0].numpy() - FIRST_WORD
            self.calls.append((rows, output["logits"].detach().float()))

    @staticmethod
    def pad(items):
        longest = max(len(item["input_ids"]) for item in items)
        ids = [item["input_ids"] + [0] * (longest - len(item["input_ids"])) for item in items]
        return {"input_ids": torch.tensor(ids), "labels": torch.tensor([item["labels"] for item in items])}

    def trainer(self, tracker, kind=TrackedTrainer, compute_loss_func=None, **options):
        known = {} if tracker is None else {"tracker": tracker}
        return kind(
            model=self.model,
            args=arguments(**({"learning_rate": 1e-2} | options)),
            train_dataset=SENTENCES,
            data_collator=self.pad,
            compute_loss_func=compute_loss_func,
            **known,
        )

    def plain(self, batches_per_epoch):
        tracker = ExampleTracker(N)
        for number, (rows, logits) in enumerate(self.calls, start=1):
            tracker.update(rows, logits, LABELS[rows])
            if number % batches_per_epoch == 0:
                tracker.end_epoch()
        return tracker


def doubled(outputs, labels, num_items_in_batch=None):
    return 2 * nn.functional.cross_entropy(outputs["logits"], labels)


@pytest.mark.parametrize(
    "options",
    [
        {"gradient_accumulation_steps": 2},
        {"bf16": True},
        {"label_smoothing_factor": 0.3},
        {"compute_loss_func": doubled},
    ],
    ids=lambda options: next(iter(options)),
)
def test_live_training_is_recorded_and_is_what_it_would_be_without(options):
    """Whatever becomes of the loss, plain cross-entropy is recorded, and the weights do not know of it."""
    untracked, bert, tracker = Bert(), Bert(), ExampleTracker(N)

    untracked.trainer(None, transformers.Trainer, **options).train()
    bert.trainer(tracker, **options).train()

    pd.testing.assert_frame_equal(tracker.scores(), bert.plain(6).scores(), check_exact=not options.get("bf16"))
    rows, logits = bert.calls[-1]
    expected = nn.functional.cross_entropy(logits, torch.tensor(LABELS[rows]), reduction="none")
    np.testing.assert_allclose(tracker.trajectory("loss")[-1, rows], expected.numpy(), rtol=1e-5)
    for ours, theirs in zip(bert.model.parameters(), untracked.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("step", [4, 6, 9], ids=["mid-epoch", "last step of an epoch", "mid-epoch, later"])
@pytest.mark.parametrize("run", [None, "run"])
def test_resuming_from_a_checkpoint_gives_the_very_same_scores(run, step):
    def tracker():
        return ExampleTracker(N, run=run, if_exists="resume")

    first = tracker()
    Bert().trainer(first, save_strategy="steps", save_steps=step).train()
    whole = first.scores()
    assert len(first.trajectory("loss")) == EPOCHS

    second = tracker()
    trainer = Bert().trainer(second, save_strategy="steps", save_steps=step)
    trainer.train(resume_from_checkpoint=f"out/checkpoint-{step}")

    pd.testing.assert_frame_equal(second.scores(), whole, check_exact=True)
    if run:
        assert open_run(run).status == "complete"
        pd.testing.assert_frame_equal(open_run(run).scores(), whole, check_exact=True)


def test_resuming_finds_the_last_checkpoint_itself():
    Bert().trainer(ExampleTracker(N), save_strategy="epoch", num_train_epochs=1).train()
    tracker = ExampleTracker(N)

    Bert().trainer(tracker, num_train_epochs=2).train(resume_from_checkpoint=True)

    assert tracker.trajectory("visits").clip(0).sum(axis=1).tolist() == [N, N]


def test_a_checkpoint_without_a_trackers_state_is_refused_before_the_run_is_touched():
    Bert().trainer(None, transformers.Trainer, save_strategy="epoch", num_train_epochs=1).train()

    with ExampleTracker(N, run="run") as tracker:
        with pytest.raises(ProbeError, match="holds no example_tracker.safetensors"):
            Bert().trainer(tracker).train(resume_from_checkpoint=True)
        assert open_run("run").status == "running"


# Two processes

TWO = """
import numpy as np, torch
from torch import nn
from transformers import TrainingArguments
from probes import ExampleTracker
from probes.integrations.transformers import TrackedTrainer

N, EPOCHS, STEPS = 23, 3, 3  # 3 steps of 2 x 4: one example is drawn twice
STREAM = torch.from_numpy(np.random.default_rng(0).normal(size=(EPOCHS, N, 4)))
ITEMS = [{"row": row, "label": row % 4} for row in range(N)]


class Replay(nn.Module):
    def __init__(self, calls):
        super().__init__()
        self.weight, self.calls = nn.Parameter(torch.zeros((), dtype=torch.float64)), calls

    def forward(self, row, labels):
        logits = STREAM[self.calls // STEPS, row] + 0 * self.weight
        self.calls += 1
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def train(done, **options):
    args = TrainingArguments(  # before the tracker: makes the process group
        output_dir="out", use_cpu=True, report_to="none", disable_tqdm=True, logging_strategy="no",
        ddp_backend="gloo", per_device_train_batch_size=4, num_train_epochs=EPOCHS, save_strategy="steps", save_steps=4,
    )
    tracker = ExampleTracker(N, run="run" if done is None else "again", **options)
    trainer = TrackedTrainer(tracker=tracker, model=Replay(done or 0), args=args, train_dataset=ITEMS)
    trainer.train(resume_from_checkpoint=None if done is None else f"out/checkpoint-{done}")


train(None)
import shutil
if torch.distributed.get_rank() == 0:
    shutil.copytree("run", "again")
torch.distributed.barrier()
train(4, if_exists="resume")
torch.distributed.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_record_what_one_would_and_go_on_from_a_checkpoint(tmp_path):
    (tmp_path / "script.py").write_text(TWO)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "script.py"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr

    plain = ExampleTracker(23)
    for logits in np.random.default_rng(0).normal(size=(3, 23, 4)):
        plain.update(np.arange(23), logits, np.arange(23) % 4)
        plain.end_epoch()

    for name in ("run", "again"):
        assert open_run(name).status == "complete"
        assert_same(open_run(name), plain)


# Ends


def test_a_run_is_complete_once_trained_and_may_be_named_in_a_with_block():
    with ExampleTracker(N, run="run") as tracker:
        TrackedTrainer(tracker=tracker, model=Replay(), args=arguments(), train_dataset=ITEMS).train()
        assert open_run("run").status == "complete"

    assert open_run("run").trajectory("loss").shape == (EPOCHS, N)


@pytest.mark.parametrize(
    ("error", "status"), [(RuntimeError("broken"), "failed"), (KeyboardInterrupt(), "interrupted")]
)
def test_an_exception_ends_the_run_and_keeps_what_was_seen(error, status):
    tracker = ExampleTracker(N, run="run")
    trainer = TrackedTrainer(
        tracker=tracker, model=Replay(fail_at=8, error=error), args=arguments(), train_dataset=ITEMS
    )

    with pytest.raises(type(error)):
        trainer.train()

    assert open_run("run").status == status
    assert open_run("run").trajectory("visits").clip(0).sum(axis=1).tolist() == [22, 8]


# Errors


class Answer(nn.Module):
    """Returns what it is told to."""

    def __init__(self, answer):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.answer = answer

    def forward(self, row, labels):
        return self.answer(row, self.weight)


def train(model, tracker=None, data=ITEMS, kind=TrackedTrainer, **options):
    kind(tracker=tracker or ExampleTracker(N), model=model, args=arguments(**options), train_dataset=data).train()


def test_a_tuple_is_read_as_loss_and_logits():
    tracker = ExampleTracker(N)

    train(Answer(lambda row, w: (w, row[:, None].float() * torch.ones(CLASSES) + w, "more")), tracker)

    np.testing.assert_allclose(tracker.trajectory("loss"), np.log(CLASSES), rtol=1e-6)


def test_outputs_without_logits_are_refused():
    with pytest.raises(ProbeError, match="the model's outputs hold no logits: dict"):
        train(Answer(lambda row, w: {"loss": w}))


def test_tokens_are_refused_by_the_trackers_own_message():
    with pytest.raises(ValueError, match=r"got \(4, 7, 3\). Flatten sequences"):
        train(Answer(lambda row, w: {"loss": w, "logits": torch.zeros(len(row), 7, CLASSES)}))


def test_a_batch_without_one_label_per_example_is_refused():
    class SpansForQuestionAnswering(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(()))

        def forward(self, row, start_positions, end_positions):
            return {"loss": self.weight}

    spans = [{"row": row, "start_positions": 0, "end_positions": 1} for row in range(N)]

    with pytest.raises(ValueError, match="one label per example.*found start_positions and end_positions among row"):
        train(SpansForQuestionAnswering(), data=spans)
    with pytest.raises(ValueError, match="found none among row"):
        train(Replay(), data=[{"row": row} for row in range(N)])


def test_a_training_set_of_another_size_or_without_positions_is_refused_at_once():
    class Endless(IterableDataset):
        def __iter__(self):
            return iter(ITEMS)

    with pytest.raises(ValueError, match="train_dataset has 22 examples, the tracker 21"):
        train(Replay(), ExampleTracker(N - 1))
    with pytest.raises(TypeError, match="must have positions and a length to be tracked, got Endless"):
        train(Replay(), data=Endless(), max_steps=2)
    with pytest.raises(TypeError, match="tracker must be an ExampleTracker, got int"):
        train(Replay(), 22)


def test_a_loader_that_bypasses_the_index_is_refused():
    class OwnLoader(transformers.Trainer):
        def get_train_dataloader(self):
            return DataLoader([{"row": item["row"], "labels": item["label"]} for item in ITEMS], batch_size=4)

    class Tracked(TrackExamples, OwnLoader):
        pass

    with pytest.raises(ValueError, match="the training batch has no 'index'"):
        train(Replay(), kind=Tracked)


def test_a_loader_that_draws_items_one_by_one_is_refused_rather_than_misread():
    """Without batching, pairs (feature, label) must not be taken for pairs (feature, position)."""

    class OneByOne(transformers.Trainer):
        def get_train_dataloader(self):
            data, collate = self.train_dataset, self.data_collator
            return [collate([data[row] for row in range(start, start + 2)]) for start in range(0, N, 2)]

    class Tracked(TrackExamples, OneByOne):
        pass

    pairs = [(item["row"], item["label"]) for item in ITEMS]
    trainer = Tracked(
        tracker=ExampleTracker(N),
        model=Replay(),
        args=arguments(max_steps=2),
        train_dataset=pairs,
        data_collator=by_hand,
    )

    with pytest.raises(TypeError, match="draw the items of self.train_dataset by its __getitems__"):
        trainer.train()


def test_a_column_called_index_that_holds_something_else_is_refused():
    items = [{"row": row, "label": int(LABELS[row]), "index": row + 1} for row in range(N)]

    with pytest.raises(ValueError, match="already has a key 'index' that holds something else"):
        train(Replay(), data=items, remove_unused_columns=False)


class OwnTraining(TrackedTrainer):
    def training_step(self, model, inputs, num_items_in_batch=None):
        loss = self.compute_loss(model, {name: inputs[name] for name in ("row", "labels")})
        self.accelerator.backward(loss)
        return loss.detach()


class WithoutTheModel(TrackedTrainer):
    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        return model.forward(**inputs)["loss"]


@pytest.mark.parametrize("kind", [OwnTraining, WithoutTheModel])
def test_an_override_that_keeps_the_batches_from_the_tracker_is_refused_at_the_first_step(kind):
    model, tracker = Replay(), ExampleTracker(N, run="run")

    with pytest.raises(ProbeError, match=r"a training step recorded no batch.*class Mine\(TrackExamples, MyTrainer\)"):
        train(model, tracker, kind=kind)

    assert len(model.calls) == 1
    assert open_run("run").status == "failed"


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.delitem(sys.modules, "probes.integrations.transformers")

    with pytest.raises(MissingDependencyError, match=r"pip install 'memorization-probes\[transformers\]'"):
        importlib.import_module("probes.integrations.transformers")
