"""Ticks of an axis of logarithms."""

from __future__ import annotations

import numpy as np

__all__ = ["log_ticks"]


def log_ticks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Places and texts of ticks at powers of ten, at 1, 2, 5 as well where there are few of these.

    Args:
        low, high: ends of the axis, log10.

    Example:
        >>> log_ticks(-1.2, 0.1)[1]
        ['0.1', '0.2', '0.5', '1']
    """
    steps = (1, 2, 5) if high - low < 2 else (1,)
    values = [np.log10(step) + power for power in range(int(np.floor(low)), int(np.ceil(high)) + 1) for step in steps]
    values = [float(value) for value in values if low <= value <= high]
    return values, [_text(value) for value in values]


def _text(value: float) -> str:
    """10, 1, 0.1 ... 0.0001, then powers of ten."""
    power = int(np.floor(value + 1e-9))
    if power < -4:
        return f"10<sup>−{-power}</sup>"
    return f"10<sup>{power}</sup>" if power > 4 else f"{round(10**value, 6):,g}"
