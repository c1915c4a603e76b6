"""What every section reads of a run: computed once, O(N) in memory."""

from __future__ import annotations

import base64
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from probes.runs.kinds import noisy_by_kind
from probes.runs.noise_rate import unlearned
from probes_reports.figures.epoch_axis import Guide
from probes_reports.palette import LIGHT
from probes_reports.thumbnails import Ink, ink_of, inverted
from probes_reports.wording import LABELS, MIXED, REPLACED_INPUTS, Facts, Verdict, Words, verdict

if TYPE_CHECKING:
    from probes.runs.run import Run

__all__ = ["KeyEpochs", "RunView"]

MOST_POINTS = 1500  # of a line over the epochs
CACHE_VALUES = 60_000_000  # values held by the cache of epochs: 240 MB, all of 200,000 examples x 30 epochs


@dataclass(frozen=True)
class KeyEpochs:
    """Epochs that the whole page refers to; None where they were not reached or are unknown.

    Attributes:
        clean_learned: first at which 90% of the clean examples are answered as given.
        noisy_half: first at which half of the noisy ones are.
        noisy_memorized: first at which 90% of the noisy ones are.
        peak: of the highest validation accuracy.
        last: the last closed epoch, 0 where there is none.
    """

    clean_learned: int | None
    noisy_half: int | None
    noisy_memorized: int | None
    peak: int | None
    last: int


class RunView:
    """A run as its page reads it.

    Args:
        run: an open run.
        images: whether sections may embed thumbnails.
        paths: whether they may name files and folders.
    """

    def __init__(self, run: Run, *, images: bool = True, paths: bool = True):
        self.run = run
        self.with_images = images
        self.with_paths = paths
        self.num_examples: int = run.num_examples
        self.last_epoch: int = run.num_epochs
        self._cache: OrderedDict[int, dict[str, np.ndarray]] = OrderedDict()

    # what the run says -------------------------------------------------------------------------------------------

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Every key of contracts.md, null where unknown."""
        return self.run.summary()

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row per example, one column per score."""
        return self.run.scores()

    @cached_property
    def examples(self) -> pd.DataFrame:
        """given_label, true_label, noisy, corruption, id, path, as far as recorded; indexed by example."""
        return self.run.examples

    @cached_property
    def epochs(self) -> pd.DataFrame:
        """Tidy: epoch, group, examples, accuracy, true_label_accuracy, loss."""
        return self.run.epochs

    @property
    def measure(self) -> str:
        """ "sweep", "online" or "both"; the page reads the sweep where there is one."""
        return self.run.measure

    @property
    def finished(self) -> bool:
        """False while the run is going on, and where it was interrupted or failed."""
        return self.run.status == "complete"

    @property
    def config(self) -> dict[str, Any]:
        """The options it was trained with; empty where unknown."""
        return dict(self.run.config or {})

    # groups ------------------------------------------------------------------------------------------------------

    @cached_property
    def given(self) -> np.ndarray | None:
        """int64, (N,): given label, -1 where it was never seen; None where no label is known."""
        return self.run.given_labels

    @cached_property
    def true(self) -> np.ndarray | None:
        """int64, (N,): true label, -1 where unknown; None where none is known."""
        return self.run.true_labels

    @cached_property
    def noisy(self) -> np.ndarray | None:
        """bool, (N,): the label differs from the true one, or the input was replaced; None: truth unknown."""
        return self.run.noisy

    @cached_property
    def clean(self) -> np.ndarray | None:
        """bool, (N,): the others."""
        return self.run.clean

    @cached_property
    def kinds(self) -> dict[str, np.ndarray]:
        """Kind of noise -> its noisy examples, bool (N,); empty where there are not several kinds."""
        return noisy_by_kind(self.examples, self.noisy)

    @cached_property
    def differs(self) -> np.ndarray | None:
        """bool, (N,): the given label is not the true one; None: truth unknown."""
        return self.run.wrong

    @cached_property
    def not_finite(self) -> str | None:
        """That no visit after epoch 0 left a usable value because the logits were not finite; None where some did."""
        if self.last_epoch == 0 or not self.summary["nonfinite_visits"]:
            return None
        for number in self.run.closed_epochs:
            held = self.epoch(number)
            if (held["prediction"] >= 0).any() or np.isfinite(held["loss"]).any():
                return None
        first = self.run.closed_epochs[0]
        return f"The network's outputs were not finite: nothing could be recorded from epoch {first:,} on."

    @property
    def nothing(self) -> str | None:
        """Why no section has anything to say; None where there is something."""
        return "No epoch has been finished yet." if self.last_epoch == 0 else self.not_finite

    @cached_property
    def no_answers(self) -> str | None:
        """Why no answer can be compared with its label; None where some can."""
        if self.not_finite is not None:
            return self.not_finite
        if self.given is None:
            return "The labels that training saw were not recorded, so answers cannot be compared with them."
        if any((self.epoch(number)["prediction"] >= 0).any() for number in self.epoch_numbers):
            return None
        return "Which label the network answered with was not recorded, only values such as the loss."

    @property
    def differs_any(self) -> bool:
        """Whether any given label is known not to be the true one."""
        return self.differs is not None and bool(self.differs.any())

    @property
    def made_noisy(self) -> bool:
        """Whether the run says that its noise was made, rather than found."""
        return bool((self.examples["corruption"].fillna("") != "").any()) if "corruption" in self.examples else False

    @cached_property
    def num_noisy(self) -> int | None:
        """Number of noisy examples; None: truth unknown."""
        return None if self.noisy is None else int(self.noisy.sum())

    @cached_property
    def words(self) -> Words:
        """What the noisy group is called: labels, inputs where only inputs were replaced, examples where both are."""
        if not self.num_noisy or self.true is None:
            return LABELS
        if not self.differs_any:
            return REPLACED_INPUTS
        return MIXED if self.num_replaced else LABELS

    @cached_property
    def num_wrong(self) -> int:
        """Number of given labels that are known not to be the true one."""
        return 0 if self.differs is None else int(self.differs.sum())

    @cached_property
    def num_replaced(self) -> int:
        """Number of noisy examples with their true label: their inputs were replaced."""
        if self.noisy is None or self.true is None or self.differs is None:
            return 0
        return int((self.noisy & (self.true >= 0) & ~self.differs).sum())

    @cached_property
    def hidden_curve(self) -> tuple[np.ndarray, np.ndarray]:
        """Epochs and the share of the wrong labels that are answered with the true one; both maybe empty."""
        if not self.differs_any or self.differs is None or self.true is None:
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        if self.words is not MIXED:
            return self.curve("train/noisy", "true_label_accuracy")
        found = {}
        for number in self.epoch_numbers:
            prediction = self.epoch(number)["prediction"]
            seen = self.differs & (prediction >= 0)
            if seen.any():
                found[number] = float((prediction[seen] == self.true[seen]).mean())
        return np.array(list(found), dtype=np.int64), np.array(list(found.values()), dtype=np.float64)

    @cached_property
    def unlearned(self) -> str:
        """Why what is not answered as labelled may be the network's own errors rather than wrong labels; or ""."""
        epochs, shares = self.curve("validation")
        return unlearned(epochs, shares, self.key.peak, self.last_epoch, len(self.run.classes or ()))

    # epochs ------------------------------------------------------------------------------------------------------

    @cached_property
    def key(self) -> KeyEpochs:
        """The epochs that the whole page refers to."""
        return KeyEpochs(
            clean_learned=self.summary["clean_learned_epoch"],
            noisy_half=self.summary["noisy_half_memorized_epoch"],
            noisy_memorized=self.summary["noisy_memorized_epoch"],
            peak=self.summary["peak_test_epoch"],
            last=self.last_epoch,
        )

    @property
    def first_epoch(self) -> int:
        """0 where the run holds the epoch before training, else 1."""
        return 0 if self.run.has_initial else 1

    @property
    def epoch_numbers(self) -> list[int]:
        """Every epoch it holds, epoch 0 included where it does."""
        return ([0] if self.run.has_initial else []) + self.run.closed_epochs

    def epoch(self, number: int) -> dict[str, np.ndarray]:
        """One epoch of every signal, dense over all examples (N,); NaN and -1 where an example was not visited.

        Keys: loss, margin, entropy, el2n, prediction, correct, visits. Cached within a bound.
        """
        if number not in self._cache:
            self._cache[number] = self.run.epoch(number)
            values = sum(column.size for column in self._cache[number].values())
            while len(self._cache) > 1 and len(self._cache) * values > CACHE_VALUES:
                self._cache.popitem(last=False)
        self._cache.move_to_end(number)
        return self._cache[number]

    def curve(self, group: str, column: str = "accuracy") -> tuple[np.ndarray, np.ndarray]:
        """Epochs (int, (T,)) and values (float64, (T,)) of a group of `epochs`, without missing values; maybe empty."""
        rows = self.epochs[self.epochs["group"] == group].dropna(subset=[column]).sort_values("epoch")
        return rows["epoch"].to_numpy(dtype=np.int64), rows[column].to_numpy(dtype=np.float64)

    def drawn_curve(self, group: str, column: str = "accuracy") -> tuple[np.ndarray, np.ndarray]:
        """`curve` with at most MOST_POINTS points, dense where the axis is; key epochs stay."""
        return self._thinned(*self.curve(group, column))

    def drawn_hidden_curve(self) -> tuple[np.ndarray, np.ndarray]:
        """`hidden_curve`, thinned in the same way."""
        return self._thinned(*self.hidden_curve)

    def _thinned(self, epochs: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if len(epochs) <= MOST_POINTS:
            return epochs, values
        wanted = np.unique(np.expm1(np.linspace(0, np.log1p(epochs[-1]), MOST_POINTS)).round().astype(np.int64))
        key = self.key
        marked = [e for e in (key.clean_learned, key.noisy_half, key.noisy_memorized, key.peak) if e]
        kept = np.isin(epochs, np.concatenate([wanted, np.array(marked, dtype=np.int64), epochs[-1:]]))
        return epochs[kept], values[kept]

    def at(self, group: str, epoch: int | None, column: str = "accuracy") -> float | None:
        """A group's value at an epoch; None where it is not known."""
        if epoch is None:
            return None
        return _value(*self.curve(group, column), epoch)

    def hidden_at(self, epoch: int | None) -> float | None:
        """The value of `hidden_curve` at an epoch; None where it is not known."""
        return None if epoch is None else _value(*self.hidden_curve, epoch)

    def guides(self) -> list[Guide]:
        """The key epochs, the most important first, for `figures.epoch_axis.guide_lines` and `guide_labels`."""
        key, memorized = self.key, "noise memorized"
        marks = (
            (key.noisy_memorized, memorized, LIGHT.noisy, LIGHT.noisy_text),
            (key.clean_learned, "clean learned", LIGHT.clean, LIGHT.clean_text),
            (key.peak, "best validation", LIGHT.ink_3, LIGHT.ink_3),
        )
        return [Guide(epoch, *rest) for epoch, *rest in marks if epoch is not None]

    # wording -----------------------------------------------------------------------------------------------------

    @cached_property
    def verdict(self) -> Verdict:
        """The answer to the page's question."""
        return verdict(
            Facts(
                num_examples=self.num_examples,
                num_noisy=self.num_noisy,
                last_epoch=self.last_epoch,
                clean_learned_epoch=self.key.clean_learned,
                noisy_half_memorized_epoch=self.key.noisy_half,
                noisy_memorized_epoch=self.key.noisy_memorized,
                final_clean_accuracy=self.summary["final_clean_accuracy"],
                final_noisy_accuracy=self.summary["final_noisy_accuracy"],
                estimated_noise_rate=self.summary["estimated_noise_rate"],
                unanswered=self.no_answers,
                not_finite=self.not_finite,
                finished=self.finished,
                unlearned=self.unlearned,
                words=self.words,
            )
        )

    def class_name(self, label: int) -> str:
        """Name of a class, its number where it has none."""
        names = self.run.classes or []
        return str(names[label]) if 0 <= label < len(names) else str(label)

    def kind_of(self, example: int) -> str:
        """The kind of noise of an example where the run has several; "" of a clean one."""
        return next((kind for kind, members in self.kinds.items() if members[example]), "")

    @property
    def dataset_name(self) -> str:
        """Name of the data, or of the run where that is unknown."""
        return str((self.run.meta.get("dataset") or {}).get("name") or self.run.path.name)

    @property
    def model_name(self) -> str:
        """Description of the model, "" where unknown."""
        model = self.run.meta.get("model") or self.config.get("model") or ""
        if isinstance(model, dict):
            model = model.get("description") or model.get("name") or ""
        return str(model)

    # examples ----------------------------------------------------------------------------------------------------

    def sample(self, size: int, seed: int = 0) -> np.ndarray:
        """A seeded sample of examples, sorted, stratified by group: each has the share it has in the run.

        Args:
            size: of the sample; all examples where there are no more.
            seed: of the draw.
        """
        if self.num_examples <= size:
            return np.arange(self.num_examples)
        random = np.random.default_rng(seed)
        groups = [np.arange(self.num_examples)]
        if self.noisy is not None:
            rest = self.noisy & ~np.any([np.zeros_like(self.noisy), *self.kinds.values()], axis=0)
            parts = [*self.kinds.values(), rest, ~self.noisy]
            groups = [members for members in map(np.flatnonzero, parts) if len(members)]
        shares = [round(size * len(members) / self.num_examples) for members in groups]
        drawn = [random.choice(m, max(1, min(k, len(m))), replace=False) for m, k in zip(groups, shares, strict=True)]
        return np.sort(np.concatenate(drawn))

    def images(self, examples: Iterable[int]) -> dict[int, str]:
        """Thumbnails as data URIs, of those examples that have one; none where the page is to hold none.

        Grey-scale ones come as dark ink on paper, whichever way the data have it.
        """
        if not self.with_images:
            return {}
        found = self.run.images([int(example) for example in examples])
        if self._ink.is_light:
            found = {example: inverted(png) for example, png in found.items()}
        return {example: "data:image/png;base64," + base64.b64encode(png).decode() for example, png in found.items()}

    @property
    def images_are_ink(self) -> bool:
        """Whether thumbnails are grey-scale, ink on paper: those are inverted in the dark theme."""
        return self.with_images and self._ink.is_grey

    @cached_property
    def _ink(self) -> Ink:
        return ink_of(list(self.run.images(range(min(self.num_examples, 64))).values()))


def _value(epochs: np.ndarray, values: np.ndarray, epoch: int) -> float | None:
    found = values[epochs == epoch]
    return float(found[0]) if len(found) else None
