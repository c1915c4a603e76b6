"""Rounds of cross-fitted networks; how long they are read, their held-out answers decide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from probes.audit.folds import stratified_folds
from probes.audit.networks import Trainer
from probes.audit.noise_model import fit_noise_model, joined, label_posterior, sharpened
from probes.audit.progress import Work
from probes.audit.settings import AuditSettings

__all__ = ["Rounds", "run_rounds"]

_FLOOR = 1e-7  # least probability of an answer


@dataclass(frozen=True)
class Rounds:
    """What all rounds say. Answers are geometric means over the epochs of a round.

    Attributes:
        answers: float32, (R, N, K); probabilities of the classes by each round, over all its networks.
        held_out: float32, (R, N, K); likewise, by the network that was not trained on the example.
        folds: int64, (R, N).
        epochs: that answers are read over, of each round.
        features: float32, (N, D); of the last round's networks, side by side, each of length 1.
    """

    answers: np.ndarray
    held_out: np.ndarray
    folds: np.ndarray
    epochs: list[int]
    features: np.ndarray


def run_rounds(
    trainer: Trainer, given: np.ndarray, classes: int, settings: AuditSettings, seed: int, work: Work
) -> Rounds:
    """Train every round's networks and collect their answers.

    The first round learns the given labels. Early in training the pattern is learned, and noise is not yet; how early
    depends on the data. Its networks train side by side, until the mean of their answers so far to examples that they
    have not seen predicts the given labels no better, or a second round could not be as long: there the window ends,
    over which answers are read, those on examples trained on included.

    Each later round starts afresh, on new folds, and learns the probability that the noise model, fitted to all rounds
    before it, gives to each class, so that a wrong label neither counts in full nor is the example lost. It takes as
    many epochs as the window has: networks that have learned less than the first ones would blur what those say. There
    is a third where the compute suffices.

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
    length = read[0].epochs
    planned = budget.plan(last.epochs, length)
    for number in range(1, planned):
        beliefs = _beliefs(joined([part.answers for part in read], settings.floor), given, settings)
        last = _Round(trainer, beliefs, given, folds, [seed, number])
        for epoch in range(1, length + 1):
            last.train_epoch(features=epoch == length)
            budget.tell(number, epoch, length)
        read.append(_Read(last.everyone, last.held_out, last.fold, length))
    return Rounds(
        np.stack([part.answers for part in read]),
        np.stack([part.held_out for part in read]),
        np.stack([part.fold for part in read]),
        [part.epochs for part in read],
        last.features,
    )


@dataclass(frozen=True)
class _Read:
    """What one round says over so many epochs: `answers` and `held_out`, float32, (N, K)."""

    answers: np.ndarray
    held_out: np.ndarray
    fold: np.ndarray
    epochs: int


def _first_window(first: _Round, given: np.ndarray, budget: _Budget) -> _Read:
    """Train until held-out answers predict the given labels no better, or the budget ends; what was read until then."""
    best, read = -np.inf, None
    while first.epochs < budget.first:
        first.train_epoch()
        budget.tell(0, first.epochs, budget.first)
        held_out = first.held_out
        fit = _mean_log(held_out, given)
        if fit <= best:
            break
        best, read = fit, _Read(first.everyone, held_out, first.fold, first.epochs)
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
        features: float32, (N, D); of the epoch that was asked for them, each network's of length 1, side by side.
    """

    def __init__(self, trainer: Trainer, targets: torch.Tensor, given: np.ndarray, folds: int, seed: list[int]) -> None:
        self._trainer, self._targets = trainer, targets
        self.number, self.epochs = seed[1], 0
        self.fold = stratified_folds(given, folds, seed)
        self.networks = [trainer.build(_seed([*seed, part])) for part in range(folds)]
        self._inside = np.zeros(targets.shape, dtype=np.float32)
        self._held_out = np.zeros(targets.shape, dtype=np.float32)
        self.features = np.empty((len(targets), 0), dtype=np.float32)

    def train_epoch(self, *, features: bool = False) -> None:
        """One epoch of every network, then its answers to everything, and the features it answers from if asked for."""
        self.epochs += 1
        everything, found = np.arange(len(self.fold)), []
        for part, network in enumerate(self.networks):
            outside = self.fold == part
            self._trainer.train_epoch(network, np.flatnonzero(~outside), self._targets, self.epochs)
            if features:
                answers, seen = self._trainer.answers_and_features(network, everything)
                found.append(seen)
            else:
                answers = self._trainer.answers(network, everything)
            logs = np.log(np.clip(answers, _FLOOR, 1))
            self._held_out[outside] += logs[outside]
            self._inside[~outside] += logs[~outside]
        if features:
            self.features = np.concatenate(found, axis=1)

    @property
    def held_out(self) -> np.ndarray:
        """float32, (N, K); the geometric mean over epochs of the answers by networks that have not seen the example."""
        return _normalised(self._held_out / self.epochs)

    @property
    def everyone(self) -> np.ndarray:
        """float32, (N, K); the same over all networks."""
        return _normalised((self._held_out + self._inside) / (self.epochs * len(self.networks)))


class _Budget:
    """What may be spent, and how far we have come.

    Attributes:
        first: epochs that the first round may take, at most: half of all.
    """

    def __init__(self, count: int, folds: int, settings: AuditSettings, work: Work) -> None:
        # all networks learn all folds but one, in three passes, and answer for everything
        self._epoch = count * (3 * (folds - 1) + folds)
        self._affordable = settings.epochs_of(count - count // folds)
        self.first = max(1, self._affordable // 2)
        self._folds, self._rounds, self._work = folds, settings.rounds, work
        work.total = float(self._affordable * self._epoch)

    def plan(self, tried: int, epochs: int) -> int:
        """How many rounds there are to be, two at least, when the first has ended: after so many epochs, all others."""
        left = self._affordable - tried
        self._rounds = max(2, min(self._rounds, 1 + left // epochs))
        self._work.total = float(self._work.passes + (self._rounds - 1) * epochs * self._epoch)
        if tried < self.first:
            self.tell(0, tried, tried)
        return self._rounds

    def tell(self, number: int, epoch: int, epochs: int) -> None:
        """Say that an epoch of a round, numbered from 0, has ended."""
        self._work.tell((number + 1, self._rounds, self._folds, self._folds, epoch, epochs))


def _beliefs(answers: np.ndarray, given: np.ndarray, settings: AuditSettings) -> torch.Tensor:
    """What the next round learns: float32, (N, K)."""
    sharp = sharpened(answers, settings.sharpness, settings.floor)
    belief = label_posterior(sharp, given, fit_noise_model(sharp, given))
    return torch.from_numpy(belief).float()


def _mean_log(answers: np.ndarray, given: np.ndarray) -> float:
    """Mean log-probability that answers give to labels, in nats."""
    return float(np.log(np.clip(answers[np.arange(len(given)), given], _FLOOR, 1)).mean())


def _normalised(logs: np.ndarray) -> np.ndarray:
    values = np.exp(logs - logs.max(axis=1, keepdims=True))
    return values / values.sum(axis=1, keepdims=True)


def _seed(parts: list[int]) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
