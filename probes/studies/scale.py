"""How large a study is: seeds, data, and whether it is the quick one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from probes.data import check_dataset, short_name
from probes.errors import ConfigError
from probes.training import TrainConfig

__all__ = ["Scale"]

T = TypeVar("T")


@dataclass(frozen=True)
class Scale:
    """The size at which a study is run.

    Attributes:
        quick: the size that ends within about a minute on two cores.
        seeds: of the repetitions; a claim needs three. () stands for five, of the quick size three.
        dataset: a name of `probe list datasets`, or one's own data.
        subset: training examples to keep; None keeps all.

    Raises:
        ConfigError: the same seed twice, no examples, or an unknown data set.
    """

    quick: bool = False
    seeds: tuple[int, ...] = ()
    dataset: str = "digits"
    subset: int | None = None

    def __post_init__(self) -> None:
        check_dataset(self.dataset)
        if len(set(self.seeds)) < len(self.seeds):
            raise ConfigError(f"seeds must be different, got {list(self.seeds)}.")
        if not self.seeds:
            object.__setattr__(self, "seeds", tuple(range(self.pick(5, 3))))
        if self.subset is not None and self.subset < 1:
            raise ConfigError(f"subset must be at least 1, got {self.subset}.")

    @property
    def label(self) -> str:
        """Names the folder of its points, so that results of different sizes never mix: "full", "quick-mnist-1000"."""
        data = () if self.dataset == "digits" else (short_name(self.dataset),)
        words = ("quick" if self.quick else "full", *data, *(() if self.subset is None else (str(self.subset),)))
        return "".join(char if char.isalnum() or char in "._-" else "-" for char in "-".join(words))

    def pick(self, full: T, quick: T) -> T:
        """The one of two settings that belongs to this size."""
        return quick if self.quick else full

    def config(self, **options: Any) -> TrainConfig:
        """A run of this size: `probe train` with these options, without attributions or checkpoints by epoch.

        One thread a run, whatever the workers, so that a result does not depend on their number.
        """
        data = {"dataset": self.dataset, "subset": self.subset, "threads": 1}
        kept = {"probe": ("none",), "checkpoint_epochs": ()}
        return TrainConfig(**{**data, **kept, **options})

    def to_dict(self) -> dict[str, Any]:
        """As study.json holds it."""
        return {**asdict(self), "seeds": list(self.seeds)}
