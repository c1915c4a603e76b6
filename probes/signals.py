"""What one visit says about an example: loss, margin, entropy, EL2N and prediction, from its logits."""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np

__all__ = ["FLOAT_SIGNALS", "Signals", "signals"]

FLOAT_SIGNALS = ("loss", "margin", "entropy", "el2n")
_BLOCK = 2**17  # logits at a time: what one pass leaves in the cache the next one reads
_thread = threading.local()


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
    logits = np.ascontiguousarray(logits)
    first = np.arange(0, logits.size, logits.shape[1])  # of each row, counted through all rows: cheaper than pairs
    at_target = first + targets
    prediction = logits.argmax(axis=1)  # the position of a NaN, where there is one
    largest = logits.take(first + prediction)
    given = logits.take(at_target)
    usable = np.isfinite(largest) & np.isfinite(given)
    if np.count_nonzero(usable) < len(usable):
        return _without_unusable(logits, targets, usable)

    given_exp, rest, weighted, squares, runner_up = _passes(logits, largest, first, at_target)
    gap = largest - given
    # Accurate where p_g is near 1: there given_exp is exactly 1 and this is log1p(rest), never log(1 + rest).
    log_total = np.log1p(rest + (given_exp - 1))
    total = rest + given_exp
    loss = gap + log_total
    entropy = log_total - (weighted - given_exp * gap) / total
    miss = np.expm1(-loss)  # p_g - 1 without cancellation
    el2n = np.sqrt(squares / (total * total) + miss * miss)
    single = np.float32
    return Signals(
        loss.astype(single, copy=False),
        (-gap - runner_up).astype(single, copy=False),
        np.maximum(entropy, 0).astype(single, copy=False),
        el2n.astype(single, copy=False),
        prediction.astype(np.int32),
    )


def _passes(
    logits: np.ndarray, largest: np.ndarray, first: np.ndarray, at_target: np.ndarray
) -> tuple[np.ndarray, ...]:
    """All that takes passes over the logits, by blocks that stay in the cache; what `_block` returns, of all rows."""
    columns = logits.shape[1]
    size = max(1, min(_BLOCK // columns, len(logits)))
    shifted, other = _scratch(size, columns, logits.dtype)
    parts = []
    for start in range(0, len(logits) or 1, size):
        rows = slice(start, start + size)
        n = len(largest[rows])
        parts.append(
            _block(logits[rows], largest[rows], first[:n], at_target[rows] - start * columns, shifted[:n], other[:n])
        )
    return parts[0] if len(parts) == 1 else tuple(np.concatenate(found) for found in zip(*parts, strict=True))


def _scratch(rows: int, columns: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Two arrays to compute in, (rows, columns); kept, as the system takes its time to hand out fresh pages."""
    size = rows * columns
    kept = getattr(_thread, "kept", None)
    if kept is None or kept.dtype != dtype or kept.shape[1] < size:
        kept = _thread.kept = np.empty((2, size), dtype=dtype)
    return kept[0, :size].reshape(rows, columns), kept[1, :size].reshape(rows, columns)


def _block(
    logits: np.ndarray,
    largest: np.ndarray,
    first: np.ndarray,
    at_target: np.ndarray,
    shifted: np.ndarray,
    other: np.ndarray,
) -> tuple[np.ndarray, ...]:
    """With s = logits - largest and e = exp(s): e of the target and, of the other classes, sums and the largest s.

    Args:
        logits: float, (B, K).
        largest: float, (B,); of each row.
        first, at_target: int, (B,); where each row begins and where its target lies, counted through all rows.
        shifted, other: scratch of the shape of logits.

    Returns:
        Five (B,): e of the target; of the others the sum of e, the sum of e s, the sum of e^2, the largest s.
    """
    np.copyto(shifted, largest[:, None])
    np.subtract(logits, shifted, out=shifted)  # numpy subtracts whole arrays faster than a column from one
    np.exp(shifted, out=other)
    given_exp = other.take(at_target)
    other.reshape(-1)[at_target] = 0
    rest = np.einsum("ij->i", other)
    weighted = _dot(other, shifted)
    if np.count_nonzero(np.isnan(weighted)):  # 0 * -inf, from a masked class
        weighted = _dot(other, np.maximum(shifted, np.finfo(shifted.dtype).min))
    squares = _dot(other, other)
    shifted.reshape(-1)[at_target] = -np.inf
    runner_up = shifted.take(first + shifted.argmax(axis=1))  # numpy's max is slow over short rows
    return given_exp, rest, weighted, squares, runner_up


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Row by row; over long rows through BLAS, which takes half the time of einsum there."""
    if a.shape[1] < 100:
        return np.einsum("ij,ij->i", a, b)
    with np.errstate(invalid="ignore"):
        return np.matmul(a[:, None, :], b[:, :, None])[:, 0, 0]


def _without_unusable(logits: np.ndarray, targets: np.ndarray, usable: np.ndarray) -> Signals:
    """NaN and -1 in the rows that cannot be used, the signals of the others."""
    loss, margin, entropy, el2n = np.full((4, len(logits)), np.nan, dtype=np.float32)
    found = Signals(loss, margin, entropy, el2n, np.full(len(logits), -1, dtype=np.int32))
    if usable.any():
        for column, values in zip(found, signals(logits[usable], targets[usable]), strict=True):
            column[usable] = values
    return found
