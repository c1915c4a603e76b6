"""How much an example's input gradient varies over training."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from probes.errors import ProbeWarning
from probes.probing.input_gradients import check_targets, example_frame, for_each, gradient
from probes.runs.layout import atomic_write, epoch_name

if TYPE_CHECKING:
    import pandas as pd

    from probes.data.examples import ExampleSet
    from probes.probing.probe import ProbeContext

__all__ = ["VoG", "class_normalised", "variance_of_gradients"]

_ROUNDING = float(np.finfo(np.float32).eps)  # of the gradients, which are kept in float32
_BLOCK_BYTES = 2**24  # of gradients, over all epochs, read at once


def variance_of_gradients(gradients: np.ndarray) -> np.ndarray:
    """Mean over the values of an input of the sd of its gradient over checkpoints.

    Args:
        gradients: float, (C, n, D); dz_given / dx at each of C checkpoints.

    Returns:
        float64, (n,); population sd, before normalisation within classes.

    Source:
        Agarwal et al. 2022, section 2, https://arxiv.org/abs/2008.11600.
    """
    return gradients.astype(np.float64).std(axis=0).mean(axis=-1)


def class_normalised(values: np.ndarray, classes: np.ndarray, sizes: np.ndarray | None = None) -> np.ndarray:
    """Each value less the mean of its class, over the population sd of its class; 0 where a class does not vary.

    A class does not vary where its sd is at most float32's rounding, 1.2e-7, of what its values come from: of the mean
    of its `sizes`, or of its |values| where those are larger. So a linear model, whose gradients are the same for every
    example, gets 0 throughout, and not its rounding errors blown up to 1.

    Args:
        values: float, (n,).
        classes: int, (n,).
        sizes: float, (n,); mean |gradient| that each value was computed from; None for the values alone.

    Returns:
        float64, (n,).
    """
    result = np.zeros(len(values))
    for name in np.unique(classes):
        members = classes == name
        of_class = values[members]
        size = max(np.abs(of_class).mean(), 0 if sizes is None else sizes[members].mean())
        spread = of_class.std()
        if not spread <= _ROUNDING * size:  # NaN goes on
            result[members] = (of_class - of_class.mean()) / spread
    return result


class VoG:
    """The probe `vog`, variance of gradients: of the given label's logit (before softmax), by the input, over epochs.

    For all examples. In the paper high is hard; with wrong labels it often is the other way round, so read the measured
    AUROC beside it. Its scores are z-scores within the given class, of the epochs measured after epoch 0:

    - `vog`: over all of them;
    - `vog_early`, `vog_late`: over the first and the last half, from four epochs on.

    Within a class whose examples differ by no more than the rounding of float32 (see `class_normalised`) they are 0, as
    for every example of a linear model. A single logit z is differentiated for both classes, as (-z, z): of the (0, z)
    that it stands for, the first has no gradient.

    The gradients are kept as `gradients-00005.npy`, float32 (N, D), beside the frames: 4 N D bytes an epoch. Without a
    folder they stay in the probe.

    Source:
        Agarwal et al. 2022, https://arxiv.org/abs/2008.11600. Their toy script takes the gradient of the softmax.
    """

    name = "vog"

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._gradients: dict[int, np.ndarray] = {}

    def measure(self, model: torch.nn.Module, examples: ExampleSet, context: ProbeContext) -> pd.DataFrame:
        """One row per example: `epoch`, `split`, `example`, `given_label`, `gradient` (mean of |dz_given / dx|)."""

        def flat(inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            return gradient(_two_sided(model), inputs, targets, _given_logit).flatten(1).float()

        gradients = for_each(model, examples, flat)
        self._folder = context.folder
        self._keep(context.epoch, gradients)
        sizes = np.concatenate([np.abs(rows).mean(axis=1) for rows in np.array_split(gradients, 32)])
        labels = examples.given_labels.cpu().numpy()
        return example_frame(examples, context.epoch, {"given_label": labels, "gradient": sizes})

    def finish(self, frames: list[pd.DataFrame]) -> pd.DataFrame:
        """`vog`, `vog_early`, `vog_late` by example; see the class."""
        import pandas as pd

        epochs = sorted({int(frame["epoch"].iloc[0]) for frame in frames if len(frame)} - {0})
        last = frames[-1]
        if self._folder is None and not self._gradients.keys() >= set(epochs):
            epochs = [epoch for epoch in epochs if epoch in self._gradients]
            warnings.warn(
                "without a run vog keeps its gradients in the probe, and this one did not measure every epoch: "
                f"its scores are of epochs {', '.join(map(str, epochs)) or 'none'}. Record the same VoG() each time.",
                ProbeWarning,
                stacklevel=2,
            )
        half = len(epochs) // 2
        parts = {"vog": epochs, "vog_early": epochs[:half], "vog_late": epochs[len(epochs) - half :]}
        index = pd.Index(last["example"], name="example")
        sizes = {int(frame["epoch"].iloc[0]): frame["gradient"].to_numpy() for frame in frames if len(frame)}
        columns = {
            name: class_normalised(
                self._variance(chosen, len(last)),
                last["given_label"].to_numpy(),
                np.stack([sizes[epoch] for epoch in chosen]).mean(axis=0, dtype=np.float64),
            )
            if len(chosen) >= 2
            else np.full(len(last), np.nan)
            for name, chosen in parts.items()
        }
        return pd.DataFrame(columns, index=index)

    def _variance(self, epochs: list[int], count: int) -> np.ndarray:
        """`variance_of_gradients` of those epochs, a block of examples at a time."""
        rows = max(1, _BLOCK_BYTES // (8 * len(epochs) * max(1, self._load(epochs[0]).shape[1])))
        blocks = [  # files are mapped anew for each block: what has been read of a mapped one stays in memory
            variance_of_gradients(np.stack([self._load(epoch)[start : start + rows] for epoch in epochs]))
            for start in range(0, count, rows)
        ]
        return np.concatenate(blocks)

    def _keep(self, epoch: int, gradients: np.ndarray) -> None:
        if self._folder is None:
            self._gradients[epoch] = gradients
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(_file(self._folder, epoch)) as temporary, open(temporary, "wb") as file:
            np.save(file, gradients, allow_pickle=False)

    def _load(self, epoch: int) -> np.ndarray:
        if self._folder is None:
            return self._gradients[epoch]
        return np.load(_file(self._folder, epoch), mmap_mode="r", allow_pickle=False)


def _file(folder: Path, epoch: int) -> Path:
    return folder / f"gradients-{epoch_name(epoch).removeprefix('epoch-')}.npy"


def _two_sided(model: torch.nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
    """The model, a single logit z of its as (-z, z)."""

    def logits(inputs: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = model(inputs)
        if isinstance(found, torch.Tensor) and (found.ndim == 1 or found.shape[1:] == (1,)):
            return torch.stack([-found.reshape(-1), found.reshape(-1)], dim=1)
        return found

    return logits


def _given_logit(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    check_targets(logits, targets)
    return logits.gather(1, targets[:, None])[:, 0]
