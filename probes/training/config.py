"""Everything that decides a training run, checked before any work."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from probes.data import check_dataset, check_noise, check_shares, parse_shares
from probes.errors import ConfigError, unknown_name
from probes.models import check_model
from probes.training.loggers import LOGGERS
from probes.training.schedules import OPTIMIZERS, SCHEDULES

__all__ = ["MEASURES", "TrainConfig", "log_spaced_epochs"]

MEASURES: dict[str, str] = {
    "sweep": "an extra pass over the training set at the end of each epoch: one exact snapshot",
    "online": "from the forward pass that also trains on the example: free, weights moving",
    "both": "the sweep, and the online signals beside it",
}
_DEFAULT_PROBES = ("attributions",)
_INTEGERS = {"epochs": 1, "width": 1, "depth": 0, "batch_size": 1}  # name -> smallest value
_PERHAPS_INTEGERS = {"subset": 1, "early_stopping": 1, "threads": 1}
_SHARES = ("momentum", "dropout", "input_dropout", "label_smoothing")  # in [0, 1)
_AMOUNTS = ("weight_decay", "input_noise")  # at least 0
_PATHS = ("data_root", "given_labels", "exclude", "relabel")
_SEEDS = ("seed", "split_seed", "noise_seed", "init_seed", "order_seed")


@dataclass(frozen=True)
class TrainConfig:
    """The options of `probe train`; the defaults are the reference protocol, on scikit-learn's digits.

    Attributes:
        dataset: a name of DATASETS, or one's own: `folder:PATH`, a .npz, .csv or .parquet file, `module:function`.
        data_root: folder of downloaded data; None stands for `data`.
        download: get torchvision's data where they are not there.
        label_column: of a table.
        given_labels: file of labels that training is told; the data's own then are the true ones.
        relabel: file of other labels for some training examples, what a review or an audit wrote.
        exclude: file of training examples to leave out, likewise.
        subset: training examples to keep, drawn stratified by `split_seed`; None keeps all.
        noise: share of labels that noise is drawn for, in [0, 1].
        noise_kind: a kind of NOISE_KINDS.
        corrupt: "KIND=SHARE", one or several kinds of noise in place of `noise` and `noise_kind`.
        model: a name of MODELS, one of torchvision's, or `module:callable`.
        width: units of a hidden layer of the multilayer perceptron.
        depth: its hidden layers.
        dropout: share of hidden units left out in training, in [0, 1).
        input_dropout: share of inputs left out in training, in [0, 1).
        batch_norm: with or without batch normalisation; None leaves it to the model.
        epochs: passes over the training set.
        lr: learning rate of the first epoch.
        batch_size: examples per step.
        optimizer: a name of OPTIMIZERS.
        momentum: of SGD, in [0, 1).
        weight_decay: coefficient.
        schedule: of the learning rate, a name of SCHEDULES.
        label_smoothing: of the loss that is trained on, in [0, 1); the one recorded is the plain cross-entropy.
        augment: shift images by up to an eighth of their side, and mirror those in colour, in training.
        input_noise: sd of Gaussian noise added to inputs in training, in standardised units.
        early_stopping: stop when validation accuracy has not improved for so many epochs; None trains on.
        seed: of noise, initial weights and order of examples, wherever those have no seed of their own.
        split_seed: of the split into training, validation and test examples.
        noise_seed: of the noise; None follows `seed`.
        init_seed: of the initial weights; None follows `seed`.
        order_seed: of the order of examples, and of what is drawn while training; None follows `seed`.
        measure: where signals are read: "sweep", "online" or "both".
        probe: names of probes to record beside `attributions`; "none" records none at all.
        probe_epochs: epochs at which probes measure; None stands for `log_spaced_epochs`.
        checkpoint_epochs: epochs at which the weights are kept; None stands for `log_spaced_epochs`.
        log: names of LOGGERS that are told each epoch's accuracies and losses.
        device: "auto", or a device of PyTorch, such as "cpu" or "cuda:1".
        threads: CPU threads; None picks what is fastest at this size.

    Raises:
        ConfigError: naming the first option that cannot be used, its value, and what is allowed.
    """

    dataset: str = "digits"
    data_root: str | None = None
    download: bool = False
    label_column: str | None = None
    given_labels: str | None = None
    relabel: str | None = None
    exclude: str | None = None
    subset: int | None = None
    noise: float = 0.0
    noise_kind: str = "uniform_all"
    corrupt: tuple[str, ...] = ()
    model: str = "mlp"
    width: int = 512
    depth: int = 2
    dropout: float = 0.0
    input_dropout: float = 0.0
    batch_norm: bool | None = None
    epochs: int = 120
    lr: float = 0.05
    batch_size: int = 64
    optimizer: str = "sgd"
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "constant"
    label_smoothing: float = 0.0
    augment: bool = False
    input_noise: float = 0.0
    early_stopping: int | None = None
    seed: int = 0
    split_seed: int = 0
    noise_seed: int | None = None
    init_seed: int | None = None
    order_seed: int | None = None
    measure: str = "sweep"
    probe: tuple[str, ...] = ()
    probe_epochs: tuple[int, ...] | None = None
    checkpoint_epochs: tuple[int, ...] | None = None
    log: tuple[str, ...] = ()
    device: str = "auto"
    threads: int | None = None

    def __post_init__(self) -> None:
        for name in ("noise", "lr", *_SHARES, *_AMOUNTS):
            self._set(name, _number(name, getattr(self, name)))
        for name, low in _INTEGERS.items():
            self._set(name, _integer(name, getattr(self, name), low=low))
        for name, low in _PERHAPS_INTEGERS.items():
            if getattr(self, name) is not None:
                self._set(name, _integer(name, getattr(self, name), low=low))
        for name in _SEEDS:
            if getattr(self, name) is not None:
                self._set(name, _integer(name, getattr(self, name), low=0, high=2**32 - 1))
        for name in ("probe_epochs", "checkpoint_epochs"):
            if getattr(self, name) is not None:
                self._set(name, _epoch_list(name, getattr(self, name), self.epochs))
        for name in _PATHS:
            if getattr(self, name) is not None:
                self._set(name, os.fspath(getattr(self, name)))
        self._set("dataset", os.fspath(self.dataset))
        for name in ("probe", "corrupt", "log"):
            self._set(name, _texts(getattr(self, name)))
        self._check()

    @property
    def noise_shares(self) -> dict[str, float]:
        """Share of each kind of noise: those of `corrupt`, or else the one of `noise_kind`."""
        return parse_shares(self.corrupt) if self.corrupt else {self.noise_kind: self.noise}

    @property
    def cleans(self) -> bool:
        """Whether examples are left out or relabelled after the noise is drawn."""
        return self.exclude is not None or self.relabel is not None

    @property
    def seeds(self) -> dict[str, int]:
        """The four seeds in force: of the split, the noise, the initial weights and the order of examples."""
        return {
            "split": self.split_seed,
            "noise": self.seed if self.noise_seed is None else self.noise_seed,
            "init": self.seed if self.init_seed is None else self.init_seed,
            "order": self.seed if self.order_seed is None else self.order_seed,
        }

    @property
    def probe_names(self) -> tuple[str, ...]:
        """The probes to record, each once: the default one first, unless `probe` says "none"."""
        return () if "none" in self.probe else tuple(dict.fromkeys((*_DEFAULT_PROBES, *self.probe)))

    @property
    def probe_at(self) -> tuple[int, ...]:
        """Epochs at which probes measure, ascending."""
        return log_spaced_epochs(self.epochs) if self.probe_epochs is None else self.probe_epochs

    @property
    def checkpoint_at(self) -> tuple[int, ...]:
        """Epochs at which the weights are kept for good, ascending."""
        return log_spaced_epochs(self.epochs) if self.checkpoint_epochs is None else self.checkpoint_epochs

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _check(self) -> None:
        from probes.probing import PROBES

        check_dataset(self.dataset)
        check_model(self.model)
        names: tuple[tuple[str, str, Iterable[str]], ...] = (
            ("optimizer", self.optimizer, OPTIMIZERS),
            ("schedule", self.schedule, SCHEDULES),
            ("measure", self.measure, MEASURES),
            *(("probe", name, PROBES) for name in self.probe if name != "none"),
            *(("logger", name, LOGGERS) for name in self.log),
        )
        for kind, value, known in names:
            if value not in set(known):
                raise unknown_name(kind, value, known)
        check_noise(self.noise_kind, self.noise)
        if self.corrupt and self.noise:
            raise ConfigError("noise is the short form of corrupt: give one of them.")
        check_shares(self.noise_shares)
        if not 0 < self.lr < math.inf:
            raise ConfigError(f"lr must be positive and finite, got {self.lr:g}.")
        for name in _SHARES:
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} must lie in [0, 1), got {getattr(self, name):g}.")
        for name in _AMOUNTS:
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be at least 0 and finite, got {getattr(self, name):g}.")
        if "none" in self.probe and len(self.probe) > 1:
            raise ConfigError(f"probe 'none' stands alone, got {', '.join(self.probe)}.")


def log_spaced_epochs(last: int) -> tuple[int, ...]:
    """Return 0, then 1, 2, 5, 10, 20, 50, ... as far as they come before `last`, then `last`.

    Example:
        >>> log_spaced_epochs(120)
        (0, 1, 2, 5, 10, 20, 50, 100, 120)
    """
    steps = (factor * 10**power for power in range(len(str(last))) for factor in (1, 2, 5))
    return (0, *(epoch for epoch in steps if epoch < last), last)


def _texts(value: Any) -> tuple[str, ...]:
    """Words as a tuple: of one word, several, or a mapping from kind to share."""
    if isinstance(value, Mapping):
        return tuple(f"{kind}={share:g}" for kind, share in value.items())
    return (value,) if isinstance(value, str) else tuple(value)


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name} must be a number, got {value!r}.") from error


def _integer(name: str, value: Any, *, low: int, high: int | None = None) -> int:
    try:
        whole = operator.index(value)
    except TypeError as error:
        raise ConfigError(f"{name} must be a whole number, got {value!r}.") from error
    if whole < low or (high is not None and whole > high):
        allowed = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ConfigError(f"{name} must be {allowed}, got {whole}.")
    return whole


def _epoch_list(name: str, values: Any, last: int) -> tuple[int, ...]:
    """Return the epochs ascending, each once."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ConfigError(f"{name} must be a list of epochs, got {values!r}.")
    epochs = {_integer(name, value, low=0) for value in values}
    if epochs and max(epochs) > last:
        raise ConfigError(f"{name} must lie in 0 to {last}, the last epoch, got {max(epochs)}.")
    return tuple(sorted(epochs))
