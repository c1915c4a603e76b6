"""Per-example scores: pure functions from trajectories (epochs, examples) to one value per example."""

from probes.scores.cartography import confidence, correctness, variability
from probes.scores.catalogue import CATALOGUE, Score
from probes.scores.detection import auroc, average_precision
from probes.scores.error_norms import el2n, mean_entropy
from probes.scores.forgetting import forgetting_events, never_learned, unforgettable
from probes.scores.learning_times import first_learned_epoch, learned_epoch
from probes.scores.losses import final_loss, mean_loss
from probes.scores.margins import aum
from probes.scores.mixtures import noise_probability

__all__ = [
    "CATALOGUE",
    "Score",
    "aum",
    "auroc",
    "average_precision",
    "confidence",
    "correctness",
    "el2n",
    "final_loss",
    "first_learned_epoch",
    "forgetting_events",
    "learned_epoch",
    "mean_entropy",
    "mean_loss",
    "never_learned",
    "noise_probability",
    "unforgettable",
    "variability",
]
