"""Per-example scores: pure functions from trajectories (epochs, examples) to one value per example."""

from probes.scores.beta_mixture import noise_probability_bmm
from probes.scores.cartography import confidence, correctness, variability
from probes.scores.catalogue import CATALOGUE, Score
from probes.scores.confident_learning import confident_learning
from probes.scores.detection import auroc, average_precision
from probes.scores.error_norms import el2n, mean_entropy
from probes.scores.forgetting import forgetting_events, never_learned, unforgettable
from probes.scores.gini import gini
from probes.scores.learning_times import first_learned_epoch, learned_epoch
from probes.scores.losses import final_loss, mean_loss
from probes.scores.margins import aum, margin
from probes.scores.mixtures import noise_probability
from probes.scores.probe_scores import PROBE_SCORES, ProbeScore
from probes.scores.regions import REGIONS, ambiguous_above, regions
from probes.scores.second_split import second_split_forgetting
from probes.scores.threshold_samples import aum_threshold, draw_threshold_sets, flag_by_threshold

__all__ = [
    "CATALOGUE",
    "PROBE_SCORES",
    "REGIONS",
    "ProbeScore",
    "Score",
    "ambiguous_above",
    "aum",
    "aum_threshold",
    "auroc",
    "average_precision",
    "confidence",
    "confident_learning",
    "correctness",
    "draw_threshold_sets",
    "el2n",
    "final_loss",
    "first_learned_epoch",
    "flag_by_threshold",
    "forgetting_events",
    "gini",
    "learned_epoch",
    "margin",
    "mean_entropy",
    "mean_loss",
    "never_learned",
    "noise_probability",
    "noise_probability_bmm",
    "regions",
    "second_split_forgetting",
    "unforgettable",
    "variability",
]
