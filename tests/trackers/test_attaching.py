"""Attached losses: each batch of a watched loader is recorded when its loss is computed, and nothing else is."""

import copy
import io
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset, default_collate

from probes import ExampleTracker, open_run
from probes.errors import ProbeWarning

N, CLASSES = 23, 3


def train(loader, criterion, epochs=1):
    """A loop of somebody who has never heard of us."""
    model = nn.Linear(1, CLASSES)
    for _ in range(epochs):
        for x, y in loader:
            loss = criterion(model(x[:, None]), y)
            loss.mean().backward()


class Smooth(nn.Module):
    """A loss of one's own, with names of one's own."""

    def forward(self, logits, targets, weight=None):
        return functional.cross_entropy(logits, targets, weight=weight, label_smoothing=0.1)


@pytest.mark.parametrize(
    "criterion",
    [
        nn.CrossEntropyLoss(),
        nn.CrossEntropyLoss(reduction="none"),
        nn.CrossEntropyLoss(reduction="sum", label_smoothing=0.2),
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0, 0.1])),
        Smooth(),
    ],
)
@pytest.mark.parametrize("call", ["positional", "keywords", "mixed"])
def test_the_recorded_loss_is_the_plain_cross_entropy(tracker, criterion, call, own):
    model = nn.Linear(1, CLASSES)
    names = ("logits", "targets") if isinstance(criterion, Smooth) else ("input", "target")
    tracker.attach(criterion)

    for x, y in tracker.watch(DataLoader(own(), batch_size=4, shuffle=True)):
        logits = model(x[:, None])
        if call == "positional":
            loss = criterion(logits, y)
        elif call == "keywords":
            loss = criterion(**{names[1]: y, names[0]: logits})
        else:
            loss = criterion(logits, **{names[1]: y})
        loss.mean().backward()

    x = torch.arange(float(N))[:, None]
    expected = functional.cross_entropy(model(x).double(), torch.arange(N) % CLASSES, reduction="none")
    assert tracker.trajectory("loss")[0] == pytest.approx(expected.detach().numpy(), rel=1e-5)


def test_a_binary_loss(tracker, own):
    criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([3.0]))
    tracker.attach(criterion)
    model = nn.Linear(1, 1)

    for x, y in tracker.watch(DataLoader(own(), batch_size=4, shuffle=True)):
        criterion(model(x[:, None]).squeeze(1), (y == 1).float()).backward()

    z = model(torch.arange(float(N))[:, None])[:, 0].double()
    expected = functional.binary_cross_entropy_with_logits(
        z, (torch.arange(N) % CLASSES == 1).double(), reduction="none"
    )
    assert tracker.trajectory("loss")[0] == pytest.approx(expected.detach().numpy(), rel=1e-5)


def test_attached_and_updated_recordings_are_equal(own):
    attached, updated = ExampleTracker(N), ExampleTracker(N)
    criterion = nn.CrossEntropyLoss()
    attached.attach(criterion)
    model = nn.Linear(1, CLASSES)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    for _ in range(3):
        for x, y in attached.watch(updated.watch(DataLoader(own(), batch_size=4, shuffle=True))):
            logits = model(x[:, None])
            criterion(logits, y).backward()
            optimizer.step()
            updated.update(logits=logits, targets=y)

    pd.testing.assert_frame_equal(attached.scores(), updated.scores())


def test_validation_and_second_losses_are_ignored(tracker, own):
    criterion = nn.CrossEntropyLoss()
    tracker.attach(criterion)
    model = nn.Linear(1, CLASSES)
    validation = DataLoader(own(8), batch_size=4)

    for x, y in tracker.watch(DataLoader(own(), batch_size=4, shuffle=True)):
        with torch.no_grad():
            criterion(torch.zeros(4, CLASSES), torch.zeros(4, dtype=int))  # looked at before the batch itself
        logits = model(x[:, None])
        (criterion(logits, y) + criterion(-logits, y)).backward()
        for u, v in validation:  # in the middle of the epoch, gradients left on
            criterion(model(u[:, None]), v)
    for u, v in validation:
        criterion(model(u[:, None]), v)

    z = model(torch.arange(float(N))[:, None]).double()
    expected = functional.cross_entropy(z, torch.arange(N) % CLASSES, reduction="none")
    assert tracker.trajectory("loss")[0] == pytest.approx(expected.detach().numpy(), rel=1e-4)
    assert tracker.trajectory("visits").tolist() == [[1] * N]


def test_validation_after_a_break_is_not_taken_for_the_batch_left_behind(tracker, own):
    """`if step == limit: break` before the loss: the batch was given, but never used."""
    criterion = nn.CrossEntropyLoss()
    tracker.attach(criterion)
    model = nn.Linear(1, CLASSES)
    for step, (x, y) in enumerate(tracker.watch(DataLoader(own(), batch_size=4))):
        if step == 2:
            break
        criterion(model(x[:, None]), y).backward()

    criterion(model(x[:, None]), y.clone()).backward()

    assert np.flatnonzero(tracker.trajectory("visits")[0] > 0).tolist() == list(range(8))


def test_gradients_accumulated_over_batches(tracker, own):
    criterion = nn.CrossEntropyLoss()
    tracker.attach(criterion)
    model = nn.Linear(1, CLASSES)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    for step, (x, y) in enumerate(tracker.watch(DataLoader(own(), batch_size=2, shuffle=True))):
        (criterion(model(x[:, None]), y) / 4).backward()
        if step % 4 == 3:
            optimizer.step()
            optimizer.zero_grad()

    assert tracker.trajectory("visits").tolist() == [[1] * N]


def test_attaching_twice_is_harmless(tracker, own):
    criterion = nn.CrossEntropyLoss()
    tracker.attach(criterion)
    tracker.attach(criterion)

    train(tracker.watch(DataLoader(own(), batch_size=4)), criterion)

    assert tracker.trajectory("visits").tolist() == [[1] * N]
    assert len(criterion._forward_hooks) == 1


@pytest.mark.parametrize("end", ["detach", "close"])
def test_detaching_leaves_criterion_and_loader_as_they_were(tracker, end, own):
    criterion = nn.CrossEntropyLoss()
    tracker.attach(criterion)
    loader = tracker.watch(DataLoader(own(), batch_size=4))
    train(loader, criterion)

    getattr(tracker, end)()
    train(loader, criterion)

    assert not criterion._forward_hooks
    assert type(iter(loader)).__module__.startswith("torch.")
    assert tracker.trajectory("visits").tolist() == [[1] * N]


def test_detaching_inside_a_loop_lets_it_go_on(tracker, own, logits_for):
    criterion = nn.CrossEntropyLoss()
    tracker.attach(criterion)
    for step, (x, y) in enumerate(tracker.watch(DataLoader(own(), batch_size=4))):
        if step == 2:
            tracker.detach()
        criterion(logits_for(x).requires_grad_(), y)
    tracker.end_epoch()

    assert step == 5
    assert np.flatnonzero(tracker.trajectory("visits")[0] > 0).tolist() == list(range(8))


def test_a_tracker_can_attach_and_watch_again(tracker, own):
    criterion = nn.CrossEntropyLoss()
    for _ in range(2):
        tracker.attach(criterion)
        train(tracker.watch(DataLoader(own(), batch_size=4)), criterion)
        tracker.detach()

    assert tracker.trajectory("visits").tolist() == [[1] * N] * 2


def test_two_lines_record_a_run(tmp_path):
    train_set = TensorDataset(torch.arange(float(N)), torch.arange(N) % CLASSES)
    loader = DataLoader(train_set, batch_size=4, shuffle=True)
    criterion = nn.CrossEntropyLoss()
    with ExampleTracker(N, run=tmp_path / "run") as tracker:
        loader = tracker.watch(loader)
        tracker.attach(criterion)
        train(loader, criterion, epochs=3)

    run = open_run(tmp_path / "run")
    assert (run.status, run.num_epochs) == ("complete", 3)
    assert run.trajectory("visits").tolist() == [[1] * N] * 3
    assert run.given_labels.tolist() == [i % CLASSES for i in range(N)]


def test_says_when_the_loader_iterated_is_not_the_watched_one(tracker, own):
    criterion = nn.CrossEntropyLoss()
    loader = DataLoader(own(), batch_size=4)
    tracker.watch(loader)
    tracker.attach(criterion)
    train(loader, criterion)

    with pytest.warns(UserWarning, match=r"called 6 times.*nothing was recorded.*loader = tracker.watch\(loader\)"):
        assert tracker.scores()["visits"].isna().all()


class Swapped(nn.Module):
    def forward(self, y, logits):
        return functional.cross_entropy(logits, y)


class WithFeatures(nn.Module):
    def forward(self, features, logits, y):
        return functional.cross_entropy(logits, y)


@pytest.mark.parametrize("criterion", [Swapped(), WithFeatures()])
def test_says_when_a_criterion_is_called_with_other_arguments(tracker, own, criterion):
    model = nn.Linear(1, CLASSES)
    tracker.attach(criterion)
    for x, y in tracker.watch(DataLoader(own(), batch_size=4)):
        logits = model(x[:, None])
        criterion(y, logits) if isinstance(criterion, Swapped) else criterion(x, logits, y)

    said = r"nothing was recorded: the attached criterion was called 6 times, never as criterion\(logits, targets\)"
    with pytest.warns(ProbeWarning, match=said):
        tracker.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tracker.scores()  # it is said once


def test_says_when_all_batches_were_taken_ahead(tracker, own):
    criterion = nn.CrossEntropyLoss()
    tracker.attach(criterion)
    train(list(tracker.watch(DataLoader(own(), batch_size=4))), criterion)

    with pytest.warns(ProbeWarning, match=r"called 6 times, but never on the batch.*list\(loader\).*with_index"):
        tracker.detach()


@pytest.mark.parametrize("again", ["torch.save", "deepcopy"])
def test_a_model_that_holds_an_attached_criterion_is_copied_without_its_recording(tracker, own, again):
    model = nn.Module()
    model.criterion = nn.CrossEntropyLoss()
    tracker.attach(model.criterion)
    if again == "deepcopy":
        copied = copy.deepcopy(model)
    else:
        torch.save(model, file := io.BytesIO())
        file.seek(0)
        copied = torch.load(file, weights_only=False)
    loader = tracker.watch(DataLoader(own(), batch_size=4))

    _, y = next(iter(loader))
    assert copied.criterion(torch.zeros(4, CLASSES, requires_grad=True), y).item() == pytest.approx(np.log(CLASSES))
    train(loader, model.criterion)
    assert tracker.trajectory("visits").tolist() == [[1] * N]


def test_nothing_is_said_of_validation_before_training(tracker, own):
    criterion = nn.CrossEntropyLoss()
    tracker.attach(criterion)
    loader = tracker.watch(DataLoader(own(), batch_size=4))
    train(DataLoader(own(8)), criterion)
    train(loader, criterion)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tracker.scores()
        tracker.close()
    assert (tracker.trajectory("visits") == 1).all()


# What cannot be used says so


def collate(change):
    return lambda items: default_collate(change(items))


@pytest.mark.parametrize("change", [lambda items: items[1:], lambda items: [*items, items[0]]])
@pytest.mark.parametrize("how", ["update", "attach"])
def test_a_collate_function_that_drops_or_adds_examples_is_found(tracker, change, how, own, logits_for):
    criterion = nn.CrossEntropyLoss()
    tracker.attach(criterion)
    loader = tracker.watch(DataLoader(own(), batch_size=4, collate_fn=collate(change)))

    with pytest.raises(ValueError, match=r"drew 4 examples, but logits has [35] rows.*[Pp]ass the index"):
        for x, y in loader:
            if how == "update":
                tracker.update(logits=logits_for(x), targets=y)
            else:
                criterion(logits_for(x).requires_grad_(), y)

    assert not tracker.state_dict()["open_epoch"]["visits"].any()


@pytest.mark.parametrize(
    ("criterion", "message"),
    [
        (functional.cross_entropy, r"loss module, such as torch.nn.CrossEntropyLoss\(\), got cross_entropy.*update"),
        (nn.CrossEntropyLoss, "got CrossEntropyLoss"),
        (None, "got NoneType"),
        (nn.BCELoss(), "BCELoss takes probabilities. Use BCEWithLogitsLoss"),
    ],
)
def test_says_what_attach_cannot_use(tracker, criterion, message):
    with pytest.raises(TypeError, match=message):
        tracker.attach(criterion)


def test_an_attached_criterion_wants_the_logits_themselves(tracker, own, logits_for):
    class Outer(nn.Module):
        def forward(self, outputs, targets):
            return functional.cross_entropy(outputs[0], targets)

    criterion = Outer()
    tracker.attach(criterion)
    for x, y in tracker.watch(DataLoader(own(), batch_size=4)):
        with pytest.raises(TypeError, match=r"as criterion\(logits, targets\), got tuple"):
            criterion((logits_for(x),), y)
        break
