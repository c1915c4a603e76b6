"""Rounds of cross-fitted networks: each learns from what the round before it believes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from probes.audit.folds import stratified_folds
from probes.audit.networks import Trainer
from probes.audit.noise_model import fit_noise_model, label_posterior, sharpened
from probes.audit.progress import Work
from probes.audit.settings import AuditSettings

__all__ = ["Rounds", "run_rounds"]


@dataclass(frozen=True)
class Rounds:
    """What all rounds say.

    Attributes:
        answers: float64, (R, N, K); probabilities of the classes by each round, averaged over its epochs: of the first
            over all its networks, of the others by the network that was not trained on the example.
        folds: int64, (R, N).
        features: float32, (N, D); of the last round's networks, side by side, each of length 1.
    """

    answers: np.ndarray
    folds: np.ndarray
    features: np.ndarray

    @property
    def held_out(self) -> np.ndarray:
        """float64, (N, K); the last round's answers, by networks that were not trained on the example."""
        return self.answers[-1]


def run_rounds(
    trainer: Trainer, given: np.ndarray, classes: int, settings: AuditSettings, seed: int, work: Work
) -> Rounds:
    """Train every round's networks and collect their answers.

    The first round learns the given labels, in an early window, before noise is memorized; its answers, those on
    examples it trained on included, and the labels give a noise model. Each later round starts afresh, on new folds,
    and learns the probability that the model gives to each class, so that a wrong label neither counts in full nor is
    the example lost.

    Args:
        given: int64, (N,).
        classes: K.
        seed: of folds, weights and orders.
    """
    count = len(given)
    folds = min(settings.folds, count)
    epochs = settings.epochs_of(count - count // folds)
    work.total = _passes(count, folds, epochs)
    targets = torch.nn.functional.one_hot(torch.from_numpy(given), classes).float()
    answers, fold_of, features = [], [], []
    for number, length in enumerate(epochs):
        fold = stratified_folds(given, folds, [seed, number])
        held = np.zeros((count, classes))
        seen = np.zeros((count, classes))
        for part in range(folds):
            network = trainer.build(_seed(seed, number, part))
            outside, inside = np.flatnonzero(fold == part), np.flatnonzero(fold != part)
            for epoch in range(1, length + 1):
                trainer.train_epoch(network, inside, targets, epoch)
                held[outside] += trainer.answers(network, outside) / length
                if number == 0:
                    seen[inside] += trainer.answers(network, inside) / length
                work.tell((number + 1, len(epochs), part + 1, folds, epoch, length))
            if number == len(epochs) - 1:
                features.append(trainer.features(network))
        answers.append((held + seen) / folds if number == 0 else held)
        fold_of.append(fold)
        beliefs = _beliefs(answers[-1], given, settings)
        targets = torch.from_numpy(beliefs).float()
    return Rounds(np.stack(answers), np.stack(fold_of), np.concatenate(features, axis=1))


def _beliefs(answers: np.ndarray, given: np.ndarray, settings: AuditSettings) -> np.ndarray:
    """What the next round learns."""
    sharp = sharpened(answers, settings.sharpness, settings.floor)
    return label_posterior(sharp, given, fit_noise_model(sharp, given, settings.smoothing))


def _seed(seed: int, number: int, part: int) -> int:
    return int(np.random.SeedSequence([seed, number, part]).generate_state(1)[0])


def _passes(count: int, folds: int, epochs: list[int]) -> float:
    """Forward passes that all of it takes, a backward pass counting two."""
    trained = sum(epochs) * count * (folds - 1)
    answered = sum(epochs) * count + epochs[0] * count * (folds - 1) + folds * count
    return float(3 * trained + answered)
