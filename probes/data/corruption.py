"""Noise on labels and inputs: drawn once from a seed, remembered example by example, fixed over epochs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from probes.data import label_noise
from probes.data.dataset import Dataset
from probes.data.examples import ExampleSet
from probes.data.input_noise import replace_inputs
from probes.data.lazy_images import IN_MEMORY_BYTES, LazyImages
from probes.data.matrix import read_matrix
from probes.data.noise_kinds import INPUT_KINDS, MATRIX, NOISE_KINDS, check_noise, check_shares
from probes.errors import ConfigError

__all__ = ["Corruption", "corrupt", "corrupt_labels"]


@dataclass(frozen=True)
class Corruption:
    """What was done to N training examples.

    Attributes:
        kind: a kind of NOISE_KINDS; of a mixture all its kinds, joined by "+"; "" where none was asked for.
        given_labels: int64, (N,); what training is told.
        true_labels: int64, (N,); the true ones where they are known, else what the labels were before.
        noisy: bool, (N,); given differs from true, or the input was replaced.
        corruption: str, (N,); the kind drawn for the example, "" for none. Under `uniform_all` a drawn example may keep
            its label, and so stay clean.
        requested: share asked for, of all kinds together.
        drawn: share of examples drawn.
        realised: share of noisy examples.
        by_kind: requested, drawn and realised share (of all N) of each kind.
        inputs: float32, (N, ...); all inputs, where some were replaced; None where none was.
        seed: of everything drawn.
    """

    kind: str
    given_labels: np.ndarray
    true_labels: np.ndarray
    noisy: np.ndarray
    corruption: np.ndarray
    requested: float
    drawn: float
    realised: float
    by_kind: dict[str, dict[str, float]] = field(default_factory=dict)
    inputs: torch.Tensor | None = None
    seed: int = 0

    @property
    def rates(self) -> dict[str, Any]:
        """Kind, requested, drawn and realised share, as `run.json` keeps them; of a mixture also those of each kind."""
        total = {"kind": self.kind, "requested": self.requested, "drawn": self.drawn, "realised": self.realised}
        return total | ({"kinds": self.by_kind} if len(self.by_kind) > 1 else {})

    @property
    def replaced(self) -> np.ndarray:
        """bool, (N,): the input was replaced."""
        return np.isin(self.corruption, INPUT_KINDS)

    @property
    def covers_inputs(self) -> str | None:
        """The kind of input noise that covers the whole training set, and so the held-out parts too; None else."""
        first = str(self.corruption[0]) if len(self.corruption) else ""
        return first if first in INPUT_KINDS and (self.corruption == first).all() else None

    def apply(self, dataset: Dataset) -> Dataset:
        """Return the data set that this was drawn for with its labels, inputs and images changed.

        Where one kind of input noise covers the whole training set, validation and test inputs are replaced too.
        Validation and test labels stay. Where neither the truth is known nor any noise was drawn, true labels stay
        unknown.
        """
        old, known = dataset.train, dataset.train.true_labels is not None or self.requested > 0
        train = ExampleSet(
            old.inputs if self.inputs is None else self.inputs,
            self.given_labels,
            true_labels=self.true_labels if known else None,
            images=self._images(dataset),
            replaced=self.replaced if self.inputs is not None else None,
        )
        return replace(
            dataset,
            train=train,
            validation=self._held_out(dataset, dataset.validation, 1),
            test=self._held_out(dataset, dataset.test, 2),
            corruption=self.corruption,
        )

    def _images(self, dataset: Dataset) -> Any:
        images = dataset.train.images
        if self.inputs is None or images is None:
            return images
        shown = np.array(list(images) if callable(images) else images)
        shown[self.replaced] = dataset.shown(self.inputs[torch.from_numpy(self.replaced)])
        return shown

    def _held_out(self, dataset: Dataset, examples: ExampleSet, part: int) -> ExampleSet:
        kind = self.covers_inputs
        if kind is None:
            return examples
        means, sds = _moments(dataset.train.inputs)
        inputs = replace_inputs(
            _in_memory(examples.inputs), kind, means=means, sds=sds, seed=_seed(self.seed, kind), part=part
        )
        return ExampleSet(inputs, examples.given_labels, true_labels=examples.true_labels, split=examples.split)


def corrupt(
    data: Dataset | tuple[Any, Any], shares: Mapping[str, float], *, seed: int, num_classes: int | None = None
) -> Corruption:
    """Draw noise of one or several kinds, each on its own part of the training examples.

    One kind alone is drawn as its definition says (`corrupt_labels`). In a mixture each kind gets exactly
    int(share * N) examples: `instance` first, those it confuses most; the others in the order of NOISE_KINDS, at random
    from the rest. Labels move from the given ones; `noisy` compares with the true ones.

    Args:
        data: a data set, or (inputs (N, ...), labels (N,)).
        shares: share of each kind, in [0, 1], summing to at most 1; a share of 0 is as good as none.
        seed: equal seeds give equal noise.
        num_classes: K; of a data set its own.

    Raises:
        ConfigError: unknown kind, shares outside [0, 1] or summing to more, a matrix that cannot be read, or inputs too
            large to be changed in memory.
    """
    check_shares(shares)
    if isinstance(data, Dataset):
        inputs, given, classes = data.train.inputs, data.train.given_labels.numpy(), len(data.classes)
        truth = None if data.train.true_labels is None else data.train.true_labels.numpy()
    else:
        inputs, given, truth = _in_memory(data[0]), np.asarray(data[1]), None
        classes = int(given.max()) + 1 if num_classes is None else num_classes
    labels = _checked(given, classes)
    wanted = {kind: share for kind, share in sorted(shares.items(), key=_order) if share > 0}
    if len(wanted) == 1:
        ((kind, share),) = wanted.items()
        chosen, moved = _alone(kind, share, labels, classes, seed, inputs)
        kinds = np.where(chosen, kind, "")
    else:
        kinds, moved = _mixture(wanted, labels, classes, seed, inputs)
    replaced = _replaced(inputs, kinds, seed)
    if not wanted:
        wanted = dict(shares)
    return _corruption(wanted, moved, labels if truth is None else truth, kinds, replaced, seed)


def corrupt_labels(
    labels: np.ndarray, kind: str, share: float, num_classes: int, seed: int, *, inputs: Any = None
) -> Corruption:
    """Draw one kind of label noise.

    `uniform_all`: independently with probability `share`, a label is redrawn uniformly from all K classes, its own
    included, so that about share * (K - 1) / K of the examples become noisy. `uniform_other`: exactly int(share * N)
    examples, without replacement, move uniformly to one of the K - 1 other classes. `pair`: independently with
    probability `share`, y becomes (y + 1) mod K. `matrix:FILE`: independently with probability `share`, a label is
    redrawn from its class's row of the table. `instance`: the int(share * N) examples whose most probable wrong class,
    by a logistic regression, is most probable get that class.

    Args:
        labels: int, (N,); true labels in [0, K).
        kind: a kind of label noise in NOISE_KINDS.
        share: p, in [0, 1].
        num_classes: K.
        seed: equal seeds give equal noise; a smaller share draws a subset of what a larger one does.
        inputs: float, (N, ...); standardised; needed by `instance`.

    Raises:
        ConfigError: unknown kind, a kind that replaces inputs, a share outside [0, 1], fewer than two classes, or a
            matrix that cannot be read.
        ValueError: a label outside [0, K).

    Source:
        uniform_all: Zhang et al., ICLR 2017, section 2, https://arxiv.org/abs/1611.03530, and the authors' demo code.
        uniform_other: Toneva et al., ICLR 2019, https://arxiv.org/abs/1812.05159, and their code.
        pair: Pleiss et al., NeurIPS 2020, https://arxiv.org/abs/2001.10528, whose code calls it "flip".
    """
    check_noise(kind, share)
    if kind in INPUT_KINDS:
        raise ConfigError(f"noise kind {kind!r} replaces inputs, not labels: use corrupt().")
    true = _checked(labels, num_classes)
    chosen, given = _alone(kind, share, true, num_classes, seed, inputs)
    return _corruption({kind: share}, given, true, np.where(chosen, kind, ""), None, seed)


def _order(item: tuple[str, float]) -> tuple[int, str]:
    """Place of a kind in NOISE_KINDS, and its name."""
    kind = "matrix:FILE" if item[0].startswith(MATRIX) else item[0]
    return list(NOISE_KINDS).index(kind), item[0]


def _checked(labels: Any, num_classes: int) -> np.ndarray:
    values = np.array(labels, dtype=np.int64)
    if ((values < 0) | (values >= num_classes)).any():
        raise ValueError(f"labels must lie in [0, {num_classes}), got {values.min()} to {values.max()}.")
    return values


def _alone(
    kind: str, share: float, labels: np.ndarray, num_classes: int, seed: int, inputs: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one kind on all examples: (drawn bool (N,), given int64 (N,))."""
    random = np.random.default_rng(seed)
    if kind in INPUT_KINDS:
        chosen = np.zeros(len(labels), dtype=bool)
        chosen[random.permutation(len(labels))[: int(share * len(labels))]] = True
        return chosen, labels
    if kind == "instance":
        ranked, wrong = _instance(labels, num_classes, seed, inputs)
        chosen = np.zeros(len(labels), dtype=bool)
        chosen[ranked[: int(share * len(labels))]] = True
        return chosen, np.where(chosen, wrong, labels)
    return _draw(kind, labels, share, num_classes, random)


def _mixture(
    shares: Mapping[str, float], labels: np.ndarray, num_classes: int, seed: int, inputs: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Draw several kinds on parts that do not meet: (kind str (N,), given int64 (N,))."""
    kinds, given = np.full(len(labels), "", dtype=object), labels.copy()
    if "instance" in shares:
        ranked, wrong = _instance(labels, num_classes, seed, inputs)
        rows = ranked[: int(shares["instance"] * len(labels))]
        kinds[rows], given[rows] = "instance", wrong[rows]
    free = np.random.default_rng(seed).permutation(len(labels))
    free = free[kinds[free] == ""]
    for kind, share in shares.items():
        if kind == "instance":
            continue
        rows, free = np.split(free, [int(share * len(labels))])
        kinds[rows] = kind
        if kind not in INPUT_KINDS:
            random = np.random.default_rng(_seed(seed, kind))
            given[rows] = _draw(kind, labels[rows], 1.0, num_classes, random)[1]
    return kinds.astype(str), given


def _draw(
    kind: str, labels: np.ndarray, share: float, num_classes: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    if kind.startswith(MATRIX):
        matrix = read_matrix(Path(kind.removeprefix(MATRIX)), num_classes)
        return label_noise.matrix_rows(labels, share, matrix, random)
    _need_two_classes(kind, num_classes)
    draw: dict[str, Callable[..., tuple[np.ndarray, np.ndarray]]] = {
        "uniform_all": label_noise.uniform_all,
        "uniform_other": label_noise.uniform_other,
        "pair": label_noise.pair,
    }
    return draw[kind](labels, share, num_classes, random)


def _instance(labels: np.ndarray, num_classes: int, seed: int, inputs: Any) -> tuple[np.ndarray, np.ndarray]:
    """Positions, the most confused first, and the class each is confused with."""
    if inputs is None:
        raise ConfigError("noise kind 'instance' needs the inputs: use corrupt(), or pass inputs.")
    _need_two_classes("instance", num_classes)
    confidence, wrong = label_noise.confusions(_in_memory(inputs), labels, num_classes, seed)
    return np.argsort(-confidence, kind="stable"), wrong


def _need_two_classes(kind: str, num_classes: int) -> None:
    if kind != "uniform_all" and num_classes < 2:
        raise ConfigError(f"noise kind {kind!r} needs at least 2 classes, got {num_classes}.")


def _replaced(inputs: Any, kinds: np.ndarray, seed: int) -> torch.Tensor | None:
    """All inputs, those of input kinds replaced; None where there are none."""
    drawn = [kind for kind in INPUT_KINDS if (kinds == kind).any()]
    if not drawn:
        return None
    changed = _in_memory(inputs).clone()
    means, sds = _moments(changed)
    order = np.random.default_rng(seed).permutation(len(kinds))  # as drawn, so that less noise is part of more
    for kind in drawn:
        rows = torch.from_numpy(order[kinds[order] == kind])
        changed[rows] = replace_inputs(changed[rows], kind, means=means, sds=sds, seed=_seed(seed, kind), part=0)
    return changed


def _seed(seed: int, kind: str) -> list[int]:
    """The seed of what a kind draws beside the choice of examples."""
    return [seed, 1 + _order((kind, 0.0))[0]]


def _moments(inputs: torch.Tensor) -> tuple[list[float], list[float]]:
    """Mean and sd of each channel (or feature) of all training inputs."""
    values = _in_memory(inputs)
    others = [axis for axis in range(values.ndim) if axis != 1]
    means = values.mean(dim=others, dtype=torch.float64)
    squares = (values * values).mean(dim=others, dtype=torch.float64)
    return means.tolist(), (squares - means**2).clamp(min=0).sqrt().tolist()


def _in_memory(inputs: Any) -> torch.Tensor:
    if not isinstance(inputs, LazyImages):
        return inputs if isinstance(inputs, torch.Tensor) else torch.from_numpy(np.array(inputs, dtype=np.float32))
    if inputs.nbytes > IN_MEMORY_BYTES:
        raise ConfigError(
            f"this kind of noise needs the inputs in memory, and {len(inputs):,} images take "
            f"{inputs.nbytes / 2**30:.1f} GB: take fewer with --subset."
        )
    return inputs.read()


def _corruption(
    shares: Mapping[str, float],
    given: np.ndarray,
    true: np.ndarray,
    kinds: np.ndarray,
    inputs: torch.Tensor | None,
    seed: int,
) -> Corruption:
    noisy = (given != true) | np.isin(kinds, INPUT_KINDS)
    by_kind = {
        kind: {
            "requested": float(share),
            "drawn": _share(kinds == kind),
            "realised": _share(noisy & (kinds == kind)),
        }
        for kind, share in shares.items()
    }
    return Corruption(
        kind="+".join(shares),
        given_labels=given,
        true_labels=true,
        noisy=noisy,
        corruption=kinds,
        requested=float(sum(shares.values())),
        drawn=_share(kinds != ""),
        realised=_share(noisy),
        by_kind=by_kind,
        inputs=inputs,
        seed=seed,
    )


def _share(mask: np.ndarray) -> float:
    return float(mask.mean()) if mask.size else 0.0
