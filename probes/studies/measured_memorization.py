"""Memorization and influence at one seed of the study `memorization`."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from probes.data import Dataset
from probes.runs.run import Run
from probes.scores.subset_influence import Difference, influence_by_subsets, memorization_by_subsets
from probes.studies.subset_models import WIDTH, SubsetAnswers

__all__ = ["INFLUENTIAL", "MEMORIZED", "SURE", "Measured"]

MEMORIZED, INFLUENTIAL = 0.25, 0.15  # the thresholds of Feldman and Zhang
SURE = 5.0  # standard errors: chance gives less than one of 280,000 pairs where there are models enough


class Measured:
    """Memorization and influence at one seed.

    Args:
        seed: of split, noise and subsets.
        answers: of the models.
        data: that they were trained on.
        run: of one network on all of it; None where it is not there.
    """

    def __init__(self, seed: int, answers: SubsetAnswers, data: Dataset, run: Run | None) -> None:
        self.seed, self.answers, self.data, self.run = seed, answers, data, run
        noisy = data.noisy
        self.noisy = np.zeros(len(data.train), dtype=bool) if noisy is None else noisy
        self.memorization = memorization_by_subsets(answers.inside, answers.train)

    def by_first(self, models: int) -> Measured:
        """The same by the first so many models: counts beyond a threshold are comparable at equal errors only."""
        return Measured(self.seed, self.answers.first(models), self.data, self.run)

    @property
    def value(self) -> np.ndarray:
        """Memorization of each example."""
        return self.memorization.value

    @cached_property
    def influence(self) -> Difference:
        """Of each training example on each test example."""
        return influence_by_subsets(self.answers.inside, self.answers.test)

    @cached_property
    def chance(self) -> Difference:
        """The same with each model's answers taken from the next one: what chance alone makes of no influence."""
        return influence_by_subsets(self.answers.inside, np.roll(self.answers.test, 1, axis=0))

    @property
    def network(self) -> str:
        """Shape of the models, such as 64-256-10."""
        inputs = int(np.prod(self.data.train.inputs.shape[1:]))
        return f"{inputs}-{WIDTH}-{len(self.data.classes)}"

    @property
    def memorized(self) -> np.ndarray:
        """bool, (N,)."""
        return self.value >= MEMORIZED

    def pairs(self, influence: np.ndarray, threshold: float = INFLUENTIAL) -> int:
        """Pairs of a memorized training example and a test example with at least this influence."""
        return int((influence[self.memorized] >= threshold).sum())

    @property
    def influential(self) -> np.ndarray:
        """bool, (N, M): the pairs that `pairs` counts at the thresholds of the paper."""
        return np.asarray((self.influence.value >= INFLUENTIAL) & self.memorized[:, None])

    def sure(self, influence: Difference) -> np.ndarray:
        """bool, (N, M): pairs above both thresholds whose influence is hardly chance, by its standard error."""
        known = (influence.value >= INFLUENTIAL) & (influence.value >= SURE * influence.error)
        return np.asarray(known & self.memorized[:, None])

    @property
    def gap(self) -> float:
        return float(self.value[self.noisy].mean() - self.value[~self.noisy].mean())

    @property
    def fewest(self) -> int:
        """Runs inside or outside of the example that has the fewest."""
        return int(min(self.memorization.inside.min(), self.memorization.outside.min()))

    @property
    def outside_error(self) -> np.ndarray:
        """Share of the models trained without an example that do not predict its given label."""
        without = ~self.answers.inside
        share: np.ndarray = 1 - (without & self.answers.train).sum(0) / np.maximum(without.sum(0), 1)
        return share
