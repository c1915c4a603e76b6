"""Optimizers by name against PyTorch's own, and the learning rate of each epoch."""

import pytest
import torch

from probes.training.optimization import make_optimizer
from probes.training.schedules import OPTIMIZERS, SCHEDULES, learning_rate


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.1, 0.1, 0.1, 0.1]),
        ("cosine", [0.1, 0.085355339, 0.05, 0.014644661]),
        ("step", [0.1, 0.1, 0.01, 0.001]),
        ("exponential", [0.1, 0.095, 0.09025, 0.0857375]),
        ("halving", [0.1, 0.1, 0.1, 0.1]),
    ],
)
def test_learning_rates_by_hand(schedule, expected):
    assert [learning_rate(schedule, 0.1, epoch, 4) for epoch in (1, 2, 3, 4)] == pytest.approx(expected)


def test_halving_is_every_fifteen_epochs():
    assert [learning_rate("halving", 1.0, epoch, 60) for epoch in (1, 15, 16, 30, 31)] == [1, 1, 0.5, 0.5, 0.25]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_begins_at_the_learning_rate(schedule):
    assert learning_rate(schedule, 0.3, 1, 10) == 0.3


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_one_step_is_that_of_the_named_optimizer(name):
    theirs = {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.5, weight_decay=0.2),
        "adam": lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.2),
        "adamw": lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.2),
    }[name]
    ours, reference = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    reference.load_state_dict(ours.state_dict())

    for model, make in (
        (ours, lambda p: make_optimizer(ours, name, lr=0.1, momentum=0.5, weight_decay=0.2)),
        (reference, theirs),
    ):
        optimizer = make(model.parameters())
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.ones(4, 2)).square().mean().backward()
            optimizer.step()

    assert torch.equal(ours.weight, reference.weight)
