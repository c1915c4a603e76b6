"""The score columns that probes add to `scores()`: which end is suspicious, what they mean, who defined them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PROBE_SCORES", "ProbeScore", "checkpoints_in_words", "why_missing"]


class ProbeScore(NamedTuple):
    """A column that a probe's `finish` adds.

    Attributes:
        direction: which end is suspicious, `high` or `low`; the published one.
        meaning: one short phrase.
        source: who defined it.
        needs: without what every example's is missing.
    """

    direction: Literal["high", "low"]
    meaning: str
    source: str
    needs: str = ""


_EPOCH = "a measured epoch after epoch 0"
_VOG = "Agarwal et al., CVPR 2022, section 2; with wrong labels often the other way round"

PROBE_SCORES: dict[str, ProbeScore] = {
    "input_grad": ProbeScore(
        "high", "mean l1 norm of the loss's gradient by the input", "the direct part of Arpit et al., ICML 2017", _EPOCH
    ),
    "gradient_norm": ProbeScore(
        "high",
        "mean l2 norm of the loss's gradient by the weights",
        "Paul et al., NeurIPS 2021 (GraNd, later in training)",
        _EPOCH,
    ),
    "grand": ProbeScore(
        "high", "that norm at initialisation", "Paul et al., NeurIPS 2021 (GraNd, of one initialisation)"
    ),
    "self_influence": ProbeScore(
        "high",
        "squared gradient norm times learning rate, summed over epochs",
        "Pruthi et al., NeurIPS 2020 (TracInCP)",
    ),
    "last_layer_self_influence": ProbeScore(
        "high",
        "the same by the weights of the last layer alone",
        "Pruthi et al., NeurIPS 2020, section 3.4",
        "a model whose logits come straight from a linear layer",
    ),
    "vog": ProbeScore(
        "high",
        "spread over epochs of the given logit's input gradient, within its class",
        _VOG,
        "two measured epochs after epoch 0",
    ),
    "vog_early": ProbeScore(
        "high", "the same over the first half of the epochs measured", _VOG, "four measured epochs after epoch 0"
    ),
    "vog_late": ProbeScore("high", "the same over the last half", _VOG, "four measured epochs after epoch 0"),
    "loss_curvature": ProbeScore(
        "high", "mean squared change of the loss's input gradient over a small step", "Garg et al. 2024", _EPOCH
    ),
    "prediction_depth": ProbeScore(
        "high",
        "first layer from which on the neighbours predict what the network does",
        "Baldock et al., NeurIPS 2021",
        _EPOCH,
    ),
}


def why_missing(column: str) -> str:
    """What to print where no example has a score.

    Example:
        >>> why_missing("vog")
        'No example has a vog: it needs two measured epochs after epoch 0.'
    """
    needs = PROBE_SCORES[column].needs if column in PROBE_SCORES else ""
    return f"No example has a {column}{f': it needs {needs}' if needs else ''}."


def checkpoints_in_words(frame: pd.DataFrame) -> str:
    """What self-influence was summed over, to print beside it: mode of the model, learning rates and epochs.

    Args:
        frame: of the probe `self_influence`, all epochs.

    Example:
        >>> import pandas as pd
        >>> checkpoints_in_words(pd.DataFrame({"epoch": [0, 1, 5], "learning_rate": [0.1, 0.1, 0.05]}))
        'model in eval mode, learning rate 0.1 at epochs 0, 1; 0.05 at epoch 5'
    """
    parts = []
    for rate, rows in frame.groupby("learning_rate", sort=False):
        epochs = sorted({int(epoch) for epoch in rows["epoch"]})
        parts.append(f"{rate:g} at epoch{'s' if len(epochs) > 1 else ''} {', '.join(map(str, epochs))}")
    return f"model in eval mode, learning rate {'; '.join(parts)}"
