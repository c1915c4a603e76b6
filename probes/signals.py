"""What one visit says about an example: loss, margin, entropy, EL2N and prediction, from its logits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["FLOAT_SIGNALS", "Signals", "signals"]

FLOAT_SIGNALS = ("loss", "margin", "entropy", "el2n")


class Signals(NamedTuple):
    """One value per row of a batch; NaN and prediction -1 where the row's logits cannot be used.

    Attributes:
        loss: float32, (B,); cross-entropy of the target, -ln p_g, in nats.
        margin: float32, (B,); target's logit minus the largest other, in logits.
        entropy: float32, (B,); of the softmax, in nats.
        el2n: float32, (B,); ||softmax - onehot||_2, in [0, sqrt 2].
        prediction: int32, (B,); argmax of the logits, the first of equals.
    """

    loss: np.ndarray
    margin: np.ndarray
    entropy: np.ndarray
    el2n: np.ndarray
    prediction: np.ndarray


def signals(logits: np.ndarray, targets: np.ndarray) -> Signals:
    """Compute every per-visit signal in a few passes over the logits.

    A row with NaN or +inf, or with -inf at its target, yields NaN and prediction -1; -inf at
    another class is a masked class and valid.

    Args:
        logits: float32 or float64, (B, K), K >= 2, before softmax.
        targets: int, (B,); given labels in [0, K).

    Source:
        margin: Pleiss et al. 2020; EL2N: Paul et al. 2021, section 2.
    """
    rows = np.arange(len(logits))
    prediction = logits.argmax(axis=1)  # the position of a NaN, where there is one
    largest = logits[rows, prediction]
    given = logits[rows, targets]
    bad = ~(np.isfinite(largest) & np.isfinite(given))
    if bad.any():
        logits = np.where(bad[:, None], np.float32(0), logits)
        largest, given = np.where(bad, 0, largest), np.where(bad, 0, given)

    shifted = logits - largest[:, None]
    # exp underflows to 0 long before the floor; the floor keeps 0 * -inf (a masked class) out of the entropy.
    floor = np.float32(-200) if shifted.dtype == np.float32 else -1e4
    np.maximum(shifted, floor, out=shifted)
    other = np.exp(shifted)
    given_exp = other[rows, targets].copy()
    other[rows, targets] = 0
    rest = other.sum(axis=1)
    # Accurate where p_g is near 1: there given_exp is exactly 1 and this is log1p(rest), never log(1 + rest).
    log_total = np.log1p(rest + (given_exp - 1))
    total = rest + given_exp
    loss = (largest - given) + log_total
    entropy = log_total - (np.einsum("ij,ij->i", other, shifted) + given_exp * shifted[rows, targets]) / total
    miss = np.expm1(-loss)  # p_g - 1 without cancellation
    el2n = np.sqrt(np.einsum("ij,ij->i", other, other) / total**2 + miss**2)
    shifted[rows, targets] = -np.inf
    runner_up = shifted.max(axis=1)
    runner_up[runner_up <= floor] = _exact_runner_up(logits, targets, largest, runner_up <= floor)
    margin = (given - largest) - runner_up

    if bad.any():
        for values in (loss, margin, entropy, el2n):
            values[bad] = np.nan
        prediction = np.where(bad, -1, prediction)
    single = np.float32
    return Signals(
        loss.astype(single, copy=False),
        margin.astype(single, copy=False),
        np.maximum(entropy, 0).astype(single, copy=False),
        el2n.astype(single, copy=False),
        prediction.astype(np.int32),
    )


def _exact_runner_up(logits: np.ndarray, targets: np.ndarray, largest: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The largest other logit, relative to the largest, for the few rows where the floor hid it."""
    picked = logits[rows]  # a copy
    picked[np.arange(len(picked)), targets[rows]] = -np.inf
    return picked.max(axis=1) - largest[rows]
