"""Rounds of cross-fitted networks; how long they are read, their held-out answers decide."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from probes.audit.folds import stratified_folds
from probes.audit.networks import Network, Trainer
from probes.audit.noise_model import fit_noise_model, label_posterior, sharpened
from probes.audit.progress import Work
from probes.audit.settings import AuditSettings

__all__ = ["Rounds", "run_rounds"]

_FLOOR = 1e-7  # least probability of an answer


@dataclass(frozen=True)
class Rounds:
    """What all rounds say. Answers are geometric means over the epochs of a round.

    Attributes:
        answers: float32, (R, N, K); probabilities of the classes by each round: of the first over all its networks, of
            the others by the network that was not trained on the example.
        folds: int64, (R, N).
        epochs: that answers are read over, of each round.
        features: float32, (N, D); of the last round's networks, side by side, each of length 1.
    """

    answers: np.ndarray
    folds: np.ndarray
    epochs: list[int]
    features: np.ndarray

    @property
    def held_out(self) -> np.ndarray:
        """float32, (N, K); the last round's answers, by networks that were not trained on the example."""
        return self.answers[-1]


def run_rounds(
    trainer: Trainer, given: np.ndarray, classes: int, settings: AuditSettings, seed: int, work: Work
) -> Rounds:
    """Train every round's networks and collect their answers.

    The first round learns the given labels. Early in training the pattern is learned, and noise is not yet; how early
    depends on the data. Its networks train side by side, until the mean of their answers so far to examples that they
    have not seen predicts the given labels no better, or half the compute is spent: there the window ends, over which
    answers are read, those on examples trained on included.

    Each later round starts afresh, on new folds, and learns the probability that the noise model gives to each class,
    so that a wrong label neither counts in full nor is the example lost. It takes as many epochs as the window has, or
    its part of what the compute has left.

    Args:
        given: int64, (N,).
        classes: K.
        seed: of folds, weights and orders.
    """
    folds = min(settings.folds, len(given))
    budget = _Budget(len(given), folds, settings, work)
    targets = torch.nn.functional.one_hot(torch.from_numpy(given), classes).float()
    last = _Round(trainer, targets, given, folds, [seed, 0])
    read = [_first_window(last, given, budget)]
    for number in range(1, settings.rounds):
        length = max(1, min(read[0].epochs, budget.left() // (settings.rounds - number)))
        last = _Round(trainer, _beliefs(read[-1].answers, given, settings), given, folds, [seed, number])
        for epoch in range(1, length + 1):
            last.train_epoch(everyone=False)
            budget.tell(number, epoch, length)
        read.append(_Read(last.held_out, last.fold, length))
    return Rounds(
        np.stack([part.answers for part in read]),
        np.stack([part.fold for part in read]),
        [part.epochs for part in read],
        np.concatenate([trainer.features(network) for network in last.networks], axis=1),
    )


@dataclass(frozen=True)
class _Read:
    """What one round says: `answers`, float32, (N, K), over so many epochs."""

    answers: np.ndarray
    fold: np.ndarray
    epochs: int


def _first_window(first: _Round, given: np.ndarray, budget: _Budget) -> _Read:
    """Train until held-out answers predict the given labels no better, or the budget ends; what was read until then."""
    best, read = -np.inf, None
    while first.epochs < budget.first:
        first.train_epoch(everyone=True)
        budget.tell(0, first.epochs, budget.first)
        fit = _mean_log(first.held_out, given)
        if fit <= best:
            break
        best, read = fit, _Read(first.everyone, first.fold, first.epochs)
    assert read is not None
    return read


class _Round:
    """One network per fold, trained side by side on the other folds, and the means of what they answered.

    Args:
        trainer: builds, trains and asks.
        targets: float32, (N, K); what is learned.
        given: int64, (N,); folds hold each of them alike.
        folds: how many.
        seed: and the number of the round, from 0.

    Attributes:
        number: of the round, from 0.
        fold: int64, (N,).
        networks: one per fold.
        epochs: so far.
    """

    def __init__(self, trainer: Trainer, targets: torch.Tensor, given: np.ndarray, folds: int, seed: list[int]) -> None:
        self._trainer, self._targets = trainer, targets
        self.number, self.epochs = seed[1], 0
        self.fold = stratified_folds(given, folds, seed)
        self.networks = [trainer.build(_seed([*seed, part])) for part in range(folds)]
        self._inside = np.zeros(targets.shape, dtype=np.float32)
        self._held_out = np.zeros(targets.shape, dtype=np.float32)

    def train_epoch(self, *, everyone: bool) -> None:
        """One epoch of every network, then its answers to what it has not seen, and to everything where `everyone`."""
        self.epochs += 1
        for part, network in enumerate(self.networks):
            outside, inside = np.flatnonzero(self.fold == part), np.flatnonzero(self.fold != part)
            self._trainer.train_epoch(network, inside, self._targets, self.epochs)
            self._held_out[outside] += self._logs(network, outside)
            if everyone:
                self._inside[inside] += self._logs(network, inside)

    def _logs(self, network: Network, rows: np.ndarray) -> np.ndarray:
        return np.log(np.clip(self._trainer.answers(network, rows), _FLOOR, 1))

    @property
    def held_out(self) -> np.ndarray:
        """float32, (N, K); the geometric mean over epochs of the answers by networks that have not seen the example."""
        return _normalised(self._held_out / self.epochs)

    @property
    def everyone(self) -> np.ndarray:
        """float32, (N, K); the same over all networks."""
        return _normalised((self._held_out + self._inside) / (self.epochs * len(self.networks)))


class _Budget:
    """What may be spent, in epochs of the first round, in which every network answers for every example.

    Attributes:
        first: epochs that the first round may take.
    """

    def __init__(self, count: int, folds: int, settings: AuditSettings, work: Work) -> None:
        affordable = settings.epochs_of(count - count // folds)
        self.first = math.ceil(settings.first_share * affordable)
        self._folds, self._rounds, self._work = folds, settings.rounds, work
        self._later = count * (3 * (folds - 1) + 1)
        self._total = affordable * count * (3 * (folds - 1) + folds)
        work.total = float(self._total + folds * count)  # the features come on top

    def left(self) -> int:
        """Epochs of later rounds, in which networks answer for what they have not seen, that are still to be had."""
        return max(0, self._total - self._work.passes) // self._later

    def tell(self, number: int, epoch: int, epochs: int) -> None:
        """Say that an epoch of a round, numbered from 0, has ended."""
        self._work.tell((number + 1, self._rounds, self._folds, self._folds, epoch, epochs))


def _beliefs(answers: np.ndarray, given: np.ndarray, settings: AuditSettings) -> torch.Tensor:
    """What the next round learns: float32, (N, K)."""
    sharp = sharpened(answers, settings.sharpness, settings.floor)
    belief = label_posterior(sharp, given, fit_noise_model(sharp, given, settings.smoothing))
    return torch.from_numpy(belief).float()


def _mean_log(answers: np.ndarray, given: np.ndarray) -> float:
    """Mean log-probability that answers give to labels, in nats."""
    return float(np.log(np.clip(answers[np.arange(len(given)), given], _FLOOR, 1)).mean())


def _normalised(logs: np.ndarray) -> np.ndarray:
    values = np.exp(logs - logs.max(axis=1, keepdims=True))
    return values / values.sum(axis=1, keepdims=True)


def _seed(parts: list[int]) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
