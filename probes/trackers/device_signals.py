"""The signals of `probes.signals` in torch operations alone, for logits on an accelerator: the host waits for none."""

from __future__ import annotations

import torch
from torch import Tensor

from probes.signals import FLOAT_SIGNALS

__all__ = ["device_signals"]


def device_signals(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Compute every per-visit signal where the logits lie; which rows are usable is as in `probes.signals.signals`.

    Args:
        logits: float32 or float64, (B, K), K >= 2, before softmax; needs no grad.
        targets: int64, (B,); given labels in [0, K).

    Returns:
        float32, (4, B): loss, margin, entropy and el2n, NaN where a row's logits cannot be used; and int32, (B,): the
        prediction, -1 there.
    """
    at_target = targets[:, None]
    prediction = logits.argmax(1, keepdim=True)  # the position of a NaN, where there is one
    largest, given = logits.gather(1, prediction), logits.gather(1, at_target)
    shifted = logits - largest
    exponents = shifted.exp()
    given_exp = exponents.gather(1, at_target).squeeze(1)
    other = exponents.scatter(1, at_target, 0.0)
    rest = other.sum(1)
    weighted = (other * shifted.clamp_min(torch.finfo(shifted.dtype).min)).sum(1)  # of a masked class 0, not 0 * -inf
    squares = (other * other).sum(1)
    runner_up = shifted.scatter(1, at_target, -torch.inf).amax(1)

    gap = (largest - given).squeeze(1)
    # Accurate where p_g is near 1: there given_exp is exactly 1 and this is log1p(rest), never log(1 + rest).
    log_total = torch.log1p(rest + (given_exp - 1))
    total = rest + given_exp
    loss = gap + log_total
    entropy = (log_total - (weighted - given_exp * gap) / total).clamp_min(0)
    miss = torch.expm1(-loss)  # p_g - 1 without cancellation
    found = {
        "loss": loss,
        "margin": -gap - runner_up,
        "entropy": entropy,
        "el2n": (squares / (total * total) + miss * miss).sqrt(),
    }
    usable = (largest < torch.inf) & (given > -torch.inf)  # no NaN either: the largest is one where the given is
    floats = torch.stack([found[name] for name in FLOAT_SIGNALS]).float()
    unusable = ~usable.squeeze(1)
    return floats.masked_fill(unusable, torch.nan), prediction.squeeze(1).int().masked_fill(unusable, -1)
