"""Rounds of cross-fitted networks; how long and how many, their held-out answers decide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from probes.audit.folds import stratified_folds
from probes.audit.networks import Trainer
from probes.audit.noise_model import fit_noise_model, label_fit, label_posterior, sharpened
from probes.audit.progress import Work
from probes.audit.settings import AuditSettings

__all__ = ["Rounds", "run_rounds"]

_FLOOR = 1e-7  # least probability of an answer


@dataclass(frozen=True)
class Rounds:
    """What the rounds that count say. Answers are geometric means over the epochs of a round.

    Attributes:
        answers: float32, (R, N, K); probabilities of the classes by each round: of the first over all its networks, of
            the others by the network that was not trained on the example.
        held_out: float32, (N, K); the last round's answers, by networks that were not trained on the example.
        folds: int64, (R, N).
        epochs: that answers are read over, of each round.
        features: float32, (N, D); of the last networks trained, side by side, each of length 1.
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
    have not seen predicts the given labels no better: there the window ends, over which answers are read, those on
    examples trained on included.

    Each later round starts afresh, on new folds, and learns the probability that the noise model gives to each class, so
    that a wrong label neither counts in full nor is the example lost. It takes as many epochs, or its part of what the
    budget has left, and counts only if its answers, with a noise model, predict the given labels better than those of
    the round before: where networks are weak, they might only repeat their errors.

    Args:
        given: int64, (N,).
        classes: K.
        seed: of folds, weights and orders.
    """
    count = len(given)
    folds = min(settings.folds, count)
    budget = _Budget(count, folds, settings.epochs_of(count - count // folds), work)
    targets = torch.nn.functional.one_hot(torch.from_numpy(given), classes).float()

    last = _Round(trainer, targets, stratified_folds(given, folds, [seed, 0]), [seed, 0], everyone=True)
    best, window = -np.inf, 0
    while last.epochs < budget.epochs:
        last.train_epoch()
        work.tell((1, settings.rounds, folds, folds, last.epochs, budget.epochs))
        fit = _mean_log(last.held_out, given)
        if fit <= best:
            break
        best, window, answers, held_out = fit, last.epochs, [last.everyone], last.held_out
    folds_of, epochs = [last.fold], [window]

    best = label_fit(held_out, given, settings)
    for number in range(1, settings.rounds):
        length = min(window, budget.left() // (settings.rounds - number))
        if not length:
            break
        fold = stratified_folds(given, folds, [seed, number])
        last = _Round(trainer, _beliefs(answers[-1], given, settings), fold, [seed, number], everyone=False)
        for epoch in range(1, length + 1):
            last.train_epoch()
            work.tell((number + 1, settings.rounds, folds, folds, epoch, length))
        fit = label_fit(last.held_out, given, settings)
        if fit <= best:
            break
        best, held_out = fit, last.held_out
        answers.append(held_out)
        folds_of.append(fold)
        epochs.append(length)
    features = np.concatenate([trainer.features(network) for network in last.networks], axis=1)
    return Rounds(np.stack(answers), held_out, np.stack(folds_of), epochs, features)


class _Round:
    """One network per fold, trained side by side on the other folds, and the means of what they answered.

    Args:
        trainer: builds, trains and asks.
        targets: float32, (N, K); what is learned.
        fold: int64, (N,).
        seed: of weights and orders.
        everyone: whether networks answer for examples that they are trained on, too.

    Attributes:
        networks: one per fold.
        epochs: so far.
    """

    def __init__(
        self, trainer: Trainer, targets: torch.Tensor, fold: np.ndarray, seed: list[int], *, everyone: bool
    ) -> None:
        self._trainer, self._targets, self._ask_everyone = trainer, targets, everyone
        self.fold, self.epochs = fold, 0
        self.networks = [trainer.build(_seed(*seed, part)) for part in range(fold.max() + 1)]
        self._everyone = np.zeros(targets.shape, dtype=np.float32)
        self._held_out = np.zeros(targets.shape, dtype=np.float32)

    def train_epoch(self) -> None:
        """One epoch of every network, then its answers."""
        self.epochs += 1
        for part, network in enumerate(self.networks):
            outside, inside = np.flatnonzero(self.fold == part), np.flatnonzero(self.fold != part)
            self._trainer.train_epoch(network, inside, self._targets, self.epochs)
            for rows, sums in ((outside, self._held_out), (inside, self._everyone)):
                if sums is self._held_out or self._ask_everyone:
                    sums[rows] += np.log(np.clip(self._trainer.answers(network, rows), _FLOOR, 1))

    @property
    def held_out(self) -> np.ndarray:
        """float32, (N, K); the geometric mean over epochs of the answers by networks that have not seen the example."""
        return _normalised(self._held_out / self.epochs)

    @property
    def everyone(self) -> np.ndarray:
        """float32, (N, K); the same over all networks."""
        return _normalised((self._held_out + self._everyone) / (self.epochs * len(self.networks)))


class _Budget:
    """What may be spent: so many epochs of the first round, in which every network answers for every example.

    Args:
        count: N.
        folds: of a round.
        epochs: of the first round, at most.
        work: counts what is spent.
    """

    def __init__(self, count: int, folds: int, epochs: int, work: Work) -> None:
        self.epochs, self._work = epochs, work
        self._total = epochs * count * (3 * (folds - 1) + folds)
        self._later = count * (3 * (folds - 1) + 1)
        work.total = float(self._total + folds * count)  # the features are on top

    def left(self) -> int:
        """Epochs of later rounds, in which networks answer for what they have not seen, that are still to be had."""
        return max(0, int(self._total - self._work.passes) // self._later)


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


def _seed(seed: int, number: int, part: int) -> int:
    return int(np.random.SeedSequence([seed, number, part]).generate_state(1)[0])
