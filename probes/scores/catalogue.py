"""Every score: what it means, how it is computed, where it comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from probes.scores.cartography import confidence, correctness, variability
from probes.scores.error_norms import el2n, mean_entropy
from probes.scores.forgetting import forgetting_events, never_learned, unforgettable
from probes.scores.learning_times import first_learned_epoch, learned_epoch
from probes.scores.losses import final_loss, mean_loss
from probes.scores.margins import aum
from probes.scores.mixtures import noise_probability
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
        kind: `count`, `epoch`, `flag` or `value`: Int64, Int64, boolean or float64 in the table.
        scope: `example`: a function of trajectories (E, n), mapped over blocks of examples;
            `dataset`: a function of finished columns (N,).
        needs: trajectories, or columns, in the order of the function's arguments.
        source: who defined it; says so where the published form is online.
        function: the pure function.
    """

    name: str
    label: str
    meaning: str
    formula: str
    direction: Literal["high", "low"] | None
    kind: Literal["count", "epoch", "flag", "value"]
    scope: Literal["example", "dataset"]
    needs: tuple[str, ...]
    source: str
    function: Callable[..., np.ndarray]


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
        "Swayamdipta et al., EMNLP 2020, section 2",
        correctness,
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
        "Swayamdipta et al., EMNLP 2020, section 2",
        confidence,
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
        "Arazo et al., ICML 2019; Jiang et al., ICML 2021",
        mean_loss,
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
    ),
)

CATALOGUE: dict[str, Score] = {score.name: score for score in _SCORES}
