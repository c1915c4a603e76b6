"""How much the loss of a whole training set depends on each of its inputs, by way of the training itself."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from probes.probing.input_gradients import check_targets, logits_of

__all__ = ["loss_sensitivity", "loss_sensitivity_by_class", "sensitivity_batches"]

_MIXING = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)


def loss_sensitivity(
    make_model: Callable[[], nn.Module],
    inputs: Any,
    targets: Any,
    *,
    steps: int,
    lr: float,
    batch_size: int,
    seed: int,
) -> np.ndarray:
    """Train a small model by SGD and differentiate through all of its updates.

    g_x^t = || dL_t / dx ||_1, L_t being the mean cross-entropy over all n examples after t updates. x enters L_t
    directly and through every update that a batch with x has made: the derivative has both parts. The paper's
    gbar_x is the mean over t of what is returned; `probes.scores.gini` of it tells how unequal the examples are.

    Each row is a backward pass through all updates before it: time O(T^2), memory O(T).

    Args:
        make_model: called once, with PyTorch's random state at `seed`; returns a module: inputs (B, ...) -> logits.
        inputs: float, (n, ...); taken to the dtype and device of the model's weights.
        targets: int, (n,).
        steps: T, the number of SGD updates, without momentum.
        lr: learning rate.
        batch_size: examples of an update; `sensitivity_batches` names them. From n on, full batches.
        seed: of the weights, and of the order of examples.

    Returns:
        float64, (T, n); row t - 1 is after t updates. Nats per unit of the input.

    Raises:
        ValueError: arguments that cannot be used, NaN among them, or a model with dropout or batch normalisation.
        TypeError: `make_model` is a module or returns none, or inputs are not floating point.

    Source:
        Arpit et al., ICML 2017, section 3.3, https://arxiv.org/abs/1706.05394.
    """
    unrolled = _unrolled(make_model, inputs, targets, steps, lr, batch_size, seed)
    return np.stack([_l1_by_example(losses.mean(), leaf) for losses, _, leaf in unrolled])


def loss_sensitivity_by_class(
    make_model: Callable[[], nn.Module],
    inputs: Any,
    targets: Any,
    *,
    steps: int,
    lr: float,
    batch_size: int,
    seed: int,
) -> np.ndarray:
    """The same training; how much the loss of class i depends on the inputs of class j.

    Entry (i, j) at t is the mean over the examples x of class j of || d L_t^i / dx ||_1, where L_t^i is class i's term
    of L_t, the sum of the losses of its examples divided by n: the terms add up to L_t. The paper's matrix is the mean
    over t.

    Args:
        make_model: as for `loss_sensitivity`, like all others.
        inputs: float, (n, ...).
        targets: int, (n,).
        steps: T.
        lr: learning rate.
        batch_size: examples of an update.
        seed: of the weights, and of the order of examples.

    Returns:
        float64, (T, K, K), K the number of logits; NaN in the columns of classes without an example.

    Raises:
        ValueError: as `loss_sensitivity`.
        TypeError: likewise.

    Source:
        Arpit et al., ICML 2017, section 3.3, https://arxiv.org/abs/1706.05394.
    """
    matrices = []
    for losses, classes, leaf in _unrolled(make_model, inputs, targets, steps, lr, batch_size, seed):
        with np.errstate(invalid="ignore"):
            member = classes.T / classes.sum(1)  # (n, K), the weights of a mean; NaN for a class without an example
        terms = [_l1_by_example(losses[torch.from_numpy(of)].sum() / len(losses), leaf) for of in classes]
        matrices.append(np.stack(terms) @ member)
    return np.stack(matrices)


def sensitivity_batches(count: int, batch_size: int, steps: int, seed: int) -> Iterator[np.ndarray]:
    """Examples of each update: in epoch e = 1, 2, ... slices of `default_rng([seed, e]).permutation(count)`.

    The last slice of an epoch may be smaller. int64, (B,), `steps` of them.
    """
    step, epoch = 0, 0
    while step < steps:
        epoch += 1
        order = np.random.default_rng([seed, epoch]).permutation(count)
        for start in range(0, count, batch_size):
            if step == steps:
                return
            yield order[start : start + batch_size]
            step += 1


def _unrolled(
    make_model: Callable[[], nn.Module], inputs: Any, targets: Any, steps: int, lr: float, batch_size: int, seed: int
) -> Iterator[tuple[torch.Tensor, np.ndarray, torch.Tensor]]:
    """Yield after each update: losses (n,), members of each class, bool (K, n), the inputs to differentiate by."""
    _check(steps, lr, batch_size)
    model = _made(make_model, seed)
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    names = tuple(trained)
    weights: tuple[torch.Tensor, ...] = tuple(trained.values())
    with torch.inference_mode(False), torch.enable_grad():
        leaf = _checked(inputs).to(weights[0]).detach().clone().requires_grad_()
        labels = torch.as_tensor(targets).to(leaf.device, torch.int64)
        if len(leaf) == 0 or labels.shape != (len(leaf),):
            raise ValueError(f"targets must have one entry for each of the {len(leaf)} inputs, at least one.")

        def logits_at(weights: tuple[torch.Tensor, ...], inputs: torch.Tensor) -> torch.Tensor:
            named = dict(zip(names, weights, strict=True))
            return logits_of(lambda batch: functional_call(model, named, (batch,)), inputs)

        check_targets(logits_at(weights, leaf), labels)
        for batch in sensitivity_batches(len(leaf), batch_size, steps, seed):
            chosen = torch.from_numpy(batch).to(leaf.device)
            loss = cross_entropy(logits_at(weights, leaf[chosen]), labels[chosen])
            slopes = torch.autograd.grad(loss, weights, create_graph=True, materialize_grads=True)
            weights = tuple(weight - lr * slope for weight, slope in zip(weights, slopes, strict=True))
            logits = logits_at(weights, leaf)
            members = (labels == torch.arange(logits.shape[1], device=leaf.device)[:, None]).cpu().numpy()
            yield cross_entropy(logits, labels, reduction="none"), members, leaf


def _checked(inputs: Any) -> torch.Tensor:
    """The inputs as a tensor: floating point and finite."""
    values = torch.as_tensor(inputs)
    if not values.is_floating_point():
        raise TypeError(
            f"inputs must be floating point, got {values.dtype}. Standardise them, or write inputs.float()."
        )
    wrong = int((~values.isfinite()).sum())
    if wrong:
        raise ValueError(f"inputs must be finite, got {wrong} NaN or infinite values.")
    return values


def _l1_by_example(value: torch.Tensor, leaf: torch.Tensor) -> np.ndarray:
    """l1 norms of the gradient of a value by each input: float64, (n,). The graph is kept."""
    (slope,) = torch.autograd.grad(value, leaf, retain_graph=True)
    return slope.flatten(1).abs().sum(1).double().cpu().numpy()


def _made(make_model: Callable[[], nn.Module], seed: int) -> nn.Module:
    if isinstance(make_model, nn.Module):
        raise TypeError(
            f"make_model must be a function that makes a model, got a {type(make_model).__name__}: "
            "its weights are drawn anew, by the seed. Write lambda: nn.Linear(...)."
        )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed accelerators as well
        model = make_model()
    if not isinstance(model, nn.Module):
        raise TypeError(f"make_model must return a torch.nn.Module, got {type(model).__name__}.")
    for module in model.modules():
        if isinstance(module, _MIXING):
            raise ValueError(f"loss sensitivity needs updates that depend on weights and batch alone, no {module}.")
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError("make_model must return a model with weights to train, got none.")
    return model


def _check(steps: int, lr: float, batch_size: int) -> None:
    for name, value in (("steps", steps), ("batch_size", batch_size)):
        if operator.index(value) < 1:
            raise ValueError(f"{name} must be at least 1, got {value}.")
    if not 0 <= lr < float("inf"):
        raise ValueError(f"lr must be at least 0 and finite, got {lr}.")
