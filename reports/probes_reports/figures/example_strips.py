"""What became of single examples, small: the answers as a strip and the loss as a line, both on the log-epoch axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from probes_reports.figures.epoch_axis import place

__all__ = [
    "CODES",
    "LossScale",
    "Segment",
    "answer_codes",
    "loss_path",
    "loss_scale",
    "spaced_epochs",
    "strip",
    "strip_edges",
]

# In the order of `figures.fate.ANSWERS`; each with its token of palette.py.
CODES = ("other_area", "clean", "true_area", "noisy", "page")
OTHER, AS_LABELLED, TRUE, WRONG, UNSEEN = range(len(CODES))
LOWEST = 1e-5  # nats: a smaller loss is drawn here


@dataclass(frozen=True)
class Segment:
    """Neighbouring epochs with one answer: from `start`, `width` wide, both as shares of the axis."""

    start: float
    width: float
    tone: str


@dataclass(frozen=True)
class LossScale:
    """Ends of the log axis that the lines share, in nats."""

    low: float
    high: float


def answer_codes(
    prediction: np.ndarray, given: np.ndarray, true: np.ndarray | None, noisy: np.ndarray | None
) -> np.ndarray:
    """Name the answers to some examples at one epoch as the fate map does.

    Args:
        prediction: int, (n,); -1 where not visited.
        given: int, (n,); given label, -1 where unknown.
        true: int, (n,); true label, -1 where unknown; None where none is known.
        noisy: bool, (n,); None: truth unknown.

    Returns:
        int8, (n,); positions in CODES.
    """
    codes = np.full(len(prediction), OTHER, dtype=np.int8)
    if true is not None:
        codes[(prediction == true) & (true != given) & (given >= 0)] = TRUE
    as_given = (prediction == given) & (given >= 0)
    codes[as_given] = AS_LABELLED
    if noisy is not None:
        codes[as_given & noisy] = WRONG
    codes[prediction < 0] = UNSEEN
    return codes


def spaced_epochs(recorded: Sequence[int], most: int) -> np.ndarray:
    """Recorded epochs: all, or at most `most`, spaced as on the log axis; int64, ascending like `recorded`."""
    epochs = np.asarray(recorded, dtype=np.int64)
    if len(epochs) <= most:
        return epochs
    wanted = np.linspace(float(place(epochs[0])), float(place(epochs[-1])), most)
    after = np.clip(np.searchsorted(place(epochs), wanted), 1, len(epochs) - 1)
    nearer = wanted - place(epochs[after - 1]) < place(epochs[after]) - wanted
    return np.unique(epochs[after - nearer])


def strip_edges(epochs: np.ndarray) -> np.ndarray:
    """Where each epoch starts and the last one ends on the log axis between them: float64, (T + 1,), in [0, 1]."""
    at = place(np.append(epochs, epochs[-1] + 1))
    edges: np.ndarray = (at - at[0]) / (at[-1] - at[0])
    return edges


def strip(codes: np.ndarray, epochs: np.ndarray) -> tuple[Segment, ...]:
    """The answers to one example as segments; those at unvisited epochs are left out.

    Args:
        codes: int, (T,); positions in CODES.
        epochs: int, (T,), ascending; each reaches to the next, the last to the one after it.
    """
    edges = strip_edges(epochs)
    starts = np.flatnonzero(np.append(True, codes[1:] != codes[:-1]))
    ends = np.append(starts[1:], len(codes))
    return tuple(
        Segment(float(edges[start]), float(edges[end] - edges[start]), CODES[codes[start]])
        for start, end in zip(starts, ends, strict=True)
        if codes[start] != UNSEEN
    )


def loss_scale(losses: np.ndarray) -> LossScale:
    """The powers of ten around all losses (nats, any shape); 0.1 to 1 where there is none.

    Example:
        >>> loss_scale(np.array([0.02, 3.0, np.nan]))
        LossScale(low=0.01, high=10.0)
    """
    finite = np.clip(losses[np.isfinite(losses)], LOWEST, None)
    if not finite.size:
        return LossScale(0.1, 1.0)
    low, high = np.floor(np.log10(finite.min())), np.ceil(np.log10(finite.max()))
    return LossScale(float(10.0**low), float(10.0 ** max(high, low + 1)))


def loss_path(losses: np.ndarray, epochs: np.ndarray, scale: LossScale, width: float, height: float) -> str:
    """The loss of one example as the `d` of an SVG path, log y; broken where it is missing.

    Args:
        losses: float, (T,); nats.
        epochs: int, (T,), ascending; the last value is held until the right end.
        scale: ends of the y axis.
        width, height: of the box in SVG units.
    """
    span = np.log10(scale.high) - np.log10(scale.low)
    shown = np.clip(losses, scale.low, scale.high)
    y = (np.log10(scale.high) - np.log10(shown)) / span * height
    x = strip_edges(epochs) * width
    return _path(x, np.append(y, y[-1]))


def _path(x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> str:
    pieces, drawing = [], False
    for across, down in zip(x, y, strict=True):
        if not np.isfinite(down):
            drawing = False
            continue
        pieces.append(f"{'L' if drawing else 'M'}{across:.1f} {down:.1f}")
        drawing = True
    return "".join(pieces)
