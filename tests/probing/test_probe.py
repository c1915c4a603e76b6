import random

import numpy as np
import pytest
import torch
from torch import nn

from probes.probing import preserved


@pytest.fixture
def model():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
    net.train()
    net[2].eval()  # modes differ from module to module
    net[0].weight.requires_grad_(False)
    net(torch.randn(16, 4)).sum().backward()
    return net


def test_gives_out_the_model_in_eval_mode_without_gradients(model):
    with preserved(model) as lent:
        assert lent is model
        assert not any(module.training for module in model.modules())
        assert all(parameter.grad is None for parameter in model.parameters())


def test_puts_back_the_mode_of_every_submodule(model):
    with preserved(model):
        model[2].train()

    assert [module.training for module in model.modules()] == [True, True, True, False, True]


def test_puts_back_gradients_that_a_backward_pass_inside_replaced(model):
    before = {name: (p.grad, None if p.grad is None else p.grad.clone()) for name, p in model.named_parameters()}

    with preserved(model):
        model(torch.randn(5, 4)).square().sum().backward()
        model.zero_grad(set_to_none=False)

    for name, parameter in model.named_parameters():
        tensor, value = before[name]
        assert parameter.grad is tensor
        assert value is None or torch.equal(parameter.grad, value)
    assert sum(value is not None for _, value in before.values()) == 5


def test_puts_back_requires_grad(model):
    with preserved(model):
        for parameter in model.parameters():
            parameter.requires_grad_(not parameter.requires_grad)

    assert [p.requires_grad for p in model.parameters()] == [False, True, True, True, True, True]


def test_puts_back_buffers_changed_in_place_and_buffers_replaced(model):
    norm = model[1]
    tensors = dict(norm.named_buffers())
    values = {name: buffer.clone() for name, buffer in tensors.items()}

    with preserved(model):
        model.train()
        model(torch.randn(32, 4))  # batch norm moves its running statistics
        norm.running_var = torch.full((8,), 7.0)

    for name, buffer in norm.named_buffers():
        assert buffer is tensors[name]
        assert torch.equal(buffer, values[name])


def test_puts_back_every_random_state(model):
    def draw():
        return random.random(), np.random.random(), torch.rand(1).item()  # noqa: NPY002

    random.seed(1), np.random.seed(1), torch.manual_seed(1)  # noqa: NPY002
    expected = draw()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)  # noqa: NPY002

    with preserved(model):
        draw()
        model.train()(torch.randn(9, 4))  # dropout draws as well

    assert draw() == expected


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_puts_back_the_random_state_of_cuda(model):
    torch.cuda.manual_seed_all(1)
    expected = torch.rand(1, device="cuda").item()
    torch.cuda.manual_seed_all(1)

    with preserved(model):
        torch.rand(1, device="cuda")

    assert torch.rand(1, device="cuda").item() == expected


def test_puts_everything_back_after_an_error(model):
    grad, random_state = model[3].weight.grad, torch.get_rng_state()

    def fail():
        with preserved(model):
            model[3].weight.requires_grad_(False)
            torch.rand(1)
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fail()

    assert torch.equal(torch.get_rng_state(), random_state)
    assert model.training
    assert model[3].weight.requires_grad
    assert model[3].weight.grad is grad


def test_training_goes_on_as_if_nothing_had_been_measured():
    def train(measure):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        for _ in range(3):
            nn.functional.cross_entropy(net(torch.randn(16, 4)), torch.randint(3, (16,))).backward()
            if measure:
                with preserved(net):
                    net.train()(torch.randn(7, 4)).sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        return net.state_dict()

    plain, measured = train(measure=False), train(measure=True)

    assert all(torch.equal(plain[name], measured[name]) for name in plain)
