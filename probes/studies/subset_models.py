"""Networks trained on random subsets of the training set, and which examples they answer correctly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["INSIDE", "WIDTH", "SubsetAnswers", "draw_subsets", "train_on_subsets"]

INSIDE = 0.7  # share of the training set in a subset
WIDTH = 256  # of the one hidden layer


@dataclass(frozen=True)
class SubsetAnswers:
    """What R models answer.

    Attributes:
        inside: bool, (R, N); whether a model was trained on an example.
        train: bool, (R, N); whether it predicts the example's given label.
        test: bool, (R, M); whether it predicts a test example's label.
    """

    inside: np.ndarray
    train: np.ndarray
    test: np.ndarray

    def __len__(self) -> int:
        return len(self.inside)

    @property
    def fitted(self) -> np.ndarray:
        """float64, (R,); accuracy of each model on its own subset."""
        accuracy: np.ndarray = (self.inside & self.train).sum(1) / self.inside.sum(1)
        return accuracy

    def first(self, count: int) -> SubsetAnswers:
        """Of the first so many models, as views."""
        return SubsetAnswers(self.inside[:count], self.train[:count], self.test[:count])

    def to_dict(self) -> dict[str, Any]:
        """For JSON: a text of hexadecimal digits per model, eight examples to two of them."""
        tables = {"inside": self.inside, "train": self.train, "test": self.test}
        packed = {name: [np.packbits(row).tobytes().hex() for row in table] for name, table in tables.items()}
        return {"examples": self.train.shape[1], "tests": self.test.shape[1], **packed}

    @classmethod
    def from_dicts(cls, parts: Sequence[dict[str, Any]]) -> SubsetAnswers:
        """All models of several such dicts, of the same data."""

        def table(name: str, columns: str) -> np.ndarray:
            rows = [np.frombuffer(bytes.fromhex(row), dtype=np.uint8) for part in parts for row in part[name]]
            return np.unpackbits(np.stack(rows), axis=1, count=parts[0][columns]).astype(bool)

        return cls(table("inside", "examples"), table("train", "examples"), table("test", "tests"))


def draw_subsets(num_examples: int, models: Sequence[int], seed: int) -> np.ndarray:
    """The examples that each model trains on: int64, (R, S), ascending; S is 70 % of N.

    Args:
        num_examples: N.
        models: numbers of the models: each has its own subset, whichever others are drawn with it.
        seed: equal seeds give equal subsets.
    """
    size = round(INSIDE * num_examples)
    return np.stack(
        [np.sort(np.random.default_rng([seed, model]).permutation(num_examples)[:size]) for model in models]
    )


def train_on_subsets(
    dataset: str, subset: int | None, noise: float, seed: int, first: int, models: int, epochs: int
) -> dict[str, Any]:
    """Train models number `first` to `first + models - 1`, each on a subset, with a start and an order of its own.

    Args:
        dataset: a name of `probe list datasets`, or one's own data.
        subset: training examples to keep; None keeps all.
        noise: share of labels that are redrawn, `uniform_all`.
        seed: of the split, the noise and the subsets.
        first: number of the first model.
        models: how many.
        epochs: of each.

    Returns:
        See `SubsetAnswers.to_dict`.
    """
    from probes.studies.noisy_data import flat_inputs, noisy_data
    from probes.training.ensemble import train_ensemble
    from probes.training.setup import using_threads

    data = noisy_data(dataset, subset, {"uniform_all": noise}, seed)
    train, test, numbers = data.train, data.test, range(first, first + models)
    rows = draw_subsets(len(train), numbers, seed)
    inputs = flat_inputs(train.inputs)
    with using_threads(1):
        trained = train_ensemble(
            inputs,
            train.given_labels,
            seeds=[seed * 100_000 + number for number in numbers],
            num_classes=len(data.classes),
            epochs=epochs,
            subsets=rows,
            width=WIDTH,
        )
        on_train = trained.logits(inputs).argmax(2) == train.given_labels
        on_test = trained.logits(flat_inputs(test.inputs)).argmax(2) == test.given_labels
    inside = np.zeros((models, len(train)), dtype=bool)
    np.put_along_axis(inside, rows, True, axis=1)
    return SubsetAnswers(inside, on_train.numpy(), on_test.numpy()).to_dict()
