"""How deep in the network the decision on an example falls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import torch

from probes.probing.blocks import block_outputs
from probes.probing.input_gradients import check_targets, example_frame, for_each, logits_of
from probes.probing.probe import check_arguments

if TYPE_CHECKING:
    import pandas as pd

    from probes.data.examples import ExampleSet
    from probes.probing.probe import ProbeContext

__all__ = ["NEIGHBOURS", "REFERENCE", "PredictionDepth", "Voters", "depth_of"]

NEIGHBOURS = 30
REFERENCE = 5_000  # most examples that vote
_REFERENCE_BYTES = 2**29  # most memory for what they look like in all blocks


class Voters:
    """Reference examples, of which the nearest to a query (Euclidean) vote with their labels.

    Args:
        reference: float, (R, D).
        labels: int, (R,); their given labels.
        neighbours: how many vote; at most R - 1.
    """

    def __init__(self, reference: torch.Tensor, labels: torch.Tensor, neighbours: int = NEIGHBOURS) -> None:
        self._centre = reference.mean(0)  # rounding grows with the distance from 0
        self._reference = (reference - self._centre).T
        self._squares = self._reference.square().sum(0)
        self._labels, self._neighbours = labels, neighbours

    def votes(self, queries: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        """The commonest label among the nearest; of equally common ones the lowest.

        Args:
            queries: float, (B, D).
            own: int, (B,); each query's position in the reference, where it does not vote; -1 where it is not there.

        Returns:
            int64, (B,).
        """
        distances = self._squares - 2 * (queries - self._centre) @ self._reference  # less |query|^2, the same for all
        inside = (own >= 0).nonzero().flatten()
        distances[inside, own[inside]] = torch.inf
        nearest = self._labels[distances.topk(self._neighbours, largest=False).indices]
        counts = torch.zeros(len(queries), int(self._labels.max()) + 1, dtype=torch.int64)
        return counts.scatter_add_(1, nearest, torch.ones_like(nearest)).argmax(1)


def depth_of(votes: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """The first layer from which on all votes are the network's own prediction.

    Args:
        votes: int, (L, n); of each layer, the input first, the softmax output last.
        prediction: int, (n,); of the network.

    Returns:
        int64, (n,); 0 is the input, L where not even the last votes agree.
    """
    agree = np.logical_and.accumulate((votes == prediction)[::-1], axis=0)
    return len(votes) - agree.sum(axis=0)


class PredictionDepth:
    """The probe `prediction_depth`: for all examples, where K = 30 nearest neighbours come to the network's prediction.

    Neighbours are sought at the input, after each block (`block_outputs`) and at the softmax output, in eval mode,
    among at most 5,000 reference examples with their given labels: drawn by the context's seed from the examples
    measured, fewer where all blocks of 5,000 would take more than half a gigabyte. An example is never its own
    neighbour. High is hard. Meant for the end of training: the score is that of the last epoch measured.

    Source:
        Baldock, Maennel and Neyshabur, NeurIPS 2021, https://arxiv.org/abs/2106.09647. There all training examples
        vote.
    """

    name = "prediction_depth"

    def __init__(self) -> None:
        self._settings: dict[str, object] = {}

    def measure(self, model: torch.nn.Module, examples: ExampleSet, context: ProbeContext) -> pd.DataFrame:
        """Let the neighbours vote.

        Returns:
            One row per example: `epoch`, `split`, `example`, `prediction_depth` (int64, 0 is the input, one more than
            the softmax's where not even its neighbours agree), `prediction` (int64, the network's).

        Raises:
            ValueError: fewer than two examples, or a label outside the logits.
            TypeError: inputs are not floating point: the numbers of tokens, say, have no distances.
        """
        check_arguments(model, examples)
        if not examples.inputs.is_floating_point():
            raise TypeError(
                "prediction depth seeks neighbours by their distance, at the input too: it needs floating point, "
                f"got {examples.inputs.dtype}. Of tokens, measure the part of the model after the embedding."
            )
        if len(examples) < 2:
            raise ValueError(f"prediction depth needs at least two examples, got {len(examples)}.")
        chosen = self._reference(model, examples, context.seed)
        reference = examples.select(chosen)
        own = np.full(len(examples), -1)
        own[chosen] = np.arange(len(chosen))
        neighbours, labels = min(NEIGHBOURS, len(chosen) - 1), reference.given_labels.cpu()
        layers, voters = _layers_of(model, reference), []
        while layers:  # each is let go of once its voters are there
            voters.append(Voters(layers.pop(0), labels, neighbours))
        start = 0

        def vote(inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            nonlocal start
            position = torch.from_numpy(own[start : start + len(inputs)])
            start += len(inputs)
            names, found, prediction = _representations(model, inputs, targets)
            self._settings["layers"] = names
            votes = [of.votes(queries.cpu(), position) for of, queries in zip(voters, found, strict=True)]
            return torch.stack([*votes, prediction.cpu()], dim=1)

        votes = for_each(model, examples, vote).T
        self._settings |= {"neighbours": neighbours, "reference": len(chosen), "seed": context.seed}
        values = {"prediction_depth": depth_of(votes[:-1], votes[-1]), "prediction": votes[-1]}
        return example_frame(examples, context.epoch, values)

    def metadata(self) -> dict[str, str]:
        """`layers` (names, in order), `neighbours`, `reference` (examples that voted) and `seed`, as JSON."""
        return {name: json.dumps(value) for name, value in self._settings.items()}

    def finish(self, frames: list[pd.DataFrame]) -> pd.DataFrame:
        """`prediction_depth` by training example, at the last epoch measured after epoch 0."""
        last = frames[-1]
        rows = last[(last["split"] == "train") & (last["epoch"] > 0)]
        return rows.set_index("example")[["prediction_depth"]]

    def _reference(self, model: torch.nn.Module, examples: ExampleSet, seed: int) -> np.ndarray:
        """Positions of the examples that vote, ascending."""
        one = _layers_of(model, examples.select([0]))
        room = _REFERENCE_BYTES // (4 * sum(layer.shape[1] for layer in one))
        count = min(REFERENCE, len(examples), max(room, NEIGHBOURS + 1))
        return np.sort(np.random.default_rng(seed).choice(len(examples), count, replace=False))


def _layers_of(model: torch.nn.Module, examples: ExampleSet) -> list[torch.Tensor]:
    """What the examples look like in each layer: float, (R, D) each, in main memory."""
    layers: list[torch.Tensor] = []
    start = 0

    def keep(inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        nonlocal start
        _, found, prediction = _representations(model, inputs, targets)
        if not layers:
            layers.extend(torch.empty(len(examples), part.shape[1], dtype=part.dtype) for part in found)
        for layer, part in zip(layers, found, strict=True):
            layer[start : start + len(part)] = part
        start += len(inputs)
        return prediction

    for_each(model, examples, keep)
    return layers


def _representations(
    model: torch.nn.Module, inputs: torch.Tensor, targets: torch.Tensor
) -> tuple[list[str], list[torch.Tensor], torch.Tensor]:
    """Names and values (B, D) of the layers, the input first, the softmax output last; and the prediction (B,)."""
    with torch.no_grad():
        blocks: list[tuple[str, torch.Tensor]] = []

        def run(batch: torch.Tensor) -> torch.Tensor:
            found, logits = block_outputs(model, batch)
            blocks.extend(found)
            return logits

        logits = logits_of(run, inputs)
        check_targets(logits, targets)
    names = ["input", *(name for name, _ in blocks), "softmax"]
    return names, [inputs.flatten(1), *(output for _, output in blocks), logits.softmax(1)], logits.argmax(1)
