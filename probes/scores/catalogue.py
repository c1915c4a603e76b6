"""Every score: what it means, how it is computed, where it comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from probes.scores.beta_mixture import noise_probability_bmm
from probes.scores.cartography import confidence, correctness, variability
from probes.scores.error_norms import el2n, mean_entropy
from probes.scores.forgetting import forgetting_events, never_learned, unforgettable
from probes.scores.learning_times import first_learned_epoch, learned_epoch
from probes.scores.losses import final_loss, mean_loss
from probes.scores.margins import aum
from probes.scores.mixtures import noise_probability
from probes.scores.regions import REGIONS, regions
from probes.scores.visits import total_visits

__all__ = ["CATALOGUE", "Score"]


@dataclass(frozen=True)
class Score:
    """A catalogue entry.

    Attributes:
        name: column of `scores()`.
        label: the name in figures and tables.
        meaning: one short phrase.
        formula: in the notation of docs/scores.md.
        direction: which end is suspicious, `high` or `low`; None where neither is.
        kind: `count`, `epoch`, `flag`, `value` or `category`: Int64, Int64, boolean, float64 or the names of
            `categories` in the table.
        scope: `example`: a function of trajectories (E, n), mapped over blocks of examples;
            `dataset`: a function of finished columns (N,).
        needs: trajectories, or columns, in the order of the function's arguments.
        source: who defined it; says so where the published form is online.
        function: the pure function.
        when: which epochs to read it over.
        fewest_epochs: with fewer it says nothing.
        default: whether `scores()` has it unasked; the others are there by name.
        categories: names of the values 0, 1, ... of a `category`.
    """

    name: str
    label: str
    meaning: str
    formula: str
    direction: Literal["high", "low"] | None
    kind: Literal["count", "epoch", "flag", "value", "category"]
    scope: Literal["example", "dataset"]
    needs: tuple[str, ...]
    source: str
    function: Callable[..., np.ndarray]
    when: str
    fewest_epochs: int
    default: bool = True
    categories: tuple[str, ...] = ()


_SCORES = (
    Score(
        "forgetting_events",
        "forgetting events",
        "times a right prediction turned wrong",
        "#{t : correct at the previous visited epoch and not at t}",
        "high",
        "count",
        "example",
        ("correct",),
        "Toneva et al., ICLR 2019, section 3; published counts are online",
        forgetting_events,
        when="over the whole run: the order settles slowly",
        fewest_epochs=25,
    ),
    Score(
        "first_learned_epoch",
        "first learned",
        "first epoch predicted as given",
        "min {t : correct at t}",
        "high",
        "epoch",
        "example",
        ("correct",),
        "Toneva et al., ICLR 2019, section 3; published times are online",
        first_learned_epoch,
        when="over any window that reaches the validation peak",
        fewest_epochs=5,
    ),
    Score(
        "learned_epoch",
        "learned for good",
        "epoch from which it stays right",
        "min {t : correct at every visited s >= t}",
        "high",
        "epoch",
        "example",
        ("correct",),
        "Baldock et al., NeurIPS 2021 (iteration learned)",
        learned_epoch,
        when="up to the validation peak",
        fewest_epochs=5,
    ),
    Score(
        "never_learned",
        "never learned",
        "predicted as given at no epoch",
        "no t with correct at t",
        None,
        "flag",
        "example",
        ("correct",),
        "Toneva et al., ICLR 2019, section 3",
        never_learned,
        when="up to the validation peak",
        fewest_epochs=5,
    ),
    Score(
        "unforgettable",
        "unforgettable",
        "learned, and never forgotten",
        "learned at least once and no forgetting event",
        None,
        "flag",
        "example",
        ("correct",),
        "Toneva et al., ICLR 2019, section 3",
        unforgettable,
        when="over the whole run",
        fewest_epochs=25,
    ),
    Score(
        "correctness",
        "correctness",
        "share of epochs predicted as given",
        "mean_t [correct at t]",
        "low",
        "value",
        "example",
        ("correct",),
        "Swayamdipta et al., EMNLP 2020, section 2; Jiang et al., ICML 2021 (a proxy of the C-score)",
        correctness,
        when="over the whole run or any part of it",
        fewest_epochs=5,
    ),
    Score(
        "confidence",
        "confidence",
        "mean probability of the given label",
        "mean_t p_t[given]",
        "low",
        "value",
        "example",
        ("confidence",),
        "Swayamdipta et al., EMNLP 2020, section 2; Jiang et al., ICML 2021 (a proxy of the C-score)",
        confidence,
        when="up to the validation peak",
        fewest_epochs=2,
    ),
    Score(
        "variability",
        "variability",
        "how much that probability varies",
        "population sd_t p_t[given]",
        "high",
        "value",
        "example",
        ("confidence",),
        "Swayamdipta et al., EMNLP 2020, section 2",
        variability,
        when="over the whole run only: before interpolation it points the other way",
        fewest_epochs=25,
    ),
    Score(
        "mean_loss",
        "mean loss",
        "mean loss over the run",
        "mean_t -ln p_t[given]",
        "high",
        "value",
        "example",
        ("loss",),
        "Arazo et al., ICML 2019; Jiang et al., ICML 2021 (a proxy of the C-score)",
        mean_loss,
        when="up to the validation peak",
        fewest_epochs=1,
    ),
    Score(
        "final_loss",
        "final loss",
        "loss at the last epoch",
        "-ln p_E[given]",
        "high",
        "value",
        "example",
        ("loss",),
        "Han et al., NeurIPS 2018 (small-loss criterion)",
        final_loss,
        when="at the validation peak: a window that ends there",
        fewest_epochs=1,
    ),
    Score(
        "aum",
        "area under the margin",
        "mean logit margin of the given label",
        "mean_t (z_t[given] - max_{j != given} z_t[j])",
        "low",
        "value",
        "example",
        ("margin",),
        "Pleiss et al., NeurIPS 2020, section 3; published margins are online",
        aum,
        when="up to the validation peak, or to the first drop of the learning rate",
        fewest_epochs=2,
    ),
    Score(
        "el2n",
        "mean EL2N",
        "mean distance of prediction and label",
        "mean_t ||p_t - onehot(given)||_2",
        "high",
        "value",
        "example",
        ("el2n",),
        "Paul et al., NeurIPS 2021, definition 2.3",
        el2n,
        when="at one early epoch: a window (t, t)",
        fewest_epochs=1,
    ),
    Score(
        "mean_entropy",
        "mean entropy",
        "mean entropy of the prediction",
        "mean_t -sum_j p_t[j] ln p_t[j]",
        "high",
        "value",
        "example",
        ("entropy",),
        "this project",
        mean_entropy,
        when="over the whole run",
        fewest_epochs=10,
    ),
    Score(
        "noise_probability",
        "noise probability",
        "two-component mixture on mean loss",
        "posterior of the higher-mean Gaussian of two, nondecreasing in mean loss",
        "high",
        "value",
        "dataset",
        ("mean_loss",),
        "Arazo et al., ICML 2019, section 3.1; Li et al., ICLR 2020",
        noise_probability,
        when="up to the validation peak",
        fewest_epochs=1,
    ),
    Score(
        "noise_probability_bmm",
        "noise probability, Betas",
        "two-Beta mixture on mean loss",
        "posterior of the higher of two Betas on the scaled mean loss, constant after its maximum",
        "high",
        "value",
        "dataset",
        ("mean_loss",),
        "Arazo et al., ICML 2019, section 3.1",
        noise_probability_bmm,
        when="up to the validation peak",
        fewest_epochs=1,
        default=False,
    ),
    Score(
        "region",
        "region of the data map",
        "easy, hard or ambiguous",
        "ambiguous: variability above its 2/3 quantile; else easy: confidence >= 0.5, hard: below",
        None,
        "category",
        "dataset",
        ("confidence", "variability"),
        "Swayamdipta et al., EMNLP 2020, section 3, who draw no borders; the borders are this project's",
        regions,
        when="over few epochs; in long runs wrong labels become ambiguous",
        fewest_epochs=2,
        default=False,
        categories=REGIONS,
    ),
    Score(
        "visits",
        "visits",
        "times its logits were seen",
        "sum_t visits at t",
        None,
        "count",
        "example",
        ("visits", "loss"),
        "this project",
        total_visits,
        when="before trusting any other",
        fewest_epochs=1,
    ),
)

CATALOGUE: dict[str, Score] = {score.name: score for score in _SCORES}
